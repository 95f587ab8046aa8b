//! Programs that may ask for access: OAuth's clients, as they are registered.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#register-app-with-ehr>.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Store, Tx, facade::Reading};
use crate::{fhir::permit::Permit, kernel::problem::Result};

/// How a client shows that it is itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// It cannot: a program in a browser or on a telephone keeps no secret.
    Public,
    /// By a secret, of which this is the SHA-256 in hexadecimal digits.
    Secret(String),
    /// By signatures of a key in this set (RFC 7517).
    Keys(Value),
    /// By signatures of a key in the set that is found there.
    KeysAt(String),
}

/// A registered client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// What people are shown.
    pub name: String,
    /// How it shows that it is itself.
    pub proof: Proof,
    /// Where codes may be sent, each exactly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// Where browsers are sent after somebody has logged out at its wish, each exactly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logout_uris: Vec<String>,
    /// Where it is launched from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_uri: Option<String>,
    /// The scopes that it may ask for, at most.
    pub scopes: Vec<String>,
    /// The origins of its pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Whether it may act for itself (backend services), and not only for people.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub acts_for_itself: bool,
    /// Where it acts for itself: the custodians whose patients it reaches; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<String>,
    /// Whether the operator answers for it, so that people are not asked for their consent again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusted: bool,
    /// Whether it registered itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub self_registered: bool,
}

/// Rows of clients, on one connection.
pub(super) trait Clients: Send {
    /// Writes a client in the place of an earlier one of its id.
    fn keep_client<'a>(&'a mut self, client: &'a Client, now: i64) -> BoxFuture<'a, Result<()>>;

    /// The client of an id.
    fn client<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<Option<Client>>>;

    /// All clients, by id.
    fn clients(&mut self) -> BoxFuture<'_, Result<Vec<Client>>>;

    /// Removes a client with all that it was granted; `false` if there is none.
    fn forget_client<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<bool>>;
}

impl Tx {
    /// Writes a client in the place of an earlier one of its id.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn keep_client(&mut self, client: &Client) -> Result<()> {
        let now = self.now().as_millisecond();
        self.session().keep_client(client, now).await
    }

    /// The client of an id.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn client(&mut self, id: &str) -> Result<Option<Client>> {
        self.session().client(id).await
    }

    /// All clients, by id.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn clients(&mut self) -> Result<Vec<Client>> {
        self.session().clients().await
    }

    /// Removes a client with all that it was granted; `false` if there is none.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn forget_client(&mut self, id: &str) -> Result<bool> {
        self.session().forget_client(id).await
    }
}

impl Store {
    /// The client of an id.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn client(&self, permit: &Permit, id: &str) -> Result<Option<Client>> {
        match self.reading() {
            Reading::Pool(readers) => readers.lookups().client(id),
            Reading::Turn => {
                let id = id.to_owned();
                self.write(permit, move |tx| {
                    Box::pin(async move { tx.client(&id).await })
                })
                .await
            }
        }
    }

    /// All clients, by id.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn clients(&self, permit: &Permit) -> Result<Vec<Client>> {
        match self.reading() {
            Reading::Pool(readers) => readers.lookups().clients(),
            Reading::Turn => self.write(permit, |tx| Box::pin(tx.clients())).await,
        }
    }

    /// Whether pages of an origin are those of a client.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub fn is_client_origin(&self, _permit: &Permit, origin: &str) -> Result<bool> {
        match self.reading() {
            Reading::Pool(readers) => readers.lookups().is_client_origin(origin),
            // A store in memory has no clients.
            Reading::Turn => Ok(false),
        }
    }
}
