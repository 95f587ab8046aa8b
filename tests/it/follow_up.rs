//! Fourteen days of one patient, as a play.

use serde_json::{Value, json};

use crate::harness::{Nurse, Patient, Server, evidence_of, rule_of, ward};

/// The instant that every play begins at: nine o'clock in Paris, the first report's due time.
const MORNING: &str = "2030-03-25T08:00:00Z";

/// Days of the medical pathway on which a report is due; the last is 7 April, two weeks later,
/// and a clock change lies between.
const DAYS: [&str; 11] = [
    "2030-03-25",
    "2030-03-26",
    "2030-03-27",
    "2030-03-28",
    "2030-03-29",
    "2030-03-30",
    "2030-03-31",
    "2030-04-01",
    "2030-04-03",
    "2030-04-05",
    "2030-04-07",
];

/// The play's server starts with the clock at [`MORNING`], before anybody is enrolled.
fn morning() -> (Server, Nurse, Patient) {
    let server = Server::start_with(crate::harness::Options {
        environment: vec![("VIGIE_CLOCK_START".to_owned(), MORNING.to_owned())],
        ..Default::default()
    });
    let mut nurse = Nurse::of(&server);
    let patient = nurse.enrol(&server, "covid-medical");
    (server, nurse, patient)
}

/// The Tasks of reports, in the order of their windows.
fn reports(patient: &mut Patient) -> Vec<Value> {
    let mut tasks = patient.have("Task");
    tasks.retain(|task| task["code"]["coding"][0]["code"] == "complete-questionnaire");
    tasks.sort_by_key(|task| window(task).to_string());
    tasks
}

fn window(task: &Value) -> &Value {
    &task["restriction"]["period"]["start"]
}

fn fine() -> Vec<(&'static str, Value)> {
    vec![
        ("danger.chest", json!({ "valueBoolean": false })),
        ("callback", json!({ "valueBoolean": false })),
    ]
}

#[test]
fn eleven_reports_on_the_patients_own_days() {
    let (_server, mut nurse, mut patient) = morning();
    let reports = reports(&mut patient);
    let opens: Vec<String> = reports
        .iter()
        .map(|task| window(task).to_string())
        .collect();
    assert_eq!(reports.len(), DAYS.len(), "{opens:?}");
    for (n, (open, day)) in opens.iter().zip(DAYS).enumerate() {
        // Paris is one hour ahead of UTC in winter and two in summer; the day begins at midnight
        // there, so at 23:00 or 22:00 of the day before.
        let hour = if n < 7 { "T23:00" } else { "T22:00" };
        let eve = day
            .parse::<jiff::civil::Date>()
            .expect("a date")
            .yesterday()
            .expect("a day");
        assert!(
            open.contains(&format!("{eve}{hour}")),
            "report {n}: {open}, not {eve}{hour}"
        );
    }
    let again = nurse
        .apply(&patient.path, "covid-medical")
        .expect(200)
        .json();
    assert_eq!(
        Some(patient.plan.as_str()),
        again["id"]
            .as_str()
            .map(|id| format!("CarePlan/{id}"))
            .as_deref()
    );
    assert_eq!(self::reports(&mut patient).len(), DAYS.len());
}

#[test]
fn an_answer_that_matters_raises_one_alert_and_one_task() {
    let (_server, _nurse, mut patient) = morning();
    patient.report(&fine()).expect(201);
    assert_eq!(patient.have("Flag"), Vec::<Value>::new());
    let danger = [("danger.chest", json!({ "valueBoolean": true }))];
    let first = patient.report(&danger).expect(201).location();
    let second = patient.report(&danger).expect(201).location();
    let flags = patient.have("Flag");
    assert_eq!(flags.iter().map(rule_of).collect::<Vec<_>>(), ["U4"]);
    assert_eq!(evidence_of(&flags[0]), [first, second]);
    let mut tasks = patient.have("Task");
    tasks.retain(|task| task["code"]["coding"][0]["code"] == "handle-alert");
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!(
        tasks[0]["focus"]["reference"],
        format!("Flag/{}", flags[0]["id"].as_str().unwrap_or_default())
    );
}

#[test]
fn an_answer_with_a_missing_or_broken_link_is_judged_all_the_same() {
    for based_on in [None, Some("CarePlan/gone")] {
        let (server, _nurse, mut patient) = morning();
        let mut answer = patient.answer(&[("danger.chest", json!({ "valueBoolean": true }))]);
        match based_on {
            Some(gone) => answer["basedOn"] = json!([{ "reference": gone }]),
            None => {
                answer.as_object_mut().expect("an object").remove("basedOn");
            }
        }
        server
            .client()
            .post("QuestionnaireResponse", &answer)
            .expect(201);
        let flags = patient.have("Flag");
        assert_eq!(flags.len(), 1, "{based_on:?}: {flags:?}");
        assert_eq!(rule_of(&flags[0]), "U4");
    }
}

#[test]
fn a_day_without_an_answer_is_an_alert_when_it_ends() {
    let (server, _nurse, mut patient) = morning();
    server.set_clock("2030-03-25T22:59:59Z");
    assert_eq!(patient.have("Flag"), Vec::<Value>::new());
    server.set_clock("2030-03-25T23:00:00Z");
    let flags = patient.have("Flag");
    assert_eq!(flags.iter().map(rule_of).collect::<Vec<_>>(), ["N2"]);
    let states: Vec<Value> = reports(&mut patient)
        .iter()
        .map(|task| task["status"].clone())
        .collect();
    assert_eq!(
        states.iter().filter(|state| *state == "failed").count(),
        1,
        "{states:?}"
    );
}

#[test]
fn a_follow_up_ends_after_its_last_day() {
    let (server, _nurse, mut patient) = morning();
    for day in DAYS {
        // Before the second reminder, four hours after the first.
        server.set_clock(&format!("{day}T10:30:00Z"));
        patient.report(&fine()).expect(201);
    }
    let state = |patient: &mut Patient| patient.have("CarePlan")[0]["status"].clone();
    assert_eq!(state(&mut patient), "active");
    server.set_clock("2030-04-08T00:00:00Z");
    assert_eq!(state(&mut patient), "completed");
    assert_eq!(patient.have("Flag"), Vec::<Value>::new());
    let done = |task: &Value| task["status"] == "completed";
    assert!(reports(&mut patient).iter().all(done));
    let mut messages = patient.have("Communication");
    messages.retain(|message| message["category"][0]["coding"][0]["code"] == "reminder");
    assert_eq!(messages.len(), DAYS.len(), "one reminder a report day");
}

#[test]
fn a_stop_calls_off_the_reports_and_leaves_the_alert_to_be_seen() {
    let (server, _nurse, mut patient) = morning();
    patient
        .report(&[("danger.chest", json!({ "valueBoolean": true }))])
        .expect(201);
    let mut plan = patient.have("CarePlan")[0].clone();
    plan["status"] = "revoked".into();
    server.client().put(&patient.plan, &plan).expect(200);
    let open = |task: &Value| task["status"] == "requested" || task["status"] == "ready";
    assert!(
        !reports(&mut patient).iter().any(open),
        "no report is asked for any more"
    );
    server.set_clock("2030-05-01T00:00:00Z");
    let flags = patient.have("Flag");
    assert_eq!(
        flags.iter().map(rule_of).collect::<Vec<_>>(),
        ["U4"],
        "and none is missed"
    );
    assert_eq!(flags[0]["status"], "active");
}

#[test]
fn nobody_is_followed_without_consent() {
    let (server, mut nurse, _patient) = ward();
    let other = json!({ "resourceType": "Patient" });
    let other = server
        .client()
        .post("Patient", &other)
        .expect(201)
        .location();
    let refused = nurse.apply(&other, "covid-medical").expect(422);
    assert!(refused.text().contains("consent"), "{}", refused.text());
}

#[test]
fn an_answer_that_names_no_time_keeps_that_of_its_receipt_when_it_is_amended() {
    let (server, _nurse, mut patient) = morning();
    let mut answer = patient.report(&fine()).expect(201).json();
    assert!(answer.get("authored").is_none(), "the play needs none");
    server.set_clock("2030-03-26T10:00:00Z");
    answer["status"] = "amended".into();
    let path = format!(
        "QuestionnaireResponse/{}",
        answer["id"].as_str().expect("an id")
    );
    server.client().put(&path, &answer).expect(200);
    let states: Vec<Value> = reports(&mut patient)
        .iter()
        .map(|task| task["status"].clone())
        .collect();
    assert_eq!(
        states[..2],
        ["completed", "ready"],
        "the second day waits for an answer of its own"
    );
}
