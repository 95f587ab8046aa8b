//! What is refused, each with its place and nothing written.

use serde_json::{Value, json};

use super::clinic::{CALLBACK, Clinic, DANGER, notices, office_hours, on_call, outcome, vigie};
use crate::stories::enrolment::desk::refused;

fn snooze(reason: &str, until: &str) -> impl FnOnce(&mut Value) {
    let (reason, until) = (reason.to_owned(), until.to_owned());
    move |task| {
        task["status"] = "on-hold".into();
        task["statusReason"] = json!({ "text": reason });
        task["restriction"] = json!({ "period": { "end": until } });
    }
}

#[test]
fn an_urgent_alert_is_never_put_off_and_a_simple_one_not_for_nothing_or_for_ever() {
    let mut clinic = Clinic::open();
    clinic.say(DANGER);
    let before = clinic.task();
    refused(
        clinic.act(snooze("Plus tard", "2030-03-25T20:00:00Z")),
        422,
        "Task.status",
    );
    assert_eq!(clinic.task(), before);
    clinic
        .act(|task| task["status"] = "completed".into())
        .expect(200);
    clinic.say(CALLBACK);
    let before = clinic.task();
    let until = "Task.restriction.period.end";
    refused(
        clinic.act(snooze("Vue", "2030-04-02T08:00:00Z")),
        422,
        until,
    );
    refused(
        clinic.act(snooze("Vue", "2030-03-25T07:00:00Z")),
        422,
        until,
    );
    refused(
        clinic.act(snooze("  ", "2030-03-25T20:00:00Z")),
        422,
        "Task.statusReason",
    );
    refused(
        clinic.act(|task| task["status"] = "on-hold".into()),
        422,
        "Task.statusReason",
    );
    assert_eq!(clinic.task(), before);
}

#[test]
fn a_state_that_does_not_follow_and_another_subject_are_refused() {
    let mut clinic = Clinic::open();
    clinic.say(DANGER);
    refused(
        clinic.act(|task| task["status"] = "draft".into()),
        422,
        "Task.status",
    );
    refused(
        clinic.act(|task| task["focus"] = json!({ "reference": "Flag/other" })),
        422,
        "Task.focus",
    );
    refused(
        clinic.act(|task| task["code"] = json!({ "text": "something else" })),
        422,
        "Task.code",
    );
    let task = clinic.alert();
    clinic
        .act(|task| task["status"] = "completed".into())
        .expect(200);
    for status in ["requested", "accepted", "on-hold"] {
        refused(
            clinic
                .desk
                .change(&task, |task| task["status"] = status.into()),
            422,
            "Task.status",
        );
    }
    assert_eq!(clinic.desk.read(&task)["status"], "completed");
}

#[test]
fn an_outcome_with_a_wrong_code_is_refused_and_the_alert_stays_open() {
    let mut clinic = Clinic::open();
    clinic.say(DANGER);
    let resolve = |output: Value| {
        move |task: &mut Value| {
            task["status"] = "completed".into();
            task["output"] = output;
        }
    };
    refused(
        clinic.act(resolve(outcome("cured", true))),
        422,
        "Task.output[0]",
    );
    let mut text = outcome("advised", true);
    text[1] = json!({ "type": text[1]["type"], "valueString": "yes" });
    refused(clinic.act(resolve(text)), 422, "Task.output[1]");
    assert_eq!(clinic.task()["status"], "requested");
    let flags = clinic
        .desk
        .search(&format!("Flag?patient={}", clinic.patient));
    assert_eq!(flags[0]["status"], "active");
    // In a transaction, the whole of it.
    let task = clinic.alert();
    let mut wrong = clinic.desk.read(&task);
    wrong["status"] = "completed".into();
    wrong["output"] = outcome("cured", true);
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": { "resourceType": "Basic", "code": { "text": "beside" } },
          "request": { "method": "POST", "url": "Basic" } },
        { "resource": wrong, "request": { "method": "PUT", "url": task } },
    ] });
    clinic.desk.client.post("", &bundle).expect(422);
    assert!(clinic.desk.search("Basic").is_empty());
}

#[test]
fn what_a_team_or_a_professional_states_wrongly_is_refused() {
    let mut clinic = Clinic::open();
    let (team, nurse) = (clinic.desk.team.clone(), clinic.desk.nurse.clone());
    let mut hours = office_hours("09:00:00", "18:00:00");
    hours[0]["extension"][0]["valueCode"] = "monday".into();
    let patient = clinic.patient.clone();
    for wrong in [hours, vec![on_call(&patient)]] {
        refused(
            clinic
                .desk
                .change(&team, |team| team["extension"] = wrong.into()),
            422,
            "CareTeam.extension[0]",
        );
    }
    let zero = json!([{ "url": vigie("StructureDefinition/escalation-rank"),
        "valuePositiveInt": 0 }]);
    let reply = clinic
        .desk
        .change(&team, |team| team["participant"][0]["extension"] = zero);
    assert!(matches!(reply.status, 400 | 422), "{}", reply.text());
    for wrong in [
        notices(&[("quietStart", "valueTime", "20:00:00")]),
        notices(&[("mute", "valueCode", "escalated")]),
        notices(&[("mute", "valueCode", "needs-action-raised")]),
    ] {
        refused(
            clinic
                .desk
                .change(&nurse, |nurse| nurse["extension"] = json!([wrong])),
            422,
            "Practitioner.extension[0]",
        );
    }
}

#[test]
fn a_client_that_forgets_or_forges_what_the_server_keeps_changes_nothing_of_it() {
    let mut clinic = Clinic::open();
    let doctor = clinic.staff("Docteur");
    clinic.equip(&[(&doctor, 2)], vec![]);
    clinic.say(DANGER);
    clinic.at("03-25T08:15:00Z");
    let before = clinic.task();
    clinic
        .act(|task| {
            task["extension"] = json!([{ "url": vigie("StructureDefinition/deadline-start"),
                "valueInstant": "2031-01-01T00:00:00Z" }]);
            task["authoredOn"] = "2031-01-01".into();
            task["executionPeriod"] = json!({ "start": "2031-01-01" });
            task["note"] = json!([{ "text": "rien" }]);
        })
        .expect(200);
    let after = clinic.task();
    for kept in ["extension", "authoredOn", "executionPeriod"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    clinic.at("03-25T08:30:00Z");
    assert_eq!(
        clinic.told("escalated").len(),
        3,
        "the next step comes all the same"
    );
}
