//! What clients were granted, and the digests of the tokens that came of it.
//!
//! A token is looked up by its SHA-256: it is 256 random bits, so that nothing is guessed or
//! compared that could tell of it, and whoever reads the database holds no token.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Client, Store, Tx, facade::Reading};
use crate::{fhir::permit::Permit, kernel::problem::Result};

/// Rows of each kind that are cleared away with one write, once they have expired.
pub const SWEPT_AT_ONCE: u32 = 64;

/// Most requests for authorization that are underway at a time: nobody has to be anybody to begin
/// one. Over it, those go that would end first.
pub const UNDERWAY_MAX: u32 = 20_000;

/// Most grants of one account that are looked at together.
pub const GIVEN_MAX: u32 = 500;

/// The SHA-256 of a token, a code or what is underway.
pub type Digest = [u8; 32];

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// To be exchanged, once, for the others.
    Code,
    /// To be shown with each request.
    Access,
    /// To be exchanged for another access token.
    Refresh,
}

impl TokenKind {
    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Code, Self::Access, Self::Refresh];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

/// What stands for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its SHA-256.
    pub hash: Digest,
    /// What it is for.
    pub kind: TokenKind,
    /// The [`Delegation`] that it came of.
    pub delegation: String,
    /// What it is good for, as the client was told: scopes separated by spaces.
    pub scopes: String,
    /// When it was given out.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether it was used up.
    pub used: bool,
}

/// What a client was granted once; every token that comes of it ends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Its name in records; it is no secret.
    pub id: String,
    /// To which client.
    pub client: String,
    /// By whose account; none where the client acts for itself.
    pub account: Option<String>,
    /// The login session with which it ends; none where it outlives the session.
    pub session: Option<String>,
    /// The patient of the launch, a logical id.
    pub patient: Option<String>,
    /// The rest of it.
    pub terms: Terms,
    /// When.
    pub created: Timestamp,
    /// When it ends, whatever comes of it.
    pub expires: Timestamp,
    /// Whether it was revoked.
    pub ended: bool,
}

/// What was agreed in a [`Delegation`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// Where the code was sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub redirect_uri: String,
    /// The SHA-256 of the client's verifier, as it sent it (RFC 7636).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub challenge: String,
    /// Whether refresh tokens may come of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refresh: bool,
    /// OpenID's nonce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// When the person logged in, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// What the launch is about.
    #[serde(skip_serializing_if = "LaunchContext::is_empty")]
    pub context: LaunchContext,
    /// What was consented to, as the client was told.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scopes: String,
    /// When the person was asked and said yes, in seconds since 1970; none, where they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consented: Option<i64>,
}

/// What a launch is about, the patient apart.
///
/// Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaunchContext {
    /// A logical id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encounter: Option<String>,
    /// Other resources: the list of objects that the client is told.
    #[serde(rename = "fhirContext", skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Value>,
    /// Whether the client has to show whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub need_patient_banner: Option<bool>,
    /// What it is to be used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Of which organisation it is launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

impl LaunchContext {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A token with all that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The token.
    pub token: Token,
    /// What it came of.
    pub delegation: Delegation,
    /// Who was given it.
    pub client: Client,
}

impl Held {
    /// Whether it is good at an instant.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        !self.token.used
            && !self.delegation.ended
            && now < self.token.expires
            && now < self.delegation.expires
    }
}

/// What is underway between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingKind {
    /// A client's request for authorization, while somebody logs in, chooses and consents.
    Authorization,
    /// The context of a launch, until the client comes with it.
    Launch,
}

impl PendingKind {
    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Launch => "launch",
        }
    }
}

/// Whose delegations are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelegationsOf<'a> {
    /// The one of this name.
    Id(&'a str),
    /// All of a client.
    Client(&'a str),
    /// All that an account has given.
    Account(&'a str),
    /// All that an account has given to a client.
    Given {
        /// The account.
        account: &'a str,
        /// The client.
        client: &'a str,
    },
    /// Those that end with a login session.
    Session(&'a str),
}

/// Rows of tokens, on one connection.
pub(super) trait Tokens: Send {
    /// Writes a delegation.
    fn keep_delegation<'a>(&'a mut self, delegation: &'a Delegation) -> BoxFuture<'a, Result<()>>;

    /// Revokes delegations, and forgets their tokens; gives their number.
    fn end_delegations<'a>(&'a mut self, of: DelegationsOf<'a>) -> BoxFuture<'a, Result<usize>>;

    /// Forgets delegations for this patient, and all that is underway.
    fn forget_delegations_about<'a>(&'a mut self, patient: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Writes a token.
    fn keep_token<'a>(&'a mut self, token: &'a Token) -> BoxFuture<'a, Result<()>>;

    /// A token with all that it stands for.
    fn held<'a>(&'a mut self, hash: &'a Digest) -> BoxFuture<'a, Result<Option<Held>>>;

    /// What an account has given and has not ended, newest first, with who was given it.
    fn given<'a>(
        &'a mut self,
        account: &'a str,
        now: i64,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<(Delegation, Client)>>>;

    /// Whether a delegation was revoked; none, if it is not there (any more).
    fn is_ended<'a>(&'a mut self, delegation: &'a str) -> BoxFuture<'a, Result<Option<bool>>>;

    /// Marks a token as used up; `false` if it was, or is not there.
    fn use_up<'a>(&'a mut self, hash: &'a Digest) -> BoxFuture<'a, Result<bool>>;

    /// Forgets a token.
    fn forget_token<'a>(&'a mut self, hash: &'a Digest) -> BoxFuture<'a, Result<()>>;

    /// Keeps what is underway, in the place of an earlier one of its name.
    fn keep_pending<'a>(
        &'a mut self,
        name: (PendingKind, &'a Digest),
        body: &'a Value,
        expires: i64,
    ) -> BoxFuture<'a, Result<()>>;

    /// What is underway and has not expired.
    fn pending<'a>(
        &'a mut self,
        name: (PendingKind, &'a Digest),
        now: i64,
    ) -> BoxFuture<'a, Result<Option<Value>>>;

    /// Forgets what is underway; `false` if there is none.
    fn forget_pending<'a>(
        &'a mut self,
        name: (PendingKind, &'a Digest),
    ) -> BoxFuture<'a, Result<bool>>;

    /// Notes an assertion of a client; `false` if it was seen before.
    fn note_assertion<'a>(
        &'a mut self,
        client: &'a str,
        hash: &'a Digest,
        expires: i64,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Forgets what is underway of a kind, but for so many that end last.
    fn crowd_out(&mut self, kind: PendingKind, most: u32) -> BoxFuture<'_, Result<()>>;

    /// Clears away some of what has expired.
    fn sweep(&mut self, now: i64, limit: u32) -> BoxFuture<'_, Result<()>>;
}

impl Tx {
    /// Writes a delegation, and clears away some of what has expired.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn keep_delegation(&mut self, delegation: &Delegation) -> Result<()> {
        let now = self.now().as_millisecond();
        self.session().sweep(now, SWEPT_AT_ONCE).await?;
        self.session().keep_delegation(delegation).await
    }

    /// Revokes delegations, with all tokens that came of them; gives their number.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn end_delegations(&mut self, of: DelegationsOf<'_>) -> Result<usize> {
        self.session().end_delegations(of).await
    }

    /// Forgets what was granted for patients who are erased, and what is underway.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn forget_delegations_about(&mut self, patients: &HashSet<String>) -> Result<()> {
        for patient in patients {
            self.session().forget_delegations_about(patient).await?;
        }
        Ok(())
    }

    /// Writes a token.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn keep_token(&mut self, token: &Token) -> Result<()> {
        self.session().keep_token(token).await
    }

    /// A token with all that it stands for.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn held(&mut self, hash: &Digest) -> Result<Option<Held>> {
        self.session().held(hash).await
    }

    /// What an account has given and has not ended, newest first, with who was given it; at most
    /// `GIVEN_MAX`.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn given(&mut self, account: &str) -> Result<Vec<(Delegation, Client)>> {
        let now = self.now().as_millisecond();
        self.session().given(account, now, GIVEN_MAX).await
    }

    /// Whether a delegation was revoked; none, if it is not there (any more).
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn is_ended(&mut self, delegation: &str) -> Result<Option<bool>> {
        self.session().is_ended(delegation).await
    }

    /// Marks a token as used up; `false` if it was, or is not there.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn use_up(&mut self, hash: &Digest) -> Result<bool> {
        self.session().use_up(hash).await
    }

    /// Forgets a token.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn forget_token(&mut self, hash: &Digest) -> Result<()> {
        self.session().forget_token(hash).await
    }

    /// Keeps what is underway, in the place of an earlier ticket of its name.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn keep_pending(
        &mut self,
        name: (PendingKind, &Digest),
        body: &Value,
        expires: Timestamp,
    ) -> Result<()> {
        let now = self.now().as_millisecond();
        self.session().sweep(now, SWEPT_AT_ONCE).await?;
        let expires = expires.as_millisecond();
        self.session().keep_pending(name, body, expires).await?;
        self.session().crowd_out(name.0, UNDERWAY_MAX).await
    }

    /// What is underway under a name.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn pending(&mut self, name: (PendingKind, &Digest)) -> Result<Option<Value>> {
        let now = self.now().as_millisecond();
        self.session().pending(name, now).await
    }

    /// Forgets what is underway; `false` if there is nothing.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn forget_pending(&mut self, name: (PendingKind, &Digest)) -> Result<bool> {
        self.session().forget_pending(name).await
    }

    /// Notes an assertion of a client; `false` if it was seen before.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn note_assertion(
        &mut self,
        client: &str,
        hash: &Digest,
        expires: Timestamp,
    ) -> Result<bool> {
        let now = self.now().as_millisecond();
        self.session().sweep(now, SWEPT_AT_ONCE).await?;
        let expires = expires.as_millisecond();
        self.session().note_assertion(client, hash, expires).await
    }
}

impl Store {
    /// A token with all that it stands for, good or not.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn held(&self, permit: &Permit, hash: &Digest) -> Result<Option<Held>> {
        match self.reading() {
            Reading::Pool(readers) => readers.lookups().held(hash),
            Reading::Turn => {
                let hash = *hash;
                self.write(permit, move |tx| {
                    Box::pin(async move { tx.held(&hash).await })
                })
                .await
            }
        }
    }
}
