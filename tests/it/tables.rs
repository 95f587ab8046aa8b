//! Tables in and out, over the public API.
//!
//! The malformed ones are data: every file of `fixtures/malformed-csv/`, whose README says how
//! what is expected of each is written.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{Client, Options, Reply, Server, vigie};

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

/// The cells of a CSV without quotes, by row.
pub fn cells(table: &str) -> Vec<Vec<&str>> {
    let rows = table.trim_start_matches('\u{feff}').lines();
    rows.map(|row| row.split(',').collect()).collect()
}

/// A column of a list, by its name in the header.
#[track_caller]
pub fn column<'a>(cells: &[Vec<&'a str>], name: &str) -> Vec<&'a str> {
    let at = cells[0].iter().position(|title| *title == name);
    let at = at.unwrap_or_else(|| panic!("no column {name} in {:?}", cells[0]));
    cells[1..].iter().map(|row| row[at]).collect()
}

/// A table as CSV.
#[track_caller]
pub fn list(client: &mut Client, path: &str) -> String {
    let csv = [("accept", "text/csv")];
    let reply = client
        .send("GET", path, &csv, b"")
        .expect("a reply")
        .expect(200);
    let kind = reply.header("content-type").unwrap_or_default().to_owned();
    assert!(kind.starts_with("text/csv"), "{kind}");
    reply.text()
}

#[test]
fn a_great_table_is_taken_in_later_and_survives_being_killed() {
    let (mut server, mut client, team) = agency();
    let mut table = "id;nom;prenom;naissance;consentement\n".to_owned();
    for n in 0..130 {
        let letter = char::from(b'a' + u8::try_from(n % 26).expect("a letter"));
        table.push_str(&format!(
            "{n};Canary{letter}{n};Zoé{n};{}-01-01;oui\n",
            1900 + n
        ));
    }
    // One of them has a date that is none.
    table = table.replace("Zoé7;1907-01-01", "Zoé7;1907-02-30");
    let query = format!("planDefinition=covid-contact&careTeam={team}");
    let reply = import(&mut client, &query, table.as_bytes()).expect(202);
    let place = reply
        .header("content-location")
        .expect("a place")
        .to_owned();
    let (_, task) = place.split_once("/fhir/").expect("below the base");
    let before = client.get(task).expect(200).json();
    assert_eq!(
        (&before["status"], told(&before)),
        (&json!("in-progress"), [130, 0, 0, 1])
    );
    server.kill();
    server.restart();
    let mut client = server.client();
    server.set_clock("2030-03-27T08:00:01Z");
    let after = client.get(task).expect(200).json();
    assert_eq!(
        (&after["status"], told(&after)),
        (&json!("completed"), [130, 129, 0, 1])
    );
    let places: Vec<String> = faults(&after["contained"][0])
        .into_iter()
        .map(|(place, _)| place)
        .collect();
    assert_eq!(places, ["line[9].naissance"]);
    assert_eq!(count(&mut client, "Patient"), 129);
    assert_eq!(count(&mut client, "CarePlan"), 129);
    let again = import(&mut client, &query, table.as_bytes()).expect(202);
    server.set_clock("2030-03-27T08:00:02Z");
    let place = again
        .header("content-location")
        .expect("a place")
        .to_owned();
    let (_, task) = place.split_once("/fhir/").expect("below the base");
    let task = client.get(task).expect(200).json();
    assert_eq!(told(&task), [130, 0, 129, 1]);
}

#[test]
fn a_client_may_choose_not_to_wait() {
    let (server, mut client, team) = agency();
    let path = format!("Patient/$import?planDefinition=covid-contact&careTeam={team}");
    let headers = [("content-type", "text/csv"), ("prefer", "respond-async")];
    let reply = client.send("POST", &path, &headers, PEOPLE.as_bytes());
    let task = reply.expect("a reply").expect(202).json();
    assert_eq!(task["status"], "in-progress");
    assert_eq!(count(&mut client, "Patient"), 0);
    server.set_clock("2030-03-27T08:00:01Z");
    assert_eq!(count(&mut client, "Patient"), 2);
}

#[test]
fn a_table_may_come_as_a_binary_or_in_parameters_and_from_a_spreadsheet() {
    let (_server, mut client, team) = agency();
    // "nom;prenom;naissance;consentement\nCanary-A;Zo\xe9;1990-01-01;oui\n" in Windows-1252.
    let data =
        "bm9tO3ByZW5vbTtuYWlzc2FuY2U7Y29uc2VudGVtZW50CkNhbmFyeS1BO1pv6TsxOTkwLTAxLTAxO291aQo=";
    let parameters = json!({
        "resourceType": "Parameters",
        "parameter": [
            { "name": "planDefinition", "valueString": "covid-contact" },
            { "name": "careTeam", "valueReference": { "reference": team } },
            { "name": "file", "valueAttachment": { "contentType": "text/csv", "data": data } },
        ],
    });
    let task = client
        .post("Patient/$import", &parameters)
        .expect(200)
        .json();
    assert_eq!(told(&task), [1, 1, 0, 0], "{task}");
    let people = client.get("Patient").expect(200).json();
    assert_eq!(people["entry"][0]["resource"]["name"][0]["given"][0], "Zoé");
    let binary = json!({ "resourceType": "Binary", "contentType": "text/csv", "data": data });
    let path = format!("Patient/$import?planDefinition=covid-contact&careTeam={team}");
    let task = client.post(&path, &binary).expect(200).json();
    assert_eq!(told(&task), [1, 0, 1, 0], "{task}");
}

#[test]
fn parameters_of_an_import_that_are_wrong_are_named() {
    let (_server, mut client, _team) = agency();
    for (query, place) in [
        ("careTeam=Patient/x", "careTeam"),
        ("timeZone=Europe/Lyon", "timeZone"),
        ("colour=blue", "colour"),
    ] {
        let reply = import(&mut client, query, PEOPLE.as_bytes()).expect(400);
        let found = faults(&reply.json());
        assert!(found[0].0.contains(place), "{query}: {found:?}");
    }
    let none = client.post("Patient/$import", &json!({ "resourceType": "Parameters" }));
    none.expect(400);
    let other = [("content-type", "text/plain")];
    let reply = client.send("POST", "Patient/$import", &other, b"nom\n");
    reply.expect("a reply").expect(415);
}

#[test]
fn the_command_follows_an_import_to_its_end_and_prints_what_was_refused() {
    let (server, mut client, team) = agency();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("people.csv");
    fs::write(&file, PEOPLE).expect("a table");
    let (file, base) = (
        file.display().to_string(),
        format!("{}/fhir", server.origin()),
    );
    let team = team.replace("CareTeam/", "");
    let run = |arguments: &[&str]| {
        let mut all = vec!["import", "--base", &base, &file];
        all.extend(arguments);
        let output = vigie(&all);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (sound, says, notes) = run(&["--pathway", "covid-contact", "--care-team", &team]);
    assert!(!sound, "a row was refused");
    assert!(
        says.contains("3 rows, 2 taken in, 0 known already, 1 refused"),
        "{says}"
    );
    assert!(notes.contains("line[4].date de naissance"), "{notes}");
    assert_eq!(count(&mut client, "CarePlan"), 2);
    let (sound, _, notes) = run(&["--care-team", &team]);
    assert!(!sound && notes.contains("line[1].parcours"), "{notes}");
}

#[test]
fn figures_are_a_report_and_a_table_of_the_same_numbers() {
    let (_server, mut client, team) = agency();
    let query = format!("planDefinition=covid-contact&careTeam={team}");
    import(&mut client, &query, PEOPLE.as_bytes()).expect(200);
    let path = "Measure/follow-up-figures/$evaluate-measure?periodStart=2030-03&periodEnd=2030-03";
    let report = client.get(path).expect(200).json();
    assert_eq!(report["type"], "summary");
    assert_eq!(
        report["period"],
        json!({ "start": "2030-03-01", "end": "2030-03-31" })
    );
    let started = &report["group"][1];
    assert_eq!(started["population"][0]["count"], 2);
    let channels = &started["stratifier"][3]["stratum"];
    assert_eq!(channels[0]["value"]["text"], "app");
    assert_eq!(channels[0]["population"][0]["count"], 1);
    let table = list(&mut client, path);
    assert!(
        table.contains("Suivis commencés,channel,phone,started,1,,"),
        "{table}"
    );
    let empty = client
        .get("Measure/follow-up-figures/$evaluate-measure?periodStart=2031-01&periodEnd=2031-12")
        .expect(200)
        .json();
    assert_eq!(empty["group"][1]["population"][0]["count"], 0);
    let posted = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "measure", "valueString":
            "https://vigie.example/fhir/Measure/follow-up-figures|1.0.0" },
        { "name": "organization", "valueString": "Organization/none" },
    ] });
    let other = client
        .post("Measure/$evaluate-measure", &posted)
        .expect(200)
        .json();
    assert_eq!(other["group"][1]["population"][0]["count"], 0);
}

#[test]
fn few_are_masked_where_the_operator_wishes_so() {
    let server = Server::start_with(Options {
        environment: vec![
            ("VIGIE_CLOCK_START".to_owned(), MORNING.to_owned()),
            ("VIGIE_FIGURES_SMALL_CELL".to_owned(), "5".to_owned()),
        ],
        ..Default::default()
    });
    let mut nurse = crate::harness::Nurse::of(&server);
    nurse.enrol(&server, "covid-medical");
    let mut client = server.client();
    let report = client
        .get("Measure/follow-up-figures/$evaluate-measure")
        .expect(200)
        .json();
    let people = &report["group"][0]["population"][0];
    assert!(people.get("count").is_none(), "{people}");
    assert_eq!(people["_count"]["extension"][0]["valueCode"], "masked");
}

#[test]
fn parameters_of_figures_and_lists_that_are_wrong_are_named() {
    let (_server, mut client, _team) = agency();
    for (path, status) in [
        ("Measure/none/$evaluate-measure", 404),
        ("Measure/$evaluate-measure", 400),
        (
            "Measure/follow-up-figures/$evaluate-measure?periodStart=soon",
            400,
        ),
        (
            "Measure/follow-up-figures/$evaluate-measure?periodStart=2031&periodEnd=2030",
            400,
        ),
        (
            "Measure/follow-up-figures/$evaluate-measure?reportType=subject-list",
            501,
        ),
        ("CarePlan/$line-list?status=lost", 400),
        ("CarePlan/$line-list?organization=Patient/x", 400),
        ("CarePlan/$line-list?separator=x", 400),
        ("CarePlan/$daily-list", 400),
        ("CarePlan/$daily-list?planDefinition=none", 422),
    ] {
        let reply = client.get(path).expect(status).json();
        assert_eq!(reply["resourceType"], "OperationOutcome", "{path}");
    }
}
