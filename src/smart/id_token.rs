//! Who has logged in, told to the client: OpenID Connect.
//!
//! Specification: <https://openid.net/specs/openid-connect-core-1_0.html#IDToken>,
//! <https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data>.

use serde_json::{Value, json};

use super::{Smart, refusal::Granted, scopes::Wish};
use crate::store::Delegation;

/// Seconds for which an ID token is good: it is read when it comes, and not kept.
const LIFETIME: i64 = 300;

impl Smart {
    /// An ID token about the person of a delegation.
    ///
    /// # Errors
    /// `ServerError`, if it cannot be signed.
    pub(super) async fn id_token(
        &self,
        delegation: &Delegation,
        wishes: &[Wish],
    ) -> Granted<String> {
        let now = self.now().as_second();
        let mut claims = self.identity(delegation, wishes).await?;
        claims["iss"] = self.settings.issuer.as_str().into();
        claims["aud"] = delegation.client.as_str().into();
        claims["azp"] = delegation.client.as_str().into();
        claims["iat"] = now.into();
        claims["exp"] = (now + LIFETIME).into();
        if let Some(nonce) = &delegation.terms.nonce {
            claims["nonce"] = nonce.as_str().into();
        }
        if let Some(auth_time) = delegation.terms.auth_time {
            claims["auth_time"] = auth_time.into();
        }
        Ok(self.parts.keys.sign(&claims)?)
    }

    /// Who the person is, as far as it may be told.
    pub(super) async fn identity(
        &self,
        delegation: &Delegation,
        wishes: &[Wish],
    ) -> Granted<Value> {
        let account = delegation.account.as_deref().unwrap_or_default();
        let mut claims = json!({ "sub": account });
        let person = self.parts.persons.person(account).await?;
        let fhir_user = person.and_then(|person| person.fhir_user);
        if let Some(fhir_user) = fhir_user {
            let url = format!("{}/{fhir_user}", self.settings.base);
            if wishes.contains(&Wish::FhirUser) {
                claims["fhirUser"] = url.as_str().into();
            }
            if wishes.contains(&Wish::Profile) {
                claims["profile"] = url.into();
            }
        }
        Ok(claims)
    }
}
