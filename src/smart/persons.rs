//! What the authorization server asks about people: who they are, and how far they reach now.

use futures_util::future::BoxFuture;

use crate::{fhir::scope::Scope, kernel::problem::Result, people::roles};

/// Somebody whose account is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: String,
    /// What they are called on a page.
    pub name: String,
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

    /// Whether a login session is still alive.
    fn is_logged_in<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool>>;
}

/// Nobody has an account.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Persons for Nobody {
    fn person<'a>(&'a self, _account: &'a str) -> BoxFuture<'a, Result<Option<Person>>> {
        Box::pin(async { Ok(None) })
    }

    fn is_logged_in<'a>(&'a self, _session: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async { Ok(false) })
    }
}
