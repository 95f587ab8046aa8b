//! A code for tokens, and a refresh token for another access token.
//!
//! Whatever comes twice has been stolen once: a code or a refresh token that was used up ends all
//! that came of it, and so does a code in the wrong hands.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3>,
//! <https://www.rfc-editor.org/rfc/rfc7636#section-4.6>,
//! <https://www.rfc-editor.org/rfc/rfc9700#section-4.14>.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    PERMIT, Smart, after,
    form::Fields,
    issue::{Drawn, Issued},
    narrowing,
    refusal::{Fault, Granted, Refusal},
    scopes, secret,
};
use crate::{
    kernel::problem::Result,
    store::{Client, Delegation, DelegationsOf, Digest, Held, Proof, TokenKind, Tx},
};

/// How long a code is good.
pub const CODE_LIFETIME: Duration = Duration::from_secs(60);

/// What an exchange came to. That nothing is granted must be written as well.
type Outcome = Result<Option<(Issued, Delegation)>>;

const fn invalid() -> Refusal {
    Refusal::new(
        Fault::InvalidGrant,
        "The code or token is not good for this client, or no longer.",
    )
}

/// What a client brings with a code.
struct Brought {
    code: Digest,
    client: String,
    redirect: String,
    verifier: String,
}

impl Brought {
    /// Whether the code was given to this client, for this address and this verifier, just now.
    fn fits(&self, held: &Held, now: Timestamp) -> bool {
        let terms = &held.delegation.terms;
        held.is_good(now)
            && now < after(held.token.issued, CODE_LIFETIME)
            && held.client.id == self.client
            && terms.redirect_uri == self.redirect
            && secret::verifies(&self.verifier, &terms.challenge)
    }
}

impl Smart {
    /// Tokens for a code.
    ///
    /// # Errors
    /// `InvalidGrant`, and the code is of no use any more.
    pub(super) async fn exchange_code(&self, client: &Client, fields: &Fields) -> Granted<Value> {
        let code = fields.need("code", "code is missing.")?;
        let brought = Brought {
            code: secret::digest_of(secret::CODE, code).ok_or_else(invalid)?,
            client: client.id.clone(),
            redirect: fields.one("redirect_uri")?.unwrap_or_default().to_owned(),
            verifier: fields.one("code_verifier")?.unwrap_or_default().to_owned(),
        };
        // Whether there is to be a refresh token is known inside; drawing one costs nothing.
        let drawn = self.draw_tokens(self.settings.access, true);
        let outcome = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move { exchange(tx, &brought, drawn).await })
        });
        let (issued, delegation) = outcome.await?.ok_or_else(invalid)?;
        self.answer(&issued, &delegation).await
    }

    /// Another access token for a refresh token.
    ///
    /// # Errors
    /// `InvalidGrant`; `InvalidScope`, if more is asked than was granted.
    pub(super) async fn refresh(&self, client: &Client, fields: &Fields) -> Granted<Value> {
        let text = fields.need("refresh_token", "refresh_token is missing.")?;
        let hash = secret::digest_of(secret::REFRESH, text).ok_or_else(invalid)?;
        let held = self.store().held(&PERMIT, &hash).await?;
        let held = held
            .filter(|held| held.token.kind == TokenKind::Refresh && held.client.id == client.id)
            .ok_or_else(invalid)?;
        let told = self.narrowed(&held, fields.one("scope")?).await?;
        // Who keeps no secret gets a new one each time, so that a stolen one shows.
        let rotates = client.proof == Proof::Public;
        let drawn = self.draw_tokens(self.settings.access, rotates);
        let outcome = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move { renew(tx, &hash, &told, drawn).await })
        });
        let (issued, mut delegation) = outcome.await?.ok_or_else(invalid)?;
        // The nonce is of the request that began it (OpenID Connect, section 12.2).
        delegation.terms.nonce = None;
        self.answer(&issued, &delegation).await
    }

    /// The scopes of the next access token, and that there is still somebody who grants them.
    async fn narrowed(&self, held: &Held, asked: Option<&str>) -> Granted<String> {
        if let Some(session) = &held.delegation.session
            && !self.parts.persons.is_logged_in(session).await?
        {
            return Err(invalid());
        }
        if let Some(account) = &held.delegation.account
            && self.parts.persons.person(account).await?.is_none()
        {
            return Err(invalid());
        }
        let Some(asked) = asked else {
            return Ok(held.token.scopes.clone());
        };
        let granted = scopes::read(&held.token.scopes);
        let wishes: Vec<_> = asked.split(' ').filter(|word| !word.is_empty()).collect();
        let read: Vec<_> = wishes
            .iter()
            .filter_map(|word| scopes::Wish::read(word))
            .collect();
        if read.len() != wishes.len() || read.is_empty() || !scopes::is_within(&read, &granted) {
            return Err(Refusal::new(
                Fault::InvalidScope,
                "A refresh token is good for what was granted with it, or for less.",
            ));
        }
        narrowing::check(&read)?;
        Ok(scopes::told(&read))
    }
}

async fn exchange(tx: &mut Tx, brought: &Brought, mut drawn: Drawn) -> Outcome {
    let Some(held) = tx.held(&brought.code).await? else {
        return Ok(None);
    };
    if held.token.kind != TokenKind::Code {
        return Ok(None);
    }
    let is_first = tx.use_up(&brought.code).await?;
    if !is_first || !brought.fits(&held, tx.now()) {
        tx.end_delegations(DelegationsOf::Id(&held.delegation.id))
            .await?;
        return Ok(None);
    }
    if !held.delegation.terms.refresh {
        drawn.leave_refresh();
    }
    let all = held.token.scopes.as_str();
    let issued = drawn.issue(tx, &held.delegation, (all, all)).await?;
    Ok(Some((issued, held.delegation)))
}

async fn renew(tx: &mut Tx, hash: &Digest, told: &str, drawn: Drawn) -> Outcome {
    let Some(held) = tx.held(hash).await? else {
        return Ok(None);
    };
    let now = tx.now();
    if !held.is_good(now) {
        if held.token.used {
            tx.end_delegations(DelegationsOf::Id(&held.delegation.id))
                .await?;
        }
        return Ok(None);
    }
    if drawn.has_refresh() {
        tx.use_up(hash).await?;
    }
    let all = held.token.scopes.as_str();
    let issued = drawn.issue(tx, &held.delegation, (told, all)).await?;
    Ok(Some((issued, held.delegation)))
}
