//! Parameters that somebody has defined: taken, refused, and found again.

use serde_json::json;

use super::*;
use crate::kernel::problem::Category;

fn kind_of(name: &str) -> ResourceType {
    ResourceType::named(name).unwrap()
}

fn eyes(code: &str) -> Value {
    json!({
        "resourceType": "SearchParameter",
        "url": format!("http://vigie.test/SearchParameter/{code}"),
        "name": "EyeColour", "description": "Colour of the eyes.", "status": "active",
        "code": code, "base": ["Patient"], "type": "token",
        "expression": "Patient.extension('urn:eyes').value",
    })
}

fn with(trees: &[Value]) -> Parameters {
    let trees: Vec<Arc<Value>> = trees.iter().cloned().map(Arc::new).collect();
    Parameters::with(&trees)
}

#[test]
fn what_is_defined_stands_beside_what_r4_has() {
    let parameters = with(&[eyes("eye-colour")]);
    let patient = kind_of("Patient");
    let found = parameters.parameter(patient, "eye-colour").unwrap();
    assert_eq!(found.kind, ParameterKind::Token);
    assert_eq!(found.id, hash::of_parameter("Patient", "eye-colour"));
    assert!(parameters.parameter(patient, "name").is_some());
    assert!(
        parameters
            .parameter(kind_of("Group"), "eye-colour")
            .is_none()
    );
    let codes = parameters.of_type(patient).count();
    assert_eq!(codes, super::super::of_type(patient).len() + 1);
    assert!(
        Parameters::core()
            .parameter(patient, "eye-colour")
            .is_none()
    );
}

#[test]
fn only_what_is_active_and_has_an_expression_takes_effect() {
    for (member, value) in [("status", json!("draft")), ("expression", Value::Null)] {
        let mut tree = eyes("eye-colour");
        tree[member] = value;
        let parameters = with(&[tree]);
        assert_eq!(parameters.types().count(), 0, "{member}");
    }
}

#[test]
fn what_is_not_ready_is_extracted_and_not_searched() {
    let definition = Arc::new(Definition::read(&eyes("eye-colour")).unwrap());
    let parameters = Parameters::of(&[definition], &|_, _| false);
    let patient = kind_of("Patient");
    assert!(parameters.parameter(patient, "eye-colour").is_none());
    assert!(parameters.is_indexing(patient, "eye-colour"));
    assert_eq!(parameters.defined(patient).len(), 1);
}

#[test]
fn r4_stays_as_it_is() {
    let mut tree = eyes("gender");
    tree["expression"] = "Patient.maritalStatus".into();
    let parameters = with(&[tree.clone()]);
    let found = parameters.parameter(kind_of("Patient"), "gender").unwrap();
    assert_eq!(found.expressions[0].text(), "Patient.gender");
    let definition = Definition::read(&tree).unwrap();
    assert!(parameters.admit(&definition).is_ok());
    tree["type"] = "date".into();
    let definition = Definition::read(&tree).unwrap();
    let refused = parameters.admit(&definition).unwrap_err();
    assert_eq!(refused.category, Category::Invalid);
    let place = refused.issues[0].expression.as_deref();
    assert_eq!(place, Some("SearchParameter.code"));
}

#[test]
fn the_latest_version_of_an_address_counts_whenever_it_came() {
    let versions = ["4.9.0", "4.10.0", "4.2.0"].map(|version| {
        let mut tree = eyes("eye-colour");
        tree["version"] = version.into();
        tree["expression"] = format!("Patient.extension('{version}').value").into();
        tree
    });
    let parameters = with(&versions);
    let found = parameters.parameter(kind_of("Patient"), "eye-colour");
    assert!(found.unwrap().expressions[0].text().contains("4.10.0"));
}

#[test]
fn another_meaning_of_a_name_in_use_is_refused() {
    let parameters = with(&[eyes("eye-colour")]);
    let mut other = eyes("eye-colour");
    other["url"] = "http://vigie.test/other".into();
    let same = Definition::read(&other).unwrap();
    assert!(parameters.admit(&same).is_ok());
    other["expression"] = "Patient.gender".into();
    let clash = Definition::read(&other).unwrap();
    assert!(parameters.admit(&clash).is_err());
    // One that is older, and becomes active only now, is no better.
    let both = with(&[other, eyes("eye-colour")]);
    assert!(both.admit(&clash).is_err());
}

#[test]
fn what_cannot_take_effect_is_refused_with_its_place() {
    for (member, value, place) in [
        ("expression", json!("Patient.name("), "expression"),
        ("code", json!("a.b"), "code"),
        ("code", json!(""), "code"),
        ("base", json!(["Patient", "Unicorn"]), "base[1]"),
        ("type", json!("colour"), "type"),
    ] {
        let mut tree = eyes("eye-colour");
        tree[member] = value;
        let refused = Definition::read(&tree).unwrap_err();
        let place = format!("SearchParameter.{place}");
        assert_eq!(refused.issues[0].expression, Some(place));
    }
}

#[test]
fn parts_of_a_composite_may_be_defined_too() {
    let mut composite = eyes("eye-and-gender");
    composite["type"] = "composite".into();
    composite["expression"] = "Patient".into();
    composite["component"] = json!([
        { "definition": "http://vigie.test/SearchParameter/eye-colour",
          "expression": "extension('urn:eyes').value" },
        { "definition": "http://hl7.org/fhir/SearchParameter/individual-gender",
          "expression": "gender" },
    ]);
    let parameters = with(&[composite, eyes("eye-colour")]);
    let found = parameters.parameter(kind_of("Patient"), "eye-and-gender");
    assert_eq!(found.unwrap().components.len(), 2);
}
