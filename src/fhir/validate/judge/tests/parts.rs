//! What stands within definitions: elements of profiles, value sets, and what is mended of R4's own.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{errors, issues, of_profile, profile};
use crate::kernel::problem::Severity;

/// A library of sections, and a document that is made of them.
fn sections() -> [Arc<Value>; 2] {
    let section = "Composition.section";
    let code = |code: &str| json!({"coding": [{"system": "urn:s", "code": code}]});
    let slicing = json!({"discriminator": [{"type": "pattern", "path": "code"}],
        "ordered": true, "rules": "closed"});
    let mut library = profile(
        "Composition",
        &json!([
            {"path": section, "slicing": slicing},
            {"path": section, "sliceName": "b"},
            {"path": "Composition.section.title", "min": 1},
            {"path": "Composition.section.code", "min": 1, "patternCodeableConcept": code("b")},
            {"path": section, "sliceName": "a"},
            {"path": "Composition.section.code", "min": 1, "patternCodeableConcept": code("a")},
        ]),
    );
    Arc::make_mut(&mut library)["url"] = json!("urn:test:library");
    let part = |slice: &str, id: &str, min: u8| {
        json!({"path": section, "sliceName": slice, "min": min, "type": [{
            "code": "BackboneElement", "profile": ["urn:test:library"], "_profile": [{"extension": [{
                "url": "http://hl7.org/fhir/StructureDefinition/elementdefinition-profile-element",
                "valueString": id}]}]}]})
    };
    let document = profile(
        "Composition",
        &json!([
            {"path": section, "slicing": slicing},
            part("A", "Composition.section:a", 1),
            part("B", "Composition.section:b", 0),
        ]),
    );
    [library, document]
}

fn document(sections: &Value) -> Value {
    json!({"resourceType": "Composition", "status": "final", "type": {"text": "t"},
        "date": "2026-01-01", "author": [{"display": "a"}], "title": "t", "section": sections})
}

#[test]
fn an_element_may_be_what_an_element_of_another_profile_is() {
    let section = |code: &str, title: Option<&str>| {
        let mut section = json!({"code": {"coding": [{"system": "urn:s", "code": code}]},
            "text": {"status": "additional",
                "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}});
        if let Some(title) = title {
            section["title"] = json!(title);
        }
        section
    };
    let of = |sections: &Value| errors(&document(sections), &["urn:test:p"], &self::sections());
    assert_eq!(
        of(&json!([section("a", None), section("b", Some("B"))])),
        [""; 0]
    );
    // The second asks for a title, the first is required, and there is no third.
    assert_eq!(
        of(&json!([section("a", None), section("b", None)])),
        ["Composition.section[1].title required"]
    );
    assert_eq!(
        of(&json!([section("b", Some("B"))])),
        ["Composition.section required"]
    );
    assert_eq!(
        of(&json!([section("a", None), section("c", None)])),
        ["Composition.section[1] structure"]
    );
}

#[test]
fn an_element_that_the_profile_does_not_have_is_told() {
    let found = of_profile(
        &document(&json!([{"title": "t", "text": {"status": "additional",
            "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}])),
        &json!([{"path": "Composition.section", "type": [{
            "code": "BackboneElement", "profile": ["urn:test:p"], "_profile": [{"extension": [{
                "url": "http://hl7.org/fhir/StructureDefinition/elementdefinition-profile-element",
                "valueString": "Composition.section:none"}]}]}]}]),
    );
    assert_eq!(found, ["Composition.section[0] not-found"]);
}

/// A patient whose contact has a relation of this code and display.
fn related(code: &str, display: &str) -> Value {
    json!({"resourceType": "Patient", "contact": [{"name": {"text": "x"}, "relationship": [{"coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": code, "display": display}]}]}]})
}

/// A profile that contains the value set that it binds to.
fn bound() -> Arc<Value> {
    let mut bound = profile(
        "Patient",
        &json!([{"path": "Patient.contact.relationship",
            "binding": {"strength": "required", "valueSet": "#relations"}}]),
    );
    Arc::make_mut(&mut bound)["contained"] = json!([{"resourceType": "ValueSet", "id": "relations",
        "status": "active", "compose": {"include": [{
            "system": "http://terminology.hl7.org/CodeSystem/v2-0131", "concept": [
                {"code": "C", "display": "Whom to call"},
                {"code": "N", "designation": [{"language": "de", "value": "Kontaktperson"}]}]}]}}]);
    bound
}

#[test]
fn a_profile_may_contain_the_value_set_that_it_binds_to() {
    let of =
        |code: &str, display: &str| errors(&related(code, display), &["urn:test:p"], &[bound()]);
    assert_eq!(of("N", "Next-of-Kin"), [""; 0]);
    assert_eq!(
        of("E", "Employer"),
        ["Patient.contact[0].relationship[0] code-invalid"]
    );
}

#[test]
fn the_display_of_a_bound_value_set_is_one_of_the_code() {
    let of =
        |code: &str, display: &str| errors(&related(code, display), &["urn:test:p"], &[bound()]);
    let place = "Patient.contact[0].relationship[0].coding[0].display code-invalid";
    assert_eq!(of("C", "whom to call"), [""; 0]);
    assert_eq!(of("N", "Kontaktperson"), [""; 0]);
    // Neither another code's, nor one of nobody; and nowhere but where that value set binds.
    assert_eq!(of("N", "Whom to call"), [place]);
    assert_eq!(of("C", "Somebody"), [place]);
    assert_eq!(
        errors(&related("C", "Whom to call"), &[], &[bound()]),
        [place]
    );
}

#[test]
fn components_of_vital_signs_have_units_of_their_own() {
    let saturation = |component: Value| {
        json!({"resourceType": "Observation", "status": "final", "effectiveDateTime": "2026-01-01",
            "category": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                "code": "vital-signs"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "2708-6"}]},
            "subject": {"reference": "Patient/1"},
            "valueQuantity": {"value": 95, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
            "component": [component]})
    };
    let flow = json!({"code": {"coding": [{"system": "http://loinc.org", "code": "3151-8"}]},
        "valueQuantity": {"value": 6, "system": "http://unitsofmeasure.org", "code": "L/min"}});
    let found = issues(&saturation(flow));
    let of_value = |severity: Severity| {
        let mut all = found.iter().filter(|each| each.severity == severity);
        all.any(|each| each.expression.as_deref() == Some("Observation.component[0].value"))
    };
    assert!(
        of_value(Severity::Warning) && !of_value(Severity::Error),
        "{found:?}"
    );
}

#[test]
fn what_a_search_says_of_itself_has_no_identity() {
    let said = json!({"resourceType": "OperationOutcome",
        "issue": [{"severity": "warning", "code": "processing"}]});
    let of = |kind: &str, mode: &str, id: Option<&str>| {
        let mut said = said.clone();
        if let Some(id) = id {
            said["id"] = json!(id);
        }
        let bundle = json!({"resourceType": "Bundle", "type": kind,
            "entry": [{"search": {"mode": mode}, "resource": said}]});
        errors(&bundle, &[], &[])
    };
    assert_eq!(of("searchset", "outcome", None), [""; 0]);
    // One that is a resource of its own has an identity.
    let told = ["Bundle.entry[0] invalid"];
    assert_eq!(of("searchset", "match", Some("1")), told);
    assert!(of("collection", "outcome", None).contains(&told[0].to_owned()));
}

#[test]
fn whether_an_answer_exists_is_asked_with_a_boolean() {
    let of = |answer: &str, value: Value| {
        let mut enable = json!({"question": "a", "operator": "exists"});
        enable[answer] = value;
        let form = json!({"resourceType": "Questionnaire", "status": "active", "item": [
            {"linkId": "a", "text": "A", "type": "string"},
            {"linkId": "b", "text": "B", "type": "string", "enableWhen": [enable]}]});
        errors(&form, &[], &[])
    };
    assert_eq!(of("answerBoolean", json!(true)), [""; 0]);
    assert_eq!(
        of("answerString", json!("true")),
        ["Questionnaire.item[1].enableWhen[0] invariant"]
    );
}
