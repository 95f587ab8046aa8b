//! What comes of an answer, by Observation and by definition.

use serde_json::{Value, json};

use super::{Answered, extract};
use crate::{fhir::terminology::Terminology, kernel::problem::Issue};

fn extracted(form: &Value, items: &Value) -> (Vec<Value>, Vec<Issue>) {
    let answer = json!({ "resourceType": "QuestionnaireResponse", "id": "q", "status": "completed",
        "subject": { "reference": "Patient/p" }, "authored": "2030-03-25T08:00:00Z",
        "author": { "reference": "Patient/p" }, "item": items });
    let answered = Answered {
        answer: &answer,
        form,
        terminology: Terminology::core(),
    };
    let (bundle, issues) = extract(&answered);
    let entries = bundle.map_or_else(Vec::new, |bundle| {
        assert_eq!(bundle["type"], "transaction");
        bundle["entry"].as_array().cloned().unwrap_or_default()
    });
    (entries, issues)
}

#[test]
fn coded_answers_become_observations() {
    let extract =
        |on: bool| json!([{ "url": super::sdc!("observationExtract"), "valueBoolean": on }]);
    let code = json!([{ "system": "http://loinc.org", "code": "1" }]);
    let form = json!({ "resourceType": "Questionnaire", "extension": extract(true), "item": [
        { "linkId": "g", "type": "group", "item": [
            { "linkId": "a", "type": "decimal", "code": code, "text": "Weight", "extension": [
                { "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-unit",
                  "valueCoding": { "system": "http://unitsofmeasure.org", "code": "kg", "display": "kg" } }] },
            { "linkId": "b", "type": "choice", "code": code },
            { "linkId": "c", "type": "string", "code": code, "extension": extract(false) },
            { "linkId": "d", "type": "attachment", "code": code },
            { "linkId": "e", "type": "string" }] }] });
    let given = json!([{ "linkId": "g", "item": [
        { "linkId": "a", "answer": [{ "valueDecimal": 70.5 }] },
        { "linkId": "b", "answer": [{ "valueCoding": { "code": "x" } }, { "valueCoding": { "code": "y" } }] },
        { "linkId": "c", "answer": [{ "valueString": "no" }] },
        { "linkId": "d", "answer": [{ "valueAttachment": {} }] },
        { "linkId": "e", "answer": [{ "valueString": "no" }] }] }]);
    let (entries, issues) = extracted(&form, &given);
    assert_eq!((entries.len(), issues.len()), (3, 1));
    let first = &entries[0]["resource"];
    assert_eq!(
        first["valueQuantity"],
        json!({ "value": 70.5, "unit": "kg", "code": "kg",
        "system": "http://unitsofmeasure.org" })
    );
    assert_eq!(first["code"]["coding"], code);
    assert_eq!(
        first["derivedFrom"][0]["reference"],
        "QuestionnaireResponse/q"
    );
    assert_eq!(first["effectiveDateTime"], "2030-03-25T08:00:00Z");
    assert_eq!(
        entries[2]["resource"]["valueCodeableConcept"]["coding"][0]["code"],
        "y"
    );
    assert_eq!(
        entries[0]["request"],
        json!({ "method": "POST", "url": "Observation" })
    );
    assert_ne!(entries[0]["fullUrl"], entries[1]["fullUrl"]);
    for entry in &entries {
        crate::fhir::validate::check(&entry["resource"]).unwrap();
    }
}

#[test]
fn definitions_say_which_element_an_item_is() {
    let at = |path: &str| format!("http://hl7.org/fhir/StructureDefinition/Patient#{path}");
    let form = json!({ "resourceType": "Questionnaire", "extension": [
        { "url": super::sdc!("itemExtractionContext"), "valueCode": "Patient" }], "item": [
        { "linkId": "f", "type": "string", "definition": at("Patient.name.family") },
        { "linkId": "n", "type": "string", "repeats": true, "definition": at("Patient.name.given") },
        { "linkId": "s", "type": "choice", "definition": at("Patient.gender") },
        { "linkId": "b", "type": "date", "definition": at("Patient.birthDate") },
        { "linkId": "m", "type": "integer", "definition": at("Patient.multipleBirth[x]") },
        { "linkId": "w", "type": "string", "definition": at("Patient.nonsense") },
        { "linkId": "c", "type": "group", "repeats": true, "definition": at("Patient.contact"), "item": [
            { "linkId": "cn", "type": "string", "definition": at("Patient.contact.name.family") },
            { "linkId": "ct", "type": "string", "definition": at("Patient.contact.telecom.value") },
            { "linkId": "cr", "type": "choice", "definition": at("Patient.contact.relationship") }] }] });
    let text =
        |link: &str, text: &str| json!({ "linkId": link, "answer": [{ "valueString": text }] });
    let contact = |name: &str| {
        json!({ "linkId": "c", "item": [text("cn", name), text("ct", "1"),
        { "linkId": "cr", "answer": [{ "valueCoding": { "code": "N" } }] }] })
    };
    let given = json!([text("f", "Doe"),
        { "linkId": "n", "answer": [{ "valueString": "Ann" }, { "valueString": "B" }] },
        { "linkId": "s", "answer": [{ "valueCoding": { "system": "x", "code": "female" } }] },
        { "linkId": "b", "answer": [{ "valueDate": "1950-02-01" }] },
        { "linkId": "m", "answer": [{ "valueInteger": 2 }] },
        text("w", "?"), contact("One"), contact("Two")]);
    let (entries, issues) = extracted(&form, &given);
    assert_eq!(issues.len(), 1);
    let contact = |name: &str| {
        json!({ "name": { "family": name }, "telecom": [{ "value": "1" }],
        "relationship": [{ "coding": [{ "code": "N" }] }] })
    };
    assert_eq!(
        entries[0]["resource"],
        json!({ "resourceType": "Patient",
        "name": [{ "family": "Doe", "given": ["Ann", "B"] }], "gender": "female",
        "birthDate": "1950-02-01", "multipleBirthInteger": 2,
        "contact": [contact("One"), contact("Two")] })
    );
    crate::fhir::validate::check(&entries[0]["resource"]).unwrap();
}

#[test]
fn each_group_with_a_context_makes_a_resource_with_its_stated_values() {
    let definition = "http://hl7.org/fhir/StructureDefinition/Observation";
    let stated = |path: &str, part: Value| {
        json!({ "url": super::sdc!("definitionExtractValue"), "extension": [
        { "url": "definition", "valueUri": format!("{definition}#{path}") }, part] })
    };
    let form = json!({ "resourceType": "Questionnaire", "item": [{ "linkId": "g", "type": "group", "repeats": true,
        "extension": [
            { "url": super::sdc!("definitionExtract"), "extension": [{ "url": "definition", "valueCanonical": definition }] },
            stated("Observation.status", json!({ "url": "fixed-value", "valueCode": "final" })),
            stated("Observation.subject", json!({ "url": "expression", "valueExpression": {
                "language": "text/fhirpath", "expression": "%resource.subject" } }))],
        "item": [{ "linkId": "v", "type": "decimal", "definition": format!("{definition}#Observation.value[x]") },
            { "linkId": "k", "type": "choice", "definition": format!("{definition}#Observation.code") }] }] });
    let group = |value: i32| {
        json!({ "linkId": "g", "item": [
        { "linkId": "v", "answer": [{ "valueDecimal": value }] },
        { "linkId": "k", "answer": [{ "valueCoding": { "code": "x" } }] }] })
    };
    let (entries, issues) = extracted(&form, &json!([group(1), group(2)]));
    assert_eq!(issues, []);
    assert_eq!(entries.len(), 2);
    assert_eq!(
        entries[1]["resource"],
        json!({ "resourceType": "Observation", "status": "final",
        "subject": { "reference": "Patient/p" }, "valueQuantity": { "value": 2 },
        "code": { "coding": [{ "code": "x" }] } })
    );
}

#[test]
fn nothing_comes_of_a_form_that_asks_for_nothing() {
    let form = json!({ "resourceType": "Questionnaire", "item": [{ "linkId": "a", "type": "string" }],
        "extension": [{ "url": super::sdc!("targetStructureMap"), "valueCanonical": "urn:m" }] });
    let given = json!([{ "linkId": "a", "answer": [{ "valueString": "x" }] }]);
    let (entries, issues) = extracted(&form, &given);
    assert_eq!((entries.len(), issues.len()), (0, 1));
}
