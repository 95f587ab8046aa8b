//! Fixed values, patterns, bounds of values and lengths.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::{Number, Value};

use super::{
    super::super::{profile::model::Element, ucum},
    Judge,
    node::Node,
};

impl<'a> Judge<'a> {
    pub(super) fn values(&mut self, node: &Node<'a, '_>, definition: &Element) {
        if node.value.is_null() {
            return;
        }
        if let Some(fixed) = &definition.fixed
            && !same(node.value, fixed)
        {
            let words = format!("The value must be {}.", shown(fixed));
            self.error(node.place, "value", words);
        }
        if let Some(pattern) = &definition.pattern
            && !has_pattern(node.value, pattern)
        {
            let words = format!("The value must have the pattern {}.", shown(pattern));
            self.error(node.place, "value", words);
        }
        if let (Some(most), Some(text)) = (definition.max_length, node.value.as_str())
            && u64::try_from(text.chars().count()).unwrap_or(u64::MAX) > most
        {
            let words = format!("The text may have {most} characters at most.");
            self.error(node.place, "too-long", words);
        }
        self.bounds(node, definition);
    }

    fn bounds(&mut self, node: &Node<'a, '_>, definition: &Element) {
        if let Some((_, least)) = &definition.min_value
            && compare(node.value, least) == Some(Ordering::Less)
        {
            let words = format!("The value may not be less than {}.", shown(least));
            self.error(node.place, "value", words);
        }
        if let Some((_, most)) = &definition.max_value
            && compare(node.value, most) == Some(Ordering::Greater)
        {
            let words = format!("The value may not be greater than {}.", shown(most));
            self.error(node.place, "value", words);
        }
    }
}

/// A definition's value in words; long ones are cut.
fn shown(value: &Value) -> String {
    const MOST: usize = 200;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Whether two values are one; numbers by what they mean.
pub(super) fn same(value: &Value, fixed: &Value) -> bool {
    match (value, fixed) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && b.iter()
                    .all(|(name, b)| a.get(name).is_some_and(|a| same(a, b)))
        }
        _ => value == fixed,
    }
}

/// Whether a value has at least what the pattern has.
pub(super) fn has_pattern(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => pattern
            .iter()
            .all(|(name, asked)| value.get(name).is_some_and(|has| has_pattern(has, asked))),
        (Value::Array(value), Value::Array(pattern)) => pattern
            .iter()
            .all(|asked| value.iter().any(|has| has_pattern(has, asked))),
        _ => same(value, pattern),
    }
}

fn decimal(number: &Number) -> Option<Decimal> {
    let text = number.as_str();
    Decimal::from_str_exact(text)
        .or_else(|_| Decimal::from_scientific(text))
        .ok()
}

fn same_number(a: &Number, b: &Number) -> bool {
    match (decimal(a), decimal(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// The order of two values, where they have one: numbers, dates as texts of one form, quantities.
fn compare(value: &Value, bound: &Value) -> Option<Ordering> {
    match (value, bound) {
        (Value::Number(a), Value::Number(b)) => Some(decimal(a)?.cmp(&decimal(b)?)),
        (Value::String(a), Value::String(b)) => {
            // Dates are compared as far as both are precise.
            let length = a.len().min(b.len()).min("YYYY-MM-DD".len());
            Some(a.get(..length)?.cmp(b.get(..length)?))
        }
        (Value::Object(a), Value::Object(b)) => {
            let number = |members: &serde_json::Map<String, Value>| match members.get("value") {
                Some(Value::Number(number)) => decimal(number),
                _ => None,
            };
            let unit = |members: &serde_json::Map<String, Value>| {
                members
                    .get("code")
                    .or_else(|| members.get("unit"))
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            let (ours, theirs) = (number(a)?, number(b)?);
            match (unit(a), unit(b)) {
                (ours_in, theirs_in) if ours_in == theirs_in => Some(ours.cmp(&theirs)),
                (Some(ours_in), Some(theirs_in)) => {
                    let ours = ucum::canonical(ours, &ours_in)?;
                    let theirs = ucum::canonical(theirs, &theirs_in)?;
                    (ours.unit == theirs.unit).then(|| ours.value.cmp(&theirs.value))
                }
                _ => None,
            }
        }
        _ => None,
    }
}
