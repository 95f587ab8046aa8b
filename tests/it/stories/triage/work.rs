//! A team at work: what it sees, takes, notes, resolves.

use serde_json::{Value, json};

use super::clinic::{CALLBACK, Clinic, DANGER, level, on_call, outcome, recipient};
use crate::stories::enrolment::desk::{code, refused};

#[test]
fn row_severity_levels() {
    let mut clinic = Clinic::open();
    clinic.say(CALLBACK);
    clinic.say(DANGER);
    let mut seen = Vec::new();
    for task in clinic.desk.alerts(&clinic.plan.clone()) {
        let flag = clinic
            .desk
            .read(task["focus"]["reference"].as_str().expect("a flag"));
        let about = &task["focus"]["reference"];
        let messages = clinic
            .desk
            .messages(&clinic.patient.clone(), "needs-action");
        let told = messages
            .iter()
            .find(|one| one["about"][0]["reference"] == *about);
        let told = told.expect("a message")["priority"].to_string();
        seen.push((level(&flag).to_owned(), task["priority"].to_string(), told));
    }
    seen.sort();
    let row = |level: &str, priority: &str| {
        let priority = format!("\"{priority}\"");
        (level.to_owned(), priority.clone(), priority)
    };
    assert_eq!(seen, [row("PH", "stat"), row("PM", "asap")]);
}

#[test]
fn row_ack_assign_resolve() {
    let mut clinic = Clinic::open();
    clinic.say(DANGER);
    let (task, nurse) = (clinic.alert(), clinic.desk.nurse.clone());
    clinic.at("03-25T08:04:00Z");
    let taken = clinic
        .act(|task| {
            task["status"] = "accepted".into();
            task["owner"] = json!({ "reference": nurse });
        })
        .expect(200);
    // The reply is the version that stands: whoever goes on from it meets no conflict.
    assert_eq!(taken.json(), clinic.desk.read(&task));
    assert_eq!(
        taken.json()["executionPeriod"],
        json!({ "start": "2030-03-25T08:04:00.000Z" })
    );
    clinic.at("03-25T08:20:00Z");
    let mut done = taken.json();
    done["status"] = "completed".into();
    done["output"] = outcome("called-back", true);
    done["note"] =
        json!([{ "text": "Rappelée, va mieux", "authorReference": { "reference": nurse } }]);
    let body = done.to_string();
    let headers = [
        ("content-type", "application/fhir+json"),
        ("if-match", taken.header("etag").expect("a version")),
    ];
    let reply = clinic
        .desk
        .client
        .send("PUT", &task, &headers, body.as_bytes());
    reply.expect("a reply").expect(200);
    let done = clinic.desk.read(&task);
    assert_eq!(
        done["executionPeriod"],
        json!({ "start": "2030-03-25T08:04:00.000Z", "end": "2030-03-25T08:20:00.000Z" })
    );
    assert_eq!(done["output"], outcome("called-back", true));
    let flag = clinic
        .desk
        .read(done["focus"]["reference"].as_str().expect("a flag"));
    assert_eq!(flag["status"], "inactive");
    clinic.at("03-26T08:00:00Z");
    assert_eq!(clinic.told("escalated"), Vec::<String>::new());
}

#[test]
fn row_dashboard() {
    let mut clinic = Clinic::open();
    clinic.say(CALLBACK);
    clinic.at("03-25T08:05:00Z");
    clinic.say(DANGER);
    let open = format!(
        "Task?code={}|handle-alert&status=requested",
        super::clinic::vigie("CodeSystem/task-code")
    );
    let found = |clinic: &mut Clinic, more: &str| clinic.desk.search(&format!("{open}{more}"));
    assert_eq!(found(&mut clinic, "").len(), 2);
    let urgent = found(&mut clinic, "&priority=stat");
    assert_eq!(urgent.len(), 1);
    // A work list shows each Task with its Flag and its patient, the oldest first.
    let page = found(
        &mut clinic,
        "&_sort=authored-on&_include=Task:focus&_include=Task:patient",
    );
    let kinds: Vec<&str> = page
        .iter()
        .filter_map(|one| one["resourceType"].as_str())
        .collect();
    assert_eq!(kinds[..2], ["Task", "Task"]);
    assert_eq!(page[1]["id"], urgent[0]["id"]);
    assert_eq!(kinds.iter().filter(|kind| **kind == "Flag").count(), 2);
    assert_eq!(kinds.iter().filter(|kind| **kind == "Patient").count(), 1);
    // Mine, the team's, what is put off, what is done.
    let nurse = clinic.desk.nurse.clone();
    let path = format!("Task/{}", urgent[0]["id"].as_str().expect("an id"));
    clinic
        .desk
        .change(&path, |task| {
            task["status"] = "in-progress".into();
            task["owner"] = json!({ "reference": nurse });
        })
        .expect(200);
    assert_eq!(clinic.desk.search(&format!("Task?owner={nurse}")).len(), 1);
    assert_eq!(found(&mut clinic, "").len(), 1);
    assert_eq!(
        clinic.desk.search("Flag?status=active&priority=PH").len(),
        1
    );
    assert_eq!(clinic.desk.search("Flag?status=active").len(), 2);
    let since = "Task?period=ge2030-03-25T08:05:00Z";
    assert_eq!(
        clinic.desk.search(since).len(),
        1,
        "acknowledged since then"
    );
}

#[test]
fn row_notes_messages() {
    let mut clinic = Clinic::open();
    clinic.say(CALLBACK);
    let nurse = clinic.desk.nurse.clone();
    let note = |text: &str| json!({ "text": text, "authorReference": { "reference": nurse } });
    clinic
        .act(|task| task["note"] = json!([note("Pas de réponse à 9 h 10")]))
        .expect(200);
    clinic
        .act(|task| {
            task["note"]
                .as_array_mut()
                .expect("notes")
                .push(note("Rappelée"))
        })
        .expect(200);
    let task = clinic.task();
    let texts: Vec<&Value> = task["note"]
        .as_array()
        .expect("notes")
        .iter()
        .map(|n| &n["text"])
        .collect();
    assert_eq!(texts, ["Pas de réponse à 9 h 10", "Rappelée"]);
    assert_eq!(task["status"], "requested", "a note is no acknowledgement");
    // What has been said to the patient is a Communication as any other.
    let patient = clinic.patient.clone();
    clinic.desk.record(&json!({
        "resourceType": "Communication",
        "status": "completed",
        "subject": { "reference": patient },
        "recipient": [{ "reference": patient }],
        "sender": { "reference": nurse },
        "payload": [{ "contentString": "Bonjour, je vous rappelle à midi." }],
    }));
    let said = clinic
        .desk
        .search(&format!("Communication?patient={patient}&sender={nurse}"));
    assert_eq!(said.len(), 1);
}

#[test]
fn complaint_17_many_alerts_are_assigned_in_one_go_or_none_is() {
    let mut clinic = Clinic::open();
    clinic.say(CALLBACK);
    clinic.say(DANGER);
    let second = clinic.desk.person();
    let plan = clinic.desk.enrol(&second, "covid-medical", &[]);
    clinic
        .desk
        .report(&plan, &[(DANGER, json!({ "valueBoolean": true }))]);
    let nurse = clinic.desk.nurse.clone();
    let open = "Task?status=requested&priority=asap,stat";
    let tasks = clinic.desk.search(open);
    assert_eq!(tasks.len(), 3);
    let assign = |tasks: &[Value], last: &str| {
        let entry = |(n, task): (usize, &Value)| {
            let mut task = task.clone();
            task["status"] = if n == 2 { last } else { "accepted" }.into();
            task["owner"] = json!({ "reference": nurse });
            let url = format!("Task/{}", task["id"].as_str().expect("an id"));
            json!({ "resource": task, "request": { "method": "PUT", "url": url } })
        };
        let entries: Vec<Value> = tasks.iter().enumerate().map(entry).collect();
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
    };
    let reply = clinic.desk.client.post("", &assign(&tasks, "draft"));
    refused(reply, 422, "Bundle.entry[2]");
    assert_eq!(clinic.desk.search(open).len(), 3, "none is");
    clinic
        .desk
        .client
        .post("", &assign(&tasks, "accepted"))
        .expect(200);
    let mine = clinic.desk.search(&format!("Task?owner={nurse}"));
    assert_eq!(mine.len(), 3);
    assert!(
        mine.iter()
            .all(|task| task["executionPeriod"]["start"].is_string())
    );
}

#[test]
fn complaint_19_a_message_reaches_the_agency_when_the_team_does_not_answer() {
    let mut clinic = Clinic::open();
    let agency = clinic.desk.record(&json!({
        "resourceType": "Organization",
        "name": "Agence",
        "telecom": [{ "system": "email", "value": "garde@agence.example" }],
    }));
    clinic.equip(&[], vec![on_call(&agency)]);
    clinic.say(DANGER);
    clinic.at("03-25T08:15:00Z");
    let messages = clinic.desk.messages(&clinic.patient.clone(), "escalated");
    assert_eq!(messages.iter().map(recipient).collect::<Vec<_>>(), [agency]);
    assert_eq!(messages[0]["status"], "completed");
    assert!(messages[0]["sent"].is_string());
    assert_eq!(code(&messages[0]["category"][0]), "escalated");
}

#[test]
fn a_team_that_takes_over_has_its_own_time_to_acknowledge() {
    let mut clinic = Clinic::open();
    clinic.say(DANGER);
    let (team, newcomer) = clinic.desk.other_team();
    clinic.at("03-25T08:10:00Z");
    let names = json!({ "name": "careTeam", "valueReference": { "reference": team } });
    let plan = clinic.plan.clone();
    clinic.desk.ask(&plan, "transfer", &[names]).expect(200);
    let told = clinic
        .desk
        .messages(&clinic.patient.clone(), "needs-action");
    let last = told.last().expect("a message");
    assert_eq!(
        (recipient(last), &last["priority"]),
        (newcomer.clone(), &json!("stat"))
    );
    clinic.at("03-25T08:24:59.999Z");
    assert_eq!(clinic.told("escalated"), Vec::<String>::new());
    clinic.at("03-25T08:25:00Z");
    assert_eq!(clinic.told("escalated"), [newcomer]);
}
