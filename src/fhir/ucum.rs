//! Units of measure: which are of one dimension, and what a quantity is in base units.
//!
//! Specification: <https://ucum.org/ucum>, <http://hl7.org/fhir/R4/valueset-ucum-units.html>.
//!
//! The tables and the grammar are `octofhir-ucum`'s; here stand the decimals of the rest of the
//! program, the bounds, and a memory of the units that have been asked for. Base units are UCUM's
//! own (`m s g rad K C cd`): a mole is a number, so that mol/L and 10*9/L are of one dimension.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use octofhir_ucum::{Number, evaluate, get_canonical_units, parse_expression};
use rust_decimal::Decimal;

/// The code system of UCUM.
pub const SYSTEM: &str = "http://unitsofmeasure.org";

/// Longest code of a unit, in bytes; longer ones are no unit.
pub const CODE_LENGTH_MAX: usize = 120;

/// Most units that are remembered; then the memory begins anew.
pub const REMEMBERED_MAX: usize = 2_000;

/// Digits of a quantity in base units: more than any value has, fewer than the 28 to which
/// factors are known, so that 3.6 km/h and 1 m/s are one.
const DIGITS: u32 = 20;

/// Fewest digits that a small number must keep where a decimal ends, at 28 places.
const DIGITS_LEAST: u32 = 8;

/// A quantity in the base units of its dimension, so that 1 g and 1000 mg are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// The number of base units.
    pub value: Decimal,
    /// The base units, written in one way only: `g.m-2`.
    pub unit: String,
}

/// How a unit is measured in base units: `value * factor + offset`.
#[derive(Debug)]
struct Scale {
    factor: Number,
    /// Zero but for temperatures.
    offset: Number,
    unit: Box<str>,
}

/// The quantity in base units; none where the code is no UCUM unit, is of a scale that no factor
/// turns into another (`[pH]`, `dB`), or the number does not fit.
#[must_use]
pub fn canonical(value: Decimal, code: &str) -> Option<Canonical> {
    let scale = scale(code)?;
    Some(Canonical {
        value: in_base_units(value, &scale)?,
        unit: scale.unit.to_string(),
    })
}

/// Whether a code is a unit of UCUM.
#[must_use]
pub fn is_unit(code: &str) -> bool {
    code.len() <= CODE_LENGTH_MAX
        && parse_expression(code).is_ok_and(|expression| evaluate(&expression).is_ok())
}

/// Whether quantities of two units can be compared.
#[must_use]
pub fn comparable(a: &str, b: &str) -> bool {
    match (scale(a), scale(b)) {
        (Some(a), Some(b)) => a.unit == b.unit,
        _ => a == b && is_unit(a),
    }
}

/// Both values in the base units that they share; none where they share none.
#[must_use]
pub fn aligned(a: (Decimal, &str), b: (Decimal, &str)) -> Option<(Decimal, Decimal)> {
    let (left, right) = (scale(a.1)?, scale(b.1)?);
    if left.unit != right.unit {
        return None;
    }
    Some((in_base_units(a.0, &left)?, in_base_units(b.0, &right)?))
}

/// A value in another unit of its dimension.
#[must_use]
pub fn convert(value: Decimal, from: &str, to: &str) -> Option<Decimal> {
    let (from, to) = (scale(from)?, scale(to)?);
    if from.unit != to.unit {
        return None;
    }
    let base = number(value)?.checked_mul(from.factor)?;
    let base = base.checked_add(from.offset)?.checked_sub(to.offset)?;
    decimal(base.checked_div(to.factor)?)
}

/// The unit of a product.
#[must_use]
pub fn product(a: &str, b: &str) -> Option<String> {
    joined(a, b)?;
    let unit = octofhir_ucum::unit_multiply(a, b).ok()?.expression;
    (unit.len() <= CODE_LENGTH_MAX).then_some(unit)
}

/// The unit of a quotient; `1` where the two are the same.
#[must_use]
pub fn quotient(a: &str, b: &str) -> Option<String> {
    joined(a, b)?;
    if a == b {
        return Some("1".to_owned());
    }
    let unit = octofhir_ucum::unit_divide(a, b).ok()?.expression;
    (unit.len() <= CODE_LENGTH_MAX).then_some(unit)
}

/// Two units that may be joined. An error of the library would look for what was meant, which
/// takes its time.
fn joined(a: &str, b: &str) -> Option<()> {
    (is_unit(a) && is_unit(b)).then_some(())
}

fn in_base_units(value: Decimal, scale: &Scale) -> Option<Decimal> {
    if scale.factor == Number::ONE && scale.offset.is_zero() {
        return Some(value);
    }
    decimal(
        number(value)?
            .checked_mul(scale.factor)?
            .checked_add(scale.offset)?,
    )
}

fn number(value: Decimal) -> Option<Number> {
    Number::parse(&value.to_string())
}

/// A number as a decimal, to [`DIGITS`]; none if it is too large, or too small to keep its digits.
fn decimal(value: Number) -> Option<Decimal> {
    let (mut digits, mut exponent) = value.to_integer_and_exponent();
    if digits == 0 {
        return Some(Decimal::ZERO);
    }
    let mut known = digits.unsigned_abs().ilog10() + 1;
    let places = i32::try_from(Decimal::MAX_SCALE).ok()?;
    while known > DIGITS || exponent < -places {
        if known <= DIGITS_LEAST {
            return None;
        }
        // All but the last digit that goes are cut, so that only the last one rounds.
        let last = known == DIGITS + 1 || exponent == -places - 1;
        digits = (digits + if last { digits.signum() * 5 } else { 0 }) / 10;
        exponent += 1;
        known -= 1;
    }
    if exponent <= 0 {
        let exact = Decimal::try_from_i128_with_scale(digits, exponent.unsigned_abs()).ok()?;
        return Some(exact.normalize());
    }
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    Decimal::try_from_i128_with_scale(digits.checked_mul(power)?, 0).ok()
}

/// The scale of a unit, from memory if it has been asked for before.
fn scale(code: &str) -> Option<Arc<Scale>> {
    static KNOWN: LazyLock<RwLock<HashMap<Box<str>, Arc<Scale>>>> = LazyLock::new(RwLock::default);
    if code.len() > CODE_LENGTH_MAX {
        return None;
    }
    // A thread that died while it held the lock has at most left a unit out.
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(scale) = known.get(code) {
        return Some(Arc::clone(scale));
    }
    drop(known);
    let scale = Arc::new(measured(code)?);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= REMEMBERED_MAX {
        known.clear();
    }
    known.insert(code.into(), Arc::clone(&scale));
    Some(scale)
}

fn measured(code: &str) -> Option<Scale> {
    // Asked first, because it is quick to say no.
    if !is_unit(code) {
        return None;
    }
    let found = get_canonical_units(code).ok()?;
    Some(Scale {
        factor: found.factor,
        offset: found.offset,
        unit: found.unit.into(),
    })
}

#[cfg(test)]
mod tests;
