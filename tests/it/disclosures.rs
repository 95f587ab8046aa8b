//! What leaves the server, comes into it or is destroyed beside the plain answers is in the record
//! of accesses as well: files, tables, answers that come later, messages, erasures, copies.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use super::harness::{Backend, Client, Nurse, Options, START, Server, vigie};

const MORNING: &str = "2030-03-25T06:00:00Z";

/// A server without a login that records all the same, at an early hour.
fn recorded() -> Server {
    Server::start_with(Options {
        environment: vec![
            ("VIGIE_AUDIT_DEVELOPMENT".to_owned(), "true".to_owned()),
            ("VIGIE_CLOCK_START".to_owned(), MORNING.to_owned()),
            // Commands have the machine's clock, and not that of the server.
            ("VIGIE_AUDIT_RETENTION_DAYS".to_owned(), "0".to_owned()),
        ],
        ..Options::default()
    })
}

fn closed() -> Server {
    Server::start_with(Options {
        closed: true,
        environment: vec![("VIGIE_CLOCK_START".to_owned(), START.to_owned())],
        ..Options::default()
    })
}

/// The record as a command gives it out, once it satisfies `is_there`.
#[track_caller]
fn record(server: &Server, is_there: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let database = format!("sqlite:{}", server.database().display());
    let mut events = Vec::new();
    for _ in 0..100 {
        let output = vigie(&["audit", "export", "--rows", "--database", &database]);
        let lines = String::from_utf8_lossy(&output.stdout);
        let each = lines.lines();
        events = each
            .map(|line| serde_json::from_str(line).unwrap_or_default())
            .collect();
        if is_there(&events) {
            return events;
        }
        thread::sleep(Duration::from_millis(30));
    }
    events.retain(|event: &Value| event["event"] != "audit-export");
    assert!(is_there(&events), "not in the record: {events:#?}");
    events
}

/// Those of an event that name somebody.
fn about<'a>(events: &'a [Value], event: &str) -> Vec<&'a Value> {
    let named = |row: &&Value| {
        row["patients"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    };
    let of_event = events.iter().filter(|row| row["event"] == event);
    of_event.filter(named).collect()
}

/// The pseudonym by which a row names its one patient.
fn patient(row: &Value) -> &Value {
    assert_eq!(row["patients"].as_array().map(Vec::len), Some(1), "{row}");
    &row["patients"][0]
}

#[test]
fn a_file_of_an_export_names_whose_data_it_holds() {
    let server = recorded();
    let mut client = server.client();
    let person = json!({ "resourceType": "Patient", "id": "p1" });
    client.put("Patient/p1", &person).expect(201);
    let observation = json!({ "resourceType": "Observation", "status": "final",
        "code": { "text": "x" }, "subject": { "reference": "Patient/p1" } });
    client.post("Observation", &observation).expect(201);
    // Elements that say whose data it is are left out; it is theirs all the same.
    let asked = client
        .get("$export?_type=Observation&_elements=status")
        .expect(202);
    let place = asked.header("content-location").expect("a place");
    let place = place.split_once("/fhir/").expect("a path").1.to_owned();
    server.set_clock("2030-03-25T06:01:00Z");
    let manifest = client.get(&place).expect(200).json();
    let file = manifest["output"][0]["url"].as_str().expect("a file");
    let file = file.split_once("/fhir/").expect("a path").1;
    let text = client.get(file).expect(200).text();
    assert!(!text.contains("Patient/p1"), "{text}");

    let events = record(&server, |all| !about(all, "download").is_empty());
    let created = about(&events, "update")[0];
    let given = about(&events, "download")[0];
    assert_eq!(patient(given), patient(created));
    assert_eq!(given["address"], "127.0.0.0/24");
    assert_eq!(given["client"], "development");
    let status = events.iter().find(|row| row["event"] == "async-status");
    assert_eq!(status.expect("a row")["address"], "127.0.0.0/24");
}

#[test]
fn an_answer_that_comes_later_names_whose_data_it_holds() {
    let server = recorded();
    let mut client = server.client();
    let person = json!({ "resourceType": "Patient", "id": "p1" });
    client.put("Patient/p1", &person).expect(201);
    let prefer = [("prefer", "respond-async")];
    let asked = client
        .send("GET", "Patient", &prefer, b"")
        .expect("a reply");
    let place = asked
        .expect(202)
        .header("content-location")
        .expect("a place")
        .to_owned();
    let place = place.split_once("/fhir/").expect("a path").1;
    server.set_clock("2030-03-25T06:01:00Z");
    client.get(place).expect(200);
    let events = record(&server, |all| !about(all, "async-status").is_empty());
    assert_eq!(about(&events, "search-type").len(), 1, "when it was made");
    let given = about(&events, "async-status");
    assert_eq!(patient(given[0]), patient(about(&events, "update")[0]));
}

#[test]
fn an_entry_of_a_batch_hides_nobody_by_leaving_elements_out() {
    let server = recorded();
    let mut client = server.client();
    let person = json!({ "resourceType": "Patient", "id": "p1" });
    client.put("Patient/p1", &person).expect(201);
    let observation = json!({ "resourceType": "Observation", "id": "o1", "status": "final",
        "code": { "text": "x" }, "subject": { "reference": "Patient/p1" } });
    client.put("Observation/o1", &observation).expect(201);
    let get = |url: &str| json!({ "request": { "method": "GET", "url": url } });
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        get("Observation?_elements=status"), get("Observation/o1?_elements=status"),
        get("Observation?_summary=data"),
    ] });
    client.post("", &batch).expect(200);
    let events = record(&server, |all| all.iter().any(|row| row["event"] == "batch"));
    assert_eq!(about(&events, "search-type").len(), 2, "{events:#?}");
    assert_eq!(about(&events, "read").len(), 1, "{events:#?}");
}

#[test]
fn lists_messages_and_erasures_are_told() {
    let server = recorded();
    let mut nurse = Nurse::of(&server);
    let followed = nurse.enrol(&server, "covid-case");
    server.set_clock("2030-03-26T12:00:00Z");
    let mut client = server.client();
    let csv = [("accept", "text/csv")];
    for list in [
        "CarePlan/$line-list",
        "CarePlan/$daily-list?planDefinition=covid-case",
    ] {
        let listed = client.send("GET", list, &csv, b"").expect("a reply");
        assert_eq!(listed.status, 200, "{}", listed.text());
    }
    let events = record(&server, |all| !about(all, "$daily-list").is_empty());
    let person = patient(about(&events, "create")[0]).clone();
    for list in ["$line-list", "$daily-list"] {
        assert_eq!(*patient(about(&events, list)[0]), person, "{list}");
    }
    let told = about(&events, "message");
    assert!(!told.is_empty(), "{events:#?}");
    for row in &told {
        assert_eq!(
            (patient(row), &row["client"]),
            (&person, &json!("notify.send"))
        );
        assert_eq!(row["kind"], "Communication");
    }

    // The pathway says that nothing stays when it has ended.
    let by = json!({ "name": "by", "valueReference": { "reference": followed.path } });
    let stop = json!({ "resourceType": "Parameters", "parameter": [by] });
    client
        .post(&format!("{}/$stop", followed.plan), &stop)
        .expect(200);
    server.set_clock("2030-05-20T12:00:00Z");
    client.get(&followed.path).expect(404);
    let events = record(&server, |all| !about(all, "erasure").is_empty());
    let erased = about(&events, "erasure");
    assert_eq!(patient(erased[0]), &person);
    assert_eq!(erased[0]["client"], "erasure.retention");
    assert_eq!(
        (&erased[0]["action"], &erased[0]["kind"]),
        (&json!("D"), &json!("Patient"))
    );
}

#[test]
fn who_is_taken_in_is_told_with_whose_doing_it_was() {
    let server = closed();
    let office = Backend::register(&server, "system/*.cruds");
    let mut client: Client = office.client(&server, "system/*.cruds");
    let lines = "{\"resourceType\":\"Patient\",\"id\":\"p1\"}\n{\"resourceType\":\"Patient\"}\n";
    let ndjson = [("content-type", "application/fhir+ndjson")];
    let asked = client.send("POST", "$import", &ndjson, lines.as_bytes());
    asked.expect("a reply").expect(202);
    server.set_clock(&server.later(60));
    let events = record(&server, |all| !about(all, "$import").is_empty());
    let told = about(&events, "$import");
    assert_eq!(told[0]["patients"].as_array().map(Vec::len), Some(2));
    assert_eq!(told[0]["client"], office.id.as_str());

    let table = "family,given,birthDate,email,pathway\nDurand,Paul,1950-07-14,p@example.org,none\n";
    let csv = [("content-type", "text/csv")];
    let asked = client.send("POST", "Patient/$import", &csv, table.as_bytes());
    let asked = asked.expect("a reply");
    assert!(asked.status < 500, "{}", asked.text());
}

#[test]
fn copies_of_the_database_are_told() {
    let mut server = recorded();
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.db").display().to_string();
    let database = format!("sqlite:{}", server.database().display());
    assert!(
        vigie(&["backup", &copy, "--database", &database])
            .status
            .success()
    );
    server.stop();
    let restored = vigie(&["restore", &copy, "--database", &database, "--force"]);
    assert!(restored.status.success(), "{restored:?}");
    let events = record(&server, |_| true);
    let named = |event: &str| events.iter().filter(|row| row["event"] == event).count();
    assert_eq!((named("backup"), named("restore")), (1, 1));
}
