//! Profiles found, and the snapshots that differentials get.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Profiles,
    model::{By, Rules, Strength},
};

fn profile(name: &str, base: &str, elements: &Value) -> Arc<Value> {
    Arc::new(json!({
        "resourceType": "StructureDefinition",
        "url": format!("urn:test:{name}"), "version": "1.0.0", "name": name, "type": "Patient",
        "derivation": "constraint", "baseDefinition": base,
        "differential": { "element": elements },
    }))
}

const PATIENT: &str = "http://hl7.org/fhir/StructureDefinition/Patient";

#[test]
fn every_definition_of_r4_can_be_read() {
    let profiles = Profiles::core();
    for url in profiles.known.keys() {
        let profile = profiles.get(url);
        assert!(profile.is_some(), "{url}");
        let defects = &profile.unwrap().defects;
        assert_eq!(defects, &Vec::<String>::new(), "{url}");
    }
    assert!(profiles.known.len() > 600);
}

#[test]
fn every_invariant_of_r4_is_an_expression() {
    fn walk(element: &super::model::Element, unread: &mut Vec<String>) {
        for constraint in &element.constraints {
            if constraint.compiled.is_err() {
                unread.push(constraint.key.clone());
            }
        }
        for inner in element.children.iter().chain(&element.slices) {
            walk(inner, unread);
        }
    }
    let profiles = Profiles::core();
    let mut unread = Vec::new();
    for url in profiles.known.keys() {
        walk(&profiles.get(url).unwrap().root, &mut unread);
    }
    unread.sort();
    unread.dedup();
    assert_eq!(unread, Vec::<String>::new());
}

#[test]
fn a_type_has_what_it_inherits() {
    let patient = Profiles::core().of_type("Patient").unwrap();
    let gender = patient.root.child("gender").unwrap();
    let binding = gender.binding.as_ref().unwrap();
    assert_eq!(binding.strength, Strength::Required);
    assert!(patient.root.child("contained").is_some());
    assert!(
        patient
            .root
            .constraints
            .iter()
            .any(|each| each.key == "dom-2")
    );
    let name = patient.root.at("Patient.contact.name").unwrap();
    assert!(name.allows("HumanName"));
}

#[test]
fn a_differential_is_stated_upon_its_base() {
    let first = profile(
        "first",
        PATIENT,
        &json!([
            {"path": "Patient"},
            {"path": "Patient.name", "min": 1},
            {"path": "Patient.name.family", "min": 1, "maxLength": 10},
        ]),
    );
    let second = profile(
        "second",
        "urn:test:first",
        &json!([
            {"path": "Patient.name", "max": "1"},
            {"path": "Patient.deceased[x]", "type": [{"code": "boolean"}]},
        ]),
    );
    let profiles = Profiles::with(&[first, second]);
    let read = profiles.get("urn:test:second|1.0.0").unwrap();
    let name = read.root.child("name").unwrap();
    assert_eq!((name.min, name.max), (1, Some(1)));
    let family = name.child("family").unwrap();
    assert_eq!((family.min, family.max_length), (1, Some(10)));
    let deceased = read.root.child("deceased").unwrap();
    assert!(deceased.allows("boolean") && !deceased.allows("dateTime"));
    assert!(profiles.get("urn:test:second|2").is_none());
}

#[test]
fn slices_are_named_by_id_or_by_order() {
    let sliced = profile(
        "sliced",
        PATIENT,
        &json!([
            {"path": "Patient.identifier", "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "closed"}},
            {"id": "Patient.identifier:a", "path": "Patient.identifier", "sliceName": "a", "min": 1},
            {"id": "Patient.identifier:a.system", "path": "Patient.identifier.system", "fixedUri": "urn:a"},
            {"path": "Patient.identifier", "sliceName": "b"},
            {"path": "Patient.identifier.system", "fixedUri": "urn:b"},
            {"path": "Patient.extension", "sliceName": "race"},
        ]),
    );
    let profiles = Profiles::with(&[sliced]);
    let read = profiles.get("urn:test:sliced").unwrap();
    let identifier = read.root.child("identifier").unwrap();
    assert_eq!(identifier.slicing.as_ref().unwrap().rules, Rules::Closed);
    let fixed: Vec<_> = identifier
        .slices
        .iter()
        .map(|slice| slice.child("system").unwrap().fixed.clone().unwrap())
        .collect();
    assert_eq!(fixed, [Arc::new(json!("urn:a")), Arc::new(json!("urn:b"))]);
    let extension = read.root.child("extension").unwrap();
    let slicing = extension.slicing.as_ref().unwrap();
    assert_eq!(
        (
            slicing.discriminators[0].by,
            &*slicing.discriminators[0].path
        ),
        (By::Value, "url")
    );
}

#[test]
fn definitions_that_are_made_of_one_another_end() {
    let a = profile(
        "a",
        "urn:test:b",
        &json!([{"path": "Patient.name", "min": 1}]),
    );
    let b = profile(
        "b",
        "urn:test:a",
        &json!([{"path": "Patient.name", "min": 1}]),
    );
    let profiles = Profiles::with(&[a, b]);
    // What is left is the type that they constrain.
    let read = profiles.get("urn:test:a").unwrap();
    assert_eq!(read.root.child("name").unwrap().min, 1);
}

#[test]
fn what_the_base_does_not_have_is_told() {
    let wrong = profile(
        "wrong",
        PATIENT,
        &json!([{"path": "Patient.nickname", "min": 1}]),
    );
    let read = Profiles::with(&[wrong]).get("urn:test:wrong").unwrap();
    assert_eq!(
        read.defects,
        ["The base has no element `Patient.nickname`."]
    );
}
