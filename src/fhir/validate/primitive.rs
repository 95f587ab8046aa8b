//! Primitive values, by hand-written scanners: they run over every value of every body.
//!
//! Specification: <http://hl7.org/fhir/R4/datatypes.html#primitive>.

#[cfg(test)]
mod tests;

use serde_json::{Number, Value};

use super::super::reference::is_id;

/// The longest `string` or `markdown`: 1 MiB, as R4 sets it.
pub const LONGEST_STRING: usize = 1024 * 1024;

/// The longest text of a `decimal`; R4 asks for 18 digits at least.
pub const LONGEST_DECIMAL: usize = 64;

/// Why a value is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// It is of another JSON type than the primitive; the text names the right one.
    Json(&'static str),
    /// Its text is not of the primitive's form; the text names that form.
    Text(&'static str),
}

/// Checks the JSON value of a primitive of this type.
///
/// # Errors
/// What the value should have been.
pub fn check(kind: &str, value: &Value) -> Result<(), Bad> {
    match (kind, value) {
        ("boolean", Value::Bool(_)) => Ok(()),
        ("boolean", _) => Err(Bad::Json("true or false")),
        ("integer" | "positiveInt" | "unsignedInt" | "decimal", Value::Number(number)) => {
            text(numeral(kind, number))
        }
        ("integer" | "positiveInt" | "unsignedInt" | "decimal", _) => {
            Err(Bad::Json("a JSON number"))
        }
        (_, Value::String(string)) => text(lexical(kind, string)),
        _ => Err(Bad::Json("a JSON string")),
    }
}

fn text(form: Option<&'static str>) -> Result<(), Bad> {
    form.map_or(Ok(()), |form| Err(Bad::Text(form)))
}

/// The form that `number` should have had; nothing where it is right.
fn numeral(kind: &str, number: &Number) -> Option<&'static str> {
    if kind == "decimal" {
        let written = number.as_str();
        let good = written.len() <= LONGEST_DECIMAL && number.as_f64().is_some_and(f64::is_finite);
        return (!good).then_some("a decimal of at most 64 characters within ±1.7e308");
    }
    let value = number.as_i64().and_then(|wide| i32::try_from(wide).ok());
    match (kind, value) {
        ("positiveInt", Some(1..)) | ("unsignedInt", Some(0..)) | ("integer", Some(_)) => None,
        ("positiveInt", _) => Some("a whole number from 1 to 2147483647"),
        ("unsignedInt", _) => Some("a whole number from 0 to 2147483647"),
        _ => Some("a whole number from -2147483648 to 2147483647"),
    }
}

/// The form that `string` should have had; nothing where it is right.
fn lexical(kind: &str, string: &str) -> Option<&'static str> {
    let (good, form) = match kind {
        "string" | "markdown" => (
            is_text(string),
            "text, not empty, of at most 1 MiB, without control characters",
        ),
        "code" => (
            is_code(string),
            "a code: no white space but single spaces within",
        ),
        "uri" | "url" | "canonical" => (is_uri(string), "a URI: not empty, no white space"),
        "id" => (is_id(string), "an id: 1 to 64 of A-Z a-z 0-9 - ."),
        "date" => (is_date(string), "a date: YYYY, YYYY-MM or YYYY-MM-DD"),
        "dateTime" => (
            is_date_time(string),
            "a dateTime: a date, or YYYY-MM-DDThh:mm:ss with a time zone",
        ),
        "instant" => (
            is_instant(string),
            "an instant: YYYY-MM-DDThh:mm:ss with a time zone",
        ),
        "time" => (is_time(string), "a time: hh:mm:ss, without time zone"),
        "base64Binary" => (is_base64(string), "base64, not empty"),
        "oid" => (is_oid(string), "urn:oid: and an OID"),
        "uuid" => (is_uuid(string), "urn:uuid: and a UUID"),
        "xhtml" => (
            vigie_xml::is_narrative(string),
            "one div element of well-formed XHTML",
        ),
        _ => (!string.is_empty(), "not empty"),
    };
    (!good).then_some(form)
}

fn is_text(text: &str) -> bool {
    (1..=LONGEST_STRING).contains(&text.len())
        && text
            .bytes()
            .all(|b| b >= b' ' || matches!(b, b'\t' | b'\n' | b'\r'))
}

fn is_code(text: &str) -> bool {
    // Every space stands between two other characters, hence begins true as after a space.
    let mut after_space = true;
    for character in text.chars() {
        let space = character == ' ';
        if (space && after_space) || (character != ' ' && is_blank(character)) {
            return false;
        }
        after_space = space;
    }
    !after_space
}

fn is_uri(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(is_blank)
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}

/// Takes `count` digits off the front.
fn digits(text: &[u8], count: usize) -> Option<(u32, &[u8])> {
    let (head, rest) = text.split_at_checked(count)?;
    let mut value = 0;
    for digit in head {
        value = value * 10 + char::from(*digit).to_digit(10)?;
    }
    Some((value, rest))
}

/// Takes `mark` and `count` digits off the front.
fn marked(text: &[u8], mark: u8, count: usize) -> Option<(u32, &[u8])> {
    let (first, rest) = text.split_first()?;
    (*first == mark).then(|| digits(rest, count))?
}

fn is_date(text: &str) -> bool {
    date(text.as_bytes()).is_some_and(|(_, rest)| rest.is_empty())
}

/// Takes a date off the front, and says whether it has its day.
fn date(text: &[u8]) -> Option<(bool, &[u8])> {
    let (year, rest) = digits(text, 4)?;
    if year == 0 {
        return None;
    }
    if rest.is_empty() {
        return Some((false, rest));
    }
    let (month, rest) = marked(rest, b'-', 2)?;
    if !(1..=12).contains(&month) {
        return None;
    }
    if rest.is_empty() {
        return Some((false, rest));
    }
    let (day, rest) = marked(rest, b'-', 2)?;
    (1..=days_in(year, month))
        .contains(&day)
        .then_some((true, rest))
}

const fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

fn is_date_time(text: &str) -> bool {
    match date(text.as_bytes()) {
        Some((_, [])) => true,
        Some((true, rest)) => is_zoned_time(rest),
        _ => false,
    }
}

fn is_instant(text: &str) -> bool {
    matches!(date(text.as_bytes()), Some((true, rest)) if is_zoned_time(rest))
}

fn is_zoned_time(text: &[u8]) -> bool {
    let Some((b'T', rest)) = text.split_first() else {
        return false;
    };
    time(rest).is_some_and(is_zone)
}

fn is_time(text: &str) -> bool {
    time(text.as_bytes()).is_some_and(<[u8]>::is_empty)
}

/// Takes a time off the front; a leap second is a time.
fn time(text: &[u8]) -> Option<&[u8]> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = marked(rest, b':', 2)?;
    let (second, rest) = marked(rest, b':', 2)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    match rest.split_first() {
        Some((b'.', fraction)) => {
            let count = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            (count > 0).then(|| fraction.get(count..))?
        }
        _ => Some(rest),
    }
}

fn is_zone(text: &[u8]) -> bool {
    let offset = match text {
        [b'Z'] => return true,
        [b'+' | b'-', offset @ ..] => offset,
        _ => return false,
    };
    let Some((hours, rest)) = digits(offset, 2) else {
        return false;
    };
    match marked(rest, b':', 2) {
        Some((minutes, [])) => (hours < 14 && minutes <= 59) || (hours == 14 && minutes == 0),
        _ => false,
    }
}

/// Base64 with its padding; white space may stand anywhere, as mail software puts it.
fn is_base64(text: &str) -> bool {
    let (mut count, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        count += 1;
    }
    count > 0 && count.is_multiple_of(4) && padding <= 2
}

fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else {
        return false;
    };
    let mut arcs = arcs.split('.');
    let root = matches!(arcs.next(), Some("0" | "1" | "2"));
    let mut count = 0;
    let rest = arcs.all(|arc| {
        count += 1;
        let digits = !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit());
        digits && (arc == "0" || !arc.starts_with('0'))
    });
    root && rest && count > 0
}

fn is_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else {
        return false;
    };
    uuid.len() == 36
        && uuid.bytes().enumerate().all(|(n, b)| match n {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}
