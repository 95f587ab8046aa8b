//! What the server fetches from others: bounded in size and time, and never from inside the house.
//!
//! Addresses of key sets and of OpenID providers come from whoever registers a client or writes
//! the configuration; fetching them must not become a way to reach what only this machine can
//! reach. So there is one door: [`Fetch`]. Behind it a name is resolved once, each address is
//! judged (`address`), and the connection is made to the very address that was judged;
//! redirects are not followed.
//!
//! - `address`: which addresses are inside the house: pure.
//! - [`freshness`]: for how long an answer may be kept: pure.
//! - [`Outbound`] in `door`: the real one, over a [`Network`].
//! - [`Cache`]: answers that are kept while they are fresh.

mod address;
mod cache;
mod door;
pub mod freshness;
mod network;

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;

pub use self::{
    cache::Cache,
    door::{Outbound, Rules},
    network::{Internet, Network},
};

/// Most bytes of an answer's body.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// Most bytes of an answer's head.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// From the resolution of the name to the last byte of the answer.
pub const TIME_MAX: Duration = Duration::from_secs(5);

/// One request to somebody else's server.
#[derive(Clone)]
pub struct Ask {
    url: String,
    authorization: Option<String>,
    form: Option<String>,
}

impl Ask {
    /// Fetches what is at an address.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            authorization: None,
            form: None,
        }
    }

    /// Posts a form, already encoded (`application/x-www-form-urlencoded`).
    pub fn post_form(url: impl Into<String>, form: impl Into<String>) -> Self {
        Self {
            form: Some(form.into()),
            ..Self::get(url)
        }
    }

    /// The same, with the header `Authorization`.
    #[must_use]
    pub fn with_authorization(mut self, value: impl Into<String>) -> Self {
        self.authorization = Some(value.into());
        self
    }

    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The form that is posted, if it is no plain fetch.
    #[must_use]
    pub fn form(&self) -> Option<&str> {
        self.form.as_deref()
    }

    /// The header `Authorization`, if there is one: a secret.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

/// Neither the form nor the authorisation is shown: both hold secrets.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What somebody else's server has answered, whatever its status, redirects apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The status, such as 200.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The body, at most [`BODY_BYTES_MAX`] bytes.
    pub body: Bytes,
    /// For how long its `Cache-Control` lets it be kept; zero, if it says nothing.
    pub fresh_for: Duration,
}

impl Fetched {
    /// The body as JSON, of an answer that is a success.
    ///
    /// # Errors
    /// `Status`, `NotJson`.
    pub fn json(&self) -> Result<Value, Failure> {
        if self.status != 200 {
            return Err(Failure::Status(self.status));
        }
        serde_json::from_slice(&self.body).map_err(|_| Failure::NotJson)
    }
}

/// Why nothing was fetched. It says nothing of what was found: a caller's caller must not learn
/// from it what is inside the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The address is none that may be asked: no https, a user in it, no host.
    Address,
    /// The name leads inside the house, or nowhere.
    Host,
    /// No connection, or one that was lost, or that speaks no TLS that is trusted.
    Connection,
    /// The answer leads elsewhere.
    Redirect,
    /// A bound on size.
    TooLarge,
    /// A bound on time.
    TooSlow,
    /// Another status than success.
    Status(u16),
    /// The body is no JSON.
    NotJson,
    /// Too many are being fetched at the moment.
    Busy,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Address => "the address is not an https:// address of a host",
            Self::Host => "the host does not resolve to public addresses only",
            Self::Connection => "no trusted connection to the host",
            Self::Redirect => "the host answers with a redirect, which is not followed",
            Self::TooLarge => "the answer is too large",
            Self::TooSlow => "no answer in time",
            Self::Status(status) => return write!(f, "the host answers with the status {status}"),
            Self::NotJson => "the answer is no JSON",
            Self::Busy => "too much is being fetched at the moment",
        };
        f.write_str(text)
    }
}

impl std::error::Error for Failure {}

/// The one door by which the server fetches what others publish.
pub trait Fetch: Send + Sync {
    /// Sends one request.
    ///
    /// # Errors
    /// As [`Failure`] has them; any status but a redirect is an answer.
    fn send<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Fetched, Failure>>;
}

#[cfg(test)]
mod tests;
