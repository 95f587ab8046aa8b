//! What whoever keeps the accounts changes of them: roles, second factors, names at a provider's,
//! and the way back.

use super::{
    PERMIT, People,
    enrol::{check_roles, end_sessions},
    fold,
    invite::has_password,
};
use crate::{
    kernel::{
        phi::Phi,
        problem::{Category, Problem, Result},
    },
    store::{Account, AccountBy, AccountRole, AccountState, TicketKind, Tx},
};

impl People {
    /// Gives roles and takes some away. It counts at once, for every session and every token.
    ///
    /// # Errors
    /// `NotFound`, if nobody has this login; `Invalid`, if a role does not fit, is not held, or none
    /// would be left.
    pub async fn change_roles(
        &self,
        login: &str,
        (given, taken): (Vec<AccountRole>, Vec<AccountRole>),
    ) -> Result<Account> {
        self.keep(login, move |_, account| {
            if let Some(other) = taken.iter().find(|one| !account.roles.contains(one)) {
                let text = format!("They do not have the role {} there.", other.role);
                return Err(Problem::invalid("value", text).at("role"));
            }
            account.roles.retain(|one| !taken.contains(one));
            for one in given {
                if !account.roles.contains(&one) {
                    account.roles.push(one);
                }
            }
            account.roles.sort();
            check_roles(account.kind, &account.roles)
        })
        .await
    }

    /// Forgets somebody's authenticator and spare codes, when both are lost: their sessions end,
    /// and they enrol another at the next login.
    ///
    /// # Errors
    /// `NotFound`, if nobody has this login.
    pub async fn forget_authenticator(&self, login: &str) -> Result<Account> {
        self.keep(login, |spares, account| {
            account.authenticator = Phi::new(Vec::new());
            account.authenticator_step = 0;
            account.generation += 1;
            *spares = true;
            Ok(())
        })
        .await
    }

    /// Writes to somebody how to choose another password.
    ///
    /// # Errors
    /// `NotFound`, if nobody has this login; `Conflict`, if there is no password to lose.
    pub async fn send_recovery(&self, login: &str) -> Result<Account> {
        let account = self.by_login(&fold(login)).await?;
        let account = account.ok_or_else(nobody)?;
        if !has_password(&account) {
            let text = "The account is not active, or has no password.";
            return Err(Problem::new(Category::Conflict, "conflict", text));
        }
        self.write_link(&account.id, TicketKind::Recovery).await?;
        Ok(account)
    }

    /// Gives somebody the name (issuer, subject) by which an OpenID provider knows them.
    ///
    /// # Errors
    /// `NotFound`, if nobody has this login; `Conflict`, if somebody has the name.
    pub async fn identify(&self, login: &str, identity: (String, String)) -> Result<Account> {
        let login = fold(login);
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let mut account = standing(tx, &login).await?;
                    let (issuer, subject) = &identity;
                    if !tx.keep_identity((issuer, subject), &account.id).await? {
                        let text = "Somebody else has this name at the provider's.";
                        return Err(Problem::new(Category::Conflict, "duplicate", text));
                    }
                    // Who waits for an invitation needs none any more.
                    if account.state == AccountState::Invited {
                        account.state = AccountState::Active;
                        tx.keep_account(&account).await?;
                    }
                    Ok(account)
                })
            })
            .await
    }

    /// Changes an account; where that raises its generation, its sessions end, and what was granted.
    pub(super) async fn keep(
        &self,
        login: &str,
        change: impl FnOnce(&mut bool, &mut Account) -> Result<()> + Send + 'static,
    ) -> Result<Account> {
        let login = fold(login);
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let mut account = standing(tx, &login).await?;
                    let (generation, mut spares) = (account.generation, false);
                    change(&mut spares, &mut account)?;
                    if spares {
                        tx.forget_tickets(&account.id, TicketKind::Spare).await?;
                    }
                    if account.generation != generation {
                        end_sessions(tx, &account).await?;
                    }
                    tx.keep_account(&account).await?;
                    Ok(account)
                })
            })
            .await
    }
}

fn nobody() -> Problem {
    Problem::not_found("Nobody has an account with this login.")
}

/// The account of a login, unless it has ended.
pub(super) async fn standing(tx: &mut Tx, login: &str) -> Result<Account> {
    let account = tx.account(AccountBy::Login(login)).await?;
    let account = account.ok_or_else(nobody)?;
    if account.state == AccountState::Ended {
        let text = "The account has ended.";
        return Err(Problem::new(Category::Conflict, "conflict", text));
    }
    Ok(account)
}
