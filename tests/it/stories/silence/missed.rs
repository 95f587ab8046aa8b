//! Reports that do not come.

use serde_json::{Value, json};

use super::{dawn, fine, person, sent, set, tasks};
use crate::harness::{Patient, evidence_of, rule_of};

/// The open Flags by rule, with their priority.
fn flags(patient: &mut Patient) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = patient
        .have("Flag")
        .iter()
        .map(|flag| (rule_of(flag).to_owned(), priority(flag)))
        .collect();
    found.sort();
    found
}

fn priority(flag: &Value) -> String {
    let extensions = flag["extension"].as_array().into_iter().flatten();
    extensions
        .filter_map(|one| one["valueCodeableConcept"]["coding"][0]["code"].as_str())
        .collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(rule, level): &(&str, &str)| ((*rule).to_owned(), (*level).to_owned());
    wanted.iter().map(own).collect()
}

#[test]
fn row_missed_report_alert() {
    let (server, mut nurse) = dawn(&[]);
    let mut young = nurse.enrol_person(&server, "covid-medical", &person("1990-01-01"));
    let mut old = nurse.enrol_person(&server, "covid-medical", &person("1950-01-01"));
    server.set_clock("2030-03-25T23:00:00Z");
    let once = pairs(&[("N2", "PM")]);
    assert_eq!(
        (flags(&mut young), flags(&mut old)),
        (once.clone(), once.clone())
    );
    let call = tasks(&mut young, "handle-alert").remove(0);
    assert_eq!(call["code"]["coding"][1]["code"], "phone-call");
    server.set_clock("2030-03-26T23:00:00Z");
    assert_eq!(flags(&mut young), once, "twice, without a risk");
    assert_eq!(flags(&mut old), pairs(&[("N2", "PM"), ("N3", "PH")]));
    let reports = tasks(&mut old, "complete-questionnaire");
    let second = format!("Task/{}", reports[1]["id"].as_str().expect("an id"));
    for flag in old.have("Flag") {
        assert!(evidence_of(&flag).contains(&second.as_str()), "{flag}");
    }
    let urgent = tasks(&mut old, "handle-alert");
    let stat: Vec<&Value> = urgent
        .iter()
        .filter(|task| task["priority"] == "stat")
        .collect();
    assert_eq!(stat.len(), 1);
    assert_eq!(stat[0]["code"]["coding"][1]["code"], "phone-call");
}

#[test]
fn an_answer_between_two_misses_breaks_the_row() {
    let (server, mut nurse) = dawn(&[]);
    let mut patient = nurse.enrol_person(&server, "covid-medical", &person("1990-01-01"));
    let risk = json!({ "coding": [{
        "system": "https://vigie.example/fhir/CodeSystem/risk-factor", "code": "diabetes" }] });
    set(
        &server,
        &patient,
        "risk-factor",
        ("valueCodeableConcept", risk),
    );
    server.set_clock("2030-03-26T10:00:00Z");
    patient.report(&fine()).expect(201);
    server.set_clock("2030-03-27T23:00:00Z");
    assert_eq!(flags(&mut patient), pairs(&[("N2", "PM")]));
    server.set_clock("2030-03-28T23:00:00Z");
    assert_eq!(flags(&mut patient), pairs(&[("N2", "PM"), ("N3", "PH")]));
}

#[test]
fn one_miss_is_urgent_at_risk_while_a_simple_alert_is_open() {
    let (server, mut nurse) = dawn(&[]);
    let mut patient = nurse.enrol_person(&server, "covid-medical", &person("1950-01-01"));
    patient
        .report(&[("callback", json!({ "valueBoolean": true }))])
        .expect(201);
    assert_eq!(flags(&mut patient), pairs(&[("S8", "PM")]));
    server.set_clock("2030-03-26T23:00:00Z");
    assert_eq!(
        flags(&mut patient),
        pairs(&[("N2", "PM"), ("N3", "PH"), ("S8", "PM")])
    );
}

/// A second report within fifteen minutes that was thrown away.
#[test]
fn complaint_04_a_second_report_is_kept_and_judged() {
    let (server, mut nurse) = dawn(&[]);
    let mut patient = nurse.enrol_person(&server, "covid-medical", &person("1990-01-01"));
    server.set_clock("2030-03-25T08:05:00Z");
    patient.report(&fine()).expect(201);
    server.set_clock("2030-03-25T08:10:00Z");
    patient.report(&super::danger()).expect(201);
    assert_eq!(patient.have("QuestionnaireResponse").len(), 2);
    assert_eq!(flags(&mut patient), pairs(&[("U4", "PH")]));
    server.set_clock("2030-03-25T22:30:00Z");
    assert_eq!(
        sent(&mut patient).len(),
        1,
        "and nobody is reminded any more"
    );
}
