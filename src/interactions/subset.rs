//! Parts of resources: `_summary` and `_elements`.
//!
//! A part is tagged SUBSETTED, so that no client takes it for the whole. Specification:
//! <http://hl7.org/fhir/R4/search.html#summary>, <http://hl7.org/fhir/R4/search.html#elements>.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    fhir::{
        definitions::{Type, definitions},
        search::query::{Query, Summary},
    },
    kernel::problem::Result,
    store::Stored,
};

/// The part of a resource that the query wants; none, if it wants the whole.
///
/// # Errors
/// `Fault`, if what is stored is not JSON.
pub fn of(query: &Query, stored: &Stored) -> Result<Option<Bytes>> {
    if query.summary == Summary::False && query.elements.is_empty() {
        return Ok(None);
    }
    let Some(kind) = definitions().type_named(stored.kind.name()) else {
        return Ok(None);
    };
    let mut tree = stored.tree()?;
    if let Value::Object(members) = &mut tree {
        keep(members, kind, query);
        tag(members);
    }
    Ok(Some(tree.to_string().into()))
}

fn keep(members: &mut Map<String, Value>, kind: &Type, query: &Query) {
    let wanted: Vec<&str> = query
        .elements
        .iter()
        .filter_map(|element| match element.split_once('.') {
            // `Patient.name` concerns patients only, `name` every type.
            Some((type_name, element)) => (type_name == kind.name).then_some(element),
            None => Some(element.as_str()),
        })
        .collect();
    members.retain(|name, _| {
        let name = name.strip_prefix('_').unwrap_or(name);
        if matches!(name, "resourceType" | "id" | "meta") {
            return true;
        }
        let Some((element, _)) = kind.member(name) else {
            return false;
        };
        match query.summary {
            Summary::True => element.summary || element.min > 0,
            Summary::Text => name == "text" || element.min > 0,
            Summary::Data => name != "text",
            Summary::Count => false,
            Summary::False => wanted.contains(&element.name.as_str()) || element.min > 0,
        }
    });
}

/// Adds the tag to `meta`, which every stored resource has.
fn tag(members: &mut Map<String, Value>) {
    let tag = json!({
        "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
        "code": "SUBSETTED",
    });
    let meta = members.entry("meta").or_insert_with(|| json!({}));
    match meta.get_mut("tag").and_then(Value::as_array_mut) {
        Some(tags) => tags.push(tag),
        None => meta["tag"] = json!([tag]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::testing::Bench;

    const PATIENT: &str = r#"{"resourceType":"Patient","gender":"male","_gender":{"id":"g"},
        "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"},
        "maritalStatus":{"text":"x"},"name":[{"family":"Y"}]}"#;

    #[tokio::test]
    async fn what_is_not_wanted_is_left_out() {
        let bench = Bench::open().await;
        let stored = bench.create(PATIENT).await;
        let part = |change: fn(&mut Query)| {
            let mut query = Query::new(stored.kind);
            change(&mut query);
            let bytes = of(&query, &stored).unwrap().unwrap();
            let tree: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(tree["meta"]["tag"][0]["code"], "SUBSETTED");
            let names: Vec<String> = tree.as_object().unwrap().keys().cloned().collect();
            names[3..].join(" ")
        };
        let summary = part(|query| query.summary = Summary::True);
        assert_eq!(summary, "gender _gender name");
        let elements = part(|query| query.elements = vec!["gender".into(), "Group.name".into()]);
        assert_eq!(elements, "gender _gender");
        assert_eq!(part(|query| query.summary = Summary::Text), "text");
        let data = part(|query| query.summary = Summary::Data);
        assert_eq!(data, "gender _gender maritalStatus name");
        assert_eq!(of(&Query::new(stored.kind), &stored), Ok(None));
    }
}
