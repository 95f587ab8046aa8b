//! Numbers.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#math-1>. Sums and powers are exact decimals;
//! roots and logarithms go through floating point and keep fifteen digits.

use rust_decimal::{
    Decimal,
    prelude::{FromPrimitive, ToPrimitive},
};

use super::{Function, Invocation, maybe, none, some};
use crate::fhir::path::{
    compare,
    error::EvaluationError,
    evaluate::{Outcome, single},
    item::Item,
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("abs", (0, 0), abs),
    Function::of("ceiling", (0, 0), |call| whole(&call, |value| value.ceil())),
    Function::of("floor", (0, 0), |call| whole(&call, |value| value.floor())),
    Function::of("truncate", (0, 0), |call| {
        whole(&call, |value| value.trunc())
    }),
    Function::of("round", (0, 1), round),
    Function::of("exp", (0, 0), |call| real(&call, f64::exp)),
    Function::of("ln", (0, 0), |call| real(&call, f64::ln)),
    Function::of("sqrt", (0, 0), |call| real(&call, f64::sqrt)),
    Function::of("log", (1, 1), log),
    Function::of("power", (1, 1), power),
];

/// Largest exponent that is multiplied out; beyond it nothing but 0, 1 and -1 stays in range.
const EXPONENT_MAX: u64 = 100_000;

fn number(call: &Invocation<'_, '_>) -> Result<Option<Decimal>, EvaluationError> {
    wanted(call, call.value()?)
}

fn wanted(
    call: &Invocation<'_, '_>,
    item: Option<Item<'_>>,
) -> Result<Option<Decimal>, EvaluationError> {
    match item {
        None => Ok(None),
        Some(item) => match compare::number(&item) {
            Some(value) => Ok(Some(value)),
            None => Err(call.fault("wants a number")),
        },
    }
}

fn abs<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    Ok(match call.value()? {
        None => none(),
        Some(Item::Integer(value)) => maybe(value.checked_abs().map(Item::Integer)),
        Some(Item::Decimal(value)) => some(Item::Decimal(value.abs())),
        Some(Item::Quantity(value)) => some(Item::Quantity(value.with_value(value.value.abs()))),
        Some(_) => return Err(call.fault("wants a number")),
    })
}

fn whole<'s, 'a>(call: &Invocation<'s, 'a>, make: fn(&Decimal) -> Decimal) -> Outcome<'s, 'a> {
    let value = number(call)?.and_then(|value| make(&value).to_i64());
    Ok(maybe(value.map(Item::Integer)))
}

fn round<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let scale = call.integer_argument(0)?.unwrap_or(0);
    let scale = u32::try_from(scale).map_err(|_| call.fault("wants no negative precision"))?;
    let value = number(&call)?.map(|value| compare::round(value, scale.min(Decimal::MAX_SCALE)));
    Ok(maybe(value.map(Item::Decimal)))
}

/// A floating point result as a decimal; none where it is no number or too large.
fn decimal<'a>(value: f64) -> Option<Item<'a>> {
    Decimal::from_f64(value).map(Item::Decimal)
}

fn real<'s, 'a>(call: &Invocation<'s, 'a>, make: fn(f64) -> f64) -> Outcome<'s, 'a> {
    let value = number(call)?.and_then(|value| value.to_f64());
    Ok(maybe(value.and_then(|value| decimal(make(value)))))
}

fn log<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let base = wanted(&call, single(&call.argument(0)?)?.map(Item::to_value))?;
    let pair = number(&call)?
        .and_then(|value| value.to_f64())
        .zip(base.and_then(|base| base.to_f64()));
    // A quotient of logarithms would give 2.9999999999999996 for the log of 1000.
    Ok(maybe(pair.and_then(|(value, base)| match base {
        2.0 => decimal(value.log2()),
        10.0 => decimal(value.log10()),
        base => decimal(value.log(base)),
    })))
}

fn power<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let exponent = single(&call.argument(0)?)?.map(Item::to_value);
    let integers = matches!(
        (call.value()?, &exponent),
        (Some(Item::Integer(_)), Some(Item::Integer(0..)))
    );
    let (Some(base), Some(exponent)) = (number(&call)?, wanted(&call, exponent)?) else {
        return Ok(none());
    };
    if !exponent.fract().is_zero() {
        let value = base.to_f64().zip(exponent.to_f64());
        return Ok(maybe(value.and_then(|(b, e)| decimal(b.powf(e)))));
    }
    let value = whole_power(base, exponent);
    Ok(maybe(if integers {
        value.and_then(|value| value.to_i64()).map(Item::Integer)
    } else {
        value.map(Item::Decimal)
    }))
}

/// Repeated squaring: a few dozen multiplications at most.
fn whole_power(base: Decimal, exponent: Decimal) -> Option<Decimal> {
    let mut left = exponent.abs().to_u64().filter(|e| *e <= EXPONENT_MAX)?;
    let (mut square, mut product) = (base, Decimal::ONE);
    while left > 0 {
        if left & 1 == 1 {
            product = product.checked_mul(square)?;
        }
        left >>= 1;
        if left > 0 {
            square = square.checked_mul(square)?;
        }
    }
    if exponent.is_sign_negative() {
        return Decimal::ONE.checked_div(product);
    }
    Some(product)
}
