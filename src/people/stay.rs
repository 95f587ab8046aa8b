//! Sessions: opened, used, listed and left.

use super::{PERMIT, People, login::Step, secret, session, throttle::FORGIVEN_AFTER};
use crate::{
    erasure::ledger::hex,
    kernel::{
        phi::Phi,
        problem::{Problem, Result},
    },
    store::{Account, AccountBy, DelegationsOf, LoginSession, LoginStage, TicketKind, Tx},
};

/// Ends whatever else is open for an account: every session but this one, and what programs were
/// granted. Both are as they are to be kept.
pub(super) async fn end_all_but(
    tx: &mut Tx,
    account: &mut Account,
    kept: &mut LoginSession,
) -> Result<()> {
    account.generation += 1;
    kept.generation = account.generation;
    tx.end_delegations(DelegationsOf::Account(&account.id))
        .await?;
    tx.forget_logins(&account.id, &kept.hash).await?;
    tx.keep_login(kept).await
}

impl People {
    /// The session of a cookie, at whatever stage, and its account; none, if it is over.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn at_stage(&self, cookie: &str) -> Result<Option<(LoginSession, Account)>> {
        let now = self.now();
        let found = self.store.login(&PERMIT, &secret::digest(cookie)).await?;
        Ok(found.filter(|(login, account)| session::is_alive(login, account, now)))
    }

    /// The session of somebody who has logged in, and their account; none, if it is over. Its use
    /// is noted.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn logged_in(&self, cookie: &str) -> Result<Option<(LoginSession, Account)>> {
        let found = self.at_stage(cookie).await?;
        let Some((mut login, account)) = found.filter(|(one, _)| one.stage == LoginStage::Full)
        else {
            return Ok(None);
        };
        let now = self.now();
        if session::is_to_note(&login, now) {
            login.seen = now;
            let noted = login.clone();
            self.store
                .write(&PERMIT, move |tx| {
                    Box::pin(async move {
                        // Who has logged out meanwhile stays so.
                        if tx.login(&noted.hash).await?.is_some() {
                            tx.keep_login(&noted).await?;
                        }
                        Ok(())
                    })
                })
                .await?;
        }
        Ok(Some((login, account)))
    }

    /// Whether the session of this hash is that of somebody who has logged in.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn is_logged_in(&self, hash: &[u8]) -> Result<bool> {
        let (found, now) = (self.store.login(&PERMIT, hash).await?, self.now());
        Ok(found.is_some_and(|(login, account)| {
            login.stage == LoginStage::Full && session::is_alive(&login, &account, now)
        }))
    }

    /// Opens a session, unless the account has been locked meanwhile.
    pub(super) async fn open(
        &self,
        account: &Account,
        stage: LoginStage,
        factor: &'static str,
    ) -> Result<Step> {
        let (cookie, now) = (secret::text(self.chance.as_ref()), self.now());
        // What is over goes when somebody comes.
        let swept = now.saturating_sub(FORGIVEN_AFTER).map_err(Problem::fault)?;
        let opened = LoginSession {
            hash: secret::digest(&cookie),
            account: account.id.clone(),
            generation: account.generation,
            stage,
            factor: factor.to_owned(),
            created: now,
            seen: now,
            authenticated: now,
            pending: Phi::new(Vec::new()),
        };
        let is_open = self
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let account = tx.account(AccountBy::Id(&opened.account)).await?;
                    let is_alive =
                        account.is_some_and(|account| session::is_alive(&opened, &account, now));
                    if is_alive {
                        tx.keep_login(&opened).await?;
                        tx.sweep_people(now, swept).await?;
                    }
                    Ok(is_alive)
                })
            })
            .await?;
        Ok(if is_open {
            Step::Opened(Phi::new(cookie))
        } else {
            Step::Wrong
        })
    }

    /// Ends a session and what belongs to it: what programs were granted while it lasts, too.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn leave(&self, hash: &[u8]) -> Result<()> {
        let hash = hash.to_owned();
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    tx.forget_ticket(TicketKind::Code, &hash).await?;
                    let session = hex(&hash);
                    tx.end_delegations(DelegationsOf::Session(&session)).await?;
                    tx.forget_login(&hash).await
                })
            })
            .await
    }

    /// The full sessions of an account that are alive.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn sessions(&self, account: &Account) -> Result<Vec<LoginSession>> {
        let (account, now) = (account.clone(), self.now());
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let mut all = tx.logins(&account.id).await?;
                    all.retain(|one| {
                        one.stage == LoginStage::Full && session::is_alive(one, &account, now)
                    });
                    Ok(all)
                })
            })
            .await
    }

    /// Ends every session of an account but this one.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn end_others(&self, login: &LoginSession) -> Result<()> {
        let (account, hash) = (login.account.clone(), login.hash.clone());
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.forget_logins(&account, &hash).await })
            })
            .await
    }

    /// The token that a form of the browser with this cookie carries: nobody else can make it.
    ///
    /// # Errors
    /// `Fault`, never in practice.
    pub fn form_token(&self, cookie: &str) -> Result<String> {
        Ok(hex(&self.key.name("form", cookie.as_bytes())?))
    }

    /// A cookie for who has not logged in, so that their forms have a token too.
    #[must_use]
    pub fn anonymous(&self) -> String {
        secret::text(self.chance.as_ref())
    }
}
