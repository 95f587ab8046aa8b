//! The course of a follow-up: asked on screen or by phone, paused and resumed, extended, ended.

use serde_json::{Value, json};

use super::desk::{Desk, code, days, extension, path, refused, said, statuses};
use crate::harness::rule_of;

/// A contact whose 14 days begin on 25 March, and the answer of that day.
fn contact(desk: &mut Desk) -> (String, String) {
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-contact", &[]);
    desk.report(&plan, &[]);
    (patient, plan)
}

fn flags(desk: &mut Desk, patient: &str) -> Vec<String> {
    let flags = desk.search(&format!("Flag?patient={patient}"));
    flags.iter().map(|flag| rule_of(flag).to_owned()).collect()
}

#[test]
fn a_pause_asks_nobody_and_misses_nothing() {
    let mut desk = Desk::open();
    let (patient, plan) = contact(&mut desk);
    let status = |desk: &mut Desk, status: &str| {
        desk.change(&plan, |plan| plan["status"] = status.into())
            .expect(200);
    };
    status(&mut desk, "on-hold");
    desk.server.set_clock("2030-03-27T12:00:00Z");
    // An answer in a pause is judged like any other.
    desk.report(&plan, &[("callback", json!({ "valueBoolean": true }))]);
    assert_eq!(flags(&mut desk, &patient), ["S8"]);
    desk.server.set_clock("2030-03-28T06:00:00Z");
    let paused: Vec<Value> = desk.reports(&plan)[1..3].to_vec();
    assert_eq!(statuses(&paused), ["cancelled", "cancelled"]);
    assert!(
        paused
            .iter()
            .all(|task| code(&task["businessStatus"]) == "paused")
    );
    status(&mut desk, "active");
    desk.server.set_clock("2030-03-28T08:00:00Z");
    assert_eq!(
        statuses(&desk.reports(&plan))[3],
        "ready",
        "day 4 is asked for on day 4"
    );
    assert_eq!(desk.messages(&patient, "report-missed").len(), 0);
    let reminded = desk.messages(&patient, "reminder").len();
    assert!(reminded <= 2, "none in the pause: {reminded}");
    assert_eq!(flags(&mut desk, &patient), ["S8"], "and nothing was missed");
    assert_eq!(days(&desk.reports(&plan)), (1..=14).collect::<Vec<u32>>());
}

#[test]
fn what_was_asked_for_before_a_pause_is_not_missed_in_it() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-contact", &[]);
    desk.server.set_clock("2030-03-25T09:00:00Z");
    assert_eq!(statuses(&desk.reports(&plan))[0], "ready");
    desk.change(&plan, |plan| plan["status"] = "on-hold".into())
        .expect(200);
    desk.server.set_clock("2030-03-26T00:00:00Z");
    let first = desk.reports(&plan)[0].clone();
    assert_eq!(
        (code(&first["businessStatus"]), &first["status"]),
        ("paused", &"cancelled".into())
    );
    assert_eq!(flags(&mut desk, &patient), Vec::<String>::new());
}

#[test]
fn a_pause_over_the_last_day_ends_with_it() {
    let mut desk = Desk::open();
    let (patient, plan) = contact(&mut desk);
    desk.change(&plan, |plan| plan["status"] = "on-hold".into())
        .expect(200);
    desk.server.set_clock("2030-04-07T20:00:00Z");
    assert_eq!(desk.read(&plan)["status"], "on-hold");
    desk.server.set_clock("2030-04-07T22:00:00Z");
    assert_eq!(desk.read(&plan)["status"], "completed");
    assert_eq!(flags(&mut desk, &patient), Vec::<String>::new());
    let again = desk.change(&plan, |plan| plan["status"] = "active".into());
    refused(again, 422, "CarePlan.status");
}

#[test]
fn an_extension_adds_days_and_ends_after_them() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-medical", &[]);
    let days_more = |days: u32| [json!({ "name": "days", "valueInteger": days })];
    for wrong in [0, 367] {
        refused(desk.ask(&plan, "extend", &days_more(wrong)), 400, "'days'");
    }
    refused(desk.ask(&plan, "extend", &[]), 400, "'days'");
    // Reports are two days apart at the end of this pathway: one day more has none.
    refused(desk.ask(&plan, "extend", &days_more(1)), 422, "'days'");
    desk.change(&plan, |plan| plan["status"] = "on-hold".into())
        .expect(200);
    path(&desk.ask(&plan, "extend", &days_more(5)));
    desk.change(&plan, |plan| plan["status"] = "active".into())
        .expect(200);
    let said_of = desk.read(&plan);
    assert_eq!(said_of["period"]["end"], "2030-04-11");
    assert_eq!(
        said_of["activity"].as_array().expect("activities").len(),
        13
    );
    let wanted = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18];
    assert_eq!(days(&desk.reports(&plan)), wanted);
    desk.server.set_clock("2030-04-09T08:00:00Z");
    assert_eq!(
        desk.read(&plan)["status"],
        "active",
        "the old last day does not end it"
    );
    assert_eq!(
        statuses(&desk.reports(&plan))[11],
        "ready",
        "day 16 is asked for"
    );
    desk.server.set_clock("2030-04-12T00:00:00Z");
    assert_eq!(desk.read(&plan)["status"], "completed");
    refused(
        desk.ask(&plan, "extend", &days_more(5)),
        422,
        "CarePlan.status",
    );
}

#[test]
fn complaint_06_who_has_stopped_is_asked_nothing_more() {
    let mut desk = Desk::open();
    let (patient, plan) = contact(&mut desk);
    // A court has the data kept, which the agency would have erased.
    let hold = "https://vigie.example/fhir/StructureDefinition/legal-hold";
    desk.change(&patient, |patient| {
        patient["extension"] = json!([{ "url": hold, "valueBoolean": true }]);
    })
    .expect(200);
    desk.change(&plan, |plan| plan["status"] = "revoked".into())
        .expect(200);
    let before = desk.messages(&patient, "reminder").len();
    desk.server.set_clock("2030-04-20T00:00:00Z");
    assert_eq!(desk.messages(&patient, "reminder").len(), before);
    let reports = desk.reports(&plan);
    assert!(
        reports[1..]
            .iter()
            .all(|task| task["status"] == "cancelled")
    );
    assert_eq!(flags(&mut desk, &patient), Vec::<String>::new());
    let days = json!({ "name": "days", "valuePositiveInt": 3 });
    refused(desk.ask(&plan, "extend", &[days]), 422, "CarePlan.status");
    let again = desk.change(&plan, |plan| plan["status"] = "active".into());
    refused(again, 422, "CarePlan.status");
}

#[test]
fn complaint_07_from_screen_to_phone_and_back_without_an_end() {
    let mut desk = Desk::open();
    let (patient, plan) = contact(&mut desk);
    let before = desk.reports(&plan);
    for channel in ["phone", "app", "phone"] {
        let channel_is = extension("report-channel", "valueCode", channel.into());
        desk.set(&plan, channel_is).expect(200);
        let now = desk.read(&plan);
        assert_eq!(said(&now, "report-channel").expect("one"), channel);
        assert_eq!(now["status"], "active");
        assert_eq!(desk.reports(&plan), before, "the same reports, untouched");
    }
    let fax = extension("report-channel", "valueCode", "fax".into());
    refused(desk.set(&plan, fax), 422, "report-channel");
    desk.report(&plan, &[("callback", json!({ "valueBoolean": true }))]);
    assert_eq!(desk.alerts(&plan).len(), 1, "answers are judged as before");
    // From the next due time on: a call, and no reminder; then a reminder, and no call.
    let calls = |desk: &mut Desk| {
        let mut calls = desk.search(&format!("Task?based-on={plan}&_count=500"));
        calls.retain(|task| code(&task["code"]) == "phone-call");
        calls.len()
    };
    let reminded = desk.messages(&patient, "reminder").len();
    desk.server.set_clock("2030-03-26T08:00:00Z");
    assert_eq!(calls(&mut desk), 1);
    assert_eq!(desk.messages(&patient, "reminder").len(), reminded);
    desk.report(&plan, &[]);
    let app = extension("report-channel", "valueCode", "app".into());
    desk.set(&plan, app).expect(200);
    desk.server.set_clock("2030-03-27T08:00:00Z");
    assert_eq!(calls(&mut desk), 1);
    assert_eq!(desk.messages(&patient, "reminder").len(), reminded + 1);
}
