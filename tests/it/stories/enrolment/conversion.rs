//! One follow-up in another's place: begun anew, converted, and converted back.

use std::thread;

use serde_json::{Value, json};

use super::desk::{Desk, canonical, code, days, extension, path, refused, said};
use crate::harness::rule_of;

fn to(pathway: &str) -> [Value; 1] {
    let url = canonical(&format!("PlanDefinition/{pathway}"));
    [json!({ "name": "planDefinition", "valueCanonical": url })]
}

/// The follow-ups of a patient that run.
fn running(desk: &mut Desk, patient: &str) -> Vec<String> {
    let plans = desk.search(&format!("CarePlan?subject={patient}&_count=50"));
    plans
        .iter()
        .filter(|plan| plan["status"] == "active" || plan["status"] == "on-hold")
        .map(|plan| format!("CarePlan/{}", plan["id"].as_str().expect("an id")))
        .collect()
}

fn reason(plan: &Value) -> &str {
    said(plan, "closure-reason").map_or("", code)
}

#[test]
fn complaint_08_a_new_exposure_begins_the_days_anew() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let own = [
        json!({ "name": "reportChannel", "valueCode": "phone" }),
        json!({ "name": "reminderTime", "valueTime": "10:00:00" }),
        json!({ "name": "spo2UrgentThreshold", "valueDecimal": 88 }),
    ];
    let old = desk.enrol(&patient, "covid-contact", &own);
    desk.report(&old, &[]);
    desk.server.set_clock("2030-03-30T12:00:00Z");
    let new = path(&desk.ask(&old, "restart", &[]));
    let (before, after) = (desk.read(&old), desk.read(&new));
    assert_eq!(
        (&before["status"], reason(&before)),
        (&"completed".into(), "re-exposed")
    );
    assert_eq!(after["replaces"], json!([{ "reference": old }]));
    assert_eq!(after["period"]["start"], "2030-03-30");
    for name in [
        "report-channel",
        "reminder-time",
        "time-zone",
        "spo2-urgent-threshold",
    ] {
        assert_eq!(said(&after, name), said(&before, name), "{name}");
    }
    assert_eq!(
        (&after["careTeam"], &after["author"]),
        (&before["careTeam"], &before["author"])
    );
    assert_eq!(days(&desk.reports(&new)), (1..=14).collect::<Vec<u32>>());
    let open = |task: &Value| task["status"] == "requested" || task["status"] == "ready";
    assert!(
        !desk.reports(&old).iter().any(open),
        "the old one asks for nothing more"
    );
    assert_eq!(
        path(&desk.ask(&old, "restart", &[])),
        new,
        "asked again, the same"
    );
    assert_eq!(running(&mut desk, &patient), [new.as_str()]);
    // And a third time, when the second has run its course and its data is still there.
    desk.server.set_clock("2030-04-14T12:00:00Z");
    assert_eq!(desk.read(&new)["status"], "completed");
    let third = path(&desk.ask(&new, "restart", &[]));
    assert_eq!(desk.read(&third)["replaces"], json!([{ "reference": new }]));
    refused(
        desk.ask(&third, "restart", &to("covid-case")),
        400,
        "'planDefinition'",
    );
}

#[test]
fn a_new_start_is_on_the_newest_version_of_the_pathway() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let old = desk.enrol(&patient, "covid-contact", &[]);
    let mut newer = desk.read("PlanDefinition/covid-contact");
    newer["version"] = "1.1.0".into();
    if let Some(members) = newer.as_object_mut() {
        members.remove("id");
        members.remove("meta");
    }
    desk.record(&newer);
    let new = path(&desk.ask(&old, "restart", &[]));
    let version = |desk: &mut Desk, plan: &str| {
        let pathway = desk.read(plan)["instantiatesCanonical"][0].clone();
        let text = pathway.as_str().expect("one");
        text.rsplit('|').next().unwrap_or_default().to_owned()
    };
    assert_eq!(version(&mut desk, &new), "1.1.0", "on the newest version");
    assert_eq!(
        version(&mut desk, &old),
        "1.0.0",
        "who is followed keeps theirs"
    );
}

#[test]
fn row_conversion_contact_to_case() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let contact = desk.enrol(&patient, "covid-contact", &[]);
    let positive = json!({ "valueCoding": {
        "system": canonical("CodeSystem/test-result"), "code": "positive",
    } });
    let answer = desk.report(&contact, &[("test.result", positive)]);
    // The alert proposes the conversion; it is closed when somebody has done so.
    let alert = desk.alerts(&contact)[0].clone();
    let proposal = alert["description"].as_str().expect("a description");
    assert!(proposal.contains("suivi de cas"), "{proposal}");
    let case = path(&desk.ask(&contact, "convert", &to("covid-case")));
    let (before, after) = (desk.read(&contact), desk.read(&case));
    assert_eq!(
        (&before["status"], reason(&before)),
        (&"completed".into(), "became-case")
    );
    assert_eq!(after["replaces"], json!([{ "reference": contact }]));
    assert_eq!(after["careTeam"], before["careTeam"]);
    let instantiates = after["instantiatesCanonical"][0].as_str().expect("one");
    assert!(instantiates.contains("covid-case"));
    assert_eq!(running(&mut desk, &patient), [case.as_str()]);
    // Its history stays where it was, and the alert open until it is handled.
    assert_eq!(desk.read(&answer)["basedOn"][0]["reference"], contact);
    let flags = desk.search(&format!("Flag?patient={patient}"));
    assert_eq!(flags.iter().map(rule_of).collect::<Vec<_>>(), ["C2"]);
    assert_eq!(flags[0]["status"], "active");
    assert_eq!(desk.alerts(&case), Vec::<Value>::new());
    let task = format!("Task/{}", alert["id"].as_str().expect("an id"));
    desk.change(&task, |task| task["status"] = "completed".into())
        .expect(200);
    let flags = desk.search(&format!("Flag?patient={patient}"));
    assert_eq!(flags[0]["status"], "inactive");
    // A case is asked the case's questions, and its answers are judged by its rules.
    desk.report(&case, &[("danger.chest", json!({ "valueBoolean": true }))]);
    assert_eq!(desk.alerts(&case).len(), 1);
}

#[test]
fn complaint_12_a_conversion_keeps_the_history_and_can_be_undone() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let first = desk.enrol(&patient, "covid-contact", &[]);
    desk.report(&first, &[]);
    desk.server.set_clock("2030-03-28T12:00:00Z");
    desk.report(&first, &[]);
    let second = path(&desk.ask(&first, "convert", &to("covid-case")));
    assert_eq!(
        path(&desk.ask(&first, "convert", &to("covid-case"))),
        second
    );
    desk.server.set_clock("2030-03-29T12:00:00Z");
    let third = path(&desk.ask(&second, "convert", &to("covid-contact")));
    assert_eq!(
        path(&desk.ask(&second, "convert", &to("covid-contact"))),
        third
    );
    assert_eq!(
        desk.read(&third)["replaces"],
        json!([{ "reference": second }])
    );
    assert_eq!(reason(&desk.read(&second)), "conversion-undone");
    assert_eq!(running(&mut desk, &patient), [third.as_str()]);
    // It goes on where the first was left: the same days, those that are still to come.
    assert_eq!(desk.read(&third)["period"], desk.read(&first)["period"]);
    assert_eq!(days(&desk.reports(&third)), (5..=14).collect::<Vec<u32>>());
    desk.server.set_clock("2030-03-30T12:00:00Z");
    desk.report(&third, &[]);
    let answered = |task: &&Value| task["status"] == "completed";
    assert_eq!(
        desk.reports(&first).iter().filter(answered).count(),
        2,
        "both are kept"
    );
    // One who is a case after all begins at day 1.
    let fourth = path(&desk.ask(&third, "convert", &to("covid-case")));
    assert_eq!(desk.read(&fourth)["period"]["start"], "2030-03-30");
    assert_eq!(running(&mut desk, &patient), [fourth.as_str()]);
    let plans = desk.search(&format!("CarePlan?subject={patient}"));
    assert_eq!(plans.len(), 4);
}

#[test]
fn a_conversion_is_refused_where_it_makes_no_sense() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-contact", &[]);
    let convert = |desk: &mut Desk, parameters: &[Value]| desk.ask(&plan, "convert", parameters);
    refused(
        convert(&mut desk, &to("covid-contact")),
        422,
        "'planDefinition'",
    );
    refused(convert(&mut desk, &to("no-such")), 404, "'planDefinition'");
    refused(convert(&mut desk, &[]), 400, "'planDefinition'");
    let [pathway] = to("covid-case");
    let why = json!({ "name": "reason", "valueCode": "because" });
    refused(convert(&mut desk, &[pathway, why]), 400, "'reason'");
    desk.ask("CarePlan/none", "convert", &to("covid-case"))
        .expect(404);
    desk.change(&plan, |plan| plan["status"] = "revoked".into())
        .expect(200);
    refused(
        convert(&mut desk, &to("covid-case")),
        422,
        "CarePlan.status",
    );
}

#[test]
fn whoever_runs_on_the_other_pathway_already_is_not_enrolled_twice() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let contact = desk.enrol(&patient, "covid-contact", &[]);
    let case = desk.enrol(&patient, "covid-case", &[]);
    assert_eq!(
        path(&desk.ask(&contact, "convert", &to("covid-case"))),
        case
    );
    assert_eq!(
        desk.read(&case)["replaces"],
        json!([{ "reference": contact }])
    );
    assert_eq!(running(&mut desk, &patient), [case.as_str()]);
    assert_eq!(
        path(&desk.ask(&contact, "convert", &to("covid-case"))),
        case
    );
}

#[test]
fn complaint_12_two_at_once_make_one() {
    for (operation, parameters) in [
        ("restart", Vec::new()),
        ("convert", to("covid-case").to_vec()),
    ] {
        let mut desk = Desk::open();
        let patient = desk.person();
        let old = desk.enrol(&patient, "covid-contact", &[]);
        desk.set(
            &old,
            extension("report-channel", "valueCode", "phone".into()),
        )
        .expect(200);
        let body = super::desk::parameters(&parameters);
        let made: Vec<String> = thread::scope(|scope| {
            let asked: Vec<_> = (0..8)
                .map(|_| {
                    let mut client = desk.server.client();
                    let (path, body) = (format!("{old}/${operation}"), &body);
                    scope.spawn(move || client.post(&path, body).expect(200).json())
                })
                .collect();
            asked
                .into_iter()
                .map(|one| one.join().expect("a reply")["id"].to_string())
                .collect()
        });
        assert!(
            made.iter().all(|id| *id == made[0]),
            "{operation}: {made:?}"
        );
        assert_eq!(running(&mut desk, &patient).len(), 1, "{operation}");
    }
}
