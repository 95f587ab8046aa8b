//! Who has an account, how they prove it, and what they are here.
//!
//! - [`roles`]: what each role may do at most; the table is `profiles/roles.json`. Pure.
//! - [`password`], [`authenticator`]: how somebody proves who they are.
//! - [`throttle`]: how long who fails has to wait. Pure.
//! - [`session`]: for how long who has logged in stays so. Pure.
//! - [`key`]: what encrypts and names what is secret at rest.
//! - [`login`]: the steps from a name to a session; `stay`: what becomes of it; `charge`: what tries
//!   cost; [`device`]: the browsers with which somebody has logged in before.
//! - [`invite`], [`tell`]: invitations, ways back, and the letters that bring them.
//! - [`federation`]: logging in with an OpenID provider; [`id_token`]: what it says. The latter is pure.
//! - [`enrol`]: accounts made, locked and unlocked; `keep`: what else is changed of them.
//! - [`renew`]: another authenticator.
//! - [`reach`]: whom somebody reaches by each of their roles.
//!
//! Whoever fails learns only that they failed: an account that is not there costs the same time and
//! gets the same answer as one that is.

pub mod authenticator;
mod charge;
pub mod device;
pub mod enrol;
pub mod federation;
pub mod id_token;
pub mod invite;
mod keep;
pub mod key;
pub mod login;
pub mod password;
pub mod reach;
pub mod renew;
pub mod roles;
pub mod secret;
pub mod session;
mod stay;
pub mod tell;
pub mod throttle;

use std::sync::Arc;

use jiff::Timestamp;

use self::{federation::Federation, key::Key, password::Passwords};
use crate::{
    fhir::permit::Permit,
    kernel::{chance::Chance, clock::Clock, problem::Result},
    store::{Account, Store},
};

/// Under which the rows of people are read and written.
static PERMIT: Permit = Permit::system("people");

/// Most characters of what is typed as a login.
pub const LOGIN_CHARS_MAX: usize = 254;

/// Everybody who has an account.
pub struct People {
    store: Store,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    key: Key,
    passwords: Passwords,
    origin: String,
    federation: Option<Federation>,
}

impl People {
    /// Those of a store; `key` encrypts what is secret.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>, key: Key) -> Self {
        Self {
            store,
            clock,
            passwords: Passwords::new(chance.as_ref()),
            chance,
            key,
            origin: String::new(),
            federation: None,
        }
    }

    /// The same, with what links begin with, such as `https://example.org`: it is configured, and
    /// never taken from a request.
    #[must_use]
    pub fn with_origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = origin.into();
        self
    }

    /// The same, with a provider with which people may log in.
    #[must_use]
    pub fn with_federation(mut self, federation: Option<Federation>) -> Self {
        self.federation = federation;
        self
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The account of an id, in whatever state it is.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn account(&self, id: &str) -> Result<Option<Account>> {
        self.store.account(&PERMIT, id).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// What is typed as a login, as it is kept and compared.
#[must_use]
pub fn fold(login: &str) -> String {
    let kept = login.trim().chars().take(LOGIN_CHARS_MAX);
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
