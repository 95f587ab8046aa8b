//! The authorization server: clients, what they are granted, tokens, and the permits that they
//! stand for.
//!
//! - [`scopes`], [`assertion`], [`authorize`]: what may be granted, decided purely.
//! - [`identify`]: which client asks, and whether it is itself.
//! - [`rates`]: how often somebody may ask.
//! - `backend`, `exchange`: the ways to a token; `issue` writes them.
//! - [`permit`]: from a token to the right to read and write; `ways`: how far it reaches. Pure.
//! - [`metadata`]: what others are told about all of it.
//!
//! A token is 256 random bits and says nothing; what it stands for is looked up, so that it ends when
//! it is revoked, and not when it expires. What was found is used again (`recent`) while the database
//! says that nothing has changed of what it was found from.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/>,
//! <https://www.rfc-editor.org/rfc/rfc9700>.

pub mod assertion;
pub mod authorize;
mod backend;
mod exchange;
pub mod flow;
pub mod form;
mod id_token;
pub mod identify;
mod introspect;
mod issue;
pub mod keys;
mod launch;
pub mod logout;
pub mod metadata;
mod narrowing;
pub mod patients;
pub mod permit;
pub mod persons;
pub mod programs;
pub mod rates;
mod recent;
pub mod refusal;
pub mod register;
pub mod registration;
mod renew;
pub mod scopes;
pub mod secret;
pub mod token;
mod ways;

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use self::{
    keys::Keys,
    persons::Persons,
    rates::{RateBounds, Rates},
};
use crate::{
    fhir::permit::Permit,
    kernel::{chance::Chance, clock::Clock, id, problem::Result},
    outbound::Cache,
    store::Store,
};

static PERMIT: Permit = Permit::system("smart");

/// How the authorization server is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name, and what the addresses of its endpoints begin with; no slash at its end.
    pub issuer: String,
    /// The service base URL, for which tokens are; no slash at its end.
    pub base: String,
    /// How long an access token is good.
    pub access: Duration,
    /// The same for a client that acts for itself.
    pub backend: Duration,
    /// How long a client may go on without the person.
    pub offline: Duration,
    /// How long a yes is remembered; not at all, if this is zero.
    pub consent: Duration,
    /// Whether programs may register themselves.
    pub registration: bool,
    /// Where the look of the server is described, for programs that want to look alike.
    pub style: String,
    /// How often somebody may ask.
    pub rates: RateBounds,
}

/// What an authorization server is made of.
pub struct Parts {
    /// Clients and tokens.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Tokens are drawn from it.
    pub chance: Arc<dyn Chance>,
    /// What ID tokens are signed with.
    pub keys: Keys,
    /// Key sets of clients.
    pub sets: Arc<Cache>,
    /// Who has an account.
    pub persons: Arc<dyn Persons>,
}

/// The authorization server.
pub struct Smart {
    settings: Settings,
    parts: Parts,
    rates: Rates,
    recent: recent::Recent,
}

impl Smart {
    /// Puts it together.
    #[must_use]
    pub fn new(settings: Settings, parts: Parts) -> Self {
        Self {
            rates: Rates::new(settings.rates),
            settings,
            parts,
            recent: recent::Recent::default(),
        }
    }

    /// How it is set up.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The address of one of its endpoints, such as `token`.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}/auth/{name}", self.settings.issuer)
    }

    /// Whether pages of an origin are those of a client: they may call.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub fn is_client_origin(&self, origin: &str) -> Result<bool> {
        self.parts.store.is_client_origin(&PERMIT, origin)
    }

    /// The public keys that ID tokens are signed with, as a set.
    #[must_use]
    pub const fn published_keys(&self) -> &Value {
        self.parts.keys.published()
    }

    const fn store(&self) -> &Store {
        &self.parts.store
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    fn new_id(&self) -> String {
        id::new_id(self.now(), self.parts.chance.as_ref())
    }

    fn draw(&self, prefix: &str) -> String {
        secret::draw(prefix, self.parts.chance.as_ref())
    }
}

/// An instant some time after another.
fn after(instant: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    instant.saturating_add(time).unwrap_or(Timestamp::MAX)
}
