//! Values as forms and answers have them: their types, and their order.
//!
//! Specification: <http://hl7.org/fhir/R4/valueset-item-type.html>,
//! <http://hl7.org/fhir/R4/valueset-questionnaire-enable-operator.html>.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::Value;

use super::UNIT;
use crate::fhir::{
    canonical::extension,
    path::{Temporal, TemporalKind},
    ucum,
};

/// A `prefix[x]` member: the suffix that names its type, and the value.
pub(super) fn chosen<'a>(of: &'a Value, prefix: &str) -> Option<(&'a str, &'a Value)> {
    of.as_object()?.iter().find_map(|(name, value)| {
        let suffix = name.strip_prefix(prefix)?;
        let is_type = suffix.starts_with(|first: char| first.is_ascii_uppercase());
        is_type.then_some((suffix, value))
    })
}

/// The suffixes of `value[x]` that an item of this type takes.
pub(super) fn suffixes(item: &Value) -> &'static [&'static str] {
    match item["type"].as_str().unwrap_or_default() {
        "boolean" => &["Boolean"],
        "decimal" => &["Decimal"],
        "integer" => &["Integer"],
        "date" => &["Date"],
        "dateTime" => &["DateTime"],
        "time" => &["Time"],
        "string" | "text" => &["String"],
        "url" => &["Uri"],
        "choice" => &["Coding"],
        "open-choice" => &["Coding", "String"],
        "attachment" => &["Attachment"],
        "reference" => &["Reference"],
        "quantity" => &["Quantity"],
        _ => &[],
    }
}

/// A number, its digits kept.
pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    let Value::Number(number) = value else {
        return None;
    };
    let text = number.as_str();
    Decimal::from_str_exact(text)
        .or_else(|_| Decimal::from_scientific(text))
        .ok()
}

/// A date, time or instant.
fn temporal(text: &str) -> Option<Temporal> {
    let is_time = text.as_bytes().get(2) == Some(&b':');
    let kind = if is_time {
        TemporalKind::Time
    } else {
        TemporalKind::DateTime
    };
    Temporal::parse(text, kind)
}

/// The order of two values, where they have one: numbers, quantities of one dimension, moments.
pub(super) fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => Some(decimal(one)?.cmp(&decimal(other)?)),
        (Value::String(one), Value::String(other)) => match (temporal(one), temporal(other)) {
            (Some(one), Some(other)) => one.compare(&other),
            (None, None) => Some(one.cmp(other)),
            _ => None,
        },
        (Value::Object(_), Value::Object(_)) => quantities(one, other),
        _ => None,
    }
}

/// The order of two quantities; none where their units do not compare.
fn quantities(one: &Value, other: &Value) -> Option<Ordering> {
    let (first, second) = (decimal(&one["value"])?, decimal(&other["value"])?);
    if unit(one) == unit(other) {
        return Some(first.cmp(&second));
    }
    let base = |of: &Value, value| {
        let is_ucum = of["system"].as_str().is_none_or(|is| is == ucum::SYSTEM);
        let code = of["code"].as_str().filter(|_| is_ucum)?;
        ucum::canonical(value, code)
    };
    let (first, second) = (base(one, first)?, base(other, second)?);
    (first.unit == second.unit).then(|| first.value.cmp(&second.value))
}

fn unit(quantity: &Value) -> Option<&str> {
    quantity["code"].as_str().or(quantity["unit"].as_str())
}

/// Gives a quantity the unit that the form states for an item, and tells whether it states one.
pub(super) fn add_unit(quantity: &mut Value, item: &Value) -> bool {
    let unit = extension(item, UNIT).unwrap_or(&Value::Null);
    for (from, to) in [("display", "unit"), ("system", "system"), ("code", "code")] {
        if unit[from].is_string() {
            quantity[to] = unit[from].clone();
        }
    }
    unit.is_object()
}

/// Whether an answer is the value that is meant: a coding by system and code, a reference by its
/// text, anything else by what it says.
pub(super) fn is_meant(value: &Value, meant: &Value) -> bool {
    if let Some(code) = meant["code"].as_str()
        && meant.get("value").is_none()
    {
        let anywhere = meant["system"].is_null() || value["system"] == meant["system"];
        return value["code"] == code && anywhere;
    }
    if let Some(reference) = meant["reference"].as_str() {
        return value["reference"] == reference;
    }
    if meant["display"].is_string() && meant.get("code").is_none() {
        return value["display"] == meant["display"] && value["code"].is_null();
    }
    value == meant || compare(value, meant).is_some_and(Ordering::is_eq)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_compare_by_what_they_say() {
        let order = |one: Value, other: Value| compare(&one, &other);
        assert_eq!(order(json!(1.50), json!(1.5)), Some(Ordering::Equal));
        assert_eq!(
            order(json!("2022-07"), json!("2022-06")),
            Some(Ordering::Greater)
        );
        assert_eq!(
            order(json!("09:30:00"), json!("10:00:00")),
            Some(Ordering::Less)
        );
        assert_eq!(order(json!("09:30:00"), json!("2022")), None);
        let kilograms = json!({ "value": 5, "unit": "kg" });
        assert_eq!(
            order(kilograms.clone(), json!({ "value": 4, "unit": "kg" })),
            Some(Ordering::Greater)
        );
        assert_eq!(order(kilograms, json!({ "value": 4, "unit": "m" })), None);
    }

    #[test]
    fn a_coding_is_meant_by_its_system_and_code() {
        let given = json!({ "system": "urn:a", "code": "1", "display": "One" });
        assert!(is_meant(&given, &json!({ "system": "urn:a", "code": "1" })));
        assert!(is_meant(&given, &json!({ "code": "1" })));
        assert!(!is_meant(
            &given,
            &json!({ "system": "urn:b", "code": "1" })
        ));
        assert!(!is_meant(&json!({ "code": "1" }), &given));
    }

    #[test]
    fn a_choice_is_told_from_its_shadow() {
        let answer = json!({ "_valueString": {}, "valueless": 1, "valueString": "a" });
        assert_eq!(chosen(&answer, "value"), Some(("String", &json!("a"))));
    }
}
