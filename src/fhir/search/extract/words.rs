//! The words of a resource: of its narrative, and of all that is written for people.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#content>.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fhir::{
    definitions::{ResourceType, definitions},
    search::{
        rows::{IndexRows, WordRow},
        words,
    },
};

/// Most different words of one resource that are kept; those of the narrative come first.
pub const WORDS_MAX: usize = 1_000;

/// Adds the words of a resource.
pub(super) fn add(tree: &Value, kind: ResourceType, rows: &mut IndexRows) {
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    if let Some(narrative) = tree.pointer("/text/div").and_then(Value::as_str) {
        keep(&words::without_tags(narrative), true, &mut found);
    }
    walk(tree, kind.name(), &mut |text| keep(text, false, &mut found));
    let words = found.into_iter();
    rows.words = words
        .map(|(word, narrative)| WordRow { word, narrative })
        .collect();
}

fn keep(text: &str, narrative: bool, found: &mut BTreeMap<String, bool>) {
    for word in words::of(text) {
        if found.len() >= WORDS_MAX {
            return;
        }
        found.entry(word).or_insert(narrative);
    }
}

/// Types whose own strings are not written to be read: they have searches of their own, and each word
/// is a row that every write pays for.
const UNREAD: [&str; 8] = [
    "Identifier",
    "ContactPoint",
    "Quantity",
    "Age",
    "Count",
    "Distance",
    "Duration",
    "Money",
];

/// Shows `see` each text: values of the types string and markdown; codes, addresses and data
/// have searches of their own.
fn walk(tree: &Value, type_name: &str, see: &mut impl FnMut(&str)) {
    let (Value::Object(members), Some(shape)) = (tree, definitions().type_named(type_name)) else {
        return;
    };
    for (name, member) in members {
        let Some((_, element_type)) = shape.member(name) else {
            continue;
        };
        let items = match member {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for item in items {
            match (element_type, item) {
                ("string", _) if type_name == "Reference" && name == "reference" => {}
                ("string", _) if UNREAD.contains(&type_name) => {}
                ("string" | "markdown", Value::String(text)) => see(text),
                ("Resource", item @ Value::Object(_)) => {
                    let kind = item["resourceType"].as_str().unwrap_or_default();
                    walk(item, kind, see);
                }
                (_, item @ Value::Object(_)) => walk(item, element_type, see),
                _ => {}
            }
        }
    }
}
