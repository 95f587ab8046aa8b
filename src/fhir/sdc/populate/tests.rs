//! Forms filled from launch contexts, queries, Observations and their own values.

use jiff::{Zoned, tz::TimeZone};
use serde_json::{Value, json};

use super::{Known, populate, queries};
use crate::fhir::terminology::Terminology;

fn now() -> Zoned {
    let at: jiff::Timestamp = "2030-03-25T08:00:00Z".parse().unwrap();
    at.to_zoned(TimeZone::UTC)
}

fn patient() -> Value {
    json!({ "resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1950-02-01",
        "name": [{ "family": "Doe", "given": ["Ann", "B"] }], "active": true })
}

/// The items of a form, filled, and how many warnings there were.
fn filled(items: Value, found: &[(String, Value)]) -> (Value, usize) {
    let form =
        json!({ "resourceType": "Questionnaire", "url": "urn:f", "version": "1", "item": items });
    let launch = [("patient".to_owned(), vec![patient()])];
    let known = Known {
        form: &form,
        subject: "Patient/p",
        launch: &launch,
        now: &now(),
        terminology: Terminology::core(),
    };
    let (response, issues) = populate(&known, found);
    assert_eq!(response["questionnaire"], "urn:f|1");
    assert_eq!(response["status"], "in-progress");
    (response["item"].clone(), issues.len())
}

fn asked(link: &str, kind: &str, text: &str) -> Value {
    json!({ "linkId": link, "type": kind, "extension": [{ "url": super::INITIAL_EXPRESSION,
        "valueExpression": { "language": "text/fhirpath", "expression": text } }] })
}

#[test]
fn answers_are_of_the_type_that_is_asked() {
    let cases = [
        (
            "string",
            "%patient.name.family",
            json!({ "valueString": "Doe" }),
        ),
        (
            "string",
            "%patient.name",
            json!({ "valueString": "Ann B Doe" }),
        ),
        (
            "date",
            "%patient.birthDate",
            json!({ "valueDate": "1950-02-01" }),
        ),
        (
            "dateTime",
            "%patient.birthDate",
            json!({ "valueDateTime": "1950-02-01" }),
        ),
        ("date", "today()", json!({ "valueDate": "2030-03-25" })),
        (
            "boolean",
            "%patient.active",
            json!({ "valueBoolean": true }),
        ),
        (
            "integer",
            "%patient.name.given.count()",
            json!({ "valueInteger": 2 }),
        ),
        (
            "decimal",
            "1.50",
            json!({ "valueDecimal": serde_json::from_str::<Value>("1.50").unwrap() }),
        ),
        (
            "quantity",
            "4 'kg'",
            json!({ "valueQuantity": { "value": 4, "unit": "kg", "code": "kg",
            "system": "http://unitsofmeasure.org" } }),
        ),
        (
            "reference",
            "%patient",
            json!({ "valueReference": { "reference": "Patient/p" } }),
        ),
    ];
    for (kind, text, wanted) in cases {
        let (items, warnings) = filled(json!([asked("a", kind, text)]), &[]);
        assert_eq!(items[0]["answer"][0], wanted, "{kind} {text}");
        assert_eq!(warnings, 0);
    }
    let (items, warnings) = filled(json!([asked("a", "integer", "%patient.gender")]), &[]);
    assert_eq!((items, warnings), (Value::Null, 1));
    let (items, warnings) = filled(json!([asked("a", "integer", "%nobody.gender")]), &[]);
    assert_eq!((items, warnings), (Value::Null, 1));
}

#[test]
fn a_code_becomes_the_option_that_it_means() {
    let mut item = asked("a", "choice", "%patient.gender");
    item["answerOption"] =
        json!([{ "valueCoding": { "system": "urn:g", "code": "female", "display": "F" } }]);
    let (items, _) = filled(json!([item]), &[]);
    assert_eq!(items[0]["answer"][0]["valueCoding"]["system"], "urn:g");
}

#[test]
fn the_forms_own_values_come_last() {
    let mut item = asked("a", "string", "%patient.name.family");
    item["initial"] = json!([{ "valueString": "own" }]);
    let (items, _) = filled(json!([item]), &[]);
    assert_eq!(items[0]["answer"][0]["valueString"], "Doe");
    let own = json!([{ "linkId": "a", "type": "string", "initial": [{ "valueString": "own" }] },
        { "linkId": "b", "type": "choice", "answerOption": [
            { "valueInteger": 1 }, { "valueInteger": 2, "initialSelected": true }] }]);
    let (items, _) = filled(own, &[]);
    assert_eq!(items[0]["answer"][0]["valueString"], "own");
    assert_eq!(items[1]["answer"][0]["valueInteger"], 2);
}

#[test]
fn a_group_is_repeated_for_what_its_query_finds() {
    let query = "Condition?subject=Patient/{{%patient.id}}&code=a%7Cb";
    let mut inner = asked("c", "string", "%one.code.text");
    inner["required"] = true.into();
    let form = json!({ "resourceType": "Questionnaire", "item": [{ "linkId": "g", "type": "group",
        "repeats": true, "extension": [{ "url": super::ITEM_CONTEXT[0], "valueExpression": {
            "name": "one", "language": "application/x-fhir-query", "expression": query } }],
        "item": [inner] }] });
    let launch = [("patient".to_owned(), vec![patient()])];
    let now = now();
    let known = Known {
        form: &form,
        subject: "Patient/p",
        launch: &launch,
        now: &now,
        terminology: Terminology::core(),
    };
    let wanted = queries(&known);
    assert_eq!(wanted.len(), 1);
    assert_eq!(wanted[0].kind.name(), "Condition");
    let pairs = [("subject", "Patient/p"), ("code", "a|b")];
    let pairs: Vec<(String, String)> = pairs.map(|(a, b)| (a.into(), b.into())).into();
    assert_eq!(wanted[0].pairs, pairs);
    let condition = |text: &str| json!({ "resource": { "resourceType": "Condition", "code": { "text": text } } });
    let bundle = json!({ "resourceType": "Bundle", "entry": [condition("x"), condition("y")] });
    let (response, issues) = populate(&known, &[(wanted[0].key.clone(), bundle)]);
    assert_eq!(issues, []);
    let groups = response["item"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[1]["item"][0]["answer"][0]["valueString"], "y");
}

#[test]
fn a_value_never_becomes_a_parameter() {
    let form = json!({ "resourceType": "Questionnaire", "extension": [{
        "url": "http://hl7.org/fhir/StructureDefinition/variable", "valueExpression": { "name": "v",
            "language": "application/x-fhir-query", "expression": "Patient?name={{'a&_id=1,b'}}" } }] });
    let now = now();
    let known = Known {
        form: &form,
        subject: "Patient/p",
        launch: &[],
        now: &now,
        terminology: Terminology::core(),
    };
    let pairs = &queries(&known)[0].pairs;
    assert_eq!(pairs, &[("name".to_owned(), "a&_id=1\\,b".to_owned())]);
}

#[test]
fn the_latest_observation_comes_first() {
    let item = json!({ "linkId": "w", "type": "quantity", "code": [{ "system": "urn:l", "code": "29463-7" }],
        "extension": [{ "url": super::super::sdc!("observationLinkPeriod"),
            "valueDuration": { "value": 30, "code": "d" } }] });
    let form = json!({ "resourceType": "Questionnaire", "item": [item] });
    let now = now();
    let known = Known {
        form: &form,
        subject: "Patient/p",
        launch: &[],
        now: &now,
        terminology: Terminology::core(),
    };
    let wanted = queries(&known);
    let date = wanted[0]
        .pairs
        .iter()
        .find(|(name, _)| name == "date")
        .unwrap();
    assert_eq!(date.1, "ge2030-02-23T08:00:00.000Z");
    let bundle = json!({ "entry": [{ "resource": { "resourceType": "Observation",
        "valueQuantity": { "value": 70, "unit": "kg" } } }] });
    let (response, _) = populate(&known, &[(wanted[0].key.clone(), bundle)]);
    assert_eq!(
        response["item"][0]["answer"][0]["valueQuantity"]["value"],
        70
    );
}
