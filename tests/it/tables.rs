//! Tables in and out, over the public API.
//!
//! The malformed ones are data: every file of `fixtures/malformed-csv/`, whose README says how
//! what is expected of each is written.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{Client, Options, Reply, Server};

/// Acceptance asks for this many malformed tables.
const MALFORMED_MIN: usize = 30;

/// A Wednesday morning in Paris.
pub const MORNING: &str = "2030-03-27T08:00:00Z";

/// A server whose clock stands at [`MORNING`], and a team.
pub fn agency() -> (Server, Client, String) {
    let server = Server::start_with(Options {
        environment: vec![("VIGIE_CLOCK_START".to_owned(), MORNING.to_owned())],
        ..Default::default()
    });
    let mut client = server.client();
    let nurse = json!({ "resourceType": "Practitioner", "name": [{ "family": "Lefort" }] });
    let nurse = client.post("Practitioner", &nurse).expect(201).location();
    let team = json!({
        "resourceType": "CareTeam",
        "status": "active",
        "participant": [{ "member": { "reference": nurse } }],
    });
    let team = client.post("CareTeam", &team).expect(201).location();
    (server, client, team)
}

/// Sends a table of people, with what holds for all rows.
pub fn import(client: &mut Client, query: &str, table: &[u8]) -> Reply {
    send(client, &format!("Patient/$import?{query}"), table)
}

/// Sends a table to any path.
pub fn send(client: &mut Client, path: &str, table: &[u8]) -> Reply {
    let csv = [("content-type", "text/csv")];
    client.send("POST", path, &csv, table).expect("a reply")
}

/// The numbers that an import's Task tells: rows, created, unchanged, rejected.
pub fn told(task: &Value) -> [u64; 4] {
    ["rows", "created", "unchanged", "rejected"].map(|code| {
        let outputs = task["output"].as_array().into_iter().flatten();
        let mut of_code = outputs.filter(|one| one["type"]["coding"][0]["code"] == code);
        of_code
            .next()
            .and_then(|one| one["valueInteger"].as_u64())
            .unwrap_or_default()
    })
}

/// Places and reasons of an OperationOutcome.
pub fn faults(outcome: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let issues = outcome["issue"].as_array().into_iter().flatten();
    issues
        .map(|issue| (text(&issue["expression"][0]), text(&issue["diagnostics"])))
        .collect()
}

/// How many resources there are of a type.
pub fn count(client: &mut Client, kind: &str) -> u64 {
    let page = client.get(&format!("{kind}?_summary=count")).expect(200);
    page.json()["total"].as_u64().expect("a total")
}

/// One malformed table.
struct Case {
    name: String,
    table: Vec<u8>,
    /// Which operation takes it.
    answers: bool,
    /// Places, and a part of each reason.
    expected: Vec<(String, String)>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/malformed-csv");
    let expected = fs::read_to_string(folder.join("expected.jsonl")).expect("what is expected");
    let case = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("one case a line");
        let name = line["file"].as_str().expect("a file").to_owned();
        let faults = line["faults"].as_array().expect("faults").iter();
        Case {
            table: fs::read(folder.join(&name)).expect(&name),
            answers: line["answers"] == true,
            expected: faults
                .map(|one| {
                    let text = |at: usize| one[at].as_str().expect("a text").to_owned();
                    (text(0), text(1))
                })
                .collect(),
            name,
        }
    };
    let cases: Vec<Case> = expected.lines().map(case).collect();
    let named: BTreeSet<String> = cases.iter().map(|case| case.name.clone()).collect();
    let there: BTreeSet<String> = fs::read_dir(&folder)
        .expect("fixtures/malformed-csv")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.ends_with(".csv"))
        .collect();
    assert_eq!(
        named, there,
        "each file is expected, each expected is there"
    );
    cases
}

#[test]
fn each_fault_of_a_malformed_table_is_named_with_its_place_and_nothing_is_written() {
    let (_server, mut client, team) = agency();
    let cases = cases();
    assert!(cases.len() >= MALFORMED_MIN, "{}", cases.len());
    let written = [
        "Patient",
        "Consent",
        "CarePlan",
        "RelatedPerson",
        "QuestionnaireResponse",
    ];
    for case in cases {
        let path = if case.answers {
            "QuestionnaireResponse/$import?planDefinition=covid-contact".to_owned()
        } else {
            format!("Patient/$import?planDefinition=covid-contact&careTeam={team}")
        };
        let reply = send(&mut client, &path, &case.table);
        let answer = reply.json();
        let found = match reply.status {
            422 => faults(&answer),
            200 => faults(&answer["contained"][0]),
            other => panic!("{}: {other}: {answer}", case.name),
        };
        assert_eq!(found.len(), case.expected.len(), "{}: {found:?}", case.name);
        for ((place, reason), (wanted, part)) in found.iter().zip(&case.expected) {
            assert_eq!(place, wanted, "{}: {reason}", case.name);
            assert!(reason.contains(part), "{}: {reason}", case.name);
        }
        for kind in written {
            assert_eq!(count(&mut client, kind), 0, "{}: {kind}", case.name);
        }
    }
}

const PEOPLE: &str = "identifiant;nom;prénom;date de naissance;sexe;téléphone;courriel;consentement;canal\r\n\
    A1;Canary-Durand;Zoé;07/04/1985;F;06 12 34 56 78;zoe@home.example;oui;app\r\n\
    A2;Canary-Petit;Luc;1960-12-01;M;04 72 00 00 00;;oui;téléphone\r\n\
    A3;Canary-Roux;Ana;31/04/1990;F;;;oui;\r\n";

#[test]
fn a_table_of_people_starts_their_follow_ups_and_read_again_changes_nothing() {
    let (_server, mut client, team) = agency();
    let query = format!("planDefinition=covid-contact&careTeam={team}");
    let task = import(&mut client, &query, PEOPLE.as_bytes())
        .expect(200)
        .json();
    assert_eq!(task["status"], "completed");
    assert_eq!(told(&task), [3, 2, 0, 1], "{task}");
    let rejected = faults(&task["contained"][0]);
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].0, "line[4].date de naissance");
    assert_eq!(
        (
            count(&mut client, "Patient"),
            count(&mut client, "CarePlan")
        ),
        (2, 2)
    );
    assert_eq!(
        (count(&mut client, "Consent"), count(&mut client, "Task")),
        (2, 28 + 1)
    );
    let found = client
        .get("Patient?phone=%2B33612345678")
        .expect(200)
        .json();
    assert_eq!(found["entry"][0]["resource"]["name"][0]["given"][0], "Zoé");
    let kinds = ["Patient", "Consent", "CarePlan", "RelatedPerson"];
    let before: Vec<String> = kinds.map(|kind| client.get(kind).text()).into();
    let again = import(&mut client, &query, PEOPLE.as_bytes())
        .expect(200)
        .json();
    assert_eq!(told(&again), [3, 0, 2, 1], "{again}");
    let after: Vec<String> = kinds.map(|kind| client.get(kind).text()).into();
    assert_eq!(before, after);
}

#[test]
fn what_a_task_keeps_of_a_table_holds_nobody() {
    let (server, mut client, team) = agency();
    let query = format!("planDefinition=covid-contact&careTeam={team}");
    let table = "nom;prenom;naissance;tel\nCanary-Xyz;Zoé;1985-13-45;call-canary\n";
    let task = import(&mut client, &query, table.as_bytes())
        .expect(200)
        .text();
    for told in ["Canary", "1985-13", "call"] {
        assert!(!task.contains(told), "{task}");
    }
    assert!(!server.output().contains("Canary"));
}
