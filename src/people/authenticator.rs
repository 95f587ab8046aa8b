//! The codes of an authenticator.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc6238>; six digits, SHA-1 and thirty seconds,
//! because that is what every authenticator does.

use totp_rs::{Algorithm, Builder, Secret, Totp};

use super::secret;
use crate::kernel::{
    chance::Chance,
    problem::{Problem, Result},
};

/// Bytes of a secret: those of SHA-1.
pub const SECRET_BYTES: usize = 20;

/// Digits of a code.
const DIGITS: u8 = 6;

/// Seconds of a step.
const STEP_SECONDS: u64 = 30;

/// The letters of base 32.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Steps before and after the present one whose codes are taken: clocks differ.
const SKEW: u16 = 1;

/// A new secret.
#[must_use]
pub fn draw(chance: &dyn Chance) -> [u8; SECRET_BYTES] {
    secret::bytes(chance)
}

/// The secret as it is typed into an authenticator: base 32 (RFC 4648, section 6).
#[must_use]
pub fn typed(secret: &[u8]) -> String {
    let bits = |at: usize| {
        let bytes = [at, at + 1].map(|at| secret.get(at).copied().unwrap_or_default());
        u16::from_be_bytes(bytes)
    };
    let letters = (0..(secret.len() * 8).div_ceil(5)).map(|n| {
        let (byte, bit) = (n * 5 / 8, n * 5 % 8);
        let five = bits(byte) >> (11 - bit) & 31;
        char::from(BASE32[usize::from(five)])
    });
    letters.collect()
}

/// A secret that was typed; none, if it has not the length of one.
#[must_use]
pub fn untyped(text: &str) -> Option<[u8; SECRET_BYTES]> {
    let (mut secret, mut left, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text
        .bytes()
        .filter(|c| !c.is_ascii_whitespace() && *c != b'=')
    {
        let upper = letter.to_ascii_uppercase();
        let five = BASE32.iter().position(|one| *one == upper)?;
        left = (left << 5 | u32::try_from(five).ok()?) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            secret.push(u8::try_from(left >> bits & 0xff).ok()?);
        }
    }
    secret.try_into().ok()
}

/// The secret as an address that authenticators read from a picture or a link.
#[must_use]
pub fn address(secret: &[u8], issuer: &str, login: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("secret", &typed(secret));
    query.append_pair("issuer", issuer);
    let label = |text: &str| -> String {
        form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    let query = query.finish().replace('+', "%20");
    format!("otpauth://totp/{}:{}?{query}", label(issuer), label(login))
}

/// The time step of a code that is right at `seconds`, and later than the last one that was taken.
///
/// # Errors
/// `Fault`, if the secret is none.
pub fn check(secret: &[u8], code: &str, (seconds, last): (i64, i64)) -> Result<Option<i64>> {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    let step = totp(secret)?.check(&secret::typed(code), seconds);
    let step = step.and_then(|step| i64::try_from(step).ok());
    Ok(step.filter(|step| *step > last))
}

/// The code at an instant: for who holds the authenticator.
///
/// # Errors
/// `Fault`, if the secret is none.
pub fn code(secret: &[u8], seconds: i64) -> Result<String> {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    Ok(totp(secret)?.generate(seconds).to_string())
}

fn totp(secret: &[u8]) -> Result<Totp> {
    let secret: [u8; SECRET_BYTES] = secret.try_into().map_err(Problem::fault)?;
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_skew(SKEW)
        .with_step_duration(STEP_SECONDS)
        .with_secret(Secret::new_stack(secret))
        .build()
        .map_err(Problem::fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::chance::Generator;

    /// The vectors of RFC 6238, appendix B, cut to six digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(b"12345678901234567890", seconds).unwrap(), expected);
        }
    }

    #[test]
    fn a_code_is_taken_once_and_only_around_its_time() {
        let secret = draw(&Generator::from_seed(1));
        let now = 1_800_000_000;
        let at =
            |seconds: i64, last: i64| check(&secret, &code(&secret, seconds).unwrap(), (now, last));
        let step = at(now, 0).unwrap().unwrap();
        assert_eq!(at(now - 30, 0).unwrap(), Some(step - 1));
        assert_eq!(at(now + 30, 0).unwrap(), Some(step + 1));
        assert_eq!(at(now - 90, 0).unwrap(), None);
        assert_eq!(at(now + 90, 0).unwrap(), None);
        assert_eq!(at(now, step).unwrap(), None, "a second time");
        assert_eq!(at(now - 30, step).unwrap(), None, "an earlier one after it");
        let code = code(&secret, now).unwrap();
        let spaced = format!("{} {}", &code[..3], &code[3..]);
        assert_eq!(check(&secret, &spaced, (now, 0)).unwrap(), Some(step));
        for wrong in ["", "1", "abcdef", "1234567", &code[..5]] {
            assert_eq!(check(&secret, wrong, (now, 0)).unwrap(), None, "{wrong}");
        }
        assert!(check(b"short", "123456", (now, 0)).is_err());
    }

    #[test]
    fn what_is_typed_leads_back() {
        let secret = draw(&Generator::from_seed(1));
        assert_eq!(untyped(&typed(&secret)), Some(secret));
        let spaced = typed(&secret).to_lowercase().replace("a", " a");
        assert_eq!(untyped(&spaced), Some(secret));
        for wrong in ["", "GEZDGNBVGY3TQOJQ", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1"] {
            assert_eq!(untyped(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_authenticator_reads_the_address() {
        let address = address(
            b"12345678901234567890",
            "Vigie du Rhône",
            "a&b=c@example.org",
        );
        assert_eq!(
            address,
            "otpauth://totp/Vigie%20du%20Rh%C3%B4ne:a%26b%3Dc%40example.org\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Vigie%20du%20Rh%C3%B4ne"
        );
    }
}
