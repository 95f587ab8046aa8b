//! A follow-up that runs is changed: its hour, its time zone, its team; never its past.

use serde_json::{Value, json};

use super::desk::{Desk, code, days, extension, names, path, refused, said, statuses};

/// The windows of some reports.
fn windows(tasks: &[Value]) -> Vec<(&str, &str)> {
    tasks
        .iter()
        .map(|task| {
            let period = &task["restriction"]["period"];
            (
                period["start"].as_str().unwrap_or_default(),
                period["end"].as_str().unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn row_time_zone_preferred_hour() {
    let mut desk = Desk::open();
    let patient = desk.person();
    // Four in the morning in Martinique, where days begin at four o'clock UTC.
    let plan = desk.enrol(
        &patient,
        "covid-contact",
        &[
            json!({ "name": "timeZone", "valueCode": "America/Martinique" }),
            json!({ "name": "reminderTime", "valueTime": "19:30:00" }),
        ],
    );
    let reports = desk.reports(&plan);
    let first = ("2030-03-25T04:00:00.000Z", "2030-03-26T04:00:00.000Z");
    assert_eq!(windows(&reports)[0], first);
    desk.server.set_clock("2030-03-25T23:29:59Z");
    assert_eq!(desk.messages(&patient, "reminder").len(), 0);
    desk.server.set_clock("2030-03-25T23:30:00Z");
    assert_eq!(
        desk.messages(&patient, "reminder").len(),
        1,
        "at half past seven there"
    );
    let nowhere = json!({ "name": "timeZone", "valueCode": "Europe/Nowhere" });
    refused(
        desk.apply(&patient, "covid-medical", &[nowhere]),
        400,
        "'timeZone'",
    );
}

#[test]
fn complaint_02_the_hour_one_has_asked_for_is_in_the_record_and_can_be_another() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-contact", &[]);
    desk.report(&plan, &[]);
    desk.server.set_clock("2030-03-26T07:00:00Z");
    let asked = desk.messages(&patient, "reminder").len();
    let hour = |text: &str| extension("reminder-time", "valueTime", text.into());
    desk.set(&plan, hour("18:00:00")).expect(200);
    assert_eq!(
        said(&desk.read(&plan), "reminder-time").expect("one"),
        "18:00:00"
    );
    // Later than planned: not at nine, but at six.
    desk.server.set_clock("2030-03-26T16:59:59Z");
    assert_eq!(desk.messages(&patient, "reminder").len(), asked);
    desk.server.set_clock("2030-03-26T17:00:00Z");
    assert_eq!(desk.messages(&patient, "reminder").len(), asked + 1);
    // Earlier than planned: tomorrow at seven.
    desk.set(&plan, hour("07:00:00")).expect(200);
    desk.report(&plan, &[]);
    desk.server.set_clock("2030-03-27T05:59:59Z");
    assert_eq!(desk.messages(&patient, "reminder").len(), asked + 1);
    desk.server.set_clock("2030-03-27T06:00:00Z");
    assert_eq!(desk.messages(&patient, "reminder").len(), asked + 2);
    refused(desk.set(&plan, hour("25:00:00")), 422, "CarePlan.extension");
}

#[test]
fn complaint_28_another_time_zone_moves_the_days_to_come_and_no_date() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-contact", &[]);
    let answer = desk.report(&plan, &[]);
    desk.server.set_clock("2030-03-26T12:00:00Z");
    let (before, stored) = (desk.reports(&plan), desk.read(&answer));
    let period = desk.read(&plan)["period"].clone();
    let zone = |name: &str| extension("time-zone", "valueCode", name.into());
    desk.set(&plan, zone("America/Martinique")).expect(200);
    let after = desk.reports(&plan);
    assert_eq!(after[..2], before[..2], "what has begun stays");
    assert_eq!(desk.read(&answer), stored);
    assert_eq!(desk.read(&plan)["period"], period);
    assert_eq!(days(&after), days(&before));
    let third = ("2030-03-27T04:00:00.000Z", "2030-03-28T04:00:00.000Z");
    assert_eq!(windows(&after)[2], third, "a day of Martinique");
    // The second report was due at nine in Paris; the third is due at nine in Martinique.
    let asked = desk.messages(&patient, "reminder").len();
    desk.server.set_clock("2030-03-27T12:59:59Z");
    assert_eq!(desk.messages(&patient, "reminder").len(), asked);
    desk.server.set_clock("2030-03-27T13:00:00Z");
    assert_eq!(desk.messages(&patient, "reminder").len(), asked + 1);
    desk.server.set_clock("2030-03-28T03:59:59Z");
    assert_eq!(statuses(&desk.reports(&plan))[2], "ready");
    desk.server.set_clock("2030-03-28T04:00:00Z");
    assert_eq!(statuses(&desk.reports(&plan))[2], "failed");
    refused(desk.set(&plan, zone("Europe/Nowhere")), 422, "time-zone");
    let shifted = desk.change(&plan, |plan| plan["period"]["start"] = "2030-03-26".into());
    refused(shifted, 422, "CarePlan.period.start");
}

#[test]
fn complaint_18_no_edit_makes_a_task_twice() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-contact", &[]);
    let identifiers = |desk: &mut Desk| {
        let reports = desk.reports(&plan);
        let one = |task: &Value| task["identifier"][0]["value"].to_string();
        reports.iter().map(one).collect::<Vec<_>>()
    };
    let before = identifiers(&mut desk);
    assert_eq!(before.len(), 14);
    for zone in ["Asia/Tokyo", "Europe/Paris", "America/Martinique"] {
        desk.set(&plan, extension("time-zone", "valueCode", zone.into()))
            .expect(200);
        desk.set(
            &plan,
            extension("reminder-time", "valueTime", "20:00:00".into()),
        )
        .expect(200);
        desk.set(
            &plan,
            extension("report-channel", "valueCode", "phone".into()),
        )
        .expect(200);
        desk.change(&plan, |plan| plan["status"] = "on-hold".into())
            .expect(200);
        desk.change(&plan, |plan| plan["status"] = "active".into())
            .expect(200);
        desk.change(&plan, |plan| plan["title"] = zone.into())
            .expect(200);
        desk.apply(&patient, "covid-contact", &[]).expect(200);
        assert_eq!(identifiers(&mut desk), before, "{zone}");
    }
    let days = json!({ "name": "days", "valuePositiveInt": 2 });
    path(&desk.ask(&plan, "extend", &[days]));
    let mut unique = identifiers(&mut desk);
    unique.dedup();
    assert_eq!(unique.len(), 16);
}

#[test]
fn row_transfer_between_teams() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-medical", &[]);
    desk.report(&plan, &[("danger.chest", json!({ "valueBoolean": true }))]);
    let task = desk.alerts(&plan)[0].clone();
    let task = format!("Task/{}", task["id"].as_str().expect("an id"));
    let nurse = desk.nurse.clone();
    desk.change(&task, |task| {
        task["status"] = "accepted".into();
        task["owner"] = json!({ "reference": nurse });
    })
    .expect(200);
    let (team, newcomer) = desk.other_team();
    let told = |desk: &mut Desk| {
        let needs = desk.messages(&patient, "needs-action");
        let one = |message: &Value| message["recipient"][0]["reference"].to_string();
        needs
            .iter()
            .filter(|message| one(message).contains(&newcomer))
            .count()
    };
    assert_eq!(told(&mut desk), 0);
    let flag = desk.read(&task)["focus"].clone();
    path(&desk.ask(&plan, "transfer", &[names("careTeam", &team)]));
    let handed = desk.read(&plan);
    assert_eq!(handed["careTeam"], json!([{ "reference": team }]));
    assert!(
        handed["author"].is_null(),
        "the old author is not told any more"
    );
    assert!(
        handed["note"][0]["text"]
            .as_str()
            .is_some_and(|text| text.contains(&team))
    );
    let alert = desk.read(&task);
    assert!(
        alert["owner"].is_null(),
        "whoever held it is not of the team"
    );
    assert_eq!(alert["focus"], flag, "and the alert is still there");
    assert_eq!(told(&mut desk), 1);
    // Asked again: nothing new.
    let again = desk
        .ask(&plan, "transfer", &[names("careTeam", &team)])
        .expect(200);
    assert_eq!(again.json(), handed);
    assert_eq!(told(&mut desk), 1);
    let nobody = desk.record(&json!({ "resourceType": "CareTeam", "status": "active" }));
    refused(
        desk.ask(&plan, "transfer", &[names("careTeam", &nobody)]),
        422,
        "'careTeam'",
    );
    refused(
        desk.ask(&plan, "transfer", &[]),
        400,
        "Parameters.parameter",
    );
    let gone = names("organization", "Organization/gone");
    refused(desk.ask(&plan, "transfer", &[gone]), 422, "'organization'");
}

#[test]
fn complaint_23_reports_that_run_do_not_hold_a_transfer_up() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-contact", &[]);
    desk.server.set_clock("2030-03-27T09:00:00Z");
    let before = desk.reports(&plan);
    assert!(statuses(&before).contains(&"ready"));
    let (team, _) = desk.other_team();
    path(&desk.ask(&plan, "transfer", &[names("careTeam", &team)]));
    assert_eq!(desk.reports(&plan), before, "they run on");
    desk.change(&plan, |plan| plan["status"] = "on-hold".into())
        .expect(200);
    let agency = desk.record(&json!({ "resourceType": "Organization", "name": "Agency" }));
    path(&desk.ask(&plan, "transfer", &[names("organization", &agency)]));
    let handed = desk.read(&plan);
    assert_eq!(handed["contributor"], json!([{ "reference": agency }]));
    assert_eq!(handed["status"], "on-hold");
    assert!(handed["careTeam"].is_null());
    assert_eq!(handed["note"].as_array().expect("notes").len(), 2);
    desk.change(&plan, |plan| plan["status"] = "active".into())
        .expect(200);
    desk.server.set_clock("2030-03-28T09:00:00Z");
    assert_eq!(statuses(&desk.reports(&plan))[3], "ready");
    assert_eq!(code(&desk.reports(&plan)[2]["businessStatus"]), "missed");
}
