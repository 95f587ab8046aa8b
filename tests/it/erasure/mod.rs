//! Erasure, proved on the files: people with a canary in every string live a little, are purged,
//! and no file of the data directory holds a canary in any form; others are what they were.

mod account;
mod canary;
mod kill;
mod person;

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use self::{
    canary::{Aviary, Scanner, Seen},
    person::{Person, Ward},
};
use crate::harness::{Chance, Client, Nurse, Options, Server, vigie};

/// Neighbours of whom only their row in the tables counts: enough of them to make pages of every
/// index split and merge.
const CROWD: usize = 1_200;

/// Those who are erased, one after the other, while others go on writing.
const ERASED: usize = 5;

/// When the clock starts that stands still: two hours before reports are due.
const MORNING: &str = "2030-03-25T06:00:00Z";

/// A server whose mails are files in its data directory.
struct Clinic {
    server: Server,
    mails: TempDir,
    client: Client,
    ward: Ward,
    nurse: Nurse,
    chance: Chance,
    births: u64,
}

impl Clinic {
    fn open(real_clock: bool) -> Self {
        let mails = tempfile::tempdir().expect("a folder");
        let environment = [
            ("VIGIE_MAIL_CHANNEL", "file".to_owned()),
            ("VIGIE_MAIL_DIRECTORY", mails.path().display().to_string()),
            ("VIGIE_LOG_FILTER", "debug".to_owned()),
            ("VIGIE_CLOCK_START", MORNING.to_owned()),
        ];
        let server = Server::start_with(Options {
            environment: environment
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            real_clock,
            ..Options::default()
        });
        let mut client = server.client();
        let ward = Ward::open(&mut client);
        let nurse = Nurse::of(&server);
        Self {
            server,
            mails,
            client,
            ward,
            nurse,
            chance: Chance::announced(),
            births: 0,
        }
    }

    fn admit(&mut self, pathway: &str) -> Person {
        self.births += 1;
        let birds = Aviary::new(self.chance.fork(self.births));
        let (server, nurse) = (&self.server, &mut self.nurse);
        Person::admit(&mut self.client, &self.ward, birds, |path| {
            Some(nurse.follow(server, path, pathway))
        })
    }

    /// Patients of whom nobody asks more than their name.
    fn crowd(&mut self, count: usize) {
        for hundred in 0..count.div_ceil(100) {
            let entries: Vec<Value> = (0..100)
                .map(|n| {
                    let names: Vec<String> = (0..4)
                        .map(|_| format!("{:x}", self.chance.draw()))
                        .collect();
                    let id = format!("crowd-{hundred}-{n}");
                    json!({
                        "resource": { "resourceType": "Patient", "id": id,
                            "identifier": [{ "system": "urn:crowd", "value": names[0] }],
                            "name": [{ "family": names[1], "given": [names[2]] }],
                            "address": [{ "city": names[3] }] },
                        "request": { "method": "PUT", "url": format!("Patient/{id}") },
                    })
                })
                .collect();
            let bundle =
                json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
            self.client.post("", &bundle).expect(200);
        }
    }

    fn scan(&self, scanner: &Scanner) -> Seen {
        let mut seen = Seen::default();
        let data = self.server.database();
        scanner.folder(data.parent().expect("a folder"), &mut seen);
        scanner.folder(self.mails.path(), &mut seen);
        scanner.bytes("the log", self.server.output().as_bytes(), &mut seen);
        seen
    }

    /// Everything of people, version by version, byte by byte.
    fn portrait(&mut self, people: &[Person]) -> BTreeMap<String, Vec<u8>> {
        let mut portrait = BTreeMap::new();
        for path in people.iter().flat_map(|person| &person.own) {
            let history = format!("{path}/_history");
            for path in [path, &history] {
                // Links name the port, which is another after each start.
                let text = self.client.get(path).text();
                let text = text.replace(&self.server.origin(), "");
                portrait.insert(path.clone(), text.into_bytes());
            }
        }
        portrait
    }
}

/// Fails unless nothing of a person answers, and nobody says their name.
fn assert_gone(client: &mut Client, person: &Person, ward: &Ward) {
    for path in &person.own {
        for path in [
            path.clone(),
            format!("{path}/_history"),
            format!("{path}/_history/1"),
        ] {
            client.get(&path).expect(404);
        }
    }
    client
        .get(&format!("{}/$everything", person.path))
        .expect(404);
    let identifier = &person.identifier;
    let found = client
        .get(&format!("Patient?identifier={identifier}"))
        .expect(200)
        .json();
    assert!(found["entry"].is_null(), "{found}");
    for kind in [
        "Task",
        "Flag",
        "Communication",
        "CarePlan",
        "QuestionnaireResponse",
    ] {
        let found = client
            .get(&format!("{kind}?patient={}", person.path))
            .expect(200)
            .json();
        assert!(found["entry"].is_null(), "{found}");
    }
    let id = person.path.trim_start_matches("Patient/");
    for path in ward.paths() {
        let history = client
            .get(&format!("{path}/_history?_count=1000"))
            .expect(200);
        assert!(!history.text().contains(id), "{path} still names {id}");
    }
}

/// Exports that hold a person: everything, those of a kind, and the person alone.
fn exports_of(client: &mut Client, person: &Person) -> Vec<String> {
    let identifier = &person.identifier;
    let asked = [
        "$export".to_owned(),
        format!("Patient/$export?_typeFilter=Patient%3Fidentifier%3D{identifier}"),
    ];
    let places = asked.iter().map(|path| {
        let reply = client.get(path).expect(202);
        let place = reply.header("content-location").expect("a place");
        place.split_once("/fhir/").expect("a path").1.to_owned()
    });
    places.collect()
}

#[test]
fn nobody_erased_is_found_in_any_file_and_neighbours_are_as_they_were() {
    let mut clinic = Clinic::open(false);
    clinic.crowd(CROWD);
    let backups = tempfile::tempdir().expect("a folder");
    let neighbours: Vec<Person> = (0..3).map(|_| clinic.admit("covid-medical")).collect();
    let erased: Vec<Person> = (0..ERASED).map(|_| clinic.admit("covid-case")).collect();
    let canaries: Vec<String> = erased.iter().flat_map(|one| one.canaries.clone()).collect();
    assert!(canaries.len() >= 40 * ERASED);
    // The next day: reminders and alerts have gone out, as files.
    clinic.server.set_clock("2030-03-26T12:00:00Z");
    let exports = exports_of(&mut clinic.client, &erased[0]);
    clinic.server.set_clock("2030-03-26T12:00:01Z");
    let scanner = Scanner::of(&canaries);
    let before = clinic.scan(&scanner);
    assert!(
        before.found.iter().any(|(_, file)| file.ends_with(".eml")),
        "mails went out"
    );
    let old = backups.path().join("old.db").display().to_string();
    backup(&clinic.server, &old);
    // A crash, so that the WAL is read anew.
    clinic.server.kill();
    clinic.server.restart();
    clinic.client = clinic.server.client();
    let portrait = clinic.portrait(&neighbours);

    let mut times = Vec::new();
    for person in &erased {
        let began = Instant::now();
        let told = person.purge(&mut clinic.client).expect(200).json();
        times.push(began.elapsed());
        assert_eq!(told["issue"][0]["code"], "success", "{told}");
        assert_gone(&mut clinic.client, person, &clinic.ward);
        clinic.crowd(100);
    }
    assert_not_exported(&mut clinic.client, &exports, &scanner);
    let new = clinic
        .server
        .database()
        .with_file_name("new.db")
        .display()
        .to_string();
    backup(&clinic.server, &new);
    let after = clinic.scan(&scanner);
    report(&before, &after, times);
    assert_eq!(after.found, std::collections::BTreeSet::new());
    assert_same(&portrait, &clinic.portrait(&neighbours));

    for person in &erased {
        let again = person.purge(&mut clinic.client).expect(200).json();
        let late = json!({ "resourceType": "Observation", "status": "final",
            "code": { "text": "late" }, "subject": { "reference": person.path } });
        clinic.client.post("Observation", &late).expect(422);
        assert!(
            again["issue"][0]["diagnostics"]
                .as_str()
                .unwrap()
                .contains("nothing")
        );
    }
    restored(&mut clinic, &erased, &old, &scanner);
    assert_same(&portrait, &clinic.portrait(&neighbours));
}

/// Fails if a file of an export that was made before holds anything of those who are erased, or an
/// export that was asked for one of them is still there.
fn assert_not_exported(client: &mut Client, exports: &[String], scanner: &Scanner) {
    let [all, one] = exports else {
        panic!("two exports");
    };
    client.get(one).expect(404);
    let manifest = client.get(all).expect(200).json();
    let mut seen = Seen::default();
    for file in manifest["output"].as_array().expect("files") {
        let url = file["url"].as_str().expect("an address");
        let path = url.split_once("/fhir/").expect("a path").1;
        let text = client.get(path).expect(200).text();
        assert_eq!(text.lines().count() as u64, file["count"], "{path}");
        scanner.bytes("an export", text.as_bytes(), &mut seen);
    }
    assert_eq!(seen.found, std::collections::BTreeSet::new());
}

/// A backup from before brings nobody back.
fn restored(clinic: &mut Clinic, erased: &[Person], old: &str, scanner: &Scanner) {
    clinic.server.stop();
    let database = format!("sqlite:{}", clinic.server.database().display());
    let done = vigie(&["restore", old, "--database", &database, "--force"]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let seen = clinic.scan(scanner);
    assert_eq!(
        seen.found,
        std::collections::BTreeSet::new(),
        "after restore"
    );
    clinic.server.restart();
    clinic.client = clinic.server.client();
    for person in erased {
        assert_gone(&mut clinic.client, person, &clinic.ward);
    }
    // And where somebody has put the file there by hand.
    clinic.server.stop();
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", clinic.server.database().display()));
    }
    std::fs::copy(old, clinic.server.database()).expect("a copy");
    clinic.server.restart();
    clinic.client = clinic.server.client();
    for person in erased {
        clinic.client.get(&person.path).expect(404);
    }
    let seen = clinic.scan(scanner);
    assert_eq!(
        seen.found,
        std::collections::BTreeSet::new(),
        "after a copy by hand"
    );
}

fn backup(server: &Server, to: &str) {
    let database = format!("sqlite:{}", server.database().display());
    let done = vigie(&["backup", to, "--database", &database]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    assert!(Path::new(to).exists());
}

/// Fails naming only what has changed.
fn assert_same(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) {
    for (path, was) in before {
        let is = after
            .get(path)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert_eq!(
            is,
            Some(String::from_utf8_lossy(was).into_owned()),
            "{path}"
        );
    }
    assert_eq!(before.len(), after.len());
}

fn report(before: &Seen, after: &Seen, mut times: Vec<Duration>) {
    times.sort();
    println!(
        "erasure: {} canaries in {} files of {} bytes before; after the purge {} in {} files of {} \
         bytes; purge p50 {} ms",
        before.found.len(),
        before.files,
        before.bytes,
        after.found.len(),
        after.files,
        after.bytes,
        times[times.len() / 2].as_millis()
    );
}

#[test]
fn what_would_be_erased_is_counted_first() {
    let mut clinic = Clinic::open(false);
    let person = clinic.admit("covid-case");
    let dry = json!({ "resourceType": "Parameters",
        "parameter": [{ "name": "dryRun", "valueBoolean": true }] });
    let path = format!("{}/$purge", person.path);
    let counts = clinic.client.post(&path, &dry).expect(200).json();
    let count = |name: &str| {
        let parts = counts["parameter"].as_array().into_iter().flatten();
        let mut found = parts.filter(|part| part["name"] == name);
        found
            .next()
            .and_then(|part| part["valueInteger"].as_u64())
            .unwrap_or(0)
    };
    assert_eq!(
        (count("Patient"), count("CarePlan"), count("shared")),
        (1, 1, 3)
    );
    assert_eq!(count("Binary"), 3);
    clinic.client.get(&person.path).expect(200);
    let wrong = json!({ "resourceType": "Parameters",
        "parameter": [{ "name": "dryrun", "valueBoolean": true }] });
    clinic.client.post(&path, &wrong).expect(400);
    clinic.client.get(&person.path).expect(200);
    clinic.client.get("$purge-status?id=none").expect(404);
}
