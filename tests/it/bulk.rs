//! Bulk data: exports and imports over HTTP, through crashes and erasures.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::harness::{Client, Options, Reply, Server};

fn server() -> Server {
    Server::start_with(Options {
        real_clock: true,
        ..Options::default()
    })
}

/// The path below `/fhir/` of an address.
fn path_of(address: &str) -> String {
    address
        .split_once("/fhir/")
        .expect("an address")
        .1
        .to_owned()
}

/// Begins what is answered later, and gives where to ask after it.
fn begin(client: &mut Client, path: &str) -> String {
    let prefer = [
        ("prefer", "respond-async"),
        ("accept", "application/fhir+json"),
    ];
    let reply = client.send("GET", path, &prefer, b"").expect("a reply");
    assert_eq!(reply.status, 202, "{}", reply.text());
    path_of(reply.header("content-location").expect("a place"))
}

/// Waits until it is done.
fn wait(client: &mut Client, place: &str) -> Reply {
    for _ in 0..300 {
        let reply = client.get(place);
        if reply.status != 202 {
            return reply;
        }
        assert!(reply.header("x-progress").is_some());
        assert!(reply.header("retry-after").is_some());
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{place} is never done");
}

/// The lines of the files of a type.
fn lines(client: &mut Client, manifest: &Value, list: &str, kind: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for file in manifest[list].as_array().expect("files") {
        if file["type"] != kind {
            continue;
        }
        let reply = client.get(&path_of(file["url"].as_str().expect("an address")));
        assert_eq!(
            reply.header("content-type"),
            Some("application/fhir+ndjson")
        );
        let text = reply.expect(200).text();
        let before = all.len();
        all.extend(
            text.lines()
                .map(|line| serde_json::from_str::<Value>(line).expect("JSON")),
        );
        assert_eq!(file["count"], all.len() - before);
    }
    all
}

fn export(client: &mut Client, path: &str) -> Value {
    let place = begin(client, path);
    wait(client, &place).expect(200).json()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    let mut ids: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["id"].as_str())
        .collect();
    ids.sort_unstable();
    ids
}

/// Three patients with an Observation each, a group of two of them, and a Practitioner.
fn people(client: &mut Client) {
    for id in ["a", "b", "c"] {
        let gender = if id == "c" { "male" } else { "female" };
        let patient = json!({ "resourceType": "Patient", "id": id, "gender": gender,
            "name": [{ "family": id }] });
        client.put(&format!("Patient/{id}"), &patient).expect(201);
        let observation = json!({ "resourceType": "Observation", "id": format!("o-{id}"),
            "status": "final", "code": { "text": "x" },
            "subject": { "reference": format!("Patient/{id}") } });
        client
            .put(&format!("Observation/o-{id}"), &observation)
            .expect(201);
    }
    let member = |id: &str| json!({ "entity": { "reference": format!("Patient/{id}") } });
    let group = json!({ "resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "member": [member("a"), member("b")] });
    client.put("Group/g", &group).expect(201);
    let practitioner = json!({ "resourceType": "Practitioner", "id": "p" });
    client.put("Practitioner/p", &practitioner).expect(201);
}

#[test]
fn an_export_holds_what_was_asked_and_nothing_else() {
    let server = server();
    let mut client = server.client();
    people(&mut client);
    let all = export(&mut client, "$export");
    assert_eq!(all["requiresAccessToken"], false);
    assert!(
        all["request"]
            .as_str()
            .expect("an address")
            .ends_with("/fhir/$export")
    );
    assert_eq!(
        ids(&lines(&mut client, &all, "output", "Patient")),
        ["a", "b", "c"]
    );
    assert_eq!(
        ids(&lines(&mut client, &all, "output", "Practitioner")),
        ["p"]
    );
    let stored = client.get("Patient/a").json();
    assert_eq!(lines(&mut client, &all, "output", "Patient")[0], stored);

    let of_patients = export(
        &mut client,
        "Patient/$export?_type=Patient,Observation&_elements=id",
    );
    let patients = lines(&mut client, &of_patients, "output", "Patient");
    assert_eq!(ids(&patients), ["a", "b", "c"]);
    assert!(patients[0]["name"].is_null());
    assert_eq!(patients[0]["meta"]["tag"][0]["code"], "SUBSETTED");
    assert_eq!(
        lines(&mut client, &of_patients, "output", "Practitioner"),
        [Value::Null; 0]
    );

    let of_group = export(&mut client, "Group/g/$export");
    assert_eq!(
        ids(&lines(&mut client, &of_group, "output", "Patient")),
        ["a", "b"]
    );
    assert_eq!(
        ids(&lines(&mut client, &of_group, "output", "Observation")),
        ["o-a", "o-b"]
    );
}

#[test]
fn an_export_is_narrowed_by_filters_and_by_patients() {
    let server = server();
    let mut client = server.client();
    people(&mut client);
    let filter =
        "$export?_type=Patient,Group&_typeFilter=Patient%3Fgender%3Dfemale,Patient%3Ffamily%3Da";
    let filtered = export(&mut client, filter);
    assert_eq!(
        ids(&lines(&mut client, &filtered, "output", "Patient")),
        ["a", "b"]
    );
    assert_eq!(
        ids(&lines(&mut client, &filtered, "output", "Group")),
        ["g"]
    );
    let body = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "patient", "valueReference": { "reference": "Patient/b" } },
        { "name": "_type", "valueString": "Observation" }] });
    let begun = client.post("Group/g/$export", &body).expect(202);
    let place = path_of(begun.header("content-location").expect("a place"));
    let named = wait(&mut client, &place).expect(200).json();
    assert_eq!(
        ids(&lines(&mut client, &named, "output", "Observation")),
        ["o-b"]
    );
}

#[test]
fn an_export_is_the_state_of_one_instant_and_tells_what_was_deleted_since() {
    let server = server();
    let mut client = server.client();
    people(&mut client);
    let first = export(&mut client, "$export?_type=Patient,Observation");
    let at = first["transactionTime"]
        .as_str()
        .expect("an instant")
        .to_owned();
    thread::sleep(Duration::from_millis(20));
    let changed = json!({ "resourceType": "Patient", "id": "a", "active": true });
    client.put("Patient/a", &changed).expect(200);
    client.delete("Observation/o-b").expect(204);
    // The files of the first are what they were, deletions included.
    let patients = lines(&mut client, &first, "output", "Patient");
    assert!(patients.iter().all(|patient| patient["active"].is_null()));
    assert_eq!(
        ids(&lines(&mut client, &first, "output", "Observation")).len(),
        3
    );
    let since = format!("$export?_type=Patient,Observation&_since={at}");
    let second = export(&mut client, &since);
    assert_eq!(
        ids(&lines(&mut client, &second, "output", "Patient")),
        ["a"]
    );
    assert_eq!(
        lines(&mut client, &second, "output", "Observation"),
        [Value::Null; 0]
    );
    let deleted = lines(&mut client, &second, "deleted", "Bundle");
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["entry"][0]["request"]["url"], "Observation/o-b");
}

#[test]
fn what_is_called_off_or_never_was_is_not_found() {
    let server = server();
    let mut client = server.client();
    let place = begin(&mut client, "$export");
    client.delete(&place).expect(202);
    client.get(&place).expect(404);
    client.delete(&place).expect(404);
    client.get("_async/none").expect(404);
    client.get("_async/none/1.ndjson").expect(404);
    for refused in [
        "$export?_type=Nothing",
        "$export?_typeFilter=Patient%3Fnonsense%3D1",
        "$export?includeAssociatedData=LatestProvenanceResources",
        "$export?_outputFormat=text/csv",
        "Patient/$export?_type=PlanDefinition",
    ] {
        client.get(refused).expect(400);
    }
    client.get("Group/none/$export").expect(404);
    let manifest = export(&mut client, "$export?_type=Account");
    assert_eq!(manifest["output"], json!([]));
    let done = begin(&mut client, "$export?_type=CodeSystem");
    wait(&mut client, &done).expect(200);
    client.get(&format!("{done}/2.ndjson")).expect(404);
    client.get(&format!("{done}/x")).expect(404);
    client.get(&format!("{done}/1.ndjson")).expect(200);
    client.delete(&done).expect(202);
    client.get(&format!("{done}/1.ndjson")).expect(404);
}

fn import(client: &mut Client, text: &str) -> Value {
    let ndjson = [("content-type", "application/fhir+ndjson")];
    let reply = client.send("POST", "$import", &ndjson, text.as_bytes());
    let reply = reply.expect("a reply").expect(202);
    let place = path_of(reply.header("content-location").expect("a place"));
    wait(client, &place).expect(200).json()
}

#[test]
fn lines_are_taken_in_and_those_that_are_refused_are_named() {
    let server = server();
    let mut client = server.client();
    let text = concat!(
        "{\"resourceType\":\"Patient\",\"id\":\"one\",\"gender\":\"male\"}\n",
        "\n",
        "{\"resourceType\":\"Patient\",\"gender\":\"unheard of\"}\r\n",
        "not JSON\n",
        "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"b\"}}",
    );
    let manifest = import(&mut client, text);
    assert_eq!(manifest["output"][0]["count"], 2);
    assert_eq!(manifest["error"][0]["count"], 2);
    assert_eq!(client.get("Patient/one").json()["gender"], "male");
    assert_eq!(client.get("Basic?_summary=count").json()["total"], 1);
    let errors = path_of(manifest["error"][0]["url"].as_str().expect("an address"));
    let text = client.get(&errors).expect(200).text();
    let told: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(told.len(), 2);
    let place = |n: usize| {
        told[n]["issue"][0]["expression"][0]
            .as_str()
            .unwrap_or_default()
    };
    assert!(place(0).starts_with("line[3]"), "{text}");
    assert!(place(1).starts_with("line[4]"), "{text}");
}

#[test]
fn files_come_from_this_server_or_with_the_request_and_from_nowhere_else() {
    let server = server();
    let mut client = server.client();
    // {"resourceType":"Patient","id":"two"}
    let data = "eyJyZXNvdXJjZVR5cGUiOiJQYXRpZW50IiwiaWQiOiJ0d28ifQ==";
    let binary = json!({ "resourceType": "Binary", "id": "f",
        "contentType": "application/fhir+ndjson", "data": data });
    client.put("Binary/f", &binary).expect(201);
    let asked = |url: &str| {
        json!({ "resourceType": "Parameters", "parameter": [
            { "name": "inputFormat", "valueCode": "application/fhir+ndjson" },
            { "name": "input", "part": [{ "name": "url", "valueUrl": url }] }] })
    };
    let begun = client.post("$import", &asked("Binary/f")).expect(202);
    let place = path_of(begun.header("content-location").expect("a place"));
    let manifest = wait(&mut client, &place).expect(200).json();
    assert_eq!(manifest["output"][0]["count"], 1);
    client.get("Patient/two").expect(200);
    for elsewhere in [
        "http://127.0.0.1:1/x",
        "https://example.org/x",
        "file:///etc/passwd",
    ] {
        client.post("$import", &asked(elsewhere)).expect(400);
    }
    client.post("$import", &asked("Binary/none")).expect(400);
    let csv = [("content-type", "text/csv")];
    let refused = client
        .send("POST", "$import", &csv, b"a;b")
        .expect("a reply");
    assert_eq!(refused.status, 415);
}

#[test]
fn a_crash_repeats_nothing_and_loses_nothing() {
    const PATIENTS: usize = 3_000;
    let mut server = server();
    let mut client = server.client();
    let text: String = (0..PATIENTS)
        .map(|n| {
            format!("{{\"resourceType\":\"Patient\",\"identifier\":[{{\"value\":\"{n}\"}}]}}\n")
        })
        .collect();
    let ndjson = [("content-type", "application/x-ndjson")];
    let reply = client.send("POST", "$import", &ndjson, text.as_bytes());
    let reply = reply.expect("a reply").expect(202);
    let place = path_of(reply.header("content-location").expect("a place"));
    thread::sleep(Duration::from_millis(300));
    server.kill();
    server.restart();
    client = server.client();
    let manifest = wait(&mut client, &place).expect(200).json();
    assert_eq!(manifest["output"][0]["count"], PATIENTS);
    let count = client.get("Patient?_summary=count").json();
    assert_eq!(count["total"], PATIENTS);

    let place = begin(&mut client, "$export?_type=Patient");
    server.kill();
    server.restart();
    client = server.client();
    let manifest = wait(&mut client, &place).expect(200).json();
    assert_eq!(
        lines(&mut client, &manifest, "output", "Patient").len(),
        PATIENTS
    );
}

#[test]
fn who_is_erased_is_in_no_export_any_more() {
    let server = server();
    let mut client = server.client();
    people(&mut client);
    let all = export(&mut client, "$export?_type=Patient,Observation");
    let named = begin(&mut client, "Group/g/$export");
    wait(&mut client, &named).expect(200);
    let purge = client.post("Patient/a/$purge", &json!({ "resourceType": "Parameters" }));
    assert!(purge.status < 300, "{}", purge.text());
    client.get(&named).expect(404);
    let files = all["output"].as_array().expect("files");
    let mut text = String::new();
    for file in files {
        let path = path_of(file["url"].as_str().expect("an address"));
        text.push_str(&client.get(&path).expect(200).text());
    }
    assert!(!text.contains("Patient/a") && !text.contains("\"o-a\""));
    assert!(text.contains("Patient/c"));
}

#[test]
fn what_has_come_of_it_is_kept_for_a_day() {
    let environment = vec![(
        "VIGIE_CLOCK_START".to_owned(),
        "2030-03-25T08:00:00Z".to_owned(),
    )];
    let server = Server::start_with(Options {
        environment,
        ..Options::default()
    });
    let mut client = server.client();
    let place = begin(&mut client, "$export?_type=CodeSystem");
    server.set_clock("2030-03-25T08:00:01Z");
    let done = client.get(&place).expect(200);
    assert_eq!(
        done.header("expires"),
        Some("Tue, 26 Mar 2030 08:00:00 GMT")
    );
    server.set_clock("2030-03-26T07:59:59Z");
    client.get(&place).expect(200);
    server.set_clock("2030-03-26T08:00:00Z");
    client.get(&place).expect(404);
}

#[test]
fn nobody_asks_for_more_than_is_kept() {
    let environment = vec![(
        "VIGIE_CLOCK_START".to_owned(),
        "2030-03-25T08:00:00Z".to_owned(),
    )];
    let server = Server::start_with(Options {
        environment,
        ..Options::default()
    });
    let mut client = server.client();
    let places: Vec<String> = (0..50)
        .map(|_| begin(&mut client, "$export?_type=CodeSystem"))
        .collect();
    let refused = client.get("$export").expect(429);
    assert!(refused.header("retry-after").is_some());
    client.delete(&places[0]).expect(202);
    begin(&mut client, "$export");
}

/// A request that is answered later, and what came of it.
fn later(client: &mut Client, (method, path): (&str, &str), body: &Value) -> Value {
    let headers = [
        ("prefer", "respond-async"),
        ("content-type", "application/fhir+json"),
    ];
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let reply = client.send(method, path, &headers, text.as_bytes());
    let reply = reply.expect("a reply").expect(202);
    let place = path_of(reply.header("content-location").expect("a place"));
    wait(client, &place).expect(200).json()
}

#[test]
fn searches_batches_and_operations_are_answered_later() {
    let server = server();
    let mut client = server.client();
    people(&mut client);
    let found = later(
        &mut client,
        ("GET", "Patient?gender=female&_sort=_id"),
        &Value::Null,
    );
    assert_eq!(found["type"], "batch-response");
    assert_eq!(found["entry"][0]["response"]["status"], "200 OK");
    let searchset = &found["entry"][0]["resource"];
    assert_eq!(searchset["entry"][1]["resource"]["id"], "b");

    let refused = later(
        &mut client,
        ("GET", "Patient?birthdate=never"),
        &Value::Null,
    );
    let response = &refused["entry"][0]["response"];
    assert_eq!(response["status"], "400 Bad Request");
    assert_eq!(response["outcome"]["resourceType"], "OperationOutcome");

    let patient = json!({ "resourceType": "Patient", "id": "d" });
    let transaction = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": patient, "request": { "method": "PUT", "url": "Patient/d" } }] });
    let done = later(&mut client, ("POST", ""), &transaction);
    assert_eq!(done["type"], "transaction-response");
    client.get("Patient/d").expect(200);

    let everything = later(&mut client, ("GET", "Patient/a/$everything"), &Value::Null);
    assert_eq!(everything["entry"][0]["resource"]["type"], "searchset");
    // What concerns one resource is answered at once.
    let prefer = [("prefer", "respond-async")];
    let read = client
        .send("GET", "Patient/a", &prefer, b"")
        .expect("a reply");
    assert_eq!(read.status, 200);
}

#[test]
fn an_answer_that_is_kept_goes_with_whom_it_may_be_about() {
    let server = server();
    let mut client = server.client();
    people(&mut client);
    let prefer = [("prefer", "respond-async")];
    let reply = client.send("GET", "Patient?gender=female", &prefer, b"");
    let place = path_of(
        reply
            .expect("a reply")
            .header("content-location")
            .expect("a place"),
    );
    wait(&mut client, &place).expect(200);
    let purge = client.post("Patient/a/$purge", &json!({ "resourceType": "Parameters" }));
    assert!(purge.status < 300, "{}", purge.text());
    client.get(&place).expect(404);
}
