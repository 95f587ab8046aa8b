//! Accounts, sessions, and what proves something once: rows in, rows out.
//!
//! What they mean is decided above, in `people`; here is only what keeps them.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{Store, Tx, facade::Reading};
use crate::{
    fhir::permit::Permit,
    kernel::{phi::Phi, problem::Result},
};

/// What kind of person an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// Somebody who cares: a Practitioner.
    Professional,
    /// Somebody who is followed: a Patient.
    Patient,
    /// Somebody who answers for a patient: a RelatedPerson.
    Proxy,
    /// Somebody of the agency's cell: a Practitioner.
    Agent,
}

impl AccountKind {
    /// All, in the order of their names in the documentation.
    pub const ALL: [Self; 4] = [Self::Professional, Self::Patient, Self::Proxy, Self::Agent];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Professional => "professional",
            Self::Patient => "patient",
            Self::Proxy => "proxy",
            Self::Agent => "agent",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The type of resource that its person is.
    #[must_use]
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Professional | Self::Agent => "Practitioner",
            Self::Patient => "Patient",
            Self::Proxy => "RelatedPerson",
        }
    }
}

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It waits for its person to come.
    Invited,
    /// It can be used.
    Active,
    /// It cannot be used until somebody unlocks it.
    Locked,
    /// It is never used again.
    Ended,
}

impl AccountState {
    const ALL: [Self; 4] = [Self::Invited, Self::Active, Self::Locked, Self::Ended];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Ended => "ended",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A role that somebody has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountRole {
    /// Its name, such as `professional`.
    pub role: String,
    /// The Organization in which they have it, such as `Organization/1`; empty for none.
    pub organization: String,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id: what tokens and records name.
    pub id: String,
    /// For what kind of person.
    pub kind: AccountKind,
    /// What is typed at the login, folded.
    pub login: Phi<String>,
    /// The resource that the person is, such as `Practitioner/1`.
    pub fhir_user: String,
    /// Whether it can be used.
    pub state: AccountState,
    /// The hash of the password, as PHC writes it; empty where there is none.
    pub password: Phi<String>,
    /// The secret of the authenticator, encrypted; empty before one is enrolled.
    pub authenticator: Phi<Vec<u8>>,
    /// The time step of the last code that was taken.
    pub authenticator_step: i64,
    /// Raised by whatever ends all sessions.
    pub generation: i64,
    /// When it was made.
    pub created: Timestamp,
    /// What the person is here.
    pub roles: Vec<AccountRole>,
}

impl Account {
    /// Names of its roles, each once.
    #[must_use]
    pub fn role_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.roles.iter().map(|one| one.role.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// By what an account is looked for.
#[derive(Debug, Clone, Copy)]
pub enum AccountBy<'a> {
    /// Its id.
    Id(&'a str),
    /// What is typed at the login, folded.
    Login(&'a str),
    /// The resource that the person is.
    Person(&'a str),
    /// A name that an OpenID provider gives: issuer and subject.
    Identity(&'a str, &'a str),
}

/// How far a login has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginStage {
    /// The second factor is still to come: this opens nothing.
    Password,
    /// Logged in.
    Full,
}

impl LoginStage {
    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Full => "full",
        }
    }

    /// The stage of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Password, Self::Full]
            .into_iter()
            .find(|stage| stage.name() == name)
    }
}

/// Somebody's session in a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSession {
    /// The hash of the cookie.
    pub hash: Vec<u8>,
    /// Whose it is.
    pub account: String,
    /// The account's generation when it began.
    pub generation: i64,
    /// How far the login has come.
    pub stage: LoginStage,
    /// How the second factor was proved; empty while it is not.
    pub factor: String,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
    /// When the person last proved who they are.
    pub authenticated: Timestamp,
    /// An authenticator that is being enrolled, encrypted.
    pub pending: Phi<Vec<u8>>,
}

/// What a ticket proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketKind {
    /// That its holder was invited to an account.
    Invitation,
    /// That its holder reads the mails of an account.
    Recovery,
    /// A code that was sent, for one session.
    Code,
    /// A code that was written down, for when the authenticator is lost.
    Spare,
    /// That a browser was sent to an OpenID provider.
    Federation,
    /// That somebody has logged in with a browser before.
    Device,
}

impl TicketKind {
    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Recovery => "recovery",
            Self::Code => "code",
            Self::Spare => "spare",
            Self::Federation => "federation",
            Self::Device => "device",
        }
    }
}

/// What proves something once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What it proves.
    pub kind: TicketKind,
    /// What stands for the secret.
    pub hash: Vec<u8>,
    /// Whose it is; empty where nobody is known yet.
    pub account: String,
    /// What else belongs to it.
    pub content: Phi<String>,
    /// Wrong tries so far.
    pub tries: u32,
    /// When it ends.
    pub expires: Timestamp,
}

/// Failures of one account from one address, or of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    /// How many there were since the last success.
    pub count: u32,
    /// No try is looked at before this instant.
    pub until: Timestamp,
    /// When the last one was.
    pub at: Timestamp,
}

/// Rows of people, on one connection.
pub(super) trait Accounts: Send {
    /// Writes an account with its roles, in the place of an earlier one of its id; `false` if
    /// another has its login or its person.
    fn keep_account<'a>(&'a mut self, account: &'a Account) -> BoxFuture<'a, Result<bool>>;

    /// An account.
    fn account<'a>(&'a mut self, by: AccountBy<'a>) -> BoxFuture<'a, Result<Option<Account>>>;

    /// Accounts in the order of their ids, after `after`.
    fn accounts<'a>(
        &'a mut self,
        after: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Account>>>;

    /// Removes an account and all that belongs to it.
    fn forget_account<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Gives a person the name by which an OpenID provider knows them; `false` if another has it.
    fn keep_identity<'a>(
        &'a mut self,
        identity: (&'a str, &'a str),
        account: &'a str,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Whether an OpenID provider knows the person of an account.
    fn has_identity<'a>(&'a mut self, account: &'a str) -> BoxFuture<'a, Result<bool>>;

    /// Writes a session, in the place of an earlier one of its hash.
    fn keep_login<'a>(&'a mut self, session: &'a LoginSession) -> BoxFuture<'a, Result<()>>;

    /// The session of a hash.
    fn login<'a>(&'a mut self, hash: &'a [u8]) -> BoxFuture<'a, Result<Option<LoginSession>>>;

    /// The sessions of an account.
    fn logins<'a>(&'a mut self, account: &'a str) -> BoxFuture<'a, Result<Vec<LoginSession>>>;

    /// Removes a session.
    fn forget_login<'a>(&'a mut self, hash: &'a [u8]) -> BoxFuture<'a, Result<()>>;

    /// Removes the sessions of an account, but the one of this hash; what was granted in them ends.
    fn forget_logins<'a>(
        &'a mut self,
        account: &'a str,
        except: &'a [u8],
    ) -> BoxFuture<'a, Result<()>>;

    /// Writes a ticket, in the place of an earlier one of its hash.
    fn keep_ticket<'a>(&'a mut self, ticket: &'a Ticket) -> BoxFuture<'a, Result<()>>;

    /// The ticket of a hash.
    fn ticket<'a>(
        &'a mut self,
        kind: TicketKind,
        hash: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<Ticket>>>;

    /// Removes a ticket; `false` if there is none.
    fn forget_ticket<'a>(
        &'a mut self,
        kind: TicketKind,
        hash: &'a [u8],
    ) -> BoxFuture<'a, Result<bool>>;

    /// Removes the tickets of an account and a kind; gives their number.
    fn forget_tickets<'a>(
        &'a mut self,
        account: &'a str,
        kind: TicketKind,
    ) -> BoxFuture<'a, Result<u64>>;

    /// The number of tickets of an account and a kind.
    fn count_tickets<'a>(
        &'a mut self,
        account: &'a str,
        kind: TicketKind,
    ) -> BoxFuture<'a, Result<u64>>;

    /// Failures under a key.
    fn failures<'a>(&'a mut self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Failures>>>;

    /// Writes failures, or removes them.
    fn keep_failures<'a>(
        &'a mut self,
        key: &'a [u8],
        failures: Option<Failures>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Removes sessions that began before `since`, tickets that ended before `now`, and failures
    /// that were before `since`.
    fn sweep_people(&mut self, now: Timestamp, since: Timestamp) -> BoxFuture<'_, Result<()>>;
}

/// Hands a call through to the connection; every one fails only with a `Fault` of the database.
macro_rules! through {
    ($($(#[$doc:meta])* $name:ident($($given:ident: $type:ty),*) -> $out:ty;)*) => {
        impl Tx {
            $($(#[$doc])*
            ///
            /// # Errors
            /// `Fault`, if the database fails.
            pub async fn $name(&mut self, $($given: $type),*) -> Result<$out> {
                self.session().$name($($given),*).await
            })*
        }
    };
}

through! {
    /// Writes an account with its roles, in the place of an earlier one of its id; `false` if
    /// another has its login or its person.
    keep_account(account: &Account) -> bool;
    /// An account.
    account(by: AccountBy<'_>) -> Option<Account>;
    /// Accounts in the order of their ids, after `after`.
    accounts(after: &str, limit: u32) -> Vec<Account>;
    /// Removes an account and all that belongs to it.
    forget_account(id: &str) -> ();
    /// Gives a person the name (issuer, subject) by which an OpenID provider knows them; `false`
    /// if another has it.
    keep_identity(identity: (&str, &str), account: &str) -> bool;
    /// Whether an OpenID provider knows the person of an account.
    has_identity(account: &str) -> bool;
    /// Writes a session, in the place of an earlier one of its hash.
    keep_login(session: &LoginSession) -> ();
    /// The session of a hash.
    login(hash: &[u8]) -> Option<LoginSession>;
    /// The sessions of an account.
    logins(account: &str) -> Vec<LoginSession>;
    /// Removes a session.
    forget_login(hash: &[u8]) -> ();
    /// Removes the sessions of an account, but the one of this hash.
    forget_logins(account: &str, except: &[u8]) -> ();
    /// Writes a ticket, in the place of an earlier one of its hash.
    keep_ticket(ticket: &Ticket) -> ();
    /// The ticket of a hash.
    ticket(kind: TicketKind, hash: &[u8]) -> Option<Ticket>;
    /// Removes a ticket; `false` if there is none.
    forget_ticket(kind: TicketKind, hash: &[u8]) -> bool;
    /// Removes the tickets of an account and a kind; gives their number.
    forget_tickets(account: &str, kind: TicketKind) -> u64;
    /// The number of tickets of an account and a kind.
    count_tickets(account: &str, kind: TicketKind) -> u64;
    /// Failures under a key.
    failures(key: &[u8]) -> Option<Failures>;
    /// Writes failures, or removes them.
    keep_failures(key: &[u8], failures: Option<Failures>) -> ();
    /// Removes sessions that began before `since`, tickets that ended before `now`, and failures
    /// that were before `since`.
    sweep_people(now: Timestamp, since: Timestamp) -> ();
}

impl Store {
    /// The account of an id; read in the calling thread.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn account(&self, permit: &Permit, id: &str) -> Result<Option<Account>> {
        match self.reading() {
            Reading::Pool(readers) => readers.account(AccountBy::Id(id)),
            Reading::Turn => {
                let id = id.to_owned();
                self.write(permit, move |tx| {
                    Box::pin(async move { tx.account(AccountBy::Id(&id)).await })
                })
                .await
            }
        }
    }

    /// The session of a hash and its account; read in the calling thread.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn login(
        &self,
        permit: &Permit,
        hash: &[u8],
    ) -> Result<Option<(LoginSession, Account)>> {
        match self.reading() {
            Reading::Pool(readers) => {
                let Some(session) = readers.login(hash)? else {
                    return Ok(None);
                };
                let account = readers.account(AccountBy::Id(&session.account))?;
                Ok(account.map(|account| (session, account)))
            }
            Reading::Turn => {
                let hash = hash.to_owned();
                self.write(permit, move |tx| {
                    Box::pin(async move {
                        let Some(session) = tx.login(&hash).await? else {
                            return Ok(None);
                        };
                        let account = tx.account(AccountBy::Id(&session.account)).await?;
                        Ok(account.map(|account| (session, account)))
                    })
                })
                .await
            }
        }
    }
}
