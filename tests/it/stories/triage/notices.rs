//! What can wait, waits as its reader wishes; what cannot, does not.

use serde_json::{Value, json};

use super::clinic::{CALLBACK, Clinic, DANGER, notices};
use crate::stories::enrolment::desk::code;

/// Lets the nurse wish.
fn wish(clinic: &mut Clinic, parts: &[(&str, &str, &str)]) {
    let (nurse, wish) = (clinic.desk.nurse.clone(), notices(parts));
    clinic
        .desk
        .change(&nurse, |nurse| nurse["extension"] = json!([wish]))
        .expect(200);
}

/// Statuses of the messages of a kind.
fn statuses(clinic: &mut Clinic, kind: &str) -> Vec<String> {
    let messages = clinic.desk.messages(&clinic.patient.clone(), kind);
    let status = |message: &Value| message["status"].as_str().unwrap_or_default().to_owned();
    messages.iter().map(status).collect()
}

#[test]
fn complaint_30_irrelevant_notices_come_once_a_day_and_urgent_ones_at_once() {
    let mut clinic = Clinic::open();
    wish(&mut clinic, &[("digest", "valueTime", "18:00:00")]);
    clinic.say(CALLBACK);
    clinic.at("03-25T09:00:00Z");
    clinic.say("spo2.available");
    clinic.at("03-25T10:00:00Z");
    assert_eq!(statuses(&mut clinic, "answered"), ["on-hold", "on-hold"]);
    assert_eq!(statuses(&mut clinic, "needs-action"), ["on-hold"]);
    clinic.say(DANGER);
    clinic.at("03-25T10:00:01Z");
    assert_eq!(
        statuses(&mut clinic, "needs-action"),
        ["on-hold", "completed"],
        "the urgent one is sent"
    );
    clinic.at("03-25T16:59:59Z");
    let digest = format!(
        "Communication?recipient={}&category=digest",
        clinic.desk.nurse
    );
    assert_eq!(clinic.desk.search(&digest), Vec::<Value>::new());
    clinic.at("03-25T17:00:00Z");
    let digests = clinic.desk.search(&digest);
    assert_eq!(digests.len(), 1);
    let lines: Vec<&str> = digests[0]["payload"]
        .as_array()
        .expect("counts")
        .iter()
        .filter_map(|line| line["contentString"].as_str())
        .collect();
    assert_eq!(lines, ["answered 3", "needs-action 1"]);
    assert_eq!(digests[0]["status"], "completed");
    assert!(digests[0]["subject"].is_null(), "it is about nobody");
    let name = digests[0]["id"].as_str().expect("an id");
    let part = json!([{ "reference": format!("Communication/{name}") }]);
    for kind in ["answered", "needs-action"] {
        let gathered = clinic.desk.messages(&clinic.patient.clone(), kind);
        let gathered = gathered
            .iter()
            .filter(|message| message["priority"] != "stat");
        for message in gathered {
            assert_eq!(
                (&message["status"], &message["partOf"]),
                (&json!("completed"), &part)
            );
        }
    }
    // A day of which nothing is to be told has no digest.
    let alerts = clinic.desk.alerts(&clinic.plan.clone());
    for task in alerts {
        let path = format!("Task/{}", task["id"].as_str().expect("an id"));
        clinic
            .desk
            .change(&path, |task| task["status"] = "completed".into())
            .expect(200);
    }
    clinic.at("03-26T17:00:00Z");
    assert_eq!(clinic.desk.search(&digest).len(), 1);
}

#[test]
fn quiet_hours_hold_what_is_minor_until_their_end() {
    let mut clinic = Clinic::open();
    wish(
        &mut clinic,
        &[
            ("quietStart", "valueTime", "19:00:00"),
            ("quietEnd", "valueTime", "07:30:00"),
        ],
    );
    clinic.at("03-30T22:00:00Z");
    clinic.say(CALLBACK);
    clinic.at("03-30T22:30:00Z");
    assert_eq!(
        statuses(&mut clinic, "needs-action")
            .last()
            .map(String::as_str),
        Some("preparation")
    );
    clinic.say(DANGER);
    clinic.at("03-30T22:31:00Z");
    let urgent = |clinic: &mut Clinic| {
        let messages = clinic
            .desk
            .messages(&clinic.patient.clone(), "needs-action");
        let urgent = messages
            .iter()
            .filter(|message| message["priority"] == "stat");
        urgent
            .map(|message| message["status"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        urgent(&mut clinic),
        ["completed"],
        "in the middle of the night"
    );
    // Half past seven of the summer time that has begun.
    clinic.at("03-31T05:29:59Z");
    assert!(statuses(&mut clinic, "needs-action").contains(&"preparation".to_owned()));
    clinic.at("03-31T05:30:00Z");
    assert!(!statuses(&mut clinic, "needs-action").contains(&"preparation".to_owned()));
    assert_eq!(
        clinic.told("escalated").len(),
        statuses(&mut clinic, "escalated")
            .iter()
            .filter(|s| *s == "completed")
            .count(),
        "escalations of what is urgent do not wait"
    );
}

#[test]
fn what_is_muted_is_not_sent_and_is_no_failure() {
    let mut clinic = Clinic::open();
    wish(
        &mut clinic,
        &[
            ("mute", "valueCode", "answered"),
            ("mute", "valueCode", "needs-action"),
        ],
    );
    clinic.say(CALLBACK);
    clinic.say(DANGER);
    clinic.at("03-25T08:01:00Z");
    let messages = clinic.desk.messages(&clinic.patient.clone(), "answered");
    for message in &messages {
        assert_eq!(message["status"], "not-done");
        assert_eq!(code(&message["statusReason"]), "muted");
    }
    assert_eq!(messages.len(), 2);
    let mut needs = statuses(&mut clinic, "needs-action");
    needs.sort();
    assert_eq!(needs, ["completed", "not-done"], "urgent is not muted");
    let flags = clinic
        .desk
        .search(&format!("Flag?patient={}", clinic.patient));
    let failed = flags.iter().filter(|flag| code(&flag["code"]) == "T2");
    assert_eq!(failed.count(), 0);
}
