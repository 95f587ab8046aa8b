//! What an OpenID provider says of somebody: pure, given its keys.
//!
//! Specification: <https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation>.

use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde_json::Value;

use crate::kernel::problem::{Category, Problem, Result};

/// Most bytes of a token.
const BYTES_MAX: usize = 16 << 10;

/// Seconds by which clocks may differ.
const SKEW: i64 = 30;

/// Keys of a set that are looked at.
const KEYS_MAX: usize = 64;

/// Most characters of what identifies somebody.
const SUBJECT_MAX: usize = 255;

/// What a token has to say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who says it.
    pub issuer: &'a str,
    /// For whom it is: this server, as the provider knows it.
    pub client: &'a str,
    /// For which login.
    pub nonce: &'a str,
    /// Which of its claims identifies the person.
    pub claim: &'a str,
    /// How well the person has to have proved who they are: one of these, separated by spaces;
    /// empty: as the provider likes.
    pub acr: &'a str,
    /// When.
    pub now: Timestamp,
}

fn refused(why: &'static str) -> Problem {
    let mut problem = Problem::new(
        Category::Unauthenticated,
        "security",
        "The other server's word about you is not good.",
    );
    problem.internal = Some(why.to_owned());
    problem
}

/// The name of the key that a token is signed by; empty, if it names none.
///
/// # Errors
/// `Unauthenticated`, if it is no signed token.
pub fn key_name(token: &str) -> Result<String> {
    if token.len() > BYTES_MAX {
        return Err(refused("the ID token is too long"));
    }
    let head = decode_header(token).map_err(|_| refused("the ID token is no signed JWT"))?;
    Ok(head.kid.unwrap_or_default())
}

/// Whom a token is about, if everything about it is as expected.
///
/// # Errors
/// `Unauthenticated`.
pub fn subject(token: &str, keys: &Value, expected: Expected<'_>) -> Result<String> {
    let kid = key_name(token)?;
    let head = decode_header(token).map_err(|_| refused("the ID token is no signed JWT"))?;
    if head.crit.is_some() {
        return Err(refused("the ID token has a head that is not understood"));
    }
    let key = key(keys, &kid, head.alg)?;
    let key = DecodingKey::from_jwk(&key).map_err(|_| refused("the provider's key is no key"))?;
    let mut validation = Validation::new(head.alg);
    // The time is the server's own, and the rest is held against what is expected below.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims: Value = decode(token, &key, &validation)
        .map_err(|_| refused("the signature of the ID token is not the provider's"))?
        .claims;
    check(&claims, expected)?;
    match claims[expected.claim].as_str() {
        Some(subject) if !subject.is_empty() && subject.len() <= SUBJECT_MAX => {
            Ok(subject.to_owned())
        }
        _ => Err(refused(
            "the ID token does not have the claim that identifies people",
        )),
    }
}

fn check(claims: &Value, expected: Expected<'_>) -> Result<()> {
    if claims["iss"].as_str() != Some(expected.issuer) {
        return Err(refused("the ID token is another provider's"));
    }
    let (is_for_us, is_for_others) = match &claims["aud"] {
        Value::Array(all) => (all.iter().any(|one| one == expected.client), all.len() > 1),
        one => (one == expected.client, false),
    };
    let azp = &claims["azp"];
    let was_asked_by_us = if azp.is_null() {
        !is_for_others
    } else {
        azp == expected.client
    };
    if !is_for_us || !was_asked_by_us {
        return Err(refused("the ID token is for another client"));
    }
    if expected.nonce.is_empty() || claims["nonce"].as_str() != Some(expected.nonce) {
        return Err(refused("the ID token is of another login"));
    }
    // What was asked for is a wish to the provider (`acr_values`); what it did, it says here.
    let mut wanted = expected.acr.split_whitespace().peekable();
    if wanted.peek().is_some() && !wanted.any(|one| claims["acr"] == one) {
        return Err(refused(
            "the person has not proved well enough who they are",
        ));
    }
    let now = expected.now.as_second();
    let is_over = claims["exp"]
        .as_i64()
        .is_none_or(|exp| exp.saturating_add(SKEW) <= now);
    let is_early = |name: &str| claims[name].as_i64().is_some_and(|at| at > now + SKEW);
    if is_over || is_early("iat") || is_early("nbf") {
        return Err(refused("the ID token is not of this time"));
    }
    Ok(())
}

/// The one key of a set that fits the head of a token: by its name, and by its kind. A set of one
/// key that has no name needs none.
fn key(keys: &Value, kid: &str, algorithm: Algorithm) -> Result<Jwk> {
    let unknown = || refused("the provider has not one key of this name and kind");
    let keys = keys["keys"].as_array().ok_or_else(unknown)?;
    let mut found = keys
        .iter()
        .take(KEYS_MAX)
        .filter(|key| kid.is_empty() || key["kid"].as_str() == Some(kid))
        .filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok())
        .filter(|key| fits(key, algorithm));
    match (found.next(), found.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(unknown()),
    }
}

fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    let agrees = key
        .common
        .key_algorithm
        .is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
    let is_kind = match (&key.algorithm, algorithm) {
        (
            AlgorithmParameters::RSA(_),
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512,
        ) => true,
        (AlgorithmParameters::EllipticCurve(curve), Algorithm::ES256) => {
            curve.curve == EllipticCurve::P256
        }
        (AlgorithmParameters::EllipticCurve(curve), Algorithm::ES384) => {
            curve.curve == EllipticCurve::P384
        }
        // Never a shared secret, whatever the set says.
        _ => false,
    };
    signs && agrees && is_kind
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;
    use crate::kernel::clock::from_millis;

    const NOW: i64 = 1_800_000_000;

    struct Provider {
        key: EncodingKey,
        keys: Value,
    }

    fn provider() -> Provider {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref()[1..].to_vec();
        let half = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let der = pair.to_pkcs8v1().unwrap();
        Provider {
            key: EncodingKey::from_ec_der(der.as_ref()),
            keys: json!({ "keys": [{
                "kty": "EC", "crv": "P-256", "kid": "one", "use": "sig",
                "x": half(&point[..32]), "y": half(&point[32..]),
            }]}),
        }
    }

    fn good() -> Value {
        json!({
            "iss": "https://id.example", "aud": "vigie", "nonce": "n", "sub": "s",
            "rpps": "10003456789", "exp": NOW + 60, "iat": NOW,
        })
    }

    fn judged(provider: &Provider, head: &Header, claims: &Value) -> Result<String> {
        let token = encode(head, claims, &provider.key).unwrap();
        read(&token, &provider.keys)
    }

    fn expected() -> Expected<'static> {
        Expected {
            issuer: "https://id.example",
            client: "vigie",
            nonce: "n",
            claim: "rpps",
            acr: "",
            now: from_millis(NOW * 1_000),
        }
    }

    fn read(token: &str, keys: &Value) -> Result<String> {
        subject(token, keys, expected())
    }

    fn head() -> Header {
        let mut head = Header::new(Algorithm::ES256);
        head.kid = Some("one".to_owned());
        head
    }

    #[test]
    fn a_good_token_says_who_somebody_is() {
        let provider = provider();
        assert_eq!(judged(&provider, &head(), &good()).unwrap(), "10003456789");
        let mut several = good();
        several["aud"] = json!(["vigie", "other"]);
        several["azp"] = json!("vigie");
        assert!(judged(&provider, &head(), &several).is_ok());
        let nameless = Header::new(Algorithm::ES256);
        assert!(judged(&provider, &nameless, &good()).is_ok());
    }

    #[test]
    fn whatever_is_not_as_expected_is_refused() {
        let provider = provider();
        for (name, value) in [
            ("iss", json!("https://id.example/")),
            ("iss", json!(null)),
            ("aud", json!("other")),
            ("aud", json!(["vigie", "other"])),
            ("aud", json!([])),
            ("azp", json!("other")),
            ("nonce", json!("m")),
            ("nonce", json!(null)),
            ("exp", json!(NOW - 31)),
            ("exp", json!("never")),
            ("exp", json!(null)),
            ("exp", json!(1e300)),
            ("iat", json!(NOW + 3_600)),
            ("nbf", json!(NOW + 3_600)),
            ("rpps", json!("")),
            ("rpps", json!(10_003_456_789_i64)),
            ("rpps", json!("x".repeat(300))),
        ] {
            let mut claims = good();
            claims[name] = value;
            assert!(judged(&provider, &head(), &claims).is_err(), "{claims}");
        }
    }

    #[test]
    fn who_has_proved_less_than_is_asked_is_refused() {
        let provider = provider();
        let judged = |acr: &Value, wanted: &str| {
            let mut claims = good();
            claims["acr"] = acr.clone();
            let token = encode(&head(), &claims, &provider.key).unwrap();
            let expected = Expected {
                acr: wanted,
                ..expected()
            };
            subject(&token, &provider.keys, expected).is_ok()
        };
        assert!(judged(&json!("eidas1"), "eidas1"));
        assert!(judged(&json!("eidas2"), "eidas1 eidas2"));
        assert!(judged(&json!(null), ""));
        for less in [
            json!("eidas0"),
            json!("eidas1 eidas2"),
            json!(""),
            json!(null),
            json!(1),
        ] {
            assert!(!judged(&less, "eidas1 eidas2"), "{less}");
        }
    }

    #[test]
    fn nobody_else_signs_and_nothing_goes_unsigned() {
        let (ours, theirs) = (provider(), provider());
        let token = encode(&head(), &good(), &theirs.key).unwrap();
        assert!(read(&token, &ours.keys).is_err());
        let mut named = head();
        named.kid = Some("two".to_owned());
        assert!(judged(&ours, &named, &good()).is_err());
        // By a shared secret, which is the public key.
        let public = ours.keys.to_string();
        let mut shared = Header::new(Algorithm::HS256);
        shared.kid = Some("one".to_owned());
        let secret = EncodingKey::from_secret(public.as_bytes());
        let token = encode(&shared, &good(), &secret).unwrap();
        assert!(read(&token, &ours.keys).is_err());
        let octets = json!({ "keys": [{ "kty": "oct", "kid": "one", "k": "AAAA" }] });
        assert!(read(&token, &octets).is_err());
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let none = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&good()));
        assert!(read(&none, &ours.keys).is_err());
        let whole = encode(&head(), &good(), &ours.key).unwrap();
        let (signed, _) = whole.rsplit_once('.').unwrap();
        for broken in [
            format!("{signed}."),
            format!("{signed}.AAAA"),
            "x".repeat(20_000),
            String::new(),
        ] {
            assert!(read(&broken, &ours.keys).is_err());
        }
        assert!(read(&whole, &json!({})).is_err());
    }
}
