//! What is drawn to be known by one person or one browser only.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::kernel::chance::Chance;

/// Bytes of a secret: 256 bits, which nobody guesses, so that a plain hash of it may be kept.
pub const SECRET_BYTES: usize = 32;

/// Digits of a code that is sent.
const CODE_DIGITS: u32 = 6;

/// Letters and digits of a spare code: none that is read as another (0 and O, 1 and I).
const SPARE_ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Characters of a spare code: 60 bits.
const SPARE_CHARS: usize = 12;

/// Random bytes.
#[must_use]
pub fn bytes<const N: usize>(chance: &dyn Chance) -> [u8; N] {
    let mut drawn = [0; N];
    for eight in drawn.chunks_mut(8) {
        eight.copy_from_slice(&chance.draw().to_le_bytes()[..eight.len()]);
    }
    drawn
}

/// A secret of 256 bits, as text that stands in a URL or a cookie as it is.
#[must_use]
pub fn text(chance: &dyn Chance) -> String {
    URL_SAFE_NO_PAD.encode(bytes::<SECRET_BYTES>(chance))
}

/// What is kept of a secret of 256 bits.
#[must_use]
pub fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// A code of six digits, each as likely as any other.
#[must_use]
pub fn code(chance: &dyn Chance) -> String {
    let all = 10_u64.pow(CODE_DIGITS);
    // What lies above the last whole multiple would favour small codes.
    let whole = u64::MAX - u64::MAX % all;
    let drawn = std::iter::repeat_with(|| chance.draw()).find(|drawn| *drawn < whole);
    format!("{:06}", drawn.unwrap_or_default() % all)
}

/// A code to write down: twelve letters and digits in groups of four.
#[must_use]
pub fn spare(chance: &dyn Chance) -> String {
    let drawn = bytes::<SPARE_CHARS>(chance);
    let letters = drawn.map(|byte| char::from(SPARE_ALPHABET[usize::from(byte & 31)]));
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|four| four.iter().collect())
        .collect();
    groups.join("-")
}

/// What was typed as a code, without what people put between its signs.
#[must_use]
pub fn typed(code: &str) -> String {
    let signs = code.chars().filter(char::is_ascii_alphanumeric);
    signs.take(32).map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::kernel::chance::Generator;

    #[test]
    fn a_secret_has_256_bits_and_is_never_the_same() {
        let chance = Generator::from_seed(1);
        let all: HashSet<String> = (0..1_000).map(|_| text(&chance)).collect();
        assert_eq!(all.len(), 1_000);
        assert!(all.iter().all(|one| one.len() == 43));
        assert_ne!(digest("a"), digest("b"));
    }

    #[test]
    fn a_code_has_six_digits() {
        let chance = Generator::from_seed(1);
        for _ in 0..1_000 {
            let code = code(&chance);
            assert!(code.len() == 6 && code.bytes().all(|c| c.is_ascii_digit()));
        }
        struct High(std::sync::atomic::AtomicU64);
        impl Chance for High {
            fn draw(&self) -> u64 {
                u64::MAX
                    - self
                        .0
                        .fetch_add(1_000_000, std::sync::atomic::Ordering::Relaxed)
            }
        }
        // The highest draws are not used: 2^64 is no multiple of 10^6.
        assert_eq!(super::code(&High(0.into())), "551615");
    }

    #[test]
    fn a_spare_code_is_read_as_people_write_it() {
        let code = spare(&Generator::from_seed(1));
        assert_eq!(code.len(), 14);
        assert_eq!(typed(&code).len(), 12);
        assert_eq!(typed(&code.to_lowercase().replace('-', " ")), typed(&code));
        assert_eq!(typed(&"9".repeat(99)).len(), 32);
    }
}
