//! Stories of reminders, silence and the messages that carry them.

mod calls;
mod endings;
mod messages;
mod missed;

use serde_json::{Value, json};

use crate::harness::{Nurse, Options, Patient, Server};

/// Where our own extensions are.
const EXTENSION: &str = "https://vigie.example/fhir/StructureDefinition";

/// Six in the morning in Paris, on the first day of the stories.
const DAWN: &str = "2030-03-25T05:00:00Z";

/// A server at dawn, with these keys of its configuration, and a nurse.
fn dawn(keys: &[(&str, &str)]) -> (Server, Nurse) {
    let mut environment = vec![("VIGIE_CLOCK_START".to_owned(), DAWN.to_owned())];
    let keys = keys.iter();
    environment.extend(keys.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let server = Server::start_with(Options {
        environment,
        ..Options::default()
    });
    let nurse = Nurse::of(&server);
    (server, nurse)
}

/// Somebody who can be written to by mail.
fn person(born: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "name": [{ "family": "Durand", "given": ["Camille"] }],
        "birthDate": born,
        "telecom": [{ "system": "email", "value": "camille@home.example" }],
    })
}

/// Gives the CarePlan one of our extensions, in place of what it had.
fn set(server: &Server, patient: &Patient, name: &str, (member, value): (&str, Value)) {
    let mut client = server.client();
    let mut plan = client.get(&patient.plan).expect(200).json();
    let url = format!("{EXTENSION}/{name}");
    let list = plan["extension"].as_array_mut().expect("extensions");
    list.retain(|one| one["url"] != url);
    list.push(json!({ "url": url, member: value }));
    client.put(&patient.plan, &plan).expect(200);
}

/// Reminders, in the order in which they were sent.
fn reminders(patient: &mut Patient) -> Vec<Value> {
    let mut messages = patient.have("Communication");
    messages.retain(|one| one["category"][0]["coding"][0]["code"] == "reminder");
    messages.sort_by_key(|one| one["sent"].to_string());
    messages
}

/// When they were sent.
fn sent(patient: &mut Patient) -> Vec<String> {
    let text = |one: &Value| one["sent"].as_str().unwrap_or_default().to_owned();
    reminders(patient).iter().map(text).collect()
}

/// The Tasks whose first code is this.
fn tasks(patient: &mut Patient, code: &str) -> Vec<Value> {
    let mut tasks = patient.have("Task");
    tasks.retain(|task| task["code"]["coding"][0]["code"] == code);
    tasks.sort_by_key(|task| task["restriction"]["period"]["start"].to_string());
    tasks
}

fn fine() -> Vec<(&'static str, Value)> {
    vec![("callback", json!({ "valueBoolean": false }))]
}

fn danger() -> Vec<(&'static str, Value)> {
    vec![("danger.chest", json!({ "valueBoolean": true }))]
}

/// A pathway like the medical one, its policy changed.
fn pathway_with(server: &Server, id: &str, parts: &[Value]) {
    let mut client = server.client();
    let mut plan = client
        .get("PlanDefinition/covid-medical")
        .expect(200)
        .json();
    plan["id"] = id.into();
    plan["url"] = format!("https://vigie.example/fhir/PlanDefinition/{id}").into();
    let policy = plan["extension"][0]["extension"]
        .as_array_mut()
        .expect("a policy");
    let named: Vec<&Value> = parts.iter().map(|part| &part["url"]).collect();
    policy.retain(|part| !named.contains(&&part["url"]));
    policy.extend(parts.iter().cloned());
    client
        .put(&format!("PlanDefinition/{id}"), &plan)
        .expect(201);
}
