//! Texts that nobody can guess, and what is kept of them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::{kernel::chance::Chance, store::Digest};

/// Draws of 64 bits in a secret: 256 bits.
const DRAWS: usize = 4;

/// Letters of a secret, the prefix apart.
const LETTERS: usize = 43;

/// What an access token begins with.
pub const ACCESS: &str = "vgt_";
/// What a refresh token begins with.
pub const REFRESH: &str = "vgr_";
/// What an authorization code begins with.
pub const CODE: &str = "vgc_";
/// What the name of a launch begins with.
pub const LAUNCH: &str = "vgl_";
/// What the name of a request that is underway begins with.
pub const REQUEST: &str = "vgq_";
/// What a client's secret begins with.
pub const CLIENT: &str = "vgs_";

/// A new secret: the prefix tells what it is for, to people and to programs that look for secrets
/// in the wrong places.
#[must_use]
pub fn draw(prefix: &str, chance: &dyn Chance) -> String {
    let mut bits = [0; DRAWS * 8];
    for eight in bits.chunks_mut(8) {
        eight.copy_from_slice(&chance.draw().to_le_bytes());
    }
    let mut text = prefix.to_owned();
    URL_SAFE_NO_PAD.encode_string(bits, &mut text);
    text
}

/// What is kept of a secret.
#[must_use]
pub fn digest(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

/// What is kept of a secret, if the text is one of this prefix at all.
#[must_use]
pub fn digest_of(prefix: &str, text: &str) -> Option<Digest> {
    let rest = text.strip_prefix(prefix)?;
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (rest.len() == LETTERS && rest.bytes().all(is_letter)).then(|| digest(text))
}

/// The same in hexadecimal digits.
#[must_use]
pub fn hexadecimal(text: &str) -> String {
    use std::fmt::Write as _;
    digest(text).iter().fold(String::new(), |mut all, byte| {
        // Writing to a string cannot fail.
        let _ = write!(all, "{byte:02x}");
        all
    })
}

/// Whether two texts are the same; how long it takes tells nothing of either.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (digest(one), digest(other));
    aws_lc_rs::constant_time::verify_slices_are_equal(&one, &other).is_ok()
}

/// Whether a verifier is the one whose challenge was sent (RFC 7636, S256).
#[must_use]
pub fn verifies(verifier: &str, challenge: &str) -> bool {
    is_same(&URL_SAFE_NO_PAD.encode(digest(verifier)), challenge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::chance::Generator;

    #[test]
    fn secrets_are_of_one_form_and_never_the_same() {
        let chance = Generator::from_seed(1);
        let (one, two) = (draw(ACCESS, &chance), draw(ACCESS, &chance));
        assert_ne!(one, two);
        assert_eq!(one.len(), ACCESS.len() + LETTERS);
        assert_eq!(digest_of(ACCESS, &one), Some(digest(&one)));
        assert_eq!(digest_of(REFRESH, &one), None);
        assert_eq!(digest_of(ACCESS, &format!("{one}x")), None);
        assert_eq!(digest_of(ACCESS, &one.replace(&one[5..6], "é")), None);
    }

    #[test]
    fn the_example_of_rfc_7636_verifies() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(verifies(verifier, challenge));
        assert!(!verifies(challenge, challenge));
        assert!(!verifies("", challenge));
    }
}
