//! The steps from a name to a session.
//!
//! A password opens a session that opens nothing: its stage is `password`, and only the second
//! factor makes it full. Each step draws a new cookie, so that one which somebody else has planted or
//! seen is worth nothing afterwards.

use std::net::IpAddr;

use jiff::SignedDuration;

use super::{
    PERMIT, People, authenticator, fold,
    roles::{self, SecondFactor},
    secret, session,
    throttle::{self, BY_ADDRESS, BY_FACTOR, BY_PAIR, FORGIVEN_AFTER, Pace, Verdict},
};
use crate::{
    erasure::ledger::hex,
    kernel::{
        phi::Phi,
        problem::{Problem, Result},
    },
    store::{Account, AccountBy, AccountState, LoginSession, LoginStage, Ticket, TicketKind, Tx},
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

/// Counters that a try is charged to.
type Charges = Vec<(Vec<u8>, Pace)>;

impl People {
    /// The first step: a login and its password, from an address.
    ///
    /// # Errors
    /// `Busy`, if too many log in; `Fault`, if the database fails.
    pub async fn enter(
        &self,
        login: &str,
        password: &Phi<String>,
        address: IpAddr,
    ) -> Result<Step> {
        let login = fold(login);
        let charges = vec![
            (self.pair(&login, address)?, BY_PAIR),
            (self.place(address)?, BY_ADDRESS),
        ];
        if let Some(wait) = self.charge(charges).await? {
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
                let place = self.place(address)?;
                self.pardon(place).await?;
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
        address: IpAddr,
    ) -> Result<Step> {
        let charge = self.key.name("factor", account.id.as_bytes())?;
        if let Some(wait) = self.charge(vec![(charge.clone(), BY_FACTOR)]).await? {
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
        let mails = self.key.name("code-mail", account.id.as_bytes())?;
        let pair = self.pair(account.login.reveal(), address)?;
        self.forgive(vec![charge, mails, pair]).await?;
        self.go_on(login, account, factor).await
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
        let spares: Vec<String> = (0..SPARES).map(|_| secret::spare(chance)).collect();
        let tickets = spares.iter().map(|spare| self.spare_ticket(account, spare));
        let tickets: Vec<Ticket> = tickets.collect::<Result<_>>()?;
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

    /// Ends a session and what belongs to it.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn leave(&self, hash: &[u8]) -> Result<()> {
        let hash = hash.to_owned();
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    tx.forget_ticket(TicketKind::Code, &hash).await?;
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

    fn pair(&self, login: &str, address: IpAddr) -> Result<Vec<u8>> {
        let named = format!("{login}\0{}", throttle::place(address));
        self.key.name("pair", named.as_bytes())
    }

    fn place(&self, address: IpAddr) -> Result<Vec<u8>> {
        self.key.name("place", throttle::place(address).as_bytes())
    }

    /// Charges a try to its counters before it is looked at; gives how long it has to wait, in
    /// which case nothing is charged.
    pub(super) async fn charge(&self, charges: Charges) -> Result<Option<SignedDuration>> {
        let now = self.now();
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let mut after = Vec::with_capacity(charges.len());
                    let mut wait = None;
                    for (key, pace) in &charges {
                        match throttle::judge(*pace, tx.failures(key).await?, now) {
                            Verdict::Go(failures) => after.push((key, failures)),
                            Verdict::Wait(left) => wait = wait.max(Some(left)),
                        }
                    }
                    for (key, failures) in after.into_iter().filter(|_| wait.is_none()) {
                        tx.keep_failures(key, Some(failures)).await?;
                    }
                    Ok(wait)
                })
            })
            .await
    }

    /// Takes one try back from a counter that many share.
    async fn pardon(&self, key: Vec<u8>) -> Result<()> {
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    if let Some(mut failures) = tx.failures(&key).await? {
                        failures.count = failures.count.saturating_sub(1);
                        tx.keep_failures(&key, Some(failures)).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn forgive(&self, keys: Vec<Vec<u8>>) -> Result<()> {
        self.store
            .write(&PERMIT, move |tx| Box::pin(forgive(tx, keys)))
            .await
    }
}

async fn forgive(tx: &mut Tx, keys: Vec<Vec<u8>>) -> Result<()> {
    for key in keys {
        tx.keep_failures(&key, None).await?;
    }
    Ok(())
}
