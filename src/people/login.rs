//! The steps from a name to a session.
//!
//! A password opens a session that opens nothing: its stage is `password`, and only the second
//! factor makes it full. Each step draws a new cookie, so that one which somebody else has planted or
//! seen is worth nothing afterwards.

use jiff::SignedDuration;

use super::{
    PERMIT, People, authenticator,
    charge::Admission,
    device::Whence,
    fold,
    roles::{self, SecondFactor},
    secret,
    throttle::BY_FACTOR,
};
use crate::{
    erasure::ledger::hex,
    kernel::{
        phi::Phi,
        problem::{Problem, Result},
    },
    store::{Account, AccountBy, AccountState, LoginSession, LoginStage, Ticket, TicketKind},
};

/// Codes to write down, for when the authenticator is lost.
pub const SPARES: usize = 8;

/// For how long a code that was sent is good.
pub const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// Wrong tries that a code that was sent survives.
pub const CODE_TRIES: u32 = 5;

/// What a step of a login came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is not so. Nobody learns why.
    Wrong,
    /// Too many have failed: nothing was looked at, and nothing is for so long.
    Wait(SignedDuration),
    /// It is so, and this is the cookie of a new session.
    Opened(Phi<String>),
}

/// What is asked of somebody who has shown a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Second {
    /// The code of the authenticator that they have enrolled, or one that was written down.
    Authenticator,
    /// To enrol an authenticator with this secret, and to show its code.
    Enrol(Phi<Vec<u8>>),
    /// A code that is sent to them.
    Sent,
}

/// Which second factor an account has: the stronger, if its roles differ.
#[must_use]
pub fn factor_of(account: &Account) -> SecondFactor {
    let names = account.role_names();
    let mut by_code = roles::of(&names).map(|role| role.second_factor == SecondFactor::Code);
    // No role at all is asked for the stronger one.
    let is_weak = by_code
        .next()
        .is_some_and(|first| first && by_code.all(|one| one));
    if is_weak {
        SecondFactor::Code
    } else {
        SecondFactor::Totp
    }
}

impl People {
    /// The first step: a login and its password, from somewhere.
    ///
    /// # Errors
    /// `Busy`, if too many log in; `Fault`, if the database fails.
    pub async fn enter(
        &self,
        login: &str,
        password: &Phi<String>,
        whence: impl Into<Whence>,
    ) -> Result<Step> {
        let (login, whence) = (fold(login), whence.into());
        let charges = self.password_charges(&login, &whence)?;
        let admission = self.admit(charges).await?;
        if let Admission::Wait(wait) = admission {
            return Ok(Step::Wait(wait));
        }
        let account = self.by_login(&login).await?;
        let hash = account
            .as_ref()
            .map(|account| account.password.reveal().as_str());
        let is_right = self.passwords.is_right(password, hash).await?;
        let account = account.filter(|account| is_right && account.state == AccountState::Active);
        match account {
            None => Ok(Step::Wrong),
            Some(account) => {
                // Who was not charged to their address takes nothing back from it.
                if admission == Admission::Stranger {
                    self.pardon(vec![self.place(whence.address)?]).await?;
                }
                let step = self.open(&account, LoginStage::Password, "").await?;
                if let Step::Opened(cookie) = &step
                    && factor_of(&account) == SecondFactor::Code
                    && let Some((login, account)) = self.at_stage(cookie.reveal()).await?
                {
                    self.send_code((&login, &account)).await?;
                }
                Ok(step)
            }
        }
    }

    pub(super) async fn by_login(&self, login: &str) -> Result<Option<Account>> {
        let login = login.to_owned();
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.account(AccountBy::Login(&login)).await })
            })
            .await
    }

    /// What is asked next of who has shown a password; an authenticator to enrol is drawn once and
    /// kept with the session.
    ///
    /// # Errors
    /// `Fault`, if the database fails or the key does not fit.
    pub async fn second(&self, login: &LoginSession, account: &Account) -> Result<Second> {
        if factor_of(account) == SecondFactor::Code {
            return Ok(Second::Sent);
        }
        if !account.authenticator.reveal().is_empty() {
            return Ok(Second::Authenticator);
        }
        if !login.pending.reveal().is_empty() {
            let secret = self.key.unseal(&account.id, login.pending.reveal())?;
            return Ok(Second::Enrol(Phi::new(secret)));
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
        Ok(Second::Enrol(Phi::new(secret.to_vec())))
    }

    /// The second step with the code of an authenticator, or one that was written down.
    ///
    /// # Errors
    /// `Fault`, if the database fails or the key does not fit.
    pub async fn prove(
        &self,
        (login, account): (&LoginSession, &Account),
        code: &str,
        whence: impl Into<Whence>,
    ) -> Result<Step> {
        let whence = whence.into();
        let charges = self.factor_charges(account, &whence)?;
        let admission = self.admit(charges).await?;
        if let Admission::Wait(wait) = admission {
            return Ok(Step::Wait(wait));
        }
        let factor = match self.second(login, account).await? {
            Second::Authenticator if secret::typed(code).len() > 8 => {
                self.spend_spare(account, code).await?.then_some("spare")
            }
            Second::Authenticator => self.check_code(account, code).await?.then_some("totp"),
            Second::Sent => self.spend_code(login, code).await?.then_some("code"),
            Second::Enrol(_) => None,
        };
        let Some(factor) = factor else {
            return Ok(Step::Wrong);
        };
        self.forgive_all(account, &whence, admission).await?;
        self.go_on(login, account, factor).await
    }

    /// Takes back what the tries of somebody have cost who has proved who they are.
    async fn forgive_all(
        &self,
        account: &Account,
        whence: &Whence,
        admission: Admission,
    ) -> Result<()> {
        let login = account.login.reveal();
        let charges = self.factor_charges(account, whence)?;
        let mut spent = vec![self.key.name("code-mail", account.id.as_bytes())?];
        let counters = match (admission, charges.device) {
            (Admission::Known, Some((own, counters))) => {
                spent.push(own);
                counters
            }
            _ => {
                spent.push(self.pair(login, whence.address)?);
                // Others go on guessing meanwhile: theirs is not forgiven.
                self.pardon(vec![self.anybody(login)?]).await?;
                charges.strangers
            }
        };
        spent.extend(counters.into_iter().map(|(key, _)| key));
        self.forgive(spent).await
    }

    /// The second step for who enrols: the code of the new authenticator. Gives the codes to write
    /// down beside the cookie.
    ///
    /// # Errors
    /// `Fault`, if the database fails or the key does not fit.
    pub async fn enrol(
        &self,
        (login, account): (&LoginSession, &Account),
        code: &str,
    ) -> Result<(Step, Vec<String>)> {
        let charge = self.key.name("factor", account.id.as_bytes())?;
        if let Some(wait) = self.charge(vec![(charge.clone(), BY_FACTOR)]).await? {
            return Ok((Step::Wait(wait), Vec::new()));
        }
        let Second::Enrol(secret) = self.second(login, account).await? else {
            return Ok((Step::Wrong, Vec::new()));
        };
        let seconds = self.now().as_second();
        let Some(step) = authenticator::check(secret.reveal(), code, (seconds, 0))? else {
            return Ok((Step::Wrong, Vec::new()));
        };
        let chance = self.chance.as_ref();
        let sealed = self.key.seal(&account.id, secret.reveal(), chance)?;
        let (spares, tickets) = self.spares(account)?;
        let id = account.id.clone();
        let is_kept = self
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let Some(mut account) = tx.account(AccountBy::Id(&id)).await? else {
                        return Ok(false);
                    };
                    // Another session may have been faster.
                    if !account.authenticator.reveal().is_empty() {
                        return Ok(false);
                    }
                    account.authenticator = Phi::new(sealed);
                    account.authenticator_step = step;
                    tx.forget_tickets(&account.id, TicketKind::Spare).await?;
                    for ticket in &tickets {
                        tx.keep_ticket(ticket).await?;
                    }
                    tx.keep_account(&account).await
                })
            })
            .await?;
        if !is_kept {
            return Ok((Step::Wrong, Vec::new()));
        }
        self.forgive(vec![charge]).await?;
        Ok((self.go_on(login, account, "totp").await?, spares))
    }

    /// New codes to write down, and what is kept of them.
    pub(super) fn spares(&self, account: &Account) -> Result<(Vec<String>, Vec<Ticket>)> {
        let chance = self.chance.as_ref();
        let spares: Vec<String> = (0..SPARES).map(|_| secret::spare(chance)).collect();
        let tickets = spares.iter().map(|spare| self.spare_ticket(account, spare));
        let tickets = tickets.collect::<Result<_>>()?;
        Ok((spares, tickets))
    }

    fn spare_ticket(&self, account: &Account, spare: &str) -> Result<Ticket> {
        Ok(Ticket {
            kind: TicketKind::Spare,
            hash: self.spare_name(account, spare)?,
            account: account.id.clone(),
            content: Phi::new(String::new()),
            tries: 0,
            expires: jiff::Timestamp::MAX,
        })
    }

    fn spare_name(&self, account: &Account, spare: &str) -> Result<Vec<u8>> {
        let named = format!("{}/{}", account.id, secret::typed(spare));
        self.key.name("spare", named.as_bytes())
    }

    async fn spend_spare(&self, account: &Account, code: &str) -> Result<bool> {
        let hash = self.spare_name(account, code)?;
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.forget_ticket(TicketKind::Spare, &hash).await })
            })
            .await
    }

    /// Checks a code and notes its step in one transaction: it is not taken twice, wherever.
    async fn check_code(&self, account: &Account, code: &str) -> Result<bool> {
        let secret = self
            .key
            .unseal(&account.id, account.authenticator.reveal())?;
        let (id, code, seconds) = (account.id.clone(), code.to_owned(), self.now().as_second());
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let Some(mut account) = tx.account(AccountBy::Id(&id)).await? else {
                        return Ok(false);
                    };
                    let last = account.authenticator_step;
                    let Some(step) = authenticator::check(&secret, &code, (seconds, last))? else {
                        return Ok(false);
                    };
                    account.authenticator_step = step;
                    tx.keep_account(&account).await
                })
            })
            .await
    }

    /// Draws a code for a session that waits for one; the earlier one ends. It is for whoever sends
    /// it.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn draw_code(&self, login: &LoginSession) -> Result<Phi<String>> {
        let code = secret::code(self.chance.as_ref());
        let name = self.code_name(login, &code)?;
        let ticket = Ticket {
            kind: TicketKind::Code,
            hash: login.hash.clone(),
            account: login.account.clone(),
            content: Phi::new(name),
            tries: 0,
            expires: self
                .now()
                .saturating_add(CODE_LIFE)
                .map_err(Problem::fault)?,
        };
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.keep_ticket(&ticket).await })
            })
            .await?;
        Ok(Phi::new(code))
    }

    fn code_name(&self, login: &LoginSession, code: &str) -> Result<String> {
        let named = [login.hash.as_slice(), secret::typed(code).as_bytes()].concat();
        Ok(hex(&self.key.name("code", &named)?))
    }

    /// Takes a code that was sent; a wrong one counts, and the last wrong one ends it.
    async fn spend_code(&self, login: &LoginSession, code: &str) -> Result<bool> {
        let (name, hash) = (self.code_name(login, code)?, login.hash.clone());
        let now = self.now();
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let kind = TicketKind::Code;
                    let Some(mut ticket) = tx.ticket(kind, &hash).await? else {
                        return Ok(false);
                    };
                    // Both are names by HMAC: comparing them tells nothing of the code.
                    let is_right = ticket.expires > now && *ticket.content.reveal() == name;
                    ticket.tries += 1;
                    if is_right || ticket.tries >= CODE_TRIES || ticket.expires <= now {
                        tx.forget_ticket(kind, &hash).await?;
                    } else {
                        tx.keep_ticket(&ticket).await?;
                    }
                    Ok(is_right)
                })
            })
            .await
    }

    /// A new full session in the place of the one that waited.
    async fn go_on(
        &self,
        login: &LoginSession,
        account: &Account,
        factor: &'static str,
    ) -> Result<Step> {
        self.leave(&login.hash).await?;
        self.open(account, LoginStage::Full, factor).await
    }
}
