//! From a value that an expression gave to rows, by its FHIR type and the parameter's kind.

use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;

use super::texts;
use crate::fhir::{
    date::{self, Span},
    definitions::{ParameterKind, ResourceType},
    path::Item,
    reference,
    search::{
        hash, near,
        parameters::SearchParameter,
        query::number,
        rows::{DateRow, IndexRows, NumberRow, ReferenceRow, StringRow, TokenRow, UriRow},
        text,
    },
    ucum::{self, Canonical},
};

/// The system of currency codes.
const CURRENCIES: &str = "urn:iso:std:iso:4217";

/// The numbers of a parameter.
#[derive(Clone, Copy)]
pub(super) struct Ids {
    /// Its own.
    pub param: i64,
    /// That of its identifiers.
    pub identifier: i64,
    /// That of the texts beside its codes.
    pub text: i64,
    /// That of its identifiers with their types.
    pub of_type: i64,
    /// That of its quantities in base units.
    pub canonical: i64,
}

impl Ids {
    pub(super) const fn of(parameter: &SearchParameter) -> Self {
        Self {
            param: parameter.id,
            identifier: parameter.identifier_id,
            text: parameter.text_id,
            of_type: parameter.of_type_id,
            canonical: parameter.canonical_id,
        }
    }
}

/// Adds the rows of one value.
pub(super) fn add(item: &Item<'_>, kind: ParameterKind, ids: Ids, rows: &mut IndexRows) {
    let Some(value) = item.node() else {
        return computed(item, kind, ids.param, rows);
    };
    let fhir_type = item.fhir_type();
    match kind {
        ParameterKind::Token => {
            token(value, fhir_type, ids.param, rows);
            texts::of_token(value, fhir_type, ids, rows);
        }
        ParameterKind::String => string(value, fhir_type, ids.param, rows),
        ParameterKind::Date => {
            if let Some(span) = span(value, fhir_type) {
                rows.dates.push(DateRow {
                    param: ids.param,
                    start: span.start,
                    end: span.end,
                });
            }
        }
        ParameterKind::Number | ParameterKind::Quantity => {
            quantity(value, fhir_type, ids.param, rows);
            canonical_quantity(value, fhir_type, ids.canonical, rows);
        }
        ParameterKind::Reference => reference(value, fhir_type, ids, rows),
        ParameterKind::Uri => uri(value, ids.param, rows),
        ParameterKind::Special => position(value, ids.param, rows),
        ParameterKind::Composite => {}
    }
}

/// A value that is not an element but the result of an operator, such as `exists()`.
fn computed(item: &Item<'_>, kind: ParameterKind, param: i64, rows: &mut IndexRows) {
    match (kind, item) {
        (ParameterKind::Token, Item::Boolean(value)) => rows.tokens.push(TokenRow {
            param,
            code: hash::of_text(if *value { "true" } else { "false" }),
            system: hash::IMPLIED,
            value: value.to_string(),
        }),
        (ParameterKind::Token, Item::String(value)) => rows.tokens.push(TokenRow {
            param,
            code: hash::of_text(value),
            system: hash::ABSENT,
            value: text::token_key(value),
        }),
        (ParameterKind::String, Item::String(value)) => push_string(value, param, rows),
        (ParameterKind::Uri, Item::String(value)) => rows.uris.push(UriRow {
            param,
            value: (**value).to_owned(),
        }),
        _ => {}
    }
}

pub(super) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

pub(super) fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn token(value: &Value, fhir_type: &str, param: i64, rows: &mut IndexRows) {
    let mut push = |code: Option<&str>, system: i64| {
        let value = code.map(text::token_key).unwrap_or_default();
        let code = hash::of_option(code);
        if code != hash::ABSENT || !matches!(system, hash::ABSENT | hash::IMPLIED) {
            rows.tokens.push(TokenRow {
                param,
                code,
                system,
                value,
            });
        }
    };
    let system = |value: &Value| hash::of_option(member(value, "system"));
    match fhir_type {
        "CodeableConcept" => {
            for coding in list(value, "coding") {
                push(member(coding, "code"), system(coding));
            }
        }
        "Coding" => push(member(value, "code"), system(value)),
        "Identifier" => push(member(value, "value"), system(value)),
        "ContactPoint" => push(
            member(value, "value"),
            hash::of_option(member(value, "use")),
        ),
        "code" => push(value.as_str(), hash::IMPLIED),
        _ => match value {
            Value::String(text) => push(Some(text), hash::ABSENT),
            Value::Bool(true) => push(Some("true"), hash::IMPLIED),
            Value::Bool(false) => push(Some("false"), hash::IMPLIED),
            _ => {}
        },
    }
}

fn push_string(value: &str, param: i64, rows: &mut IndexRows) {
    let folded = text::folded_key(value);
    if !folded.is_empty() {
        rows.strings.push(StringRow {
            param,
            folded,
            exact: text::exact_key(value),
        });
    }
}

fn string(value: &Value, fhir_type: &str, param: i64, rows: &mut IndexRows) {
    let (lists, members): (&[&str], &[&str]) = match fhir_type {
        "HumanName" => (&["given", "prefix", "suffix"], &["family", "text"]),
        "Address" => (
            &["line"],
            &["city", "district", "state", "postalCode", "country", "text"],
        ),
        "CodeableConcept" => {
            for coding in list(value, "coding") {
                if let Some(display) = member(coding, "display") {
                    push_string(display, param, rows);
                }
            }
            (&[], &["text"])
        }
        "Coding" => (&[], &["display"]),
        "ContactPoint" | "Identifier" => (&[], &["value"]),
        "Annotation" => (&[], &["text"]),
        _ => {
            if let Some(text) = value.as_str() {
                push_string(text, param, rows);
            }
            return;
        }
    };
    for name in lists {
        for text in list(value, name).filter_map(Value::as_str) {
            push_string(text, param, rows);
        }
    }
    for name in members {
        if let Some(text) = member(value, name) {
            push_string(text, param, rows);
        }
    }
}

fn span(value: &Value, fhir_type: &str) -> Option<Span> {
    match fhir_type {
        "Period" => period(value),
        "Timing" => timing(value),
        _ => date::span(value.as_str()?),
    }
}

fn period(value: &Value) -> Option<Span> {
    let end = |name| member(value, name).and_then(date::span);
    match (end("start"), end("end")) {
        (None, None) => None,
        (first, last) => Some(Span::between(first, last)),
    }
}

/// From the first to the last moment that a timing names; how often between is not searched.
fn timing(value: &Value) -> Option<Span> {
    let events = list(value, "event").filter_map(|event| date::span(event.as_str()?));
    let bounds = value
        .get("repeat")
        .and_then(|repeat| repeat.get("boundsPeriod"));
    events
        .chain(bounds.and_then(period))
        .reduce(|all, next| Span {
            start: all.start.min(next.start),
            end: all.end.max(next.end),
        })
}

/// A JSON number, as precise as a float.
fn decimal(value: Option<&Value>) -> Option<f64> {
    match value {
        Some(Value::Number(number)) => number::parse(number.as_str()).map(|precise| precise.value),
        _ => None,
    }
}

fn quantity(value: &Value, fhir_type: &str, param: i64, rows: &mut IndexRows) {
    let (low, high, middle, units) = match fhir_type {
        "Range" => {
            let (low, high) = (value.get("low"), value.get("high"));
            let ends = |end: Option<&Value>| decimal(end.and_then(|end| end.get("value")));
            let (first, last) = (ends(low), ends(high));
            let Some(middle) = first.or(last) else {
                return;
            };
            let units = low.or(high).map_or_else(Vec::new, units);
            (
                first.unwrap_or(f64::MIN),
                last.unwrap_or(f64::MAX),
                middle,
                units,
            )
        }
        "Money" => {
            let Some(amount) = decimal(value.get("value")) else {
                return;
            };
            let unit = member(value, "currency").map_or((0, 0), |code| {
                (hash::of_text(CURRENCIES), hash::of_text(code))
            });
            (amount, amount, amount, vec![unit])
        }
        _ if value.is_number() => {
            let Some(number) = decimal(Some(value)) else {
                return;
            };
            (number, number, number, vec![(0, 0)])
        }
        _ => {
            let Some(amount) = decimal(value.get("value")) else {
                return;
            };
            let (low, high) = match member(value, "comparator") {
                Some("<" | "<=") => (f64::MIN, amount),
                Some(">" | ">=") => (amount, f64::MAX),
                _ => (amount, amount),
            };
            (low, high, amount, units(value))
        }
    };
    rows.numbers
        .extend(units.into_iter().map(|(system, code)| NumberRow {
            param,
            low,
            high,
            value: middle,
            system,
            code,
        }));
}

/// A quantity of UCUM in base units, so that it is found by any unit of its dimension.
fn canonical_quantity(value: &Value, fhir_type: &str, param: i64, rows: &mut IndexRows) {
    let end = |end: &Value| {
        if member(end, "system") != Some(ucum::SYSTEM) {
            return None;
        }
        let amount = number::exact(end.get("value")?.as_number()?.as_str())?;
        ucum::canonical(amount, member(end, "code")?)
    };
    let (low, high) = match fhir_type {
        "Range" => (
            value.get("low").and_then(end),
            value.get("high").and_then(end),
        ),
        _ if value.is_object() => {
            let found = end(value);
            match member(value, "comparator") {
                Some("<" | "<=") => (None, found),
                Some(">" | ">=") => (found, None),
                _ => (found.clone(), found),
            }
        }
        _ => return,
    };
    let Some(some) = low.as_ref().or(high.as_ref()) else {
        return;
    };
    let number = |end: Option<&Canonical>| end.and_then(|end| end.value.to_f64());
    let (first, last) = (number(low.as_ref()), number(high.as_ref()));
    let Some(middle) = first.or(last) else {
        return;
    };
    rows.numbers.push(NumberRow {
        param,
        low: first.unwrap_or(f64::MIN),
        high: last.unwrap_or(f64::MAX),
        value: middle,
        system: hash::of_text(ucum::SYSTEM),
        code: hash::of_text(&some.unit),
    });
}

/// `Location.position`, as a point of the globe.
fn position(value: &Value, param: i64, rows: &mut IndexRows) {
    let degrees = |name| decimal(value.get(name));
    let (Some(latitude), Some(longitude)) = (degrees("latitude"), degrees("longitude")) else {
        return;
    };
    if let Some(point) = near::Point::of(latitude, longitude) {
        rows.numbers.push(NumberRow {
            param,
            low: point.x,
            high: point.y,
            value: point.z,
            system: hash::ABSENT,
            code: hash::ABSENT,
        });
    }
}

/// System and code of a quantity's unit; its text, too, where that is another.
fn units(quantity: &Value) -> Vec<(i64, i64)> {
    let (code, text) = (member(quantity, "code"), member(quantity, "unit"));
    let system = hash::of_option(member(quantity, "system"));
    let mut units = vec![(system, hash::of_option(code))];
    if let Some(text) = text
        && Some(text) != code
    {
        let unit = (hash::ABSENT, hash::of_text(text));
        if code.is_some() {
            units.push(unit);
        } else {
            units = vec![unit];
        }
    }
    units
}

fn reference(value: &Value, fhir_type: &str, ids: Ids, rows: &mut IndexRows) {
    if let Some(text) = value.as_str() {
        return canonical(text, ids.param, rows);
    }
    // A resource in the place of a reference, as in a Bundle's first entry.
    if let Some(target) = ResourceType::named(fhir_type) {
        rows.references
            .extend(member(value, "id").map(|id| ReferenceRow {
                param: ids.param,
                target_type: Some(target),
                target_id: id.to_owned(),
            }));
        return;
    }
    texts::of_reference(value, ids, rows);
    if let Some(text) = member(value, "reference") {
        rows.references.push(literal(text, ids.param));
    }
    if let Some(identifier) = value.get("identifier") {
        token(identifier, "Identifier", ids.identifier, rows);
    }
}

/// A reference as written, its version left out.
fn literal(text: &str, param: i64) -> ReferenceRow {
    match reference::local(text) {
        Some(local) => ReferenceRow {
            param,
            target_type: Some(local.kind),
            target_id: local.id,
        },
        None => ReferenceRow {
            param,
            target_type: None,
            target_id: text
                .split_once("/_history/")
                .map_or(text, |(resource, _)| resource)
                .to_owned(),
        },
    }
}

/// A canonical can be found with and without its version; a local URI is a reference as well.
fn canonical(text: &str, param: i64, rows: &mut IndexRows) {
    rows.references.push(literal(text, param));
    if let Some((url, _)) = text.split_once('|') {
        rows.references.push(literal(url, param));
    }
}

fn uri(value: &Value, param: i64, rows: &mut IndexRows) {
    let Some(text) = value.as_str() else {
        return;
    };
    let mut push = |value: &str| {
        rows.uris.push(UriRow {
            param,
            value: value.to_owned(),
        });
    };
    push(text);
    // A canonical can be found with and without its version.
    if let Some((url, _)) = text.split_once('|') {
        push(url);
    }
}
