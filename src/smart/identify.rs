//! Which client asks, and whether it is itself.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc6749#section-2.3>,
//! <https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-symmetric.html>,
//! <https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html>.

use std::{net::IpAddr, sync::Arc};

use serde_json::Value;

use super::{
    PERMIT, Smart, assertion,
    form::Fields,
    refusal::{Fault, Granted, Refusal},
    secret,
};
use crate::{
    outbound::{Failure, Fetched},
    store::{Client, Proof},
};

/// What a client shows of itself: one thing, and no more.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// Its name alone.
    Name(String),
    /// A secret.
    Secret {
        /// The `client_id`.
        client: String,
        /// The `client_secret`.
        secret: String,
    },
    /// A signed assertion.
    Assertion {
        /// The `client_id`, if it was sent beside it.
        client: Option<String>,
        /// The assertion.
        assertion: String,
    },
}

/// A request to an endpoint.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// Its form.
    pub fields: &'a Fields,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// Where it comes from; none, if it did not come over a socket.
    pub address: Option<IpAddr>,
}

/// That a client is not known, or is not itself: which of both, nobody is told.
const fn unknown() -> Refusal {
    Refusal::new(
        Fault::InvalidClient,
        "The client is not known, or has not shown that it is itself.",
    )
}

impl Smart {
    /// The client that asks, if it is itself and does not ask too often.
    ///
    /// # Errors
    /// `InvalidClient`; `TooManyRequests`; `ServerError`, if the database fails.
    pub(super) async fn client_of(&self, asking: &Asking<'_>) -> Granted<Client> {
        self.rates.look(asking.address, self.now())?;
        let found = match asking.fields.shown(asking.authorization) {
            Ok(shown) => self.identify(&shown).await,
            Err(refusal) => Err(refusal),
        };
        match &found {
            Ok(client) if client.proof != Proof::Public => {
                self.rates.count_client(&client.id, self.now())?;
            }
            // A name alone proves nothing: nobody is to use up what is another's.
            Ok(_) | Err(_) => self.rates.count_address(asking.address, self.now()),
        }
        found
    }

    /// The client that shows this, if it is itself.
    ///
    /// # Errors
    /// `InvalidClient`; `ServerError`, if the database fails.
    pub async fn identify(&self, shown: &Shown) -> Granted<Client> {
        match shown {
            Shown::Name(id) => {
                let client = self.client(id).await?;
                match client.proof {
                    Proof::Public => Ok(client),
                    _ => Err(unknown()),
                }
            }
            Shown::Secret { client, secret } => {
                let client = self.client(client).await?;
                match &client.proof {
                    Proof::Secret(kept) if secret::is_same(kept, &secret::hexadecimal(secret)) => {
                        Ok(client)
                    }
                    _ => Err(unknown()),
                }
            }
            Shown::Assertion { client, assertion } => {
                let issuer = assertion::issuer(assertion)?;
                if client.as_ref().is_some_and(|client| *client != issuer) {
                    return Err(unknown());
                }
                let client = self.client(&issuer).await?;
                self.check_assertion(&client, assertion).await?;
                Ok(client)
            }
        }
    }

    async fn client(&self, id: &str) -> Granted<Client> {
        let found = self.store().client(&PERMIT, id).await?;
        found.ok_or_else(unknown)
    }

    async fn check_assertion(&self, client: &Client, text: &str) -> Granted<()> {
        let head = assertion::head(text)?;
        let key = match &client.proof {
            Proof::Keys(set) => {
                if head.jku.is_some() {
                    return Err(unknown());
                }
                assertion::key(set, &head)?
            }
            Proof::KeysAt(url) => {
                if head.jku.as_ref().is_some_and(|jku| jku != url) {
                    return Err(unknown());
                }
                let kept = self.set(url, false).await?;
                match assertion::key(&kept, &head) {
                    Ok(key) => key,
                    // The client may have changed its keys since.
                    Err(_) => assertion::key(&self.set(url, true).await?, &head)?,
                }
            }
            Proof::Public | Proof::Secret(_) => return Err(unknown()),
        };
        let audience = self.endpoint("token");
        let names = (client.id.as_str(), audience.as_str());
        let said = assertion::check(text, (&head, &key), names, self.now())?;
        let (id, hash) = (client.id.clone(), secret::digest(&said.jti));
        let is_first = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move { tx.note_assertion(&id, &hash, said.until).await })
        });
        if is_first.await? {
            return Ok(());
        }
        Err(Refusal::new(
            Fault::InvalidClient,
            "The assertion was used before (jti).",
        ))
    }

    async fn set(&self, url: &str, anew: bool) -> Granted<Value> {
        let sets = &self.parts.sets;
        let fetched = if anew {
            sets.renew(url).await
        } else {
            sets.get(url).await
        };
        let read = fetched.and_then(|fetched: Arc<Fetched>| fetched.json());
        read.map_err(unfetched)
    }
}

/// Why there is no key set to look a key up in.
fn unfetched(failure: Failure) -> Refusal {
    // That too much is being fetched here says nothing of the client.
    let fault = match failure {
        Failure::Busy => Fault::TemporarilyUnavailable,
        _ => Fault::InvalidClient,
    };
    Refusal {
        internal: Some(format!("a client's key set: {failure}")),
        ..Refusal::new(fault, "The client's key set cannot be fetched.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_want_of_room_is_not_the_clients_fault() {
        assert_eq!(
            unfetched(Failure::Busy).fault,
            Fault::TemporarilyUnavailable
        );
        for theirs in [Failure::Host, Failure::Status(500), Failure::NotJson] {
            assert_eq!(unfetched(theirs).fault, Fault::InvalidClient);
        }
    }
}
