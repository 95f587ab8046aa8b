//! Assertions, and what is tried with them.

use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, encode};
use serde_json::json;

use super::*;
use crate::smart::keys::pem;

const CLIENT: &str = "backend";
const ENDPOINT: &str = "https://vigie.test/auth/token";
const NOW: i64 = 1_772_352_000;

fn ec() -> EncodingKey {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new());
    EncodingKey::from_ec_der(der.unwrap().as_ref())
}

fn rsa() -> EncodingKey {
    let der = KeyPair::generate(KeySize::Rsa2048)
        .unwrap()
        .as_der()
        .unwrap();
    EncodingKey::from_rsa_pem(pem(der.as_ref()).as_bytes()).unwrap()
}

fn public(key: &EncodingKey, algorithm: Algorithm, kid: &str) -> Value {
    let mut key = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    key["kid"] = kid.into();
    key
}

fn claims() -> Value {
    json!({ "iss": CLIENT, "sub": CLIENT, "aud": ENDPOINT, "exp": NOW + 300, "jti": "1" })
}

fn signed(key: &EncodingKey, algorithm: Algorithm, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = Some("k".into());
    encode(&header, claims, key).unwrap()
}

fn judge(text: &str, set: &Value) -> Result<Said, &'static str> {
    let now = from_millis(NOW * 1_000);
    let judged = head(text).and_then(|head| {
        let key = key(set, &head)?;
        check(text, (&head, &key), (CLIENT, ENDPOINT), now)
    });
    judged.map_err(|refusal| {
        assert_eq!(refusal.fault, Fault::InvalidClient);
        refusal.description
    })
}

#[test]
fn both_kinds_of_keys_are_read() {
    for (key, algorithm) in [(ec(), Algorithm::ES384), (rsa(), Algorithm::RS384)] {
        let set = json!({ "keys": [public(&key, algorithm, "k"), public(&key, algorithm, "x")] });
        let text = signed(&key, algorithm, &claims());
        assert_eq!(issuer(&text).unwrap(), CLIENT);
        let said = judge(&text, &set).unwrap();
        assert_eq!(said.jti, "1");
        assert_eq!(said.until.as_second(), NOW + 300 + SKEW);
        let mut list = claims();
        list["aud"] = json!([ENDPOINT]);
        assert!(judge(&signed(&key, algorithm, &list), &set).is_ok());
    }
}

#[test]
fn what_is_said_must_be_exactly_so() {
    let key = ec();
    let set = json!({ "keys": [public(&key, Algorithm::ES384, "k")] });
    for (name, value) in [
        ("iss", json!("other")),
        ("sub", json!("other")),
        ("iss", Value::Null),
        ("aud", json!("https://vigie.test/fhir")),
        ("aud", json!([ENDPOINT, "https://elsewhere.test"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("exp", json!(NOW - SKEW)),
        ("exp", json!(NOW + 300 + SKEW + 1)),
        ("exp", json!((NOW + 60).to_string())),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("exp", Value::Null),
        ("nbf", json!(NOW + SKEW + 1)),
        ("nbf", json!("soon")),
        ("iat", json!(NOW + 3_600)),
        ("jti", json!("")),
        ("jti", json!(1)),
        ("jti", Value::Null),
        ("jti", json!("x".repeat(NAME_MAX + 1))),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        let text = signed(&key, Algorithm::ES384, &claims);
        assert!(judge(&text, &set).is_err(), "{name} {value}");
    }
    let mut late = claims();
    late["exp"] = (NOW - SKEW + 1).into();
    late["nbf"] = json!(NOW as f64 - 0.5);
    assert!(judge(&signed(&key, Algorithm::ES384, &late), &set).is_ok());
}

#[test]
fn other_signatures_are_none() {
    let (key, other, rsa) = (ec(), ec(), rsa());
    let set = json!({ "keys": [public(&key, Algorithm::ES384, "k")] });
    let good = signed(&key, Algorithm::ES384, &claims());
    assert!(judge(&good, &set).is_ok());
    assert!(judge(&signed(&other, Algorithm::ES384, &claims()), &set).is_err());
    // No signature at all, and a signature by what everybody knows of the key.
    let body = URL_SAFE_NO_PAD.encode(claims().to_string());
    for head in [
        json!({ "alg": "none", "kid": "k" }),
        json!({ "alg": "None", "kid": "k" }),
        json!({ "alg": "HS256", "kid": "k" }),
        json!({ "alg": "ES256", "kid": "k" }),
        json!({ "kid": "k" }),
    ] {
        let head = URL_SAFE_NO_PAD.encode(head.to_string());
        assert!(judge(&format!("{head}.{body}."), &set).is_err());
    }
    let known = public(&key, Algorithm::ES384, "k").to_string();
    let by_hmac = EncodingKey::from_secret(known.as_bytes());
    assert!(judge(&signed(&by_hmac, Algorithm::HS256, &claims()), &set).is_err());
    assert!(judge(&signed(&by_hmac, Algorithm::HS384, &claims()), &set).is_err());
    let rsa_set = json!({ "keys": [public(&rsa, Algorithm::RS384, "k")] });
    for algorithm in [Algorithm::RS256, Algorithm::PS384, Algorithm::PS256] {
        assert!(judge(&signed(&rsa, algorithm, &claims()), &rsa_set).is_err());
    }
    // One letter of each part changed.
    for at in [2, good.find('.').unwrap() + 5, good.len() - 9] {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(bytes).unwrap();
        assert!(judge(&text, &set).is_err(), "letter {at}");
    }
    for text in ["", ".", "..", "a.b.c", "é.é.é"] {
        assert!(judge(text, &set).is_err(), "{text}");
    }
}

#[test]
fn a_key_is_named_and_never_brought_along() {
    let key = ec();
    let own = public(&key, Algorithm::ES384, "k");
    let set = json!({ "keys": [own] });
    let with = |change: &dyn Fn(&mut Header)| {
        let mut header = Header::new(Algorithm::ES384);
        header.kid = Some("k".into());
        change(&mut header);
        encode(&header, &claims(), &key).unwrap()
    };
    assert!(judge(&with(&|_| ()), &set).is_ok());
    assert!(judge(&with(&|header| header.kid = None), &set).is_err());
    assert!(judge(&with(&|header| header.kid = Some("../k".into())), &set).is_err());
    assert!(judge(&with(&|header| header.kid = Some("k' or 1=1".into())), &set).is_err());
    let brought: Jwk = serde_json::from_value(own.clone()).unwrap();
    assert!(judge(&with(&|header| header.jwk = Some(brought.clone())), &set).is_err());
    assert!(
        judge(
            &with(&|header| header.x5u = Some("https://x.test".into())),
            &set
        )
        .is_err()
    );
    assert!(
        judge(
            &with(&|header| header.crit = Some(vec!["exp".into()])),
            &set
        )
        .is_err()
    );
    let elsewhere = with(&|header| header.jku = Some("https://x.test/keys".into()));
    assert_eq!(
        head(&elsewhere).unwrap().jku.as_deref(),
        Some("https://x.test/keys")
    );
    // Two keys of one name, or one for something else, are none.
    let good = with(&|_| ());
    assert!(judge(&good, &json!({ "keys": [own, own] })).is_err());
    let mut encrypts = own.clone();
    encrypts["use"] = "enc".into();
    assert!(judge(&good, &json!({ "keys": [encrypts] })).is_err());
    let mut other = own.clone();
    other["alg"] = "RS384".into();
    assert!(judge(&good, &json!({ "keys": [other] })).is_err());
    assert!(judge(&good, &json!({ "keys": [] })).is_err());
    assert!(judge(&good, &json!([])).is_err());
}

#[test]
fn what_is_too_long_is_not_read() {
    let text = "x".repeat(BYTES_MAX + 1);
    assert!(issuer(&text).is_err());
    assert!(issuer("x").is_err());
}
