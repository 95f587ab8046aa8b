//! What each resource adds, one by one.

use serde_json::json;

use super::*;
use crate::{
    fhir::canonical::{SDC_TASK, TIME_ZONE},
    figures::tally::Days,
};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn plan(patient: &str, start: &str, status: &str) -> Value {
    json!({
        "resourceType": "CarePlan",
        "id": format!("{patient}-{start}"),
        "status": status,
        "subject": { "reference": format!("Patient/{patient}") },
        "instantiatesCanonical": ["https://p|1.0.0"],
        "period": { "start": start, "end": "2020-05-31" },
        "contributor": [{ "reference": "Practitioner/x" }, { "reference": "Organization/chu" }],
        "extension": [{ "url": TIME_ZONE, "valueCode": "Europe/Paris" }],
    })
}

fn plans(all: &[Value]) -> Plans {
    let read = |plan: &Value| {
        let id = plan["id"].as_str()?.to_owned();
        Some((id, Followed::read(plan, at("2020-05-20T22:30:00Z"))?))
    };
    all.iter().filter_map(read).collect()
}

fn numbers(tally: &Tally) -> Vec<(String, String, i64)> {
    let shown =
        |(key, n): (&super::super::tally::Key, i64)| (key.name.clone(), key.month.clone(), n);
    tally.numbers().map(shown).collect()
}

fn n(name: &str, month: &str, n: i64) -> (String, String, i64) {
    (name.to_owned(), month.to_owned(), n)
}

#[test]
fn a_person_counts_once_and_a_follow_up_by_its_start_and_its_end() {
    let mut phone = plan("b", "2020-05-12", "revoked");
    phone["extension"] = json!([
        { "url": TIME_ZONE, "valueCode": "Europe/Paris" },
        { "url": REPORT_CHANNEL, "valueCode": "phone" },
        { "url": CLOSURE_REASON, "valueCodeableConcept": { "coding": [
            { "system": CLOSURE_REASON_CODE, "code": "hospitalised" }
        ] } },
    ]);
    let plans = plans(&[
        plan("a", "2020-04-30", "completed"),
        plan("a", "2020-05-11", "active"),
        phone,
        plan("c", "2020-05-12", "entered-in-error"),
    ]);
    let mut tally = Tally::of(Days::ALL);
    follow_ups(&mut tally, &plans);
    assert_eq!(
        numbers(&tally),
        [
            n("ended/completed", "2020-05", 1),
            n("ended/hospitalised", "2020-05", 1),
            n("people", "2020-04", 1),
            n("people", "2020-05", 1),
            n("started/app", "2020-04", 1),
            n("started/app", "2020-05", 1),
            n("started/phone", "2020-05", 1),
        ]
    );
    let (key, _) = tally.numbers().next().expect("one");
    assert_eq!(
        (key.pathway.as_str(), key.establishment.as_str()),
        ("https://p", "Organization/chu")
    );
}

#[test]
fn a_follow_up_that_was_cut_short_ended_on_the_day_it_was_in_the_patients_calendar() {
    let ended = |status: &str| {
        let plan = plan("a", "2020-05-11", status);
        let followed = Followed::read(&plan, at("2020-05-20T22:30:00Z")).expect("a follow-up");
        followed.end.map(|(day, _)| day.to_string())
    };
    assert_eq!(ended("revoked").as_deref(), Some("2020-05-21"));
    assert_eq!(ended("completed").as_deref(), Some("2020-05-31"));
    assert_eq!(ended("on-hold"), None);
}

fn report_task(status: &str, state: Option<&str>) -> Value {
    let mut task = json!({
        "resourceType": "Task",
        "identifier": [{ "system": REPORT, "value": "a-2020-05-11/21" }],
        "status": status,
        "code": { "coding": [{ "system": SDC_TASK, "code": "complete-questionnaire" }] },
        "basedOn": [{ "reference": "CarePlan/a-2020-05-11" }],
        "restriction": { "period": { "start": "2020-05-31T22:00:00Z" } },
    });
    if let Some(state) = state {
        task["businessStatus"] = json!({ "coding": [{ "system": REPORT_STATE, "code": state }] });
    }
    task
}

#[test]
fn a_report_counts_once_it_is_settled_on_its_own_day() {
    let plans = plans(&[plan("a", "2020-05-11", "active")]);
    let mut tally = Tally::of(Days::ALL);
    for (status, state) in [
        ("requested", None),
        ("ready", None),
        ("cancelled", Some("follow-up-ended")),
        ("completed", Some("answered")),
        ("completed", Some("late")),
        ("failed", Some("missed")),
    ] {
        report(&mut tally, &plans, &report_task(status, state));
    }
    // The window opens at midnight in Paris, which is still May in UTC.
    assert_eq!(
        numbers(&tally),
        [
            n("report-answered", "2020-06", 1),
            n("report-late", "2020-06", 1),
            n("report-missed", "2020-06", 1),
        ]
    );
}

#[test]
fn an_answer_counts_by_its_channel_on_the_day_that_it_is_about() {
    let plans = plans(&[plan("a", "2020-05-11", "active")]);
    let mut tally = Tally::of(Days::ALL);
    let mut response = json!({
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "authored": "2020-05-31T23:00:00Z",
        "basedOn": [{ "reference": "CarePlan/a-2020-05-11" }],
    });
    let received = at("2020-07-01T08:00:00Z");
    answer(&mut tally, &plans, &response, received);
    response["extension"] = json!([{ "url": ANSWER_CHANNEL, "valueCode": "import" }]);
    response["authored"] = "2020-05-31".into();
    answer(&mut tally, &plans, &response, received);
    response["status"] = "in-progress".into();
    answer(&mut tally, &plans, &response, received);
    response["status"] = "completed".into();
    response["basedOn"] = json!([{ "reference": "CarePlan/gone" }]);
    answer(&mut tally, &plans, &response, received);
    assert_eq!(
        numbers(&tally),
        [
            n("answer/app", "2020-06", 1),
            n("answer/import", "2020-05", 1)
        ]
    );
}

#[test]
fn an_alert_counts_by_level_and_rule_and_by_when_it_was_seen() {
    let plans = plans(&[plan("a", "2020-05-11", "active")]);
    let flag = json!({
        "resourceType": "Flag",
        "code": { "coding": [{ "system": ALERT_RULE, "code": "U2" }] },
        "period": { "start": "2020-05-12T08:00:00Z" },
        "extension": [{ "url": FLAG_PRIORITY, "valueCodeableConcept": { "coding": [
            { "system": FLAG_PRIORITY_CODE, "code": "PM" }
        ] } }],
    });
    let mut task = json!({
        "status": "requested",
        "basedOn": [{ "reference": "CarePlan/a-2020-05-11" }],
    });
    let mut tally = Tally::of(Days::ALL);
    alert(&mut tally, &plans, &flag, &task);
    task["status"] = "completed".into();
    task["executionPeriod"] = json!({ "start": "2020-05-12T08:10:00.001Z" });
    task["output"] = json!([{
        "type": { "coding": [{ "system": ALERT_OUTCOME, "code": "useful" }] },
        "valueBoolean": true,
    }]);
    alert(&mut tally, &plans, &flag, &task);
    assert_eq!(
        numbers(&tally),
        [
            n("acknowledged/simple/15", "2020-05", 1),
            n("alert/simple/U2", "2020-05", 2),
            n("useful/simple/U2", "2020-05", 1),
            n("waiting/simple", "2020-05", 1),
        ]
    );
}

#[test]
fn a_time_to_acknowledge_falls_into_the_first_span_that_holds_it() {
    let raised = at("2020-05-12T08:00:00Z");
    let seen = |text: &str| within(raised, at(text));
    assert_eq!(seen("2020-05-12T08:00:00Z"), "1");
    assert_eq!(seen("2020-05-12T08:01:00Z"), "1");
    assert_eq!(seen("2020-05-12T08:01:00.001Z"), "2");
    assert_eq!(seen("2020-05-13T08:00:00Z"), "1440");
    assert_eq!(seen("2020-06-12T08:00:00Z"), "more");
}

#[test]
fn the_first_of_several_tasks_stands_for_an_alert() {
    let task = |id: &str, on: &str| json!({ "id": id, "authoredOn": on, "focus": { "reference": "Flag/f" } });
    let mut tasks = HashMap::new();
    note_handling(&mut tasks, task("b", "2020-05-12T09:00:00Z"));
    note_handling(&mut tasks, task("a", "2020-05-12T08:00:00Z"));
    note_handling(&mut tasks, task("c", "2020-05-12T10:00:00Z"));
    assert_eq!(tasks["Flag/f"]["id"], "a");
}
