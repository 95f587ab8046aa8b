//! Numbers and the precision that their digits claim.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#number>.

use rust_decimal::Decimal;

/// Most digits of a number in a search.
const DIGITS_MAX: usize = 28;

/// Largest power of ten in a number's exponent.
const EXPONENT_MAX: i32 = 300;

/// A number and the numbers that its digits do not tell apart from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precise {
    /// The number as written.
    pub value: f64,
    /// Half a unit of the last digit below: `5.35` for `5.4`. Inclusive.
    pub low: f64,
    /// Half a unit of the last digit above: `5.45` for `5.4`. Exclusive.
    pub high: f64,
}

/// Reads a decimal: digits, a fraction and an exponent, as FHIR writes them.
#[must_use]
pub fn parse(text: &str) -> Option<Precise> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, self::exponent(exponent)?),
        None => (text, 0),
    };
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let digits = whole.len() + fraction.len();
    let is_decimal = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || digits > DIGITS_MAX || !is_decimal(whole) || !is_decimal(fraction) {
        return None;
    }
    let mut all: i128 = format!("{whole}{fraction}").parse().ok()?;
    if unsigned.len() < mantissa.len() {
        all = -all;
    }
    let power = exponent - i32::try_from(fraction.len()).ok()?;
    // Written as text and read again, so that each bound is the float nearest to it, as the
    // stored value is.
    let half = |offset: i128| format!("{}e{}", all * 10 + offset, power - 1).parse::<f64>();
    Some(Precise {
        value: format!("{all}e{power}").parse().ok()?,
        low: half(-5).ok()?,
        high: half(5).ok()?,
    })
}

/// The decimal as it is written, where it fits into 28 digits.
#[must_use]
pub fn exact(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) {
        return Decimal::from_scientific(text).ok();
    }
    text.parse().ok()
}

fn exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let exponent: i32 = text.parse().ok()?;
    (exponent.abs() <= EXPONENT_MAX).then_some(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_half_a_unit_of_the_last_digit() {
        for (text, low, value, high) in [
            ("5.4", 5.35, 5.4, 5.45),
            ("5.40", 5.395, 5.4, 5.405),
            ("100", 99.5, 100.0, 100.5),
            ("1e2", 50.0, 100.0, 150.0),
            ("1.0E-1", 0.095, 0.1, 0.105),
            ("-5.4", -5.45, -5.4, -5.35),
            ("0", -0.5, 0.0, 0.5),
        ] {
            assert_eq!(parse(text), Some(Precise { value, low, high }), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "-", ".5", "5.", "5,4", "1e", "1e400", "0x10", "NaN", "inf", "1 ", "+1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"1".repeat(DIGITS_MAX + 1)), None);
    }
}
