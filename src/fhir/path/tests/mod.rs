//! The engine as its callers see it: an expression and a resource in, a collection out.

mod bounds;
mod checks;
mod knowledge;
mod language;
mod navigation;
mod values;

use serde_json::{Value, json};

use super::{Context, EvaluationError, Expression};

/// A patient with what the tests ask about.
pub(super) fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p1",
        "active": true,
        "name": [
            {"use": "official", "family": "Chalmers", "given": ["Peter", "James"]},
            {"use": "usual", "given": ["Jim"]},
            {"use": "maiden", "family": "Windsor", "given": ["Peter", "James"]}
        ],
        "gender": "male",
        "birthDate": "1974-12-25",
        "_birthDate": {"extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
            "valueDateTime": "1974-12-25T14:35:45-05:00"
        }]},
        "deceasedBoolean": false,
        "contained": [{"resourceType": "Organization", "id": "o1", "name": "ACME"}],
        "managingOrganization": {"reference": "#o1"},
        "generalPractitioner": [
            {"reference": "Practitioner/d1"},
            {"reference": "https://example.org/fhir/Organization/o2/_history/3"},
            {"type": "PractitionerRole", "identifier": {"value": "r1"}},
            {"reference": "urn:uuid:6f0a1f0e-3c0e-4a58-8b1e-6f7c1c1b7a10"}
        ]
    })
}

/// The results as texts; nodes without text by their type.
pub(super) fn texts(tree: &Value, expression: &str) -> Result<Vec<String>, EvaluationError> {
    let now = "2026-11-21T10:30:15.250+01:00[Europe/Paris]"
        .parse()
        .unwrap();
    let compiled = Expression::compile(expression)
        .unwrap_or_else(|fault| panic!("{expression} does not compile: {fault}"));
    let items = compiled.evaluate(&Context::new(tree).with_now(&now))?;
    let text = |item: &super::Item<'_>| match item.to_text() {
        Some(text) => text.to_string(),
        None => format!("<{}>", item.fhir_type()),
    };
    Ok(items.iter().map(text).collect())
}

/// Checks rows of an expression and its results, joined by commas.
pub(super) fn check(tree: &Value, rows: &[(&str, &str)]) {
    for (expression, expected) in rows {
        let found = texts(tree, expression);
        let found = found.unwrap_or_else(|fault| panic!("{expression}: {fault}"));
        assert_eq!(found.join(","), *expected, "{expression}");
    }
}

/// Checks that expressions compile and cannot be evaluated.
pub(super) fn check_faults(tree: &Value, expressions: &[&str]) {
    for expression in expressions {
        let found = texts(tree, expression);
        assert!(found.is_err(), "{expression} gave {found:?}");
    }
}
