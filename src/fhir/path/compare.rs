//! Equality, equivalence and order of items.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#equality>,
//! <http://hl7.org/fhirpath/N1/#equivalence>, <http://hl7.org/fhirpath/N1/#comparison>.

use std::{cell::Cell, cmp::Ordering};

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{
    error::EvaluationError,
    evaluate::BYTES_A_STEP,
    item::{self, Item},
    quantity::{Quantity, Unit},
    temporal::{Temporal, TemporalKind},
};

/// Steps that are left. Comparing takes one for each value it looks at; without any left,
/// nothing is equal, and the evaluator's next step ends the evaluation.
type Steps = Cell<u64>;

/// Takes steps for a value and its text, if as many are left.
fn spend(steps: &Steps, length: usize) -> bool {
    let cost = 1 + u64::try_from(length / BYTES_A_STEP).unwrap_or(u64::MAX);
    let left = steps.get().checked_sub(cost);
    steps.set(left.unwrap_or(0));
    left.is_some()
}

/// `a = b` for two items; nothing where precision or units leave it open.
pub(super) fn equal(steps: &Steps, a: &Item<'_>, b: &Item<'_>) -> Option<bool> {
    if let (Item::Node(a), Item::Node(b)) = (a, b)
        && std::ptr::eq(a.value, b.value)
        && !a.value.is_null()
    {
        return Some(true);
    }
    match (a.to_value(), b.to_value()) {
        (Item::String(a), Item::String(b)) => Some(spend(steps, a.len().min(b.len())) && a == b),
        (Item::Boolean(a), Item::Boolean(b)) => Some(a == b),
        (Item::Integer(a), Item::Integer(b)) => Some(a == b),
        (Item::Temporal(a), Item::Temporal(b)) => moments_equal(&a, &b),
        (Item::Quantity(a), Item::Quantity(b)) => a.compare(&b).map(|o| o == Ordering::Equal),
        (Item::Quantity(a), b) | (b, Item::Quantity(a)) => number(&b)
            .and_then(|value| a.compare(&dimensionless(value)))
            .map_or(Some(false), |order| Some(order == Ordering::Equal)),
        (Item::Node(a), Item::Node(b)) => Some(values_equal(steps, (a.value, b.value), false)),
        (Item::Type(a), Item::Type(b)) => Some(a == b),
        (a, b) => Some(number(&a).is_some() && number(&a) == number(&b)),
    }
}

/// A number that equal trees have in common, from their first level alone; none for what is not
/// a tree, or is compared as a quantity. Numbers count as alike, since `1.0 = 1.00`.
pub(super) fn outline(item: &Item<'_>) -> Option<u64> {
    let Item::Node(node) = item.to_value() else {
        return None;
    };
    let members = node.value.as_object()?;
    let outline = members.iter().map(|(key, value)| {
        let mut hash = fnv(FNV_START, key.as_bytes());
        hash = match value {
            Value::String(text) => fnv(hash, text.as_bytes()),
            Value::Array(list) => fnv(hash, &list.len().to_le_bytes()),
            Value::Object(inner) => fnv(hash, &inner.len().to_le_bytes()),
            Value::Bool(known) => fnv(hash, &[u8::from(*known)]),
            Value::Number(_) | Value::Null => hash,
        };
        hash
    });
    // A sum, because the order of members does not matter.
    Some(outline.fold(0, u64::wrapping_add))
}

/// Where the FNV-1a hash starts.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Most bytes of one member that an outline looks at.
const OUTLINE_BYTES_MAX: usize = 64;

fn fnv(start: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().take(OUTLINE_BYTES_MAX).fold(start, step)
}

fn moments_equal(a: &Temporal, b: &Temporal) -> Option<bool> {
    if (a.kind == TemporalKind::Time) != (b.kind == TemporalKind::Time) {
        return Some(false);
    }
    a.compare(b).map(|order| order == Ordering::Equal)
}

/// `a ~ b` for two items: texts without case and spacing, decimals to the lesser precision.
pub(super) fn equivalent(steps: &Steps, a: &Item<'_>, b: &Item<'_>) -> bool {
    match (a.to_value(), b.to_value()) {
        (Item::String(a), Item::String(b)) => same_words(steps, &a, &b),
        (Item::Temporal(a), Item::Temporal(b)) => {
            a.kind == b.kind && a.compare(&b) == Some(Ordering::Equal)
        }
        (Item::Quantity(a), Item::Quantity(b)) => a
            .coarsened(&b)
            .is_some_and(|(a, b)| decimals_equivalent(a, b)),
        (Item::Node(a), Item::Node(b)) => values_equal(steps, (a.value, b.value), true),
        (a, b) => match (number(&a), number(&b)) {
            (Some(a), Some(b)) => decimals_equivalent(a, b),
            _ => equal(steps, &a, &b) == Some(true),
        },
    }
}

fn same_words(steps: &Steps, a: &str, b: &str) -> bool {
    if !spend(steps, a.len() + b.len()) {
        return false;
    }
    let words = |text: &str| {
        let folded = text.to_lowercase();
        folded.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    a == b || words(a) == words(b)
}

fn decimals_equivalent(a: Decimal, b: Decimal) -> bool {
    let (a, b) = (a.normalize(), b.normalize());
    let scale = a.scale().min(b.scale());
    round(a, scale) == round(b, scale)
}

/// Rounds half away from zero, as people do.
pub(super) fn round(value: Decimal, scale: u32) -> Decimal {
    value.round_dp_with_strategy(scale, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
}

/// The number an Integer or Decimal stands for.
pub(super) fn number(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Integer(value) => Some((*value).into()),
        Item::Decimal(value) => Some(*value),
        _ => None,
    }
}

/// A number as a quantity of unit `1`.
pub(super) const fn dimensionless(value: Decimal) -> Quantity<'static> {
    Quantity {
        value,
        unit: Unit::ONE,
    }
}

/// Two trees: `=` wants lists in the same order, `~` in any. The depth is that of the
/// JSON, which reading has bounded.
fn values_equal(steps: &Steps, pair: (&Value, &Value), loose: bool) -> bool {
    match pair {
        _ if !spend(steps, 0) => false,
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (item::decimal(a.as_str()), item::decimal(b.as_str()));
            match (a, b) {
                (Some(a), Some(b)) if loose => decimals_equivalent(a, b),
                (a, b) => a.is_some() && a == b,
            }
        }
        (Value::String(a), Value::String(b)) if loose => same_words(steps, a, b),
        (Value::String(a), Value::String(b)) => spend(steps, a.len().min(b.len())) && a == b,
        (Value::Array(a), Value::Array(b)) if a.len() != b.len() => false,
        (Value::Array(a), Value::Array(b)) if loose => {
            matched(a, b, |a, b| values_equal(steps, (a, b), true))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.iter().zip(b).all(|pair| values_equal(steps, pair, false))
        }
        (Value::Object(a), Value::Object(b)) => {
            // An element's id identifies its place, not its meaning.
            let counts = |key: &str| !(loose && key == "id");
            let size = |map: &Map<String, Value>| map.keys().filter(|key| counts(key)).count();
            size(a) == size(b)
                && a.iter().filter(|(key, _)| counts(key)).all(|(key, a)| {
                    b.get(key)
                        .is_some_and(|b| values_equal(steps, (a, b), loose))
                })
        }
        (a, b) => a == b,
    }
}

/// Whether each of `a` finds its own partner in `b`; both are equally long.
pub(super) fn matched<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    let mut taken = vec![false; b.len()];
    a.iter().all(|a| {
        let free = b
            .iter()
            .zip(&mut taken)
            .find(|(b, taken)| !**taken && same(a, b));
        free.map(|(_, taken)| *taken = true).is_some()
    })
}

/// The order of two items; nothing where precision or units leave it open.
///
/// # Errors
/// Where the types have no order between them.
pub(super) fn order(
    steps: &Steps,
    a: &Item<'_>,
    b: &Item<'_>,
) -> Result<Option<Ordering>, EvaluationError> {
    let (Some(a), Some(b)) = (a.definite(), b.definite()) else {
        return Ok(None);
    };
    Ok(match (a, b) {
        (Item::String(a), Item::String(b)) => spend(steps, a.len().min(b.len())).then(|| a.cmp(&b)),
        (Item::Integer(a), Item::Integer(b)) => Some(a.cmp(&b)),
        (Item::Temporal(a), Item::Temporal(b))
            if (a.kind == TemporalKind::Time) == (b.kind == TemporalKind::Time) =>
        {
            a.compare(&b)
        }
        (Item::Quantity(a), Item::Quantity(b)) => a.compare(&b),
        (Item::Quantity(a), b) if number(&b).is_some() => {
            number(&b).and_then(|b| a.compare(&dimensionless(b)))
        }
        (a, Item::Quantity(b)) if number(&a).is_some() => {
            number(&a).and_then(|a| dimensionless(a).compare(&b))
        }
        (a, b) => match (number(&a), number(&b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => {
                let (a, b) = (a.fhir_type(), b.fhir_type());
                let message = format!("{a} and {b} have no order.");
                return Err(EvaluationError::Semantics(message));
            }
        },
    })
}
