//! A server that nobody has configured: closed, on this machine only, with keys of its own; and one
//! whose database fails under it: it says so, and nothing else.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::json;

use crate::harness::{Options, Server, vigie};

/// Files beside a database that hold keys, and what is in them.
fn keys(database: &Path) -> BTreeMap<String, (Vec<u8>, u32)> {
    let folder = database.parent().expect("a folder");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("its files").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains("key") {
            let mode = entry.metadata().expect("its mode").permissions().mode();
            found.insert(name, (fs::read(entry.path()).expect("a key"), mode & 0o777));
        }
    }
    found
}

#[test]
fn keys_are_drawn_at_the_first_start_and_are_the_owners_alone() {
    let closed = || {
        Server::start_with(Options {
            closed: true,
            ..Options::default()
        })
    };
    let (first, second) = (closed(), closed());
    let (ours, theirs) = (keys(&first.database()), keys(&second.database()));
    assert!(!ours.is_empty());
    for (name, (key, mode)) in &ours {
        assert_eq!(mode & 0o077, 0, "{name} is readable by others: {mode:o}");
        assert!(key.len() >= 16, "{name}");
        assert_ne!(theirs.get(name).map(|(key, _)| key), Some(key), "{name}");
    }
}

#[test]
fn a_server_that_nobody_has_configured_lets_nobody_in() {
    let server = Server::start_with(Options {
        closed: true,
        ..Options::default()
    });
    let mut client = server.client();
    for credentials in [
        "admin:admin",
        "admin:",
        "root:root",
        "vigie:vigie",
        "admin:password",
    ] {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let basic = format!("Basic {}", STANDARD.encode(credentials));
        let bearer = format!("Bearer {credentials}");
        for authorization in [&basic, &bearer] {
            for (method, path) in [("GET", "Patient"), ("POST", "Patient"), ("GET", "_history")] {
                let headers = [("authorization", authorization.as_str())];
                let reply = client.send(method, path, &headers, b"").expect("a reply");
                assert_eq!(reply.status, 401, "{method} {path} {credentials}");
            }
        }
    }
    let printed = vigie(&["check-config"]);
    let printed = String::from_utf8_lossy(&printed.stdout);
    assert!(printed.contains("listen = \"127.0.0.1:"), "{printed}");
    assert!(printed.contains("insecure_no_auth = false"), "{printed}");
}

#[test]
fn a_database_that_fails_is_not_shown() {
    let server = Server::start();
    let mut client = server.client();
    client
        .post("Patient", &json!({"resourceType": "Patient"}))
        .expect(201);
    // Somebody else breaks the schema under the running server.
    let database = rusqlite::Connection::open(server.database()).expect("the database");
    let mut tables = database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        .expect("a statement");
    let names: Vec<String> = (tables.query_map([], |row| row.get(0)).expect("rows"))
        .collect::<Result<_, _>>()
        .expect("names");
    database
        .execute_batch("PRAGMA foreign_keys = OFF")
        .expect("set");
    for name in &names {
        database
            .execute_batch(&format!("DROP TABLE \"{name}\""))
            .expect("dropped");
    }
    for (method, path) in [
        ("GET", "Patient/x"),
        ("GET", "Patient?name=a"),
        ("GET", "_history"),
        ("POST", "Patient"),
        ("DELETE", "Patient/x"),
    ] {
        let json = [("content-type", "application/fhir+json")];
        let body = br#"{"resourceType":"Patient"}"#;
        let body = if method == "POST" { &body[..] } else { b"" };
        let reply = client.send(method, path, &json, body).expect("a reply");
        assert!(
            matches!(reply.status, 500 | 503),
            "{method} {path}: {} {}",
            reply.status,
            reply.text()
        );
        let outcome = reply.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert!(reply.header("x-request-id").is_some());
        let text = reply.text().to_lowercase();
        for leak in [
            "sqlite",
            "no such table",
            "select",
            "src/",
            ".rs",
            "panicked",
            "vigie.sqlite",
        ] {
            assert!(!text.contains(leak), "{method} {path}: {text}");
        }
        for name in names.iter().filter(|name| name.contains('_')) {
            assert!(!text.contains(name.as_str()), "{name}: {text}");
        }
    }
    // The log has what the client does not.
    assert!(server.output().contains("no such table"));
}
