//! Names and values of a query, a form, or a criterion such as `identifier=urn:a|b`.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#search>,
//! <https://url.spec.whatwg.org/#application/x-www-form-urlencoded>.

use crate::kernel::problem::{Problem, Result};

/// Most parameters of one query: more than any honest client sends.
pub const PAIRS_MAX: usize = 200;

/// Reads `name=value&name=value`, percent-encoded.
///
/// # Errors
/// `Malformed`, for a percent sequence that is none, what is not UTF-8, or more than
/// [`PAIRS_MAX`] pairs: a lenient reading would search for something else than was asked.
pub fn read(text: &str) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for piece in text.split('&').filter(|piece| !piece.is_empty()) {
        if pairs.len() == PAIRS_MAX {
            return Err(Problem::malformed(
                "too-costly",
                format!("A query has at most {PAIRS_MAX} parameters."),
            ));
        }
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

/// Undoes percent-encoding; `+` is a space.
///
/// # Errors
/// As [`read`].
pub fn decode(text: &str) -> Result<String> {
    if !text.contains(['%', '+']) {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let [high, low, tail @ ..] = tail else {
                    return Err(broken());
                };
                let value = digit(*high)? * 16 + digit(*low)?;
                bytes.push(value);
                rest = tail;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

fn digit(hex: u8) -> Result<u8> {
    char::from(hex)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
        .ok_or_else(broken)
}

fn broken() -> Problem {
    Problem::malformed(
        "value",
        "A percent-encoded part of the URL, or of the form, is not two hexadecimal digits of UTF-8.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let pairs = read("given=Jos%C3%A9&code=a%7Cb&&flag&text=a+b").unwrap();
        let expected = [
            ("given", "José"),
            ("code", "a|b"),
            ("flag", ""),
            ("text", "a b"),
        ];
        let expected: Vec<_> = expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn broken_encodings_are_refused() {
        for text in ["a=%", "a=%2", "a=%zz", "a=%ff", "%C3=1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_query_has_a_bound() {
        let many = "a=1&".repeat(PAIRS_MAX);
        assert_eq!(read(&many).unwrap().len(), PAIRS_MAX);
        assert!(read(&format!("{many}a=1")).is_err());
    }
}
