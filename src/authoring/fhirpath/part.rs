//! Items as parts of a parameter: named by their types, with `value[x]` where that has the type.

use std::cell::Cell;

use serde_json::{Value, json};

use super::{ANSWER_BYTES_MAX, ANSWER_ITEMS_MAX, asked::JSON_VALUE, places::Places};
use crate::fhir::{
    definitions::{self, definitions},
    path::{Item, Node, Precision, Quantity, TemporalKind, Unit},
    ucum,
    validate::primitive,
};

/// By which it is told where in the resource a value stands.
const RESOURCE_PATH: &str = "http://fhir.forms-lab.com/StructureDefinition/resource-path";

/// Makes parts of items, within the bounds of an answer.
pub(super) struct Parts<'p> {
    places: &'p Places,
    bytes_left: Cell<usize>,
    items_left: Cell<usize>,
    over: Cell<bool>,
}

impl<'p> Parts<'p> {
    pub(super) const fn new(places: &'p Places) -> Self {
        Self {
            places,
            bytes_left: Cell::new(ANSWER_BYTES_MAX),
            items_left: Cell::new(ANSWER_ITEMS_MAX),
            over: Cell::new(false),
        }
    }

    /// Whether a bound has been reached.
    pub(super) const fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Takes one item of some bytes from what is left.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let left = self.bytes_left.get().checked_sub(bytes);
        let items = self.items_left.get().checked_sub(1);
        match (left, items) {
            (Some(bytes), Some(items)) => {
                self.bytes_left.set(bytes);
                self.items_left.set(items);
                true
            }
            _ => {
                self.over.set(true);
                false
            }
        }
    }

    /// Where an item stands in the resource.
    pub(super) fn place(&self, item: &Item<'_>) -> Option<String> {
        self.places.of_item(item)
    }

    /// The part that tells an item; none once a bound has been reached.
    pub(super) fn part(&self, item: &Item<'_>) -> Option<Value> {
        let size = match item {
            Item::Node(node) => size(node.value()) + node.sibling().map_or(0, size),
            Item::String(text) => text.len(),
            _ => 0,
        };
        if !self.take(size) {
            return None;
        }
        let mut part = match item {
            Item::Node(node) => node_part(node),
            value => value_part(value),
        };
        if let Some(place) = self.place(item) {
            let path = json!({ "url": RESOURCE_PATH, "valueString": place });
            match part.get_mut("extension").and_then(Value::as_array_mut) {
                Some(extensions) => extensions.insert(0, path),
                None => part["extension"] = json!([path]),
            }
        }
        Some(part)
    }
}

/// About how many bytes a tree has as JSON.
fn size(tree: &Value) -> usize {
    match tree {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(number) => number.as_str().len(),
        Value::String(text) => text.len() + 2,
        Value::Array(list) => list.iter().map(|one| 1 + size(one)).sum(),
        Value::Object(members) => {
            let each = members
                .iter()
                .map(|(name, value)| 4 + name.len() + size(value));
            each.sum()
        }
    }
}

fn node_part(node: &Node<'_>) -> Value {
    let (kind, value) = (node.fhir_type(), node.value());
    let known = definitions().type_named(kind);
    if known.is_some_and(|known| known.kind == definitions::Kind::Resource) {
        return if value.is_object() {
            json!({ "name": kind, "resource": value })
        } else {
            // A reference was resolved to a type and nothing more.
            json!({ "name": kind })
        };
    }
    let Some(member) = value_member(kind) else {
        return as_json(if kind.is_empty() { "unknown" } else { kind }, value);
    };
    if value.as_str() == Some("") {
        return json!({ "name": "empty-string" });
    }
    let mut part = json!({ "name": kind });
    if let Some(sibling) = node.sibling() {
        part[format!("_{member}")] = sibling.clone();
    }
    if !value.is_null() {
        part[member] = value.clone();
    }
    part
}

/// `valueHumanName`, if a parameter may have a value of the type.
fn value_member(kind: &str) -> Option<String> {
    let mut member = String::from("value");
    let mut letters = kind.chars();
    member.extend(letters.next()?.to_uppercase());
    member.push_str(letters.as_str());
    let parameter = definitions().type_named("Parameters.parameter")?;
    parameter.member(&member).map(|_| member)
}

/// A value that no `value[x]` can have.
fn as_json(kind: &str, value: &Value) -> Value {
    json!({
        "name": kind,
        "extension": [{ "url": JSON_VALUE, "valueString": value.to_string() }],
    })
}

fn value_part(item: &Item<'_>) -> Value {
    match item {
        Item::Boolean(value) => json!({ "name": "boolean", "valueBoolean": value }),
        Item::Integer(value) => match i32::try_from(*value) {
            Ok(value) => json!({ "name": "integer", "valueInteger": value }),
            // R4's integer has 32 bits.
            Err(_) => json!({ "name": "integer", "valueDecimal": value }),
        },
        Item::Decimal(value) => number(&value.to_string()).map_or_else(
            || as_json("decimal", &value.to_string().into()),
            |number| json!({ "name": "decimal", "valueDecimal": number }),
        ),
        Item::String(text) if text.is_empty() => json!({ "name": "empty-string" }),
        Item::String(text) => json!({ "name": "string", "valueString": **text }),
        Item::Temporal(moment) => {
            let (kind, member) = match moment.kind {
                TemporalKind::Date => ("date", "valueDate"),
                TemporalKind::DateTime => ("dateTime", "valueDateTime"),
                TemporalKind::Time => ("time", "valueTime"),
            };
            let text = Value::from(moment.to_string());
            let whole = !matches!(moment.precision, Precision::Hour | Precision::Minute);
            if whole && primitive::check(kind, &text).is_ok() {
                json!({ "name": kind, member: text })
            } else {
                // FHIR has no time without seconds, and none with them but without a zone.
                as_json(kind, &text)
            }
        }
        Item::Quantity(quantity) => json!({
            "name": "Quantity",
            "valueQuantity": quantity_tree(quantity),
        }),
        Item::Type(name) => as_json(
            "SimpleTypeInfo",
            &json!({ "namespace": name.namespace, "name": name.name }),
        ),
        Item::Node(node) => node_part(node),
    }
}

fn number(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn quantity_tree(quantity: &Quantity<'_>) -> Value {
    let unit = quantity.unit.text();
    let mut tree = json!({ "value": number(&quantity.value.to_string()), "unit": unit });
    if matches!(quantity.unit, Unit::Code(_)) {
        tree["system"] = ucum::SYSTEM.into();
        tree["code"] = unit.into();
    }
    tree
}
