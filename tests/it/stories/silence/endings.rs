//! What is asked of people after the end of their follow-up: nothing; and what they may still say.

use serde_json::Value;

use super::{danger, dawn, fine, person, sent, tasks};
use crate::harness::{Patient, rule_of};

fn state(patient: &mut Patient) -> Value {
    patient.have("CarePlan")[0]["status"].clone()
}

/// Reminders that go on after the end, or for ever to those who do not answer.
#[test]
fn complaint_03_no_reminder_after_the_end() {
    let (server, mut nurse) = dawn(&[]);
    let mut stopped = nurse.enrol_person(&server, "covid-medical", &person("1990-01-01"));
    let mut silent = nurse.enrol_person(&server, "covid-contact", &person("1990-01-01"));
    server.set_clock("2030-03-26T09:00:00Z");
    let mut plan = server.client().get(&stopped.plan).expect(200).json();
    plan["status"] = "revoked".into();
    server.client().put(&stopped.plan, &plan).expect(200);
    // The end is over, and the agency's data is not erased yet.
    server.set_clock("2030-04-10T09:00:00Z");
    assert_eq!(
        sent(&mut silent).len(),
        2 * 14,
        "two for each of fourteen days"
    );
    let last = sent(&mut silent).pop();
    assert_eq!(last.as_deref(), Some("2030-04-07T11:00:00.000Z"));
    server.set_clock("2030-05-25T09:00:00Z");
    // Two on the first day, and the first of the second day before the stop.
    assert_eq!(sent(&mut stopped).len(), 3);
}

/// A follow-up without an end, because its last visit is missing.
#[test]
fn complaint_05_a_follow_up_ends_without_its_last_report() {
    let (server, mut nurse) = dawn(&[]);
    let mut patient = nurse.enrol_person(&server, "covid-medical", &person("1990-01-01"));
    server.set_clock("2030-03-25T10:00:00Z");
    patient.report(&fine()).expect(201);
    server.set_clock("2030-04-07T21:59:59Z");
    assert_eq!(state(&mut patient), "active");
    server.set_clock("2030-04-07T22:00:00Z");
    assert_eq!(state(&mut patient), "completed");
    let open = |task: &Value| task["status"] == "requested" || task["status"] == "ready";
    let reports = tasks(&mut patient, "complete-questionnaire");
    assert!(!reports.iter().any(open), "nothing is asked for any more");
}

/// Reports after the end date that nobody could see.
#[test]
fn complaint_21_a_report_after_the_end_is_kept_and_judged() {
    let (server, mut nurse) = dawn(&[]);
    let mut patient = nurse.enrol_person(&server, "covid-medical", &person("1990-01-01"));
    server.set_clock("2030-04-09T10:00:00Z");
    assert_eq!(state(&mut patient), "completed");
    patient.report(&danger()).expect(201);
    assert_eq!(patient.have("QuestionnaireResponse").len(), 1);
    let flags = patient.have("Flag");
    let urgent = flags.iter().filter(|flag| rule_of(flag) == "U4").count();
    assert_eq!(urgent, 1, "{flags:?}");
}
