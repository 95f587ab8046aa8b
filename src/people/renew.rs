//! Another authenticator, for who has lost the telephone or has another one.
//!
//! Whoever has logged in and knows the password enrols it, and until its code has been shown the
//! one before stays: nobody is without. Then whatever else is open ends, since a telephone that is
//! gone may be in somebody's hand.

use super::{
    PERMIT, People, authenticator, login::factor_of, roles::SecondFactor, stay::end_all_but,
    throttle::BY_FACTOR,
};
use crate::{
    kernel::{phi::Phi, problem::Result},
    store::{Account, AccountBy, LoginSession, TicketKind},
};

/// Whether somebody has an authenticator of this server to change.
#[must_use]
pub fn has_authenticator(account: &Account) -> bool {
    factor_of(account) == SecondFactor::Totp && !account.password.reveal().is_empty()
}

impl People {
    /// Draws the secret of another authenticator, and keeps it with the session; `false`, if the
    /// password is not right, or there is none to change.
    ///
    /// # Errors
    /// `Busy`, if too many log in; `Fault`, if the database fails.
    pub async fn begin_authenticator(
        &self,
        (login, account): (&LoginSession, &Account),
        present: &Phi<String>,
    ) -> Result<bool> {
        if !has_authenticator(account) || !self.knows_password(account, present).await? {
            return Ok(false);
        }
        let secret = authenticator::draw(self.chance.as_ref());
        let sealed = self.key.seal(&account.id, &secret, self.chance.as_ref())?;
        let kept = LoginSession {
            pending: Phi::new(sealed),
            ..login.clone()
        };
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.keep_login(&kept).await })
            })
            .await?;
        Ok(true)
    }

    /// The secret that is being enrolled in a session, if one is.
    ///
    /// # Errors
    /// `Fault`, if the key does not fit.
    pub fn pending_authenticator(
        &self,
        (login, account): (&LoginSession, &Account),
    ) -> Result<Option<Phi<Vec<u8>>>> {
        if login.pending.reveal().is_empty() {
            return Ok(None);
        }
        let secret = self.key.unseal(&account.id, login.pending.reveal())?;
        Ok(Some(Phi::new(secret)))
    }

    /// Takes the code of the new authenticator: it stands in the place of the one before, and every
    /// other session ends. Gives the codes to write down; none, if the code is not right.
    ///
    /// # Errors
    /// `Fault`, if the database fails or the key does not fit.
    pub async fn take_authenticator(
        &self,
        (login, account): (&LoginSession, &Account),
        code: &str,
    ) -> Result<Option<Vec<String>>> {
        let charge = self.key.name("factor", account.id.as_bytes())?;
        if self
            .charge(vec![(charge.clone(), BY_FACTOR)])
            .await?
            .is_some()
        {
            return Ok(None);
        }
        let Some(secret) = self.pending_authenticator((login, account))? else {
            return Ok(None);
        };
        let now = (self.now().as_second(), 0);
        let Some(step) = authenticator::check(secret.reveal(), code, now)? else {
            return Ok(None);
        };
        let (spares, tickets) = self.spares(account)?;
        let sealed = login.pending.clone();
        let (id, mut kept) = (account.id.clone(), login.clone());
        kept.pending = Phi::new(Vec::new());
        let is_kept = self
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let standing = tx.login(&kept.hash).await?;
                    let account = tx.account(AccountBy::Id(&id)).await?;
                    // Another session may have ended this one meanwhile.
                    let (Some(_), Some(mut account)) = (standing, account) else {
                        return Ok(false);
                    };
                    account.authenticator = sealed;
                    account.authenticator_step = step;
                    tx.forget_tickets(&account.id, TicketKind::Spare).await?;
                    for ticket in &tickets {
                        tx.keep_ticket(ticket).await?;
                    }
                    end_all_but(tx, &mut account, &mut kept).await?;
                    tx.keep_account(&account).await
                })
            })
            .await?;
        self.forgive(vec![charge]).await?;
        Ok(is_kept.then_some(spares))
    }
}
