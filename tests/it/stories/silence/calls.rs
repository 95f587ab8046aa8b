//! Those who are followed by telephone: a person calls them.

use serde_json::{Value, json};

use super::{dawn, fine, person, reminders, set, tasks};
use crate::harness::{Nurse, Patient, Server, rule_of};

/// A ward with somebody who is followed by telephone.
fn by_phone() -> (Server, Nurse, Patient) {
    let (server, mut nurse) = dawn(&[]);
    let patient = nurse.enrol_person(&server, "covid-case", &person("1990-01-01"));
    set(
        &server,
        &patient,
        "report-channel",
        ("valueCode", "phone".into()),
    );
    (server, nurse, patient)
}

fn calls(patient: &mut Patient) -> Vec<Value> {
    tasks(patient, "phone-call")
}

#[test]
fn row_voice() {
    let (server, _nurse, mut patient) = by_phone();
    server.set_clock("2030-03-25T07:59:59Z");
    assert_eq!(calls(&mut patient).len(), 0);
    server.set_clock("2030-03-25T08:00:00Z");
    let report = tasks(&mut patient, "complete-questionnaire").remove(0);
    let call = calls(&mut patient).remove(0);
    let id = report["id"].as_str().expect("an id");
    assert_eq!(call["focus"]["reference"], format!("Task/{id}"));
    assert_eq!(call["status"], "requested");
    assert_eq!(call["priority"], "routine");
    assert!(call["owner"].is_null(), "anybody of the team may take it");
    assert_eq!(
        call["restriction"]["period"],
        report["restriction"]["period"]
    );
    assert_eq!(report["status"], "ready");
    server.set_clock("2030-03-25T14:00:00Z");
    patient.report(&fine()).expect(201);
    assert_eq!(calls(&mut patient)[0]["status"], "completed");
    server.set_clock("2030-03-26T23:00:00Z");
    let states: Vec<Value> = calls(&mut patient)
        .iter()
        .map(|call| call["status"].clone())
        .collect();
    assert_eq!(states, ["completed", "failed"], "one a day");
    assert_eq!(reminders(&mut patient), Vec::<Value>::new());
    let flags = patient.have("Flag");
    assert_eq!(flags.iter().map(rule_of).collect::<Vec<_>>(), ["N2"]);
}

#[test]
fn an_answer_before_the_hour_makes_a_call_needless_and_a_stop_takes_it_back() {
    let (server, _nurse, mut patient) = by_phone();
    patient.report(&fine()).expect(201);
    server.set_clock("2030-03-25T20:00:00Z");
    assert_eq!(calls(&mut patient).len(), 0);
    server.set_clock("2030-03-26T09:00:00Z");
    assert_eq!(calls(&mut patient)[0]["status"], "requested");
    let mut plan = server.client().get(&patient.plan).expect(200).json();
    plan["status"] = "revoked".into();
    server.client().put(&patient.plan, &plan).expect(200);
    assert_eq!(calls(&mut patient)[0]["status"], "cancelled");
}

/// The service's own messages counted as attempts of the team to call.
#[test]
fn complaint_26_only_people_make_calls() {
    let (server, _nurse, mut patient) = by_phone();
    server.set_clock("2030-03-25T12:30:00Z");
    let call = calls(&mut patient).remove(0);
    assert_eq!(
        call["meta"]["versionId"], "1",
        "the service has not touched it"
    );
    let path = format!("Task/{}", call["id"].as_str().expect("an id"));
    let mut tried = call;
    tried["status"] = "in-progress".into();
    tried["note"] = json!([{ "text": "Pas de réponse à 12 h 30", "time": "2030-03-25T12:30:00Z" }]);
    server.client().put(&path, &tried).expect(200);
    server.set_clock("2030-03-25T22:00:00Z");
    let kept = calls(&mut patient).remove(0);
    assert_eq!(kept["note"].as_array().map(Vec::len), Some(1));
    assert_eq!(kept["status"], "in-progress");
    server.set_clock("2030-03-25T23:00:00Z");
    assert_eq!(calls(&mut patient)[0]["status"], "failed");
}
