//! The codes of a value set, where it says them plainly.
//!
//! Specification: <http://hl7.org/fhir/R4/valueset.html#compositions>. What would need a
//! terminology server (filters, value sets within value sets, exclusions) is not guessed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::texts::TRANSLATION;

/// The value sets that a form's questions name.
#[must_use]
pub fn value_sets_of(form: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in form["item"].as_array().into_iter().flatten() {
        found.extend(item["answerValueSet"].as_str().map(str::to_owned));
        found.append(&mut value_sets_of(item));
    }
    found
}

/// The code systems of which a value set takes all codes.
#[must_use]
pub fn systems_of(set: &Value) -> Vec<String> {
    set["compose"]["include"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|include| include.get("concept").is_none())
        .filter_map(|include| include["system"].as_str().map(str::to_owned))
        .collect()
}

/// The codes of a code system.
#[must_use]
pub fn codes(system: &Value) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for concept in system["concept"].as_array().into_iter().flatten() {
        codes.extend(concept["code"].as_str().map(str::to_owned));
        codes.append(&mut codes_within(concept));
    }
    codes
}

fn codes_within(concept: &Value) -> BTreeSet<String> {
    codes(concept)
}

/// The codings of a value set, their displays with translations; none where they are not plain.
#[must_use]
pub fn expand(set: &Value, systems: &BTreeMap<String, Value>) -> Option<Vec<Value>> {
    let compose = &set["compose"];
    if compose.get("exclude").is_some() {
        return None;
    }
    let mut codings = Vec::new();
    for include in compose["include"].as_array()? {
        if include.get("filter").is_some() || include.get("valueSet").is_some() {
            return None;
        }
        let system = include["system"].as_str()?;
        let concepts = match include.get("concept") {
            Some(_) => include,
            None => systems
                .get(system)
                .filter(|known| known["content"] == "complete")?,
        };
        add_codings(concepts, system, &mut codings);
    }
    Some(codings)
}

fn add_codings(parent: &Value, system: &str, codings: &mut Vec<Value>) {
    for concept in parent["concept"].as_array().into_iter().flatten() {
        let translations: Vec<Value> = concept["designation"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|designation| {
                json!({ "url": TRANSLATION, "extension": [
                    { "url": "lang", "valueCode": designation["language"] },
                    { "url": "content", "valueString": designation["value"] },
                ] })
            })
            .collect();
        let mut coding = json!({ "system": system, "code": concept["code"] });
        if let Some(display) = concept.get("display") {
            coding["display"] = display.clone();
            coding["_display"] = json!({ "extension": translations });
        }
        codings.push(coding);
        add_codings(concept, system, codings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_value_set_is_expanded_and_another_is_not_guessed() {
        let system = json!({ "content": "complete", "concept": [
            { "code": "a", "display": "A", "concept": [{ "code": "b" }] }] });
        let systems = BTreeMap::from([("s".to_owned(), system)]);
        let set = json!({ "compose": { "include": [{ "system": "s" }] } });
        let codings = expand(&set, &systems).expect("plain");
        let codes: Vec<_> = codings.iter().map(|coding| &coding["code"]).collect();
        assert_eq!(codes, ["a", "b"]);
        let filtered = json!({ "compose": { "include": [{ "system": "s", "filter": [{}] }] } });
        assert!(expand(&filtered, &systems).is_none());
        assert!(expand(&set, &BTreeMap::new()).is_none());
    }
}
