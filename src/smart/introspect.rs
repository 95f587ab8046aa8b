//! What a token is, told to who may know; and its end.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html>,
//! <https://www.rfc-editor.org/rfc/rfc7662>, <https://www.rfc-editor.org/rfc/rfc7009>.

use serde_json::{Value, json};

use super::{
    PERMIT, Smart,
    identify::Asking,
    refusal::{Fault, Granted, Refusal},
    scopes::{self, Wish},
    secret, token,
};
use crate::store::{Client, DelegationsOf, Digest, Held, Proof, TokenKind};

/// Who asks after a token.
enum Asker {
    /// Whoever may look into all tokens.
    Anybodys,
    /// A client, about its own.
    Own(String),
}

const fn unauthorized() -> Refusal {
    Refusal::new(
        Fault::InvalidClient,
        "Only a client that has shown that it is itself may ask.",
    )
}

impl Smart {
    /// Tells what a token is.
    ///
    /// A client asks about its own tokens by showing that it is itself, or about everybody's with
    /// the scope `__introspect`, in its registration or in an access token.
    ///
    /// # Errors
    /// `InvalidClient`, if nobody has shown who they are; `InvalidToken`, `InsufficientScope`, if a
    /// token was shown that is not good for it; `InvalidRequest`; `TooManyRequests`.
    pub async fn introspect(&self, asking: &Asking<'_>) -> Granted<Value> {
        asking.fields.once()?;
        let asker = self.asker(asking).await?;
        let text = asking.fields.need("token", "token is missing.")?;
        let inactive = || Ok(json!({ "active": false }));
        let Some(held) = self.find(text).await? else {
            return inactive();
        };
        let may_know = match &asker {
            Asker::Anybodys => true,
            Asker::Own(client) => *client == held.client.id,
        };
        if !may_know || !held.is_good(self.now()) || held.token.kind == TokenKind::Code {
            return inactive();
        }
        let wishes = scopes::read(&held.token.scopes);
        let mut answer = json!({
            "active": true,
            "scope": held.token.scopes,
            "client_id": held.client.id,
            "token_type": if held.token.kind == TokenKind::Access { "Bearer" } else { "refresh_token" },
            "exp": held.token.expires.min(held.delegation.expires).as_second(),
            "iat": held.token.issued.as_second(),
            "iss": self.settings.issuer,
            "aud": self.settings.base,
        });
        match &held.delegation.account {
            None => answer["sub"] = held.client.id.as_str().into(),
            Some(account) => {
                // An account that has ended has no tokens.
                if self.parts.persons.person(account).await?.is_none() {
                    return inactive();
                }
                let identity = self.identity(&held.delegation, &wishes).await?;
                for name in ["sub", "fhirUser"] {
                    if let Some(value) = identity.get(name) {
                        answer[name] = value.clone();
                    }
                }
                token::context_into(&mut answer, &held.delegation);
            }
        }
        Ok(answer)
    }

    async fn asker(&self, asking: &Asking<'_>) -> Granted<Asker> {
        let header = asking.authorization;
        if let Some((scheme, text)) = header.and_then(|header| header.split_once(' '))
            && scheme.eq_ignore_ascii_case("bearer")
        {
            self.rates.look(asking.address, self.now())?;
            match self.bearer(text, &Wish::Introspect).await {
                Ok(held) => self.rates.count_client(&held.client.id, self.now())?,
                Err(refusal) => {
                    self.rates.count_address(asking.address, self.now());
                    return Err(refusal);
                }
            }
            return Ok(Asker::Anybodys);
        }
        let client = self.client_of(asking).await?;
        if client.proof == Proof::Public {
            return Err(unauthorized());
        }
        let may_all = client.scopes.iter().any(|scope| scope == "__introspect");
        Ok(if may_all {
            Asker::Anybodys
        } else {
            Asker::Own(client.id)
        })
    }

    /// What is held by who shows an access token that is good, and for this.
    async fn bearer(&self, text: &str, wish: &Wish) -> Granted<Held> {
        let invalid = Refusal::new(Fault::InvalidToken, "The access token is not valid.");
        let found = self.find(text).await?;
        let held = found
            .filter(|held| held.token.kind == TokenKind::Access && held.is_good(self.now()))
            .ok_or_else(|| invalid.clone())?;
        if let Some(account) = &held.delegation.account
            && self.parts.persons.person(account).await?.is_none()
        {
            return Err(invalid);
        }
        if scopes::read(&held.token.scopes).contains(wish) {
            return Ok(held);
        }
        Err(Refusal::new(
            Fault::InsufficientScope,
            "The access token has not the scope for this.",
        ))
    }

    /// A token by its text, whatever it is for.
    async fn find(&self, text: &str) -> Granted<Option<Held>> {
        match digest(text) {
            Some(hash) => Ok(self.store().held(&PERMIT, &hash).await?),
            None => Ok(None),
        }
    }

    /// Ends what a token came of: all tokens of that grant, whichever is shown.
    ///
    /// What is unknown, or another client's, is answered in the same way, and stays.
    ///
    /// # Errors
    /// `InvalidClient`; `InvalidRequest`, if no token is sent.
    pub async fn revoke(&self, asking: &Asking<'_>) -> Granted<Value> {
        asking.fields.once()?;
        let client: Client = self.client_of(asking).await?;
        let text = asking.fields.need("token", "token is missing.")?;
        if let Some(held) = self.find(text).await?
            && held.client.id == client.id
        {
            let ended = self.store().write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let of = DelegationsOf::Id(&held.delegation.id);
                    tx.end_delegations(of).await
                })
            });
            ended.await?;
        }
        Ok(json!({}))
    }

    /// Who the person of an access token is: OpenID's userinfo.
    ///
    /// # Errors
    /// `InvalidToken`, if it is not good; `InsufficientScope`, if it was not asked for with `openid`.
    pub async fn user_info(&self, bearer: &str) -> Granted<Value> {
        let held = self.bearer(bearer, &Wish::OpenId).await?;
        let wishes = scopes::read(&held.token.scopes);
        self.identity(&held.delegation, &wishes).await
    }
}

fn digest(text: &str) -> Option<Digest> {
    [secret::ACCESS, secret::REFRESH]
        .into_iter()
        .find_map(|prefix| secret::digest_of(prefix, text))
}
