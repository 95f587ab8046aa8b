//! What the authorization server asks about people: who they are, and how far they reach now.

use futures_util::future::BoxFuture;

use crate::{
    fhir::scope::Scope,
    kernel::problem::Result,
    people::{People, roles},
    store::AccountState,
};

/// Somebody whose account is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: String,
    /// The resource that they are, such as `Practitioner/1`.
    pub fhir_user: Option<String>,
    /// What they are here, and whom each role reaches.
    pub hats: Vec<Hat>,
}

/// A role of a person, and whom they reach by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hat {
    /// The role's name, as `profiles/roles.json` has it.
    pub role: String,
    /// Logical ids of patients, and marks of `fhir::about`.
    pub marks: Vec<String>,
    /// References from which custodians are found: their own, and those of their organisations.
    pub seeds: Vec<String>,
    /// The same, of whom they see the pathways.
    pub houses: Vec<String>,
    /// Whether they write nothing but what is offered by these.
    pub writes_own: bool,
}

impl Person {
    /// The names of their roles, each once.
    #[must_use]
    pub fn roles(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for hat in &self.hats {
            if !all.contains(&hat.role) {
                all.push(hat.role.clone());
            }
        }
        all
    }

    /// The patient that they are, if they are one.
    #[must_use]
    pub fn own_patient(&self) -> Option<&str> {
        self.fhir_user.as_deref()?.strip_prefix("Patient/")
    }

    /// What of a scope they can grant.
    #[must_use]
    pub fn bounded(&self, scope: &Scope) -> Vec<Scope> {
        roles::bounded(&self.roles(), scope)
    }
}

/// Who has an account.
pub trait Persons: Send + Sync {
    /// The person of an account; none, if it does not exist or is locked or ended.
    fn person<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Option<Person>>>;

    /// What somebody is called, for a page; empty, if that is not known.
    fn name<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<String>>;

    /// Whether a login session is still alive.
    fn is_logged_in<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool>>;
}

impl Persons for People {
    fn person<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Option<Person>>> {
        Box::pin(async move {
            let found = self.account(account).await?;
            let Some(account) = found.filter(|one| one.state == AccountState::Active) else {
                return Ok(None);
            };
            let standings = self.standings(&account).await?;
            let hats = standings.into_iter().map(|standing| Hat {
                role: standing.role.name.clone(),
                marks: standing.marks,
                seeds: standing.seeds,
                houses: standing.houses,
                writes_own: standing.writes_own,
            });
            Ok(Some(Person {
                hats: hats.collect(),
                fhir_user: (!account.fhir_user.is_empty()).then_some(account.fhir_user),
                account: account.id,
            }))
        })
    }

    fn name<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            match self.account(account).await? {
                Some(account) => self.name(&account).await,
                None => Ok(String::new()),
            }
        })
    }

    fn is_logged_in<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            match bytes(session) {
                Some(hash) => self.is_logged_in(&hash).await,
                None => Ok(false),
            }
        })
    }
}

/// The bytes of hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    };
    digits.map(byte).collect()
}
