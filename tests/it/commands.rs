//! The command line: what each command says of itself, and what it refuses.

use std::{fs, process::Output};

use crate::harness::{Server, vigie};

const COMMANDS: [&str; 7] = [
    "serve",
    "migrate",
    "check-config",
    "load",
    "demo",
    "backup",
    "restore",
];

fn printed(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[test]
fn every_command_explains_itself() {
    let overview = vigie(&["--help"]);
    assert!(overview.status.success());
    for command in COMMANDS {
        assert!(printed(&overview).contains(command), "{command} in --help");
        let help = vigie(&[command, "--help"]);
        assert!(help.status.success(), "{command}: {}", printed(&help));
        assert!(
            printed(&help).contains("Usage"),
            "{command}: {}",
            printed(&help)
        );
    }
    assert!(vigie(&["--version"]).status.success());
}

#[test]
fn an_unknown_command_or_flag_is_refused() {
    for arguments in [
        &["observe"][..],
        &["serve", "--insecure"],
        &["serve", "--listen", "here"],
    ] {
        let output = vigie(arguments);
        assert!(
            !output.status.success(),
            "{arguments:?}: {}",
            printed(&output)
        );
    }
}

/// Neither mode may be reached from another machine: the first lets everyone in, the second lets
/// everyone move the time.
#[test]
fn a_mode_without_protection_is_refused_off_loopback() {
    for flags in [
        &["--insecure-no-auth"][..],
        &["--simulated-clock"],
        &["--insecure-no-auth", "--simulated-clock"],
    ] {
        for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let folder = tempfile::tempdir().expect("a folder");
            let database = format!("sqlite:{}", folder.path().join("none.sqlite").display());
            let mut arguments = vec!["serve", "--listen", listen, "--database", &database];
            arguments.extend(flags);
            let output = vigie(&arguments);
            assert!(!output.status.success(), "{arguments:?}");
            assert!(
                printed(&output).contains("loopback"),
                "{arguments:?}: {}",
                printed(&output)
            );
        }
    }
}

#[test]
fn a_server_stops_when_asked_and_keeps_what_it_has() {
    let mut server = Server::start();
    let patient = serde_json::json!({ "resourceType": "Patient", "language": "fr" });
    let made = server.client().post("Patient", &patient).expect(201);
    assert!(server.stop().success(), "{}", server.output());
    server.restart();
    let read = server.client().get(&made.location()).expect(200);
    assert_eq!(read.json()["language"], "fr");
    assert_eq!(read.header("etag"), Some("W/\"1\""));
}

/// A server that runs, and a database that nobody has open: both can be loaded, and what was loaded
/// twice is there once.
#[test]
fn resources_are_loaded_from_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n{\"resourceType\":\"Patient\",\"id\":\"b\"}\n";
    fs::write(folder.path().join("patients.ndjson"), lines).expect("a file");
    let path = folder.path().display().to_string();
    let mut server = Server::start();
    let base = format!("{}/fhir", server.origin());
    for _ in 0..2 {
        let loaded = vigie(&["load", "--base", &base, &path]);
        assert!(loaded.status.success(), "{}", printed(&loaded));
    }
    let count = |server: &Server| {
        let page = server.client().get("Patient?_count=10").expect(200).json();
        page["entry"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(count(&server), 2);
    assert_eq!(server.client().delete("Patient/a").status / 100, 2);
    server.client().get("Patient/a").expect(410);
    assert_eq!(count(&server), 1);
    assert!(server.stop().success());
    let database = format!("sqlite:{}", server.database().display());
    let loaded = vigie(&["load", "--database", &database, &path]);
    assert!(loaded.status.success(), "{}", printed(&loaded));
    server.restart();
    assert_eq!(count(&server), 2);
}

#[test]
fn a_migration_makes_a_database_and_may_be_repeated() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("new.sqlite");
    let database = format!("sqlite:{}", file.display());
    for _ in 0..2 {
        let migrated = vigie(&["migrate", "--database", &database]);
        assert!(migrated.status.success(), "{}", printed(&migrated));
    }
    assert!(file.exists());
}

#[test]
fn the_configuration_is_printed_without_its_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("vigie.toml");
    fs::write(
        &file,
        "[mail]\npassword = \"canary-secret\"\nuser = \"someone\"\n",
    )
    .expect("a file");
    let effective = vigie(&["check-config", "--config", &file.display().to_string()]);
    assert!(effective.status.success(), "{}", printed(&effective));
    assert!(printed(&effective).contains("someone"));
    assert!(!printed(&effective).contains("canary-secret"));
    fs::write(&file, "[mail]\npasword = \"canary-secret\"\n").expect("a file");
    let refused = vigie(&["check-config", "--config", &file.display().to_string()]);
    assert!(!refused.status.success());
    assert!(
        printed(&refused).contains("mail.password"),
        "{}",
        printed(&refused)
    );
    assert!(
        !printed(&refused).contains("canary-secret"),
        "{}",
        printed(&refused)
    );
}

#[test]
fn health_and_readiness_are_told() {
    let server = Server::start();
    server.client().get("/healthz").expect(200);
    server.client().get("/readyz").expect(200);
}

/// Time stands still until it is moved, and never goes back.
#[test]
fn a_simulated_clock_moves_when_it_is_told() {
    let server = Server::start();
    server.set_clock("2030-03-30T22:00:00Z");
    let patient = serde_json::json!({ "resourceType": "Patient" });
    let stamped = |at: &str| {
        let reply = server.client().post("Patient", &patient).expect(201);
        let read = server.client().get(&reply.location()).expect(200).json();
        let updated = read["meta"]["lastUpdated"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(updated.starts_with(at), "{updated}");
    };
    stamped("2030-03-30T22:00:00");
    server.set_clock("2030-03-31T04:00:00Z");
    stamped("2030-03-31T04:00:00");
    let json = [("content-type", "application/json")];
    for bad in [&b"\"yesterday\""[..], b"17", b"{}"] {
        let reply = server
            .client()
            .send("PUT", "/clock", &json, bad)
            .expect("a reply");
        assert!((400..500).contains(&reply.status), "{}", reply.text());
    }
}
