//! Work that is done later, on a server that asks for a login: whose it is, and as whom it is done.

use serde_json::{Value, json};

use super::harness::{Backend, Client, Options, Reply, Server, client_command};

fn closed() -> Server {
    Server::start_with(Options {
        closed: true,
        ..Options::default()
    })
}

/// The path below `/fhir/` of an address.
fn path_of(address: &str) -> String {
    let (_, path) = address.split_once("/fhir/").expect("an address");
    path.to_owned()
}

fn begun(reply: &Reply) -> String {
    assert_eq!(reply.status, 202, "{}", reply.text());
    path_of(reply.header("content-location").expect("a place"))
}

fn later(client: &mut Client, path: &str) -> Reply {
    let prefer = [
        ("prefer", "respond-async"),
        ("accept", "application/fhir+json"),
    ];
    client.send("GET", path, &prefer, b"").expect("a reply")
}

/// Lets time go by, and the work be done that is due.
fn wait(server: &Server, seconds: i64) {
    server.set_clock(&server.later(seconds));
}

/// Two patients, of two establishments.
fn people(server: &Server) {
    let mut client = Backend::register(server, "system/*.cruds").client(server, "system/*.cruds");
    for (patient, organization) in [("a", "near"), ("b", "far")] {
        let house = json!({ "resourceType": "Organization", "id": organization, "name": "x" });
        client
            .put(&format!("Organization/{organization}"), &house)
            .expect(201);
        let person = json!({ "resourceType": "Patient", "id": patient,
            "name": [{ "family": format!("canary-{patient}") }],
            "managingOrganization": { "reference": format!("Organization/{organization}") } });
        client
            .put(&format!("Patient/{patient}"), &person)
            .expect(201);
        let observation = json!({ "resourceType": "Observation", "id": format!("o-{patient}"),
            "status": "final", "code": { "text": format!("canary-{patient}") },
            "subject": { "reference": format!("Patient/{patient}") } });
        let path = format!("Observation/o-{patient}");
        client.put(&path, &observation).expect(201);
    }
}

/// All that the files of a manifest hold.
fn files(client: &mut Client, manifest: &Value) -> String {
    let files = manifest["output"].as_array().expect("files");
    let file = |file: &Value| path_of(file["url"].as_str().expect("an address"));
    let texts = files
        .iter()
        .map(|one| client.get(&file(one)).expect(200).text());
    texts.collect()
}

#[test]
fn an_export_is_its_askers_alone_and_holds_what_they_may_see() {
    let server = closed();
    people(&server);
    let near = ["--organization", "Organization/near"];
    let own = Backend::register_with(&server, "system/*.rs", &near);
    let mut client = own.client(&server, "system/*.rs");
    let place = begun(&later(&mut client, "$export"));
    let mut other = Backend::register(&server, "system/*.rs").client(&server, "system/*.rs");
    let refused = other.get(&place).expect(404).text();
    assert_eq!(other.get("_async/none").expect(404).text(), refused);
    // The token expires before the work is done; who asked is let in again all the same.
    wait(&server, 600);
    client.get(&place).expect(401);
    let mut client = own.client(&server, "system/*.rs");
    let manifest = client.get(&place).expect(200).json();
    let text = files(&mut client, &manifest);
    assert!(text.contains("canary-a"), "{text}");
    assert!(!text.contains("canary-b"), "{text}");
    let file = path_of(manifest["output"][0]["url"].as_str().unwrap());
    let mut other = Backend::register(&server, "system/*.rs").client(&server, "system/*.rs");
    other.get(&file).expect(404);
    other.delete(&place).expect(404);
    // A token of fewer scopes reads fewer lines of the same file.
    let mut less = own.client(&server, "system/Patient.rs");
    let text = files(&mut less, &manifest);
    assert!(!text.contains("Observation"), "{text}");
    client.delete(&place).expect(202);
    client.get(&place).expect(404);
}

#[test]
fn an_export_of_types_is_held_to_the_scopes() {
    let server = closed();
    people(&server);
    let backend = Backend::register(&server, "system/Patient.rs system/Observation.r");
    let mut client = backend.client(&server, "system/Patient.rs system/Observation.r");
    for path in [
        "$export?_type=Observation",
        "$export?_type=Patient,Observation",
        "$export?_type=Patient&_typeFilter=Patient%3F_has:Observation:patient:status=final",
    ] {
        later(&mut client, path).expect(403);
    }
    let place = begun(&later(&mut client, "$export"));
    wait(&server, 1);
    let manifest = client.get(&place).expect(200).json();
    let kinds: Vec<&str> = manifest["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["Patient"]);
    let mut blind =
        Backend::register(&server, "system/Patient.c").client(&server, "system/Patient.c");
    later(&mut blind, "$export").expect(403);
}

#[test]
fn an_answer_that_was_kept_is_for_who_may_see_the_same() {
    let server = closed();
    people(&server);
    let backend = Backend::register(&server, "system/*.rs");
    let mut client = backend.client(&server, "system/*.rs");
    let place = begun(&later(&mut client, "Patient"));
    wait(&server, 1);
    assert!(client.get(&place).expect(200).text().contains("canary-a"));
    let mut same = backend.client(&server, "system/*.rs");
    same.get(&place).expect(200);
    let mut less = backend.client(&server, "system/Observation.rs");
    less.get(&place).expect(404);
    // What may not be asked at once may not be asked later either.
    let place = begun(&later(&mut less, "Patient"));
    wait(&server, 1);
    let told = less.get(&place).expect(200).json();
    assert_eq!(told["entry"][0]["response"]["status"], "403 Forbidden");
}

#[test]
fn who_was_removed_gets_nothing_done() {
    let server = closed();
    people(&server);
    let backend = Backend::register(&server, "system/*.cruds");
    let mut client = backend.client(&server, "system/*.cruds");
    let patient = json!({ "resourceType": "Patient", "name": [{ "family": "canary-late" }] });
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "request": { "method": "POST", "url": "Patient" }, "resource": patient } ] });
    let headers = [
        ("prefer", "respond-async"),
        ("content-type", "application/fhir+json"),
    ];
    let body = batch.to_string();
    let reply = client.send("POST", "", &headers, body.as_bytes());
    begun(&reply.expect("a reply"));
    assert!(
        client_command(&server, &["remove", &backend.id])
            .status
            .success()
    );
    wait(&server, 60);
    let mut other = Backend::register(&server, "system/*.rs").client(&server, "system/*.rs");
    let found = other
        .get("Patient?name=canary-late&_summary=count")
        .expect(200)
        .json();
    assert_eq!(found["total"], 0);
}
