//! The token endpoint: three ways to an access token.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-access-token>.

use serde_json::{Value, json};

use super::{
    PERMIT, Smart,
    identify::Asking,
    issue::Issued,
    refusal::{Fault, Granted, Refusal},
    scopes, secret,
};
use crate::store::{Client, Delegation, LaunchContext, Proof};

impl Smart {
    /// Answers a request for a token: the JSON that the client is given.
    ///
    /// # Errors
    /// As RFC 6749, section 5.2, has them.
    pub async fn token(&self, asking: &Asking<'_>) -> Granted<Value> {
        let fields = asking.fields;
        fields.once()?;
        let grant = fields.need("grant_type", "grant_type is missing.")?;
        let client = match self.public_by_its_token(grant, asking).await? {
            Some(client) => client,
            None => self.client_of(asking).await?,
        };
        match grant {
            "client_credentials" => {
                let asked = scopes::asked(fields)?;
                let issued = self.serve_backend(&client, asked).await?;
                Ok(told(&issued))
            }
            "authorization_code" => self.exchange_code(&client, fields).await,
            "refresh_token" => self.refresh(&client, fields).await,
            _ => Err(Refusal::new(
                Fault::UnsupportedGrantType,
                "grant_type is authorization_code, refresh_token or client_credentials.",
            )),
        }
    }

    /// The client that a refresh token was given to, if that keeps no secret and does not say who
    /// it is: RFC 6749 has no `client_id` in this request, and widespread apps send none. What it
    /// would say proves nothing; the token that it holds does.
    async fn public_by_its_token(
        &self,
        grant: &str,
        asking: &Asking<'_>,
    ) -> Granted<Option<Client>> {
        let fields = asking.fields;
        if grant != "refresh_token" || asking.authorization.is_some() || fields.names_client()? {
            return Ok(None);
        }
        self.rates.look(asking.address, self.now())?;
        let text = fields.one("refresh_token")?.unwrap_or_default();
        let Some(hash) = secret::digest_of(secret::REFRESH, text) else {
            return Ok(None);
        };
        let held = self.store().held(&PERMIT, &hash).await?;
        let held = held.filter(|held| held.client.proof == Proof::Public);
        if held.is_some() {
            self.rates.count_address(asking.address, self.now());
        }
        Ok(held.map(|held| held.client))
    }

    /// The answer for a token that a person has granted.
    pub(super) async fn answer(&self, issued: &Issued, delegation: &Delegation) -> Granted<Value> {
        let mut answer = told(issued);
        context_into(&mut answer, delegation);
        answer["smart_style_url"] = self.settings.style.as_str().into();
        let wishes = scopes::read(&issued.scopes);
        if wishes.contains(&scopes::Wish::OpenId) {
            answer["id_token"] = self.id_token(delegation, &wishes).await?.into();
        }
        Ok(answer)
    }
}

fn told(issued: &Issued) -> Value {
    let mut answer = json!({
        "access_token": issued.access,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": issued.scopes,
    });
    if let Some(refresh) = &issued.refresh {
        answer["refresh_token"] = refresh.as_str().into();
    }
    answer
}

/// Adds what a launch is about to what a client is told.
pub(super) fn context_into(answer: &mut Value, delegation: &Delegation) {
    if let Some(patient) = &delegation.patient {
        answer["patient"] = patient.as_str().into();
    }
    let context: &LaunchContext = &delegation.terms.context;
    if let Ok(Value::Object(members)) = serde_json::to_value(context) {
        for (name, value) in members {
            answer[name] = value;
        }
    }
}
