//! Logging out at a program's wish: whose wish it is, and where the browser goes then; and what ID
//! tokens say that a client shows again.
//!
//! A program can only ask: who has logged in decides, on a page of this server.
//!
//! Specification: <https://openid.net/specs/openid-connect-rpinitiated-1_0.html>.

use form_urlencoded::Serializer;

use super::{
    PERMIT, Smart, authorize,
    flow::origin,
    form::Fields,
    refusal::{Fault, Granted, Refusal},
};
use crate::store::Client;

/// A wish that is sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaving {
    /// Whose it is, where it says so.
    pub client: Option<Client>,
    /// Where the browser is to go, an address of the client.
    pub to: Option<String>,
    /// What the client gets back as it was.
    pub state: Option<String>,
}

impl Leaving {
    /// The address, with what the client gets back.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        let to = self.to.as_ref()?;
        let Some(state) = &self.state else {
            return Some(to.clone());
        };
        let mut query = Serializer::new(String::new());
        query.append_pair("state", state);
        let joint = if to.contains('?') { '&' } else { '?' };
        Some(format!("{to}{joint}{}", query.finish()))
    }

    /// The same wish, as the query of an address: without the ID token, which has told whose it is.
    #[must_use]
    pub fn query(&self) -> String {
        let client = self.client.as_ref().map(|client| &client.id);
        let mut query = Serializer::new(String::new());
        for (name, value) in [
            ("client_id", client),
            ("post_logout_redirect_uri", self.to.as_ref()),
            ("state", self.state.as_ref()),
        ] {
            query.extend_pairs(value.map(|value| (name, value)));
        }
        query.finish()
    }

    /// The origin of the address: what forms may lead to.
    #[must_use]
    pub fn target(&self) -> Option<String> {
        origin(self.to.as_ref()?)
    }
}

fn invalid(description: &'static str) -> Refusal {
    Refusal::new(Fault::InvalidRequest, description)
}

impl Smart {
    /// Reads a program's wish that somebody logs out.
    ///
    /// # Errors
    /// What is shown to the person: the program is not known, or the address is not its own.
    pub async fn leaving(&self, fields: &Fields) -> Granted<Leaving> {
        fields.once()?;
        let hinted = match fields.one("id_token_hint")? {
            Some(token) => Some(self.hinted(token)?),
            None => None,
        };
        let named = fields.one("client_id")?.map(str::to_owned);
        if hinted.is_some() && named.is_some() && hinted != named {
            return Err(invalid("client_id is not that of the ID token."));
        }
        let client = match named.or(hinted) {
            Some(id) => Some(
                self.store()
                    .client(&PERMIT, &id)
                    .await?
                    .ok_or(invalid("The program is not known here."))?,
            ),
            None => None,
        };
        let to = fields.one("post_logout_redirect_uri")?.map(str::to_owned);
        let is_own = |to: &String| {
            let own = client.iter().flat_map(|client| &client.logout_uris);
            own.into_iter().any(|one| one == to)
        };
        if !to.iter().all(is_own) {
            return Err(invalid(
                "The program wants to go on to an address that is not its own.",
            ));
        }
        let state = authorize::echo(fields, "state")?;
        Ok(Leaving { client, to, state })
    }

    /// For which client an ID token of this server is, be it old.
    fn hinted(&self, token: &str) -> Granted<String> {
        self.own_claim(token, "aud")
    }

    /// About which account an ID token is that this server has given to a client, be it old.
    pub(super) fn expected(&self, client: &Client, token: &str) -> Granted<String> {
        if self.hinted(token)? == client.id {
            return self.own_claim(token, "sub");
        }
        Err(invalid("id_token_hint is another client's."))
    }

    fn own_claim(&self, token: &str, name: &str) -> Granted<String> {
        let claims = self.parts.keys.verified(token).unwrap_or_default();
        let is_ours = claims["iss"] == self.settings.issuer.as_str();
        let claim = claims[name].as_str().filter(|_| is_ours);
        let claim = claim.ok_or(invalid("id_token_hint is no ID token of this server."))?;
        Ok(claim.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_gets_back_is_added_to_its_address() {
        let address = |to: &str, state: Option<&str>| {
            let leaving = Leaving {
                client: None,
                to: Some(to.to_owned()),
                state: state.map(str::to_owned),
            };
            leaving.address().unwrap()
        };
        assert_eq!(address("https://a.example/x", None), "https://a.example/x");
        assert_eq!(
            address("https://a.example/x", Some("a b&")),
            "https://a.example/x?state=a+b%26"
        );
        assert_eq!(
            address("https://a.example/?own=1", Some("s")),
            "https://a.example/?own=1&state=s"
        );
        assert_eq!(Leaving::default().address(), None);
    }
}
