//! Rows of real shapes.

use serde_json::{Value, json};

use super::index_rows;
use crate::fhir::{
    date::{Span, span},
    definitions::ResourceType,
    search::{hash, rows::IndexRows},
};

fn rows(tree: &Value) -> IndexRows {
    index_rows(
        tree,
        ResourceType::named(tree["resourceType"].as_str().unwrap()).unwrap(),
    )
}

fn id(kind: &str, code: &str) -> i64 {
    hash::of_parameter(kind, code)
}

fn tokens(rows: &IndexRows, param: i64) -> Vec<(i64, i64)> {
    let found = rows.tokens.iter().filter(|row| row.param == param);
    found.map(|row| (row.code, row.system)).collect()
}

fn token(code: &str, system: &str) -> (i64, i64) {
    (hash::of_text(code), hash::of_text(system))
}

fn spans(rows: &IndexRows, param: i64) -> Vec<Span> {
    let found = rows.dates.iter().filter(|row| row.param == param);
    found
        .map(|row| Span {
            start: row.start,
            end: row.end,
        })
        .collect()
}

fn patient_rows() -> IndexRows {
    rows(&json!({
        "resourceType": "Patient",
        "id": "a",
        "meta": {"tag": [{"system": "urn:t", "code": "x"}], "profile": ["http://p.org/p|1"]},
        "active": true,
        "identifier": [{"system": "urn:s", "value": "1"}, {"value": "2"}, {"system": "urn:s"}],
        "name": [{"family": "Müller", "given": ["Anna  Maria", "Müller"], "text": "AM"}],
        "telecom": [{"system": "email", "use": "home", "value": "a@b.c"}],
        "gender": "female",
        "birthDate": "1980-05",
        "address": [{"line": ["Street 1"], "city": "Lyon", "postalCode": "69001"}],
        "managingOrganization": {"reference": "Organization/o/_history/3"},
        "generalPractitioner": [{"identifier": {"system": "urn:n", "value": "77"}}],
    }))
}

#[test]
fn a_patient_gives_tokens_of_every_kind() {
    let rows = patient_rows();
    let patient = |code| id("Patient", code);
    assert_eq!(
        tokens(&rows, patient("gender")),
        [(hash::of_text("female"), hash::IMPLIED)]
    );
    assert_eq!(
        tokens(&rows, patient("active")),
        [(hash::of_text("true"), hash::IMPLIED)]
    );
    assert_eq!(
        tokens(&rows, patient("deceased")),
        [(hash::of_text("false"), hash::IMPLIED)]
    );
    assert_eq!(tokens(&rows, patient("_tag")), [token("x", "urn:t")]);
    assert_eq!(tokens(&rows, patient("email")), [token("a@b.c", "home")]);
    assert_eq!(tokens(&rows, patient("phone")), []);
    let mut identifiers = vec![
        token("1", "urn:s"),
        (hash::of_text("2"), hash::ABSENT),
        (hash::ABSENT, hash::of_text("urn:s")),
    ];
    identifiers.sort_unstable();
    assert_eq!(tokens(&rows, patient("identifier")), identifiers);
    assert_eq!(
        tokens(&rows, id("Patient", "general-practitioner:identifier")),
        [token("77", "urn:n")]
    );
    assert!(tokens(&rows, patient("_id")).is_empty());
}

#[test]
fn a_patient_gives_strings_dates_and_references() {
    let rows = patient_rows();
    let patient = |code| id("Patient", code);
    let names = rows
        .strings
        .iter()
        .filter(|row| row.param == patient("name"));
    let names: Vec<(&str, &str)> = names
        .map(|row| (row.folded.as_str(), row.exact.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("am", "AM"),
            ("anna maria", "Anna  Maria"),
            ("muller", "Müller")
        ]
    );
    assert_eq!(
        spans(&rows, patient("birthdate")),
        [span("1980-05").unwrap()]
    );
    let organization = rows
        .references
        .iter()
        .find(|row| row.param == patient("organization"));
    assert_eq!(organization.map(|row| row.target_id.as_str()), Some("o"));
    let profiles = rows
        .uris
        .iter()
        .filter(|row| row.param == patient("_profile"));
    let profiles: Vec<&str> = profiles.map(|row| row.value.as_str()).collect();
    assert_eq!(profiles, ["http://p.org/p", "http://p.org/p|1"]);
    assert_eq!(rows.patients, ["a"]);
}

#[test]
fn dates_of_every_type_are_spans() {
    let of = |more: Value| {
        let mut tree = json!({"resourceType": "Observation"});
        tree.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        spans(&rows(&tree), id("Observation", "date"))
    };
    let day = span("2024-05-14").unwrap();
    assert_eq!(of(json!({"effectiveDateTime": "2024-05-14"})), [day]);
    let moment = span("2024-05-14T10:00:00+02:00").unwrap();
    assert_eq!(
        of(json!({"effectiveInstant": "2024-05-14T10:00:00+02:00"})),
        [moment]
    );
    let open = of(json!({"effectivePeriod": {"start": "2024-05-14"}}));
    assert_eq!(
        open,
        [Span {
            start: day.start,
            end: i64::MAX
        }]
    );
    assert_eq!(of(json!({"effectivePeriod": {}})), []);
    let events = json!({"effectiveTiming": {"event": ["2024-05-16", "2024-05-14"]}});
    let last = span("2024-05-16").unwrap();
    assert_eq!(
        of(events),
        [Span {
            start: day.start,
            end: last.end
        }]
    );
    let bounds = json!({"effectiveTiming": {"repeat": {"boundsPeriod": {"end": "2024-05-14"}}}});
    assert_eq!(
        of(bounds),
        [Span {
            start: i64::MIN,
            end: day.end
        }]
    );
}

#[test]
fn quantities_keep_unit_and_range() {
    let of = |value: Value| {
        let name = value.as_object().unwrap().keys().next().unwrap().clone();
        let tree = json!({"resourceType": "Observation", name.clone(): value[&name]});
        let param = id("Observation", "value-quantity");
        let found = rows(&tree)
            .numbers
            .into_iter()
            .filter(|row| row.param == param);
        let mut found: Vec<_> = found
            .map(|row| (row.low, row.high, row.system, row.code))
            .collect();
        found.sort_by_key(|row| row.2 == hash::ABSENT);
        found
    };
    let ucum = "http://unitsofmeasure.org";
    let coded = json!({"value": 5.4, "unit": "mmHg", "system": ucum, "code": "mm[Hg]"});
    let (code, system) = token("mm[Hg]", ucum);
    assert_eq!(
        of(json!({"valueQuantity": coded})),
        [
            (5.4, 5.4, system, code),
            (5.4, 5.4, hash::ABSENT, hash::of_text("mmHg")),
        ]
    );
    let text = json!({"value": 5.4, "unit": "mg"});
    assert_eq!(
        of(json!({"valueQuantity": text})),
        [(5.4, 5.4, hash::ABSENT, hash::of_text("mg"))]
    );
    let above = json!({"value": 5.4, "comparator": ">"});
    assert_eq!(of(json!({"valueQuantity": above})), [(5.4, f64::MAX, 0, 0)]);
    assert_eq!(of(json!({"valueQuantity": {"unit": "mg"}})), []);
}

#[test]
fn canonicals_are_references_with_and_without_their_version() {
    let rows = rows(&json!({
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "http://q.org/q|2",
        "subject": {"reference": "#contained"},
        "source": {"reference": "http://other.org/fhir/Patient/1/_history/4"},
    }));
    let of = |code: &str| -> Vec<&str> {
        let param = id("QuestionnaireResponse", code);
        let found = rows.references.iter().filter(|row| row.param == param);
        found.map(|row| row.target_id.as_str()).collect()
    };
    assert_eq!(of("questionnaire"), ["http://q.org/q", "http://q.org/q|2"]);
    assert_eq!(of("subject"), ["#contained"]);
    assert_eq!(of("source"), ["http://other.org/fhir/Patient/1"]);
    assert!(rows.patients.is_empty());
}

#[test]
fn composites_keep_instances_apart_and_need_every_part() {
    let component = |code: &str, value: Value| json!({"code": {"coding": [{"code": code}]}, "valueQuantity": value});
    let rows = rows(&json!({
        "resourceType": "Observation",
        "code": {"coding": [{"code": "bp"}]},
        "component": [
            component("sys", json!({"value": 120})),
            component("dia", json!({"value": 80})),
            component("none", json!({})),
        ],
    }));
    let param = id("Observation", "component-code-value-quantity");
    let found: Vec<(i64, i64, i64, f64)> = rows
        .composites
        .iter()
        .filter(|row| row.param == param)
        .map(|row| (row.instance, row.part, row.code, row.low))
        .collect();
    assert_eq!(
        found,
        [
            (0, 0, hash::of_text("sys"), 0.0),
            (0, 1, 0, 120.0),
            (1, 0, hash::of_text("dia"), 0.0),
            (1, 1, 0, 80.0),
        ]
    );
    let whole = id("Observation", "code-value-quantity");
    assert!(!rows.composites.iter().any(|row| row.param == whole));
}

#[test]
fn rows_come_in_the_same_order_each_once() {
    let name = json!({"family": "A", "given": ["A", "B", "A"]});
    let tree = json!({"resourceType": "Patient", "name": [name.clone(), name]});
    let (first, second) = (rows(&tree), rows(&tree));
    assert_eq!(first, second);
    let param = id("Patient", "given");
    assert_eq!(
        first
            .strings
            .iter()
            .filter(|row| row.param == param)
            .count(),
        2
    );
}

#[test]
fn texts_types_words_and_base_units_have_rows() {
    let tree = json!({
        "resourceType": "Observation",
        "id": "a",
        "status": "final",
        "identifier": [{"value": "7", "type": {"coding": [{"system": "urn:t", "code": "MR"}]}}],
        "text": {"status": "generated", "div": "<div>Tension <b>élevée</b></div>"},
        "code": {"text": "Tension", "coding": [{"code": "T", "display": "Pressure"}]},
        "subject": {"display": "Zoé"},
        "valueQuantity": {"value": 2.5, "system": "http://unitsofmeasure.org", "code": "g"},
        "contained": [{"resourceType": "Device", "deviceName": [{"name": "Tensiomètre"}]}],
    });
    let rows = rows(&tree);
    let strings = |param: i64| {
        let found = rows.strings.iter().filter(|row| row.param == param);
        found.map(|row| row.folded.as_str()).collect::<Vec<&str>>()
    };
    assert_eq!(
        strings(id("Observation", "code:text")),
        ["pressure", "tension"]
    );
    assert_eq!(strings(id("Observation", "subject:text")), ["zoe"]);
    let typed = tokens(&rows, id("Observation", "identifier:of-type"));
    assert_eq!(typed, [(hash::of_text("7"), hash::of_type("urn:t", "MR"))]);
    let words: Vec<(&str, bool)> = rows
        .words
        .iter()
        .map(|row| (row.word.as_str(), row.narrative))
        .collect();
    let expected = [
        ("elevee", true),
        ("pressure", false),
        ("tensiometre", false),
        ("tension", true),
        ("zoe", false),
    ];
    assert_eq!(words, expected);
    let param = id("Observation", "value-quantity:canonical");
    let canonical = rows.numbers.iter().find(|row| row.param == param).unwrap();
    assert!((canonical.value - 2.5).abs() < 1e-9, "{canonical:?}");
    let code = rows
        .tokens
        .iter()
        .find(|row| row.param == id("Observation", "code"));
    assert_eq!(code.unwrap().value, "T");
}
