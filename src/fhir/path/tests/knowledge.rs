//! Questions to definitions: the engine asks whom the context names.

use serde_json::{Value, json};

use super::patient;
use crate::fhir::{
    path::{Conformance, Context, EvaluationError, Expression, Item},
    terminology::Terminology,
};

/// Knows one profile, to which every Patient conforms.
struct Patients;

impl Conformance for Patients {
    fn conforms(&self, item: &Item<'_>, profile: &str) -> Option<bool> {
        (profile == "http://example.org/sd").then(|| item.fhir_type() == "Patient")
    }
}

fn answer(tree: &Value, text: &str) -> Result<Option<bool>, EvaluationError> {
    let expression = Expression::compile(text).unwrap();
    let context = Context::new(tree)
        .with_terminology(Terminology::core())
        .with_conformance(&Patients);
    let items = expression.evaluate(&context)?;
    Ok(match items.as_slice() {
        [Item::Boolean(answer)] => Some(*answer),
        other => {
            assert!(other.is_empty(), "{text} gave {other:?}");
            None
        }
    })
}

#[test]
fn conformance_is_asked_of_the_context() {
    let tree = patient();
    assert_eq!(
        answer(&tree, "conformsTo('http://example.org/sd')"),
        Ok(Some(true))
    );
    assert_eq!(
        answer(&tree, "name.first().conformsTo('http://example.org/sd')"),
        Ok(Some(false))
    );
    assert_eq!(
        answer(&tree, "photo.conformsTo('http://example.org/sd')"),
        Ok(None)
    );
    let unknown = answer(&tree, "conformsTo('http://example.org/other')");
    assert!(matches!(unknown, Err(EvaluationError::Semantics(_))));
}

#[test]
fn a_value_set_that_is_not_loaded_is_an_error_and_not_an_answer() {
    let tree = json!({"resourceType": "Condition",
        "code": {"coding": [{"system": "http://example.org/cs", "code": "a"}]},
        "severity": {"text": "bad"}});
    let unknown = answer(&tree, "code.memberOf('http://example.org/vs')");
    assert!(matches!(unknown, Err(EvaluationError::Semantics(_))));
    assert_eq!(
        answer(&tree, "severity.memberOf('http://example.org/vs')"),
        Ok(Some(false))
    );
    assert_eq!(
        answer(&tree, "bodySite.memberOf('http://example.org/vs')"),
        Ok(None)
    );
}

#[test]
fn codes_are_looked_up_in_what_is_loaded() {
    let condition = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    let tree = json!({"resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": condition, "code": "relapse"}]},
        "verificationStatus": {"coding": [{"system": condition, "code": "active"}]},
        "stage": [{"type": {"coding": [{"system": "http://x", "code": "active"}]}}]});
    let set = "http://hl7.org/fhir/ValueSet/condition-clinical";
    for (text, expected) in [
        ("verificationStatus.subsumes(clinicalStatus)", Some(true)),
        ("clinicalStatus.subsumes(verificationStatus)", Some(false)),
        ("clinicalStatus.subsumedBy(verificationStatus)", Some(true)),
        ("clinicalStatus.coding.subsumes(clinicalStatus)", Some(true)),
        ("clinicalStatus.subsumes(severity)", None),
    ] {
        assert_eq!(answer(&tree, text), Ok(expected), "{text}");
    }
    assert!(answer(&tree, "stage.type.subsumes(clinicalStatus)").is_err());
    let member = |of: &str| answer(&tree, &format!("{of}.memberOf('{set}')"));
    assert_eq!(member("clinicalStatus"), Ok(Some(true)));
    assert_eq!(member("clinicalStatus.coding"), Ok(Some(true)));
    assert_eq!(member("stage.type"), Ok(Some(false)));
    assert_eq!(member("clinicalStatus.coding.code"), Ok(Some(true)));
}
