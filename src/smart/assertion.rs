//! A client's signed word that it is itself: pure, given its keys.
//!
//! What a client signs is taken from nobody else, for nobody else, and once. The key is found in
//! the set of the registration alone: an assertion that brings its own key, or says where one is,
//! is refused before anything is fetched.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html>,
//! <https://www.rfc-editor.org/rfc/rfc7523#section-3>.

use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde_json::Value;

use super::refusal::{Fault, Granted, Refusal};
use crate::kernel::clock::from_millis;

/// The only value of `client_assertion_type`.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Signatures that are read.
pub const ALGORITHMS: [&str; 2] = ["RS384", "ES384"];

/// Most bytes of an assertion.
const BYTES_MAX: usize = 8 << 10;

/// Seconds for which an assertion may be good at most.
const LIFETIME_MAX: i64 = 300;

/// Seconds by which clocks may differ.
const SKEW: i64 = 30;

/// Most characters of `jti` and `kid`.
const NAME_MAX: usize = 256;

/// Keys of one set that are looked at.
pub const KEYS_MAX: usize = 64;

/// The head of an assertion: by what it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    algorithm: Algorithm,
    /// The key's name.
    pub kid: String,
    /// Where the client says that its keys are.
    pub jku: Option<String>,
}

/// What a good assertion says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its name, which no other of the client has while it is good.
    pub jti: String,
    /// Until when the name is remembered.
    pub until: Timestamp,
}

fn refused(description: &'static str) -> Refusal {
    Refusal::new(Fault::InvalidClient, description)
}

/// Whose an assertion says it is, unverified: by whom to look for keys.
///
/// # Errors
/// `InvalidClient`.
pub fn issuer(assertion: &str) -> Granted<String> {
    if assertion.len() > BYTES_MAX {
        return Err(refused("The assertion is too long."));
    }
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(assertion)
        .map_err(|_| refused("The assertion is no signed JWT."))?;
    let issuer = claims["iss"].as_str();
    issuer
        .map(str::to_owned)
        .ok_or_else(|| refused("The assertion has no iss."))
}

/// The head of an assertion.
///
/// # Errors
/// `InvalidClient`, if it is signed by anything but RS384 or ES384, names no key, or brings one.
pub fn head(assertion: &str) -> Granted<Head> {
    let header: Header =
        decode_header(assertion).map_err(|_| refused("The assertion is no signed JWT."))?;
    if !matches!(header.alg, Algorithm::RS384 | Algorithm::ES384) {
        return Err(refused("The assertion is signed by RS384 or ES384."));
    }
    let brings_key = header.jwk.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some()
        || header.x5t.is_some()
        || header.x5t_s256.is_some();
    if brings_key || header.crit.is_some() || header.zip.is_some() || header.enc.is_some() {
        return Err(refused(
            "The head of the assertion has alg, kid, typ and jku, and nothing else.",
        ));
    }
    match header.kid {
        Some(kid) if !kid.is_empty() && kid.len() <= NAME_MAX => Ok(Head {
            algorithm: header.alg,
            kid,
            jku: header.jku,
        }),
        _ => Err(refused("The assertion names its key (kid).")),
    }
}

/// The one key of a set that an assertion is signed by.
///
/// # Errors
/// `InvalidClient`, if none or several have its name and kind.
pub fn key(set: &Value, head: &Head) -> Granted<Jwk> {
    let unknown = || refused("The client has not one key of this name and kind.");
    let keys = set["keys"].as_array().ok_or_else(unknown)?;
    let mut found = keys
        .iter()
        .take(KEYS_MAX)
        .filter(|key| key["kid"].as_str() == Some(&head.kid))
        .filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok())
        .filter(|key| is_for(key, head.algorithm));
    match (found.next(), found.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(unknown()),
    }
}

fn is_for(key: &Jwk, algorithm: Algorithm) -> bool {
    let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    let agrees = key
        .common
        .key_algorithm
        .is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
    let is_kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => algorithm == Algorithm::RS384,
        AlgorithmParameters::EllipticCurve(curve) => {
            algorithm == Algorithm::ES384 && curve.curve == EllipticCurve::P384
        }
        _ => false,
    };
    signs && agrees && is_kind
}

/// Checks an assertion: its signature, of whom and for whom it is, and for how long.
///
/// # Errors
/// `InvalidClient`.
pub fn check(
    assertion: &str,
    (head, key): (&Head, &Jwk),
    (client, audience): (&str, &str),
    now: Timestamp,
) -> Granted<Said> {
    let key = DecodingKey::from_jwk(key).map_err(|_| refused("The client's key is no key."))?;
    let mut validation = Validation::new(head.algorithm);
    // The time is the server's own, and what is absent is told below.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims: Value = decode(assertion, &key, &validation)
        .map_err(|_| refused("The signature of the assertion is not the client's."))?
        .claims;
    if claims["iss"].as_str() != Some(client) || claims["sub"].as_str() != Some(client) {
        return Err(refused("iss and sub are the client_id."));
    }
    // An assertion for several could be used at any of them by any other.
    let given = match &claims["aud"] {
        Value::Array(all) if all.len() == 1 => all[0].as_str(),
        one => one.as_str(),
    };
    if given != Some(audience) {
        return Err(refused("aud is the address of the token endpoint."));
    }
    let until = lifetime(&claims, now)?;
    match claims["jti"].as_str() {
        Some(jti) if !jti.is_empty() && jti.len() <= NAME_MAX => Ok(Said {
            jti: jti.to_owned(),
            until,
        }),
        _ => Err(refused("The assertion has a name of its own (jti).")),
    }
}

/// Until when it may be shown.
fn lifetime(claims: &Value, now: Timestamp) -> Granted<Timestamp> {
    let now = now.as_second();
    let expires = seconds(&claims["exp"])
        .ok_or_else(|| refused("exp is a number of seconds since 1970-01-01."))?;
    if expires + SKEW <= now {
        return Err(refused("The assertion has expired."));
    }
    if expires > now + LIFETIME_MAX + SKEW {
        return Err(refused("An assertion is good for five minutes at most."));
    }
    for name in ["nbf", "iat"] {
        let claim = &claims[name];
        if claim.is_null() {
            continue;
        }
        if seconds(claim).is_none_or(|from| from > now + SKEW) {
            return Err(refused("The assertion is not good yet."));
        }
    }
    Ok(from_millis((expires + SKEW) * 1_000))
}

/// A NumericDate, in whole seconds, of years that there are.
fn seconds(value: &Value) -> Option<i64> {
    const LAST: i64 = 253_402_300_799;
    let number = value.as_number()?;
    let whole = number.as_i64().or_else(|| {
        let real = number.as_f64().filter(|real| real.abs() < 1e12)?;
        format!("{real:.0}").parse().ok()
    })?;
    (0..=LAST).contains(&whole).then_some(whole)
}

#[cfg(test)]
mod tests;
