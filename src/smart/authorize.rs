//! A client's request for authorization: read and checked, purely.
//!
//! Nothing is sent to an address of the request before the client is known and the address is one
//! of its own, letter for letter. Until then a fault is shown to the person; after it, the client
//! is told.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-authorization-code>,
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1>, <https://www.rfc-editor.org/rfc/rfc9207>,
//! <https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest>.

use form_urlencoded::Serializer;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    form::Fields,
    refusal::{Fault, Granted, Refusal},
    scopes::{self, For, Wish},
    secret,
};
use crate::store::{Client, LaunchContext};

/// Most characters of `state` and `nonce`.
const ECHO_MAX: usize = 4_096;

/// Letters of a challenge: SHA-256 as base64url.
const CHALLENGE_LETTERS: usize = 43;

/// How far nobody may be asked anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prompt {
    /// Nobody may be asked anything.
    pub none: bool,
    /// The person logs in again.
    pub login: bool,
    /// The person is asked for consent, whoever the client is.
    pub consent: bool,
}

/// What is underway: a request that is sound, and what has been settled about it so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The `client_id`.
    pub client: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What is asked and may be granted to the client, as it is told.
    pub scopes: String,
    /// What the client gets back as it was.
    pub state: Option<String>,
    /// The client's challenge.
    pub challenge: String,
    /// OpenID's nonce.
    pub nonce: Option<String>,
    /// Whom to ask.
    pub prompt: Prompt,
    /// Seconds after which a login is too old.
    pub max_age: Option<i64>,
    /// When it was asked, in milliseconds since 1970.
    pub since: i64,
    /// The launch that it takes part in.
    pub launch: Option<Launch>,
    /// Whose request it has become.
    pub account: Option<String>,
    /// The patient who was chosen.
    pub patient: Option<String>,
    /// Whom the client expects: the account of an ID token that it has shown.
    #[serde(default)]
    pub expected: Option<String>,
}

/// What a program is launched with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// For which client it is good.
    pub client: String,
    /// For which person it is good, a reference; none where the launching system did not say.
    pub user: Option<String>,
    /// A logical id.
    pub patient: Option<String>,
    /// The rest.
    pub context: LaunchContext,
}

fn invalid(description: &'static str) -> Refusal {
    Refusal::new(Fault::InvalidRequest, description)
}

/// The address of a request, if it is one of the client's.
///
/// # Errors
/// `InvalidRequest`: to be shown to the person, for there is nowhere to send it.
pub fn redirect(client: &Client, fields: &Fields) -> Granted<String> {
    let asked = fields.need(
        "redirect_uri",
        "The program does not say where to go back to.",
    )?;
    let known = client.redirect_uris.iter().any(|own| own == asked);
    known
        .then(|| asked.to_owned())
        .ok_or_else(|| invalid("The program wants to go back to an address that is not its own."))
}

/// Where answers go, and what goes with each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The client's address.
    pub redirect_uri: String,
    /// What it gets back as it was.
    pub state: Option<String>,
    /// Who answers.
    pub issuer: String,
}

impl Way {
    fn with(&self, pairs: &[(&str, &str)]) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(pairs);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", &self.issuer);
        let joint = if self.redirect_uri.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{joint}{}", self.redirect_uri, query.finish())
    }

    /// The address that tells the client a code.
    #[must_use]
    pub fn granted(&self, code: &str) -> String {
        self.with(&[("code", code)])
    }

    /// The address that tells the client why there is none.
    #[must_use]
    pub fn refused(&self, refusal: &Refusal) -> String {
        self.with(&[
            ("error", refusal.fault.code()),
            ("error_description", refusal.description),
        ])
    }
}

/// Reads a request of a client that is known, to be answered at an address that is its own.
///
/// # Errors
/// What the client is told.
pub fn read(
    (client, redirect_uri): (&Client, &str),
    fields: &Fields,
    base: &str,
    now: Timestamp,
) -> Granted<Asked> {
    fields.once()?;
    if fields.need("response_type", "response_type is missing.")? != "code" {
        return Err(Refusal::new(
            Fault::UnsupportedResponseType,
            "response_type is code.",
        ));
    }
    if !matches!(fields.one("response_mode")?, None | Some("query")) {
        return Err(invalid("response_mode is query."));
    }
    if fields.one("request")?.is_some() || fields.one("request_uri")?.is_some() {
        return Err(invalid("Request objects are not read."));
    }
    check_audience(fields, base)?;
    let asked = scopes::asked(fields)?;
    let granted = scopes::allowed(asked, &client.scopes, For::Person)?;
    let is_launched = fields.one("launch")?.is_some();
    if granted.contains(&Wish::Launch) && !is_launched {
        return Err(invalid(
            "The scope launch comes with the launch that it is about.",
        ));
    }
    let prompt = prompt(fields.one("prompt")?.unwrap_or_default())?;
    let max_age = fields.one("max_age")?.map(str::parse).transpose();
    Ok(Asked {
        client: client.id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        scopes: scopes::told(&granted),
        state: echo(fields, "state")?,
        challenge: challenge(fields)?,
        nonce: echo(fields, "nonce")?,
        prompt,
        max_age: max_age.map_err(|_| invalid("max_age is a number of seconds."))?,
        since: now.as_millisecond(),
        launch: None,
        account: None,
        patient: None,
        expected: None,
    })
}

/// What the client gets back as it was.
///
/// # Errors
/// `InvalidRequest`, if it is repeated or too long.
pub fn echo(fields: &Fields, name: &str) -> Granted<Option<String>> {
    match fields.one(name)? {
        Some(text) if text.len() > ECHO_MAX => Err(invalid("state or nonce is too long.")),
        text => Ok(text.map(str::to_owned)),
    }
}

/// That the token is wanted for this server: `aud`, or `resource` (RFC 8707).
fn check_audience(fields: &Fields, base: &str) -> Granted<()> {
    let (aud, resource) = (fields.one("aud")?, fields.one("resource")?);
    let is_own = |text: &str| text.strip_suffix('/').unwrap_or(text) == base;
    match (aud, resource) {
        (None, None) => Err(invalid("aud is missing.")),
        (aud, resource) if aud.into_iter().chain(resource).all(is_own) => Ok(()),
        _ => Err(invalid("aud is the service base URL of this server.")),
    }
}

fn challenge(fields: &Fields) -> Granted<String> {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match (
        fields.one("code_challenge")?,
        fields.one("code_challenge_method")?,
    ) {
        (Some(text), Some("S256"))
            if text.len() == CHALLENGE_LETTERS && text.bytes().all(is_letter) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(invalid(
            "code_challenge is needed, with the code_challenge_method S256.",
        )),
    }
}

fn prompt(text: &str) -> Granted<Prompt> {
    let mut prompt = Prompt::default();
    let words: Vec<&str> = text.split_whitespace().collect();
    for word in &words {
        match *word {
            "none" => prompt.none = true,
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            _ => return Err(invalid("prompt is none, login or consent.")),
        }
    }
    if prompt.none && words.len() > 1 {
        return Err(invalid("prompt=none stands alone."));
    }
    Ok(prompt)
}

/// What is kept of a launch's name, if it is one.
#[must_use]
pub fn launch_digest(text: &str) -> Option<crate::store::Digest> {
    secret::digest_of(secret::LAUNCH, text)
}

#[cfg(test)]
mod tests;
