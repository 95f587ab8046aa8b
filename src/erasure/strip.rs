//! Taking out of a resource that stays what it says of somebody who goes: pure.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::fhir::{
    definitions::definitions,
    reference::{self, LocalReference},
};

/// Says that an element has a value that is not shown:
/// <http://hl7.org/fhir/R4/extension-data-absent-reason.html>.
const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// The references inside an entry without which it still says something, such as a note.
const CREDITS: [&str; 3] = ["authorReference", "assigner", "onBehalfOf"];

/// Takes out the references to what goes, each with the list entry that it is in, and the
/// narrative, which may name the same; tells whether there were any.
pub fn strip(tree: &mut Value, gone: &HashSet<LocalReference>) -> bool {
    let before = tree.clone();
    prune(tree, gone, false);
    if *tree == before {
        return false;
    }
    let kind = tree["resourceType"].as_str().map(str::to_owned);
    if let (Some(members), Some(kind)) = (tree.as_object_mut(), kind) {
        members.remove("text");
        for (name, old) in before.as_object().into_iter().flatten() {
            let required = definitions()
                .type_named(&kind)
                .and_then(|shape| shape.member(name))
                .is_some_and(|(element, _)| element.min > 0);
            if required && !members.contains_key(name) && name != "text" {
                let masked = json!({ "extension": [{ "url": ABSENT, "valueCode": "masked" }] });
                let value = if old.is_array() {
                    json!([masked])
                } else {
                    masked
                };
                members.insert(name.clone(), value);
            }
        }
    }
    true
}

/// Takes references out of `value`; tells whether it is to go as a whole.
fn prune(value: &mut Value, gone: &HashSet<LocalReference>, is_entry: bool) -> bool {
    let Value::Object(members) = value else {
        return false;
    };
    if members
        .get("reference")
        .is_some_and(|text| names(text, gone))
    {
        return true;
    }
    let is_extension = members.contains_key("url") && !members.contains_key("resourceType");
    let (mut emptied, mut goes) = (Vec::new(), false);
    for (name, member) in members.iter_mut() {
        if let Value::Array(items) = member {
            let count = items.len();
            let of_resources = name == "contained";
            items.retain_mut(|item| !prune(item, gone, !of_resources));
            goes |= is_extension && items.len() < count;
            if items.is_empty() && count > 0 {
                emptied.push(name.clone());
            }
        } else if prune(member, gone, false) {
            emptied.push(name.clone());
            goes |= is_entry && !CREDITS.contains(&name.as_str());
        }
    }
    for name in emptied {
        members.remove(&name);
    }
    goes
}

fn names(text: &Value, gone: &HashSet<LocalReference>) -> bool {
    text.as_str()
        .and_then(reference::local)
        .is_some_and(|local| gone.contains(&local))
}

/// The Binaries that a resource points to, as attachments do.
pub fn binaries(value: &Value, found: &mut Vec<LocalReference>) {
    match value {
        Value::String(text) if text.starts_with("Binary/") => found.extend(reference::local(text)),
        Value::Array(items) => items.iter().for_each(|item| binaries(item, found)),
        Value::Object(members) => members.values().for_each(|item| binaries(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(mut tree: Value) -> Option<Value> {
        let gone = ["Patient/a", "Flag/f"];
        let gone = gone
            .iter()
            .filter_map(|text| reference::local(text))
            .collect();
        strip(&mut tree, &gone).then_some(tree)
    }

    #[test]
    fn a_reference_goes_with_the_entry_that_it_is_in() {
        let a = json!({ "reference": "Patient/a", "display": "Camille" });
        let b = json!({ "reference": "Patient/b" });
        for (before, after) in [
            (
                json!({ "resourceType": "CareTeam", "text": { "status": "generated", "div": "Camille" },
                    "participant": [{ "role": [{ "text": "r" }], "member": a }, { "member": b }] }),
                json!({ "resourceType": "CareTeam", "participant": [{ "member": b }] }),
            ),
            (
                json!({ "resourceType": "Group", "member": [{ "entity": a }] }),
                json!({ "resourceType": "Group" }),
            ),
            (
                json!({ "resourceType": "Observation", "subject": b, "performer": [a, b],
                    "note": [{ "authorReference": a, "text": "of b" }],
                    "extension": [{ "url": "x", "extension": [{ "url": "y", "valueReference": a }] },
                                  { "url": "z", "valueReference": b }] }),
                json!({ "resourceType": "Observation", "subject": b, "performer": [b],
                    "note": [{ "text": "of b" }],
                    "extension": [{ "url": "z", "valueReference": b }] }),
            ),
            (
                json!({ "resourceType": "DetectedIssue", "author": { "reference": "Patient/a/_history/2" } }),
                json!({ "resourceType": "DetectedIssue" }),
            ),
        ] {
            assert_eq!(stripped(before.clone()), Some(after), "{before}");
        }
    }

    #[test]
    fn what_must_be_there_is_masked_and_what_names_nobody_stays() {
        let a = json!({ "reference": "Patient/a" });
        let masked = json!({ "extension": [{ "url": ABSENT, "valueCode": "masked" }] });
        let after = stripped(json!({ "resourceType": "Flag", "subject": a }));
        assert_eq!(after.unwrap()["subject"], masked);
        let other = json!({ "resourceType": "Flag", "subject": { "reference": "Patient/b" },
            "text": { "div": "stays" } });
        assert_eq!(stripped(other), None);
    }
}
