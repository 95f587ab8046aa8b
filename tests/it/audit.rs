//! The record of accesses: what an auditor finds in it, and who tampers with it.

use std::{fs, path::PathBuf, process::Output, thread, time::Duration};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::harness::{
    Backend, Client, Options, START, Server, Visitor, add_user, client_command, vigie,
};

const CANARY: &str = "Kanarienvogel";

fn closed() -> Server {
    Server::start_with(Options {
        closed: true,
        environment: vec![("VIGIE_CLOCK_START".to_owned(), START.to_owned())],
        ..Options::default()
    })
}

/// A server without a login that records all the same.
fn recorded() -> Server {
    Server::start_with(Options {
        environment: vec![("VIGIE_AUDIT_DEVELOPMENT".to_owned(), "true".to_owned())],
        ..Options::default()
    })
}

fn audit(server: &Server, arguments: &[&str]) -> Output {
    let database = format!("sqlite:{}", server.database().display());
    let mut all = vec!["audit"];
    all.extend(arguments);
    all.extend(["--database", &database]);
    vigie(&all)
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The AuditEvents that satisfy a query, once there are so many: reads are recorded a moment later.
#[track_caller]
fn found(auditor: &mut Client, query: &str, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    for _ in 0..100 {
        let bundle = auditor.get(&format!("AuditEvent?{query}")).expect(200);
        events = bundle.json()["entry"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| entry["resource"].clone())
            .collect();
        if events.len() >= count {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(events.len(), count, "{query}: {events:#?}");
    events
}

/// The last code of what each was.
fn codes(events: &[Value]) -> Vec<&str> {
    let last = |event| {
        let subtypes = Value::as_array(event).and_then(|all| all.last());
        subtypes.and_then(|last| last["code"].as_str())
    };
    let each = events.iter().map(|event| last(&event["subtype"]));
    each.map(Option::unwrap_or_default).collect()
}

/// The files of the record, their bytes one after the other.
fn bytes(server: &Server) -> Vec<u8> {
    let beside = |ending: &str| {
        let mut name = server.database().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    ["audit", "audit-wal", "audit-head"]
        .iter()
        .flat_map(|ending| fs::read(beside(&format!(".{ending}"))).unwrap_or_default())
        .collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

fn patient(family: &str) -> Value {
    json!({ "resourceType": "Patient", "name": [{ "family": family }] })
}

#[test]
fn an_auditor_finds_who_did_what_to_whom() {
    let server = closed();
    let ward = Backend::register(&server, "system/Patient.cruds system/Observation.cruds");
    let mut client = ward.client(&server, "system/Patient.cruds system/Observation.cruds");
    let place = client
        .post("Patient", &patient(CANARY))
        .expect(201)
        .location();
    client.get(&place).expect(200);
    client.get(&format!("Patient?family={CANARY}")).expect(200);
    client.get("Task").expect(403);
    let office = Backend::register(&server, "system/AuditEvent.rs");
    let mut auditor = office.client(&server, "system/AuditEvent.rs");

    let events = found(&mut auditor, &format!("patient={place}&_sort=date"), 3);
    assert_eq!(codes(&events), ["create", "read", "search-type"]);
    for event in &events {
        assert_eq!(event["outcome"], "0");
        assert_eq!(
            event["agent"][0]["who"]["identifier"]["value"],
            ward.id.as_str()
        );
        assert_eq!(event["agent"][0]["network"]["address"], "127.0.0.0/24");
        let profile = event["meta"]["profile"][0].as_str().unwrap();
        assert!(profile.contains("IHE.BasicAudit.Patient"), "{profile}");
    }
    let refused = found(&mut auditor, "outcome=4&subtype=search-type", 1);
    assert_eq!(refused[0]["outcomeDesc"], "HTTP 403");
    let id = events[1]["id"].as_str().unwrap();
    let one = auditor.get(&format!("AuditEvent/{id}")).expect(200).json();
    assert_eq!(one, events[1]);
    auditor.get("AuditEvent/log-99999").expect(404);
    auditor.get("AuditEvent?nonsense=1").expect(400);

    // Tokens leave a row with the session that their uses carry.
    let system = "https://vigie.example/fhir/sid/client-id";
    let tokens = format!("subtype=token-issued&agent:identifier={system}|{}", ward.id);
    let issued = found(&mut auditor, &tokens, 1);
    assert_eq!(
        issued[0]["agent"][0]["altId"],
        events[0]["agent"][0]["altId"]
    );
    // Whoever may read everything does not read the record with it.
    let all = Backend::register(&server, "system/*.rs");
    let mut other = all.client(&server, "system/*.rs");
    let stored = other.get("AuditEvent").expect(200).json();
    assert_eq!(stored.get("entry"), None, "{stored}");
    other.get(&format!("AuditEvent/{id}")).expect(404);
    let record = bytes(&server);
    assert!(holds(&record, "search-type"), "the files are read");
    assert!(!holds(&record, CANARY));
    assert!(!holds(&record, place.trim_start_matches("Patient/")));
}

#[test]
fn pages_of_the_record_follow_each_other() {
    let server = closed();
    let ward = Backend::register(&server, "system/Patient.cruds");
    let mut client = ward.client(&server, "system/Patient.cruds");
    for _ in 0..7 {
        client.get("Patient/none").expect(404);
    }
    let office = Backend::register(&server, "system/AuditEvent.rs");
    let mut auditor = office.client(&server, "system/AuditEvent.rs");
    found(&mut auditor, "entity=Patient/none", 7);
    for sort in ["date", "-date"] {
        let mut next =
            format!("AuditEvent?entity=Patient/none&_count=3&_sort={sort}&_total=accurate");
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = auditor.get(&next).expect(200).json();
            assert_eq!(page["total"], 7);
            let entries = page["entry"].as_array().unwrap();
            seen.extend(entries.iter().map(|entry| entry["fullUrl"].to_string()));
            pages += 1;
            let links = page["link"].as_array().unwrap();
            match links.iter().find(|link| link["relation"] == "next") {
                Some(link) => {
                    let url = link["url"].as_str().unwrap();
                    next = url.split_once("/fhir/").unwrap().1.to_owned();
                }
                None => break,
            }
        }
        assert_eq!(pages, 3);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 7);
    }
}

#[test]
fn logins_are_recorded_and_so_is_who_fails() {
    let server = closed();
    add_user(
        &server,
        "anne@example.org",
        "Practitioner/anne",
        &["professional"],
    );
    let mut anne = Visitor::new(&server);
    let page = anne.get("/auth/login").expect(200);
    let wrong = [("login", "anne@example.org"), ("password", "not this one")];
    let page = anne.submit(&page, &wrong).expect(401);
    anne.log_in(&page, "anne@example.org");
    let office = Backend::register(&server, "system/AuditEvent.rs");
    let mut auditor = office.client(&server, "system/AuditEvent.rs");
    let failed = found(&mut auditor, "agent=Login/anne@example.org", 1);
    assert_eq!(
        (&failed[0]["outcome"], codes(&failed)[0]),
        (&"4".into(), "110122")
    );
    let done = found(&mut auditor, "agent=Practitioner/anne&_sort=date", 2);
    assert_eq!(codes(&done), ["first-factor", "110122"]);
    assert_eq!(
        done[1]["agent"][1]["role"][0]["coding"][0]["code"],
        "professional"
    );
    let record = bytes(&server);
    assert!(!holds(&record, "anne") && !holds(&record, "not this one"));
}

#[test]
fn who_tampers_is_found_and_the_server_does_not_write_on_it() {
    let mut server = recorded();
    let mut client = server.client();
    let place = client.post("Patient", &patient("A")).expect(201).location();
    client.get(&place).expect(200);
    let whole = audit(&server, &["verify"]);
    assert!(whole.status.success(), "{}", said(&whole));
    assert!(server.stop().success());
    let lines = audit(&server, &["export"]);
    let lines = String::from_utf8(lines.stdout).unwrap();
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<&str> = events
        .iter()
        .map(|event| event["subtype"][0]["code"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["start", "create", "read", "stop", "audit-export"]);
    let mut file = server.database().into_os_string();
    file.push(".audit");
    let database = Connection::open(&file).unwrap();
    assert!(
        database
            .execute("delete from entry where seq = 3", [])
            .is_err()
    );
    database
        .execute_batch(
            "drop trigger entry_is_not_removed; drop trigger named_is_not_removed; \
             delete from entry where seq = 3; delete from named where seq = 3;",
        )
        .unwrap();
    let broken = audit(&server, &["verify"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(said(&broken).contains("row 3 is gone"), "{}", said(&broken));
    // An end that is gone is seen at the start, too.
    database
        .execute_batch("delete from entry where seq > 3; delete from named where seq > 3;")
        .unwrap();
    drop(database);
    let listen = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--database",
        &format!("sqlite:{}", server.database().display()),
    ];
    let refused = vigie(&listen);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("the end is gone"),
        "{}",
        said(&refused)
    );
}

#[test]
fn an_erasure_leaves_the_record_whole_and_finds_nobody_in_it() {
    let mut server = recorded();
    let mut client = server.client();
    let place = client
        .post("Patient", &patient(CANARY))
        .expect(201)
        .location();
    let observation = json!({
        "resourceType": "Observation", "status": "final", "code": { "text": CANARY },
        "subject": { "reference": place },
    });
    client.post("Observation", &observation).expect(201);
    client
        .get(&format!("Observation?code:text={CANARY}&subject={place}"))
        .expect(200);
    client.get(&format!("{place}/$everything")).expect(200);
    client.get(&format!("Patient?{CANARY}=1")).expect(200);
    client.get(&format!("Patient/{CANARY}")).expect(404);
    let nothing = json!({ "resourceType": "Parameters" });
    let purged = client.post(&format!("{place}/$purge"), &nothing);
    assert!(purged.status < 300, "{}", purged.text());
    assert!(client.get(&place).status >= 400);
    assert!(server.stop().success());
    let record = bytes(&server);
    assert!(holds(&record, "$purge"), "the files are read");
    assert!(!holds(&record, CANARY));
    assert!(!holds(&record, place.trim_start_matches("Patient/")));
    let whole = audit(&server, &["verify"]);
    assert!(whole.status.success(), "{}", said(&whole));
}

#[test]
fn commands_that_change_who_may_come_in_are_recorded() {
    let server = closed();
    add_user(
        &server,
        "anne@example.org",
        "Practitioner/anne",
        &["professional"],
    );
    let ward = Backend::register(&server, "system/Patient.rs");
    assert!(
        client_command(&server, &["remove", &ward.id])
            .status
            .success()
    );
    let office = Backend::register(&server, "system/AuditEvent.rs");
    let mut auditor = office.client(&server, "system/AuditEvent.rs");
    found(&mut auditor, "subtype=account", 1);
    found(&mut auditor, "subtype=client", 3);
}
