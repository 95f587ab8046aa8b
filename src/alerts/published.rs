//! The files of `profiles/` as the server reads them: each is R4 to the strict reader, each rule
//! can be judged, each search parameter compiles.

use std::{fs, path::Path};

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    judge::{Case, Verdict, judge},
    rule::{Condition, Level, RuleSet},
};
use crate::fhir::{json::Limits, path::Expression, validate};

/// Every file of a folder of `profiles/`, with its name.
fn files(folder: &str) -> Vec<(String, Bytes)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("profiles")
        .join(folder);
    let found: Vec<_> = fs::read_dir(root)
        .expect("a folder of profiles")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| {
            let bytes = fs::read(&path).expect("a file");
            (path.display().to_string(), bytes.into())
        })
        .collect();
    assert!(!found.is_empty(), "{folder} is empty");
    found
}

/// The resources of one type in a folder.
fn trees(folder: &str, kind: &str) -> Vec<Value> {
    files(folder)
        .iter()
        .map(|(_, bytes)| serde_json::from_slice(bytes).expect("JSON"))
        .filter(|tree: &Value| tree["resourceType"] == kind)
        .collect()
}

#[test]
fn every_file_is_r4() {
    for folder in [
        "pathways",
        "terminology",
        "extensions",
        "operations",
        "search-parameters",
    ] {
        for (name, bytes) in files(folder) {
            let read = validate::read(&bytes, &Limits::default());
            assert!(read.is_ok(), "{name}: {:?}", read.err());
        }
    }
}

#[test]
fn every_search_parameter_compiles() {
    for parameter in trees("search-parameters", "SearchParameter") {
        let text = parameter["expression"].as_str().expect("an expression");
        assert!(Expression::compile(text).is_ok(), "{text}");
    }
}

#[test]
fn no_rule_is_broken() {
    let plans = trees("pathways", "PlanDefinition");
    assert_eq!(plans.len(), 3);
    for rules in plans.iter().map(RuleSet::read) {
        for rule in &rules.rules {
            assert!(!rule.levels.is_empty(), "{} has no level", rule.id);
            for level in &rule.levels {
                let broken = match &level.condition {
                    Condition::Broken(error) => Some(error),
                    _ => None,
                };
                assert_eq!(broken, None, "{} {}", rules.canonical, rule.id);
            }
        }
    }
}

/// What the rules of all pathways say of the last of some answers.
fn verdicts(answers: &[Value], patient: &Value) -> Vec<Verdict> {
    let care_plan = json!({"resourceType": "CarePlan", "period": {"start": "2026-03-02"}});
    let case = Case {
        answers,
        current: answers.len() - 1,
        patient,
        care_plan: &care_plan,
        day: 7,
        baseline: &Value::Null,
    };
    trees("pathways", "PlanDefinition")
        .iter()
        .flat_map(|plan| judge(&RuleSet::read(plan), &case))
        .collect()
}

#[test]
fn an_empty_answer_finds_nothing_and_no_rule_fails_on_it() {
    let empty = json!({"resourceType": "QuestionnaireResponse", "status": "completed"});
    let patient = json!({"resourceType": "Patient"});
    assert_eq!(verdicts(std::slice::from_ref(&empty), &patient), []);
    assert_eq!(verdicts(&[empty.clone(), empty], &patient), []);
    assert_eq!(verdicts(&[json!({})], &Value::Null), []);
}

/// An answer with a saturation.
fn saturation(percent: f64) -> Value {
    json!({"resourceType": "QuestionnaireResponse", "status": "completed", "item": [{
        "linkId": "breathing",
        "item": [{"linkId": "spo2.value", "answer": [{"valueQuantity": {"value": percent}}]}]
    }]})
}

#[test]
fn the_age_at_the_start_makes_a_low_saturation_urgent() {
    let level = |birth_date: &str| {
        let patient = json!({"resourceType": "Patient", "birthDate": birth_date});
        match verdicts(&[saturation(94.0)], &patient).as_slice() {
            [Verdict::Holds { rule, level, .. }] if rule == "S2" => Some(*level),
            _ => None,
        }
    };
    assert_eq!(level("1961-03-02"), Some(Level::Urgent));
    assert_eq!(level("1961-03-03"), Some(Level::Simple));
    assert_eq!(level("1961"), Some(Level::Simple));
}

#[test]
fn a_fall_against_the_median_of_three_is_found_even_when_values_repeat() {
    let patient = json!({"resourceType": "Patient", "birthDate": "1990-01-01"});
    let found = |values: &[f64]| {
        let answers: Vec<Value> = values.iter().copied().map(saturation).collect();
        verdicts(&answers, &patient).len()
    };
    assert_eq!(found(&[98.0, 98.0, 98.0, 95.0]), 1);
    assert_eq!(found(&[98.0, 97.0, 97.0, 95.0]), 0);
    assert_eq!(found(&[98.0, 98.0, 95.0]), 0);
}
