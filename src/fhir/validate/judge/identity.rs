//! Ids within a resource: each once; contained resources are referred to (`dom-3`).
//!
//! Specification: <http://hl7.org/fhir/R4/element.html#id>,
//! <http://hl7.org/fhir/R4/references.html#contained>.

use std::collections::HashSet;

use serde_json::Value;

use super::{Judge, node::Node};

impl<'a> Judge<'a> {
    pub(super) fn identities(&mut self, node: &Node<'a, '_>) {
        let mut seen = HashSet::new();
        let mut twice = None;
        inner(node.value, true, &mut seen, &mut twice);
        if twice.is_some() {
            self.error(
                node.place,
                "duplicate",
                "Two elements of the resource have the same id.",
            );
        }
        let held = node.get("contained").and_then(Value::as_array);
        let Some(held) = held else {
            return;
        };
        let mut links = HashSet::new();
        local_links(node.value, &mut links);
        let contained = node.place.member("contained");
        let mut ids = HashSet::new();
        for (n, each) in held.iter().enumerate() {
            let place = contained.item(n);
            let Some(id) = each.get("id").and_then(Value::as_str) else {
                self.error(&place, "required", "A contained resource must have an id.");
                continue;
            };
            if !ids.insert(id) {
                self.error(
                    &place,
                    "duplicate",
                    "Two contained resources have the same id.",
                );
            }
            if !links.contains(id) && !refers_to_container(each) {
                let words = "dom-3: Nothing refers to this contained resource.";
                self.error(&place, "invariant", words);
            }
        }
    }
}

/// Whether a contained resource refers to the one that holds it.
fn refers_to_container(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            (name == "reference" && value.as_str() == Some("#")) || refers_to_container(value)
        }),
        Value::Array(items) => items.iter().any(refers_to_container),
        _ => false,
    }
}

/// The ids of elements; resources within have their own.
fn inner<'a>(
    value: &'a Value,
    root: bool,
    seen: &mut HashSet<&'a str>,
    twice: &mut Option<&'a str>,
) {
    match value {
        Value::Object(members) => {
            if !root && members.contains_key("resourceType") {
                return;
            }
            if !root
                && let Some(id) = members.get("id").and_then(Value::as_str)
                && !seen.insert(id)
            {
                *twice = Some(id);
            }
            for (name, value) in members {
                // The elements of a snapshot and of a differential have the same ids.
                if !matches!(name.as_str(), "snapshot" | "differential") {
                    inner(value, false, seen, twice);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                inner(item, false, seen, twice);
            }
        }
        _ => {}
    }
}

/// What texts of the form `#id` name.
fn local_links<'a>(value: &'a Value, links: &mut HashSet<&'a str>) {
    match value {
        Value::String(text) => {
            // Narratives link as well: `href="#id"`.
            for after in text.split('#').skip(1) {
                let end = after
                    .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.' | '_'));
                links.insert(after.get(..end.unwrap_or(after.len())).unwrap_or(after));
            }
        }
        Value::Object(members) => {
            for value in members.values() {
                local_links(value, links);
            }
        }
        Value::Array(items) => {
            for item in items {
                local_links(item, links);
            }
        }
        _ => {}
    }
}
