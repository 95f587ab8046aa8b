//! What the judge finds, by kinds of rules.

mod later;
mod parts;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Rigour, judge};
use crate::{
    fhir::knowledge::Knowledge,
    kernel::problem::{Issue, Severity},
};

fn issues(tree: &Value) -> Vec<Issue> {
    judge(tree, &[], Knowledge::core(), &Rigour::default())
}

/// The places and codes of the errors.
fn errors(tree: &Value, profiles: &[&str], loaded: &[Arc<Value>]) -> Vec<String> {
    let knowledge = Knowledge::with(loaded);
    judge(tree, profiles, &knowledge, &Rigour::default())
        .into_iter()
        .filter(|issue| issue.severity == Severity::Error)
        .map(|issue| format!("{} {}", issue.expression.unwrap_or_default(), issue.code))
        .collect()
}

fn profile(kind: &str, elements: &Value) -> Arc<Value> {
    Arc::new(json!({
        "resourceType": "StructureDefinition", "url": "urn:test:p", "name": "P", "type": kind,
        "derivation": "constraint",
        "baseDefinition": format!("http://hl7.org/fhir/StructureDefinition/{kind}"),
        "differential": { "element": elements },
    }))
}

fn of_profile(tree: &Value, elements: &Value) -> Vec<String> {
    let kind = tree["resourceType"].as_str().unwrap();
    errors(tree, &["urn:test:p"], &[profile(kind, elements)])
}

#[test]
fn what_is_right_has_no_issue() {
    let patient = json!({
        "resourceType": "Patient", "active": true, "gender": "female",
        "name": [{"family": "Adler", "given": ["Irene"]}],
        "contact": [{"name": {"family": "Norton"}}],
        "generalPractitioner": [{"display": "Dr. Watson"}],
    });
    assert_eq!(issues(&patient), []);
}

#[test]
fn invariants_are_judged_where_they_stand() {
    let patient = json!({"resourceType": "Patient", "contact": [{"gender": "male"}]});
    assert_eq!(errors(&patient, &[], &[]), ["Patient.contact[0] invariant"]);
    let period = json!({"resourceType": "Patient", "name": [{"family": "A", "period": {"start": "2020", "end": "2019"}}]});
    assert_eq!(
        errors(&period, &[], &[]),
        ["Patient.name[0].period invariant"]
    );
}

#[test]
fn bindings_are_as_strict_as_they_say() {
    let marital = |code: &str| {
        json!({"resourceType": "Patient", "maritalStatus": {"coding": [
        {"system": "urn:mine", "code": code}]}})
    };
    let found = issues(&marital("x"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].severity, found[0].code),
        (Severity::Warning, "code-invalid")
    );
    let absent = json!({"resourceType": "Patient", "_gender": {"extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}});
    assert_eq!(errors(&absent, &[], &[]), ["Patient.gender code-invalid"]);
}

#[test]
fn codes_are_judged_by_their_own_system() {
    let status = |code: &str, display: &str| {
        json!({"resourceType": "Patient", "maritalStatus": {"coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": code, "display": display}]}})
    };
    assert!(errors(&status("M", "married"), &[], &[]).is_empty());
    let place = "Patient.maritalStatus.coding[0]";
    assert_eq!(
        errors(&status("M", "single"), &[], &[]),
        [format!("{place}.display code-invalid")]
    );
    assert_eq!(
        errors(&status("ZZ", "?"), &[], &[]),
        [format!("{place}.code code-invalid")]
    );
}

#[test]
fn a_profile_asks_for_more() {
    let patient = json!({"resourceType": "Patient", "active": false, "name": [{"text": "A"}]});
    let found = of_profile(
        &patient,
        &json!([
            {"path": "Patient.active", "fixedBoolean": true},
            {"path": "Patient.birthDate", "min": 1},
            {"path": "Patient.name.family", "min": 1},
            {"path": "Patient.name.text", "max": "0"},
        ]),
    );
    let mut found = found;
    found.sort();
    assert_eq!(
        found,
        [
            "Patient.active value",
            "Patient.birthDate required",
            "Patient.name[0].family required",
            "Patient.name[0].text structure",
        ]
    );
}

#[test]
fn slices_are_told_apart_by_value() {
    let elements = json!([
        {"path": "Patient.identifier", "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "closed"}},
        {"id": "Patient.identifier:a", "path": "Patient.identifier", "sliceName": "a", "min": 1, "max": "1"},
        {"id": "Patient.identifier:a.system", "path": "Patient.identifier.system", "min": 1, "fixedUri": "urn:a"},
        {"id": "Patient.identifier:a.value", "path": "Patient.identifier.value", "min": 1},
    ]);
    let patient =
        |identifiers: Value| json!({"resourceType": "Patient", "identifier": identifiers});
    let right = patient(json!([{"system": "urn:a", "value": "1"}]));
    assert_eq!(of_profile(&right, &elements), Vec::<String>::new());
    let other =
        patient(json!([{"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "1"}]));
    assert_eq!(
        of_profile(&other, &elements),
        ["Patient.identifier[1] structure"]
    );
    let none = patient(json!([{"system": "urn:a"}]));
    assert_eq!(
        of_profile(&none, &elements),
        ["Patient.identifier[0].value required"]
    );
}

#[test]
fn slices_are_told_apart_by_type_and_by_pattern() {
    let elements = json!([
        {"id": "Observation.component", "path": "Observation.component", "slicing": {"discriminator": [{"type": "pattern", "path": "code"}], "rules": "open"}},
        {"id": "Observation.component:s", "path": "Observation.component", "sliceName": "s", "min": 1},
        {"id": "Observation.component:s.code", "path": "Observation.component.code", "patternCodeableConcept": {"coding": [{"system": "urn:c", "code": "s"}]}},
        {"id": "Observation.component:s.value[x]", "path": "Observation.component.value[x]", "type": [{"code": "Quantity"}]},
    ]);
    let observation = |value: Value| {
        let mut component = json!({"code": {"coding": [{"system": "urn:c", "code": "s"}]}});
        component
            .as_object_mut()
            .unwrap()
            .extend(value.as_object().unwrap().clone());
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "t"}, "component": [component]})
    };
    let right = observation(json!({"valueQuantity": {"value": 1}}));
    assert_eq!(of_profile(&right, &elements), Vec::<String>::new());
    let wrong = observation(json!({"valueString": "x"}));
    assert_eq!(
        of_profile(&wrong, &elements),
        ["Observation.component[0].value structure"]
    );
}

#[test]
fn references_lead_to_what_is_allowed() {
    let observation = |subject: Value| json!({"resourceType": "Observation", "status": "final", "code": {"text": "t"}, "subject": subject});
    assert!(errors(&observation(json!({"reference": "Patient/1"})), &[], &[]).is_empty());
    let wrong = errors(&observation(json!({"reference": "Medication/1"})), &[], &[]);
    assert_eq!(wrong, ["Observation.subject structure"]);
    let lost = errors(&observation(json!({"reference": "#a"})), &[], &[]);
    assert_eq!(lost, ["Observation.subject not-found"]);
}

#[test]
fn extensions_are_judged_by_their_definitions() {
    let patient = |extension: Value| json!({"resourceType": "Patient", "extension": [extension]});
    let place = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace";
    assert!(
        errors(
            &patient(json!({"url": place, "valueAddress": {"city": "Lyon"}})),
            &[],
            &[]
        )
        .is_empty()
    );
    let typed = errors(
        &patient(json!({"url": place, "valueString": "Lyon"})),
        &[],
        &[],
    );
    assert_eq!(typed, ["Patient.extension[0].value structure"]);
    let other = json!({"resourceType": "Device", "extension": [{"url": place, "valueAddress": {"city": "Lyon"}}]});
    assert_eq!(errors(&other, &[], &[]), ["Device.extension[0] extension"]);
    let unknown = patient(json!({"url": "urn:unknown", "valueString": "x"}));
    assert_eq!(issues(&unknown)[0].severity, Severity::Warning);
    let strict = Rigour {
        known_extensions_only: true,
        ..Rigour::default()
    };
    assert_eq!(
        judge(&unknown, &[], Knowledge::core(), &strict)[0].severity,
        Severity::Error
    );
    let modifier = json!({"resourceType": "Patient", "modifierExtension": [{"url": "urn:unknown", "valueString": "x"}]});
    assert_eq!(
        errors(&modifier, &[], &[]),
        ["Patient.modifierExtension[0] extension"]
    );
}

#[test]
fn narratives_hold_what_may_be_shown() {
    let patient = |div: &str| {
        json!({"resourceType": "Patient", "text": {"status": "generated",
        "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{div}</div>")}})
    };
    for good in [
        "<p>a &lt; b<br/></p>",
        "<img src=\"#a\" alt=\"x\"/>",
        "<!-- c -->x",
    ] {
        assert!(errors(&patient(good), &[], &[]).is_empty(), "{good}");
    }
    for bad in [
        "",
        " ",
        "<script>x</script>",
        "<p onclick=\"x()\">a</p>",
        "<a href=\"javascript:x\">a</a>",
        "<p>a",
        "&copy;",
    ] {
        assert!(!errors(&patient(bad), &[], &[]).is_empty(), "{bad}");
    }
}

#[test]
fn contained_resources_are_referred_to() {
    let patient = |reference: &str| {
        json!({"resourceType": "Patient",
        "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
        "managingOrganization": {"reference": reference}})
    };
    assert!(errors(&patient("#o"), &[], &[]).is_empty());
    assert_eq!(
        errors(&patient("Organization/o"), &[], &[]),
        ["Patient.contained[0] invariant"]
    );
}

#[test]
fn entries_of_bundles_have_their_urls() {
    let bundle = |kind: &str, url: Value| {
        let mut entry = json!({"resource": {"resourceType": "Patient", "id": "1"}});
        if url.is_string() {
            entry["fullUrl"] = url;
        }
        json!({"resourceType": "Bundle", "type": kind, "entry": [entry]})
    };
    assert!(
        errors(
            &bundle("collection", json!("http://a.test/Patient/1")),
            &[],
            &[]
        )
        .is_empty()
    );
    assert_eq!(
        errors(&bundle("collection", Value::Null), &[], &[]),
        ["Bundle.entry[0] invalid"]
    );
    let other = errors(
        &bundle("collection", json!("http://a.test/Patient/2")),
        &[],
        &[],
    );
    assert_eq!(other, ["Bundle.entry[0].fullUrl invalid"]);
}

#[test]
fn profiles_that_are_claimed_and_not_known_are_told() {
    let patient = json!({"resourceType": "Patient", "meta": {"profile": ["urn:nowhere"]}});
    let found = issues(&patient);
    assert_eq!(
        (found[0].severity, found[0].code),
        (Severity::Warning, "not-found")
    );
    assert_eq!(
        errors(&patient, &["urn:elsewhere"], &[]),
        ["Patient not-found"]
    );
}

#[test]
fn a_judgement_ends() {
    let wide: Vec<Value> = (0..2_000).map(|_| json!({"gender": "male"})).collect();
    let patient = json!({"resourceType": "Patient", "contact": wide});
    let found = issues(&patient);
    assert_eq!(found.len(), super::MOST_JUDGED_ISSUES);
}
