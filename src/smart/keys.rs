//! What ID tokens are signed with: RSA keys in a file that only its owner may read.
//!
//! The first key of the file signs; all of them are published, so that a key is changed by putting
//! a new one before the old one, and taking the old one away once nothing signed by it is looked at
//! any more.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc7517>.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::{KeyPair, KeySize},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use serde_json::{Value, json};

use crate::kernel::problem::{Problem, Result};

/// Keys of a file that are read.
const KEYS_MAX: usize = 8;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Letters of a line of PEM.
const LINE: usize = 64;

/// The keys of the server; the first signs.
#[derive(Clone)]
pub struct Keys {
    signing: EncodingKey,
    kid: String,
    published: Value,
}

impl Keys {
    /// Reads the keys of a file, or makes one and writes it down where there is none.
    ///
    /// # Errors
    /// `Fault`, if the file cannot be read or written, or holds no RSA key.
    pub fn open(path: &Path) -> Result<Self> {
        let at =
            |what: &dyn std::fmt::Display| Problem::fault(format!("{}: {what}", path.display()));
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = generate()?;
                write_private(path, &text).map_err(|error| at(&error))?;
                text
            }
            Err(error) => return Err(at(&error)),
        };
        Self::read(&text).ok_or_else(|| at(&"it holds no RSA keys in PEM (PKCS #8)"))
    }

    fn read(text: &str) -> Option<Self> {
        let mut keys = Vec::new();
        for block in text.split(BEGIN).skip(1).take(KEYS_MAX) {
            let (inner, _) = block.split_once(END)?;
            let pem = format!("{BEGIN}{inner}{END}\n");
            let key = EncodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
            let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).ok()?;
            let kid = public.thumbprint(ThumbprintHash::SHA256).ok()?;
            public.common.key_id = Some(kid.clone());
            public.common.public_key_use = Some(PublicKeyUse::Signature);
            // `use` and `key_ops` do not go together (RFC 7517, section 4.3).
            public.common.key_operations = None;
            keys.push((key, kid, serde_json::to_value(&public).ok()?));
        }
        let published: Vec<Value> = keys.iter().map(|(_, _, public)| public.clone()).collect();
        let (signing, kid, _) = keys.into_iter().next()?;
        Some(Self {
            signing,
            kid,
            published: json!({ "keys": published }),
        })
    }

    /// The public keys, as a set.
    #[must_use]
    pub const fn published(&self) -> &Value {
        &self.published
    }

    /// The claims of a JWT that one of these keys has signed, expired or not.
    #[must_use]
    pub fn verified(&self, token: &str) -> Option<Value> {
        let kid = decode_header(token).ok()?.kid?;
        let mut keys = self.published["keys"].as_array()?.iter();
        let key = keys.find(|key| key["kid"] == kid.as_str())?;
        let key: Jwk = serde_json::from_value(key.clone()).ok()?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_jwk(&key).ok()?;
        Some(decode(token, &key, &validation).ok()?.claims)
    }

    /// Claims as a signed JWT.
    ///
    /// # Errors
    /// `Fault`, if the key does not sign.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.signing).map_err(Problem::fault)
    }
}

fn generate() -> Result<String> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(Problem::fault)?;
    let der = pair.as_der().map_err(Problem::fault)?;
    Ok(pem(der.as_ref()))
}

/// A private key (PKCS #8) as PEM.
#[must_use]
pub fn pem(der: &[u8]) -> String {
    let letters = STANDARD.encode(der);
    let mut text = format!("{BEGIN}\n");
    let mut rest = letters.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// Writes a file that is not there yet, for its owner alone.
///
/// # Errors
/// If it is there, or cannot be written.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_and_can_be_changed() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = Keys::open(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let token = first.sign(&json!({ "sub": "a" })).unwrap();
        let again = Keys::open(&path).unwrap();
        assert_eq!(again.verified(&token).unwrap()["sub"], "a");
        // A new key before the old one: it signs, and both are known.
        let both = generate().unwrap() + &fs::read_to_string(&path).unwrap();
        let changed = Keys::read(&both).unwrap();
        assert_ne!(changed.kid, first.kid);
        assert!(changed.verified(&token).is_some());
        let newer = changed.sign(&json!({ "sub": "b" })).unwrap();
        assert!(changed.verified(&newer).is_some());
        assert!(first.verified(&newer).is_none());
        // A signature that is cut off, or of another kind, is none.
        let (head, _) = newer.rsplit_once('.').unwrap();
        assert!(changed.verified(&format!("{head}.")).is_none());
        assert!(changed.verified(&token.replacen('e', "f", 1)).is_none());
    }

    #[test]
    fn nothing_private_is_published_and_a_file_without_a_key_is_refused() {
        let keys = Keys::read(&generate().unwrap()).unwrap();
        let key = keys.published()["keys"][0].as_object().unwrap();
        let mut names: Vec<&str> = key.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "no key").unwrap();
        assert!(Keys::open(&path).is_err());
    }
}
