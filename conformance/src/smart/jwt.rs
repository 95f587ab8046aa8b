//! What clients sign and what they check: JSON Web Tokens, one-time codes, random texts.
//!
//! Written out by hand, so that a case can also make what no library would make: a token without
//! signature, one signed by a stranger, one that says it has expired.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ring::{
    digest, hmac,
    rand::{SecureRandom, SystemRandom},
    signature::{self, EcdsaKeyPair, RsaKeyPair, RsaPublicKeyComponents},
};
use serde_json::{Value, json};

/// Seconds that a one-time code holds (RFC 6238).
const CODE_SECONDS: u64 = 30;

/// A text of so many random bytes, safe in URLs.
pub fn random(bytes: usize) -> Result<String, String> {
    let mut drawn = vec![0_u8; bytes];
    SystemRandom::new()
        .fill(&mut drawn)
        .map_err(|_| "there is no chance to draw from".to_owned())?;
    Ok(BASE64URL.encode(drawn))
}

/// What goes before a `code_verifier` (RFC 7636, S256).
pub fn challenge(verifier: &str) -> String {
    BASE64URL.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// The six digits of an authenticator at this second (RFC 6238).
pub fn one_time_code(secret: &str, now: u64) -> Result<String, String> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &base32(secret)?);
    let tag = hmac::sign(&key, &(now / CODE_SECONDS).to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last().copied().unwrap_or_default() & 0x0f);
    let four = bytes
        .get(offset..offset + 4)
        .and_then(|four| <[u8; 4]>::try_from(four).ok())
        .ok_or("no code")?;
    let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000;
    Ok(format!("{number:06}"))
}

fn base32(text: &str) -> Result<Vec<u8>, String> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut bits, mut number, mut bytes) = (0_u32, 0_u32, Vec::new());
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = LETTERS
            .iter()
            .position(|known| *known == letter.to_ascii_uppercase())
            .ok_or("the authenticator's secret is not base32")?;
        number = (number << 5) | u32::try_from(value).unwrap_or_default();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((number >> bits) & 0xff).unwrap_or_default());
            number &= (1 << bits) - 1;
        }
    }
    Ok(bytes)
}

/// A token of this header and these claims, signed as the header's `alg` says: RS384 or ES384
/// with a private key (PKCS#8 in PEM), HS256 with a text, or `none`.
pub fn sign(header: &Value, claims: &Value, key: &str) -> Result<String, String> {
    let signed = format!(
        "{}.{}",
        BASE64URL.encode(header.to_string()),
        BASE64URL.encode(claims.to_string())
    );
    let bytes = signed.as_bytes();
    let signature = match header["alg"].as_str().unwrap_or_default() {
        "none" => Vec::new(),
        "HS256" => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
            hmac::sign(&key, bytes).as_ref().to_vec()
        }
        "ES384" => by_ecdsa(bytes, key)?,
        "RS256" => by_rsa(&signature::RSA_PKCS1_SHA256, bytes, key)?,
        "RS384" => by_rsa(&signature::RSA_PKCS1_SHA384, bytes, key)?,
        other => return Err(format!("tokens are not signed by '{other}' here")),
    };
    Ok(format!("{signed}.{}", BASE64URL.encode(signature)))
}

fn by_rsa(
    padding: &'static dyn signature::RsaEncoding,
    bytes: &[u8],
    key: &str,
) -> Result<Vec<u8>, String> {
    let pair = RsaKeyPair::from_pkcs8(&der(key)?).map_err(|error| error.to_string())?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(padding, &SystemRandom::new(), bytes, &mut signature)
        .map_err(|error| error.to_string())?;
    Ok(signature)
}

fn by_ecdsa(bytes: &[u8], key: &str) -> Result<Vec<u8>, String> {
    let chance = SystemRandom::new();
    let algorithm = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, &der(key)?, &chance)
        .map_err(|error| error.to_string())?;
    let signature = pair.sign(&chance, bytes).map_err(|e| e.to_string())?;
    Ok(signature.as_ref().to_vec())
}

/// What stands between the lines of a PEM file.
fn der(pem: &str) -> Result<Vec<u8>, String> {
    let inner: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    base64::engine::general_purpose::STANDARD
        .decode(inner.trim())
        .map_err(|error| format!("the key is no PEM file: {error}"))
}

/// A token opened: `header`, `payload`, and whether a key of the set signed it (`verified`), with
/// that `key`. Only RS256 is checked, which is what SMART asks of ID tokens.
pub fn open(token: &str, keys: &Value) -> Result<Value, String> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("the token has not three parts".to_owned());
    };
    let tree = |part: &str| -> Result<Value, String> {
        let bytes = BASE64URL.decode(part).map_err(|e| e.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    };
    let (opened, claims) = (tree(header)?, tree(payload)?);
    let signature = BASE64URL.decode(signature).map_err(|e| e.to_string())?;
    let signed = format!("{header}.{payload}");
    let key = keys["keys"]
        .as_array()
        .and_then(|keys| keys.iter().find(|key| key["kid"] == opened["kid"]));
    let is_by = |key: &Value| {
        let part = |name: &str| BASE64URL.decode(key[name].as_str().unwrap_or_default());
        let (Ok(n), Ok(e)) = (part("n"), part("e")) else {
            return false;
        };
        let algorithm = &signature::RSA_PKCS1_2048_8192_SHA256;
        RsaPublicKeyComponents { n, e }
            .verify(algorithm, signed.as_bytes(), &signature)
            .is_ok()
    };
    let verified = opened["alg"] == "RS256" && key.is_some_and(is_by);
    Ok(json!({"header": opened, "payload": claims, "verified": verified, "key": key}))
}
