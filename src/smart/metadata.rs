//! What others are told about the authorization server: three documents of one truth.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html>,
//! <https://openid.net/specs/openid-connect-discovery-1_0.html>,
//! <https://www.rfc-editor.org/rfc/rfc8414>.

use serde_json::{Value, json};

use super::{Smart, assertion};

/// What the server can, in SMART's words.
const CAPABILITIES: [&str; 18] = [
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
    "context-style",
];

/// Scopes that clients may ask for; others are supported as well.
const SCOPES: [&str; 16] = [
    "openid",
    "fhirUser",
    "profile",
    "launch",
    "launch/patient",
    "launch/encounter",
    "online_access",
    "offline_access",
    "patient/*.rs",
    "patient/*.cruds",
    "patient/*.read",
    "user/*.rs",
    "user/*.cruds",
    "user/*.read",
    "system/*.rs",
    "system/*.cruds",
];

impl Smart {
    /// `.well-known/smart-configuration`, below the service base URL.
    #[must_use]
    pub fn configuration(&self) -> Value {
        let mut document = self.common();
        document["capabilities"] = json!(CAPABILITIES);
        // Where a person sees which programs they have let in, and sends them away.
        document["management_endpoint"] = self.endpoint("account").into();
        let own = json!([{ "url": self.settings.base, "capabilities": document["capabilities"] }]);
        document["associated_endpoints"] = own;
        document
    }

    /// `.well-known/openid-configuration`, and what RFC 8414 has, below the issuer.
    #[must_use]
    pub fn provider(&self) -> Value {
        let mut document = self.common();
        document["userinfo_endpoint"] = self.endpoint("userinfo").into();
        document["end_session_endpoint"] = self.endpoint("end_session").into();
        document["subject_types_supported"] = json!(["public"]);
        document["id_token_signing_alg_values_supported"] = json!(["RS256"]);
        document["claims_supported"] = json!([
            "aud",
            "auth_time",
            "azp",
            "exp",
            "fhirUser",
            "iat",
            "iss",
            "nonce",
            "profile",
            "sub"
        ]);
        document["claims_parameter_supported"] = false.into();
        document["request_parameter_supported"] = false.into();
        document["request_uri_parameter_supported"] = false.into();
        document["prompt_values_supported"] = json!(["none", "login", "consent"]);
        document
    }

    fn common(&self) -> Value {
        let ways = json!([
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt"
        ]);
        let mut document = json!({
            "issuer": self.settings.issuer,
            "jwks_uri": self.endpoint("jwks"),
            "authorization_endpoint": self.endpoint("authorize"),
            "token_endpoint": self.endpoint("token"),
            "introspection_endpoint": self.endpoint("introspect"),
            "revocation_endpoint": self.endpoint("revoke"),
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": SCOPES,
            "token_endpoint_auth_methods_supported": ways,
            "token_endpoint_auth_signing_alg_values_supported": assertion::ALGORITHMS,
            "introspection_endpoint_auth_methods_supported": ways,
            "introspection_endpoint_auth_signing_alg_values_supported": assertion::ALGORITHMS,
            "revocation_endpoint_auth_methods_supported": ways,
            "revocation_endpoint_auth_signing_alg_values_supported": assertion::ALGORITHMS,
            "authorization_response_iss_parameter_supported": true,
        });
        if self.settings.registration {
            document["registration_endpoint"] = self.endpoint("register").into();
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smart::scopes::Wish;

    #[test]
    fn every_scope_that_is_announced_is_understood() {
        for scope in SCOPES {
            assert!(Wish::read(scope).is_some(), "{scope}");
        }
    }
}
