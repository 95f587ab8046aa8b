//! The runner held to itself: a server that answers from a script, and cases that must fail.

use std::{
    io::{Read, Write},
    net::TcpListener,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    case::{Level, Section, sections},
    client::Client,
    parts::spread,
    path::find,
    report::Report,
    run::Runner,
    smart::Logins,
    variables::Variables,
};

/// A server that gives these answers, one a connection, and then ends.
fn scripted(answers: Vec<(u16, &'static str, Value)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/fhir", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (status, headers, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            let mut byte = [0_u8; 1];
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let body = body.to_string();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    base
}

fn statement() -> (u16, &'static str, Value) {
    let body = json!({"resourceType": "CapabilityStatement", "format": ["json"],
        "software": {"name": "Scripted"}});
    (200, "", body)
}

async fn ran(answers: Vec<(u16, &'static str, Value)>, case: Value) -> Report {
    let mut all = vec![statement()];
    all.extend(answers);
    let client = Client::new(&scripted(all), &[], Duration::from_secs(5)).unwrap();
    let section: Section = serde_json::from_value(json!({
        "id": "s", "title": "A section", "spec": "http://hl7.org/fhir/R4/http.html",
        "cases": [case],
    }))
    .unwrap();
    let runner = Runner::new(client, Logins::default()).await.unwrap();
    runner.sections(&[section], &mut |_| {}).await
}

fn reading(expect: Value) -> Value {
    json!({"id": "c", "level": "SHALL", "title": "A case",
        "steps": [{"do": "GET", "path": "/Patient/1", "expect": expect}]})
}

#[test]
fn every_case_fits_the_schema_and_has_its_own_id() {
    let all = sections(None, &[]).unwrap();
    let mut ids: Vec<&str> = all
        .iter()
        .flat_map(|section| &section.cases)
        .map(|case| case.id.as_str())
        .collect();
    let number = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), number);
    assert!(sections(None, &["no-such".to_owned()]).is_err());
    assert_eq!(
        sections(None, &["read-unknown".to_owned()]).unwrap()[0]
            .cases
            .len(),
        1
    );
}

#[tokio::test(flavor = "current_thread")]
async fn what_does_not_hold_fails() {
    let patient = json!({"resourceType": "Patient", "id": "1", "active": true});
    for (expect, holds) in [
        (json!([{"status": [200]}]), true),
        (json!([{"status": [201, 404]}]), false),
        (json!([{"json": {"at": "active", "is": true}}]), true),
        (json!([{"json": {"at": "active", "is": false}}]), false),
        (json!([{"json": {"at": "name"}}]), false),
        (json!([{"json": {"at": "name", "count": 0}}]), true),
        (json!([{"none": "name"}]), true),
        (json!([{"none": "active"}]), false),
        (json!([{"header": {"name": "etag", "is": "W/\"1\""}}]), true),
        (
            json!([{"header": {"name": "etag", "is": "W/\"2\""}}]),
            false,
        ),
        (json!([{"header": {"name": "location"}}]), false),
        (json!([{"header": {"name": "etag", "absent": true}}]), false),
        (json!([{"text": "^\\{"}]), true),
        (json!([{"text": "^<"}]), false),
        (json!([{"outcome": {}}]), false),
        (
            json!([{"resource": {"resourceType": "Patient", "active": true}}]),
            true,
        ),
        (json!([{"resource": {"resourceType": "Patient"}}]), false),
    ] {
        let answer = (200, "ETag: W/\"1\"\r\n", patient.clone());
        let report = ran(vec![answer], reading(expect.clone())).await;
        assert_eq!(report.failed(Level::Shall) == 0, holds, "{expect}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn matches_are_told_from_what_comes_along() {
    let bundle = json!({"resourceType": "Bundle", "entry": [
        {"resource": {"id": "a"}, "search": {"mode": "match"}},
        {"resource": {"id": "b"}, "search": {"mode": "match"}},
        {"resource": {"id": "c"}, "search": {"mode": "include"}}]});
    for (expect, holds) in [
        (json!([{"matches": {"only": ["b", "a"]}}]), true),
        (json!([{"matches": {"only": ["a"]}}]), false),
        (json!([{"matches": {"has": ["c"]}}]), false),
        (json!([{"matches": {"lacks": ["a"]}}]), false),
        (json!([{"matches": {"order": ["a", "b"]}}]), true),
        (json!([{"matches": {"order": ["b", "a"]}}]), false),
        (json!([{"included": {"only": ["c"]}}]), true),
    ] {
        let report = ran(vec![(200, "", bundle.clone())], reading(expect.clone())).await;
        assert_eq!(report.failed(Level::Shall) == 0, holds, "{expect}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_the_server_does_not_offer_is_skipped_and_told() {
    let mut case = reading(json!([{"status": [200]}]));
    case["when"] = json!([{"json": {"at": "format[*]", "is": "xml"}}]);
    let report = ran(Vec::new(), case).await;
    assert!(report.summary().contains("1 skipped"));
    let folder = tempfile(&report);
    assert!(folder.0.contains("<skipped"), "{}", folder.0);
    assert!(folder.1.contains("skip <code>c</code>"), "{}", folder.1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_step_uses_what_an_earlier_one_has_kept_and_waits_for_what_goes_on() {
    let case = json!({"id": "c", "level": "SHALL", "title": "A case", "steps": [
        {"do": "POST", "path": "/x", "body": {}, "save": {"job": "header:location:/([a-z]+)$"}},
        {"do": "GET", "path": "/jobs/${job}", "while": 202, "expect": [{"status": [200]}]},
        {"do": "GET", "path": "/jobs/${none}"}]});
    let report = ran(
        vec![
            (202, "Location: http://h/jobs/abc\r\n", json!({})),
            (202, "", json!({})),
            (200, "", json!({})),
        ],
        case,
    )
    .await;
    assert!(
        report.summary().contains("step 3: no step has kept 'none'"),
        "{}",
        report.summary()
    );
    assert!(report.failures().contains("GET /jobs/abc"));
}

#[test]
fn parts_stand_in_place_with_what_is_given_and_expected() {
    let login = vec![json!({"do": "GET", "path": "/${whom}/${id}", "expect": [{"status": [200]}]})];
    let twice = vec![
        json!({"use": "login", "with": {"whom": "${who}"}}),
        json!({"use": "login"}),
    ];
    let round = vec![json!({"use": "round"})];
    let part = |name: &str| match name {
        "login" => Some(&login),
        "twice" => Some(&twice),
        "round" => Some(&round),
        _ => None,
    };
    let step = json!({"use": "twice", "with": {"who": "Patient"},
        "save": {"a": "json:a"}, "expect": [{"none": "b"}]});
    let steps = spread(&[step], &part).unwrap();
    assert_eq!(steps.len(), 2);
    assert_eq!(steps[0]["path"], "/Patient/${id}");
    assert_eq!(
        steps[1]["expect"],
        json!([{"status": [200]}, {"none": "b"}])
    );
    assert_eq!(steps[1]["save"], json!({"a": "json:a"}));
    assert!(spread(&[json!({"use": "none"})], &part).is_err());
    assert!(spread(&round, &part).is_err(), "a part that takes itself");
}

#[tokio::test(flavor = "current_thread")]
async fn what_the_file_of_logins_does_not_give_is_skipped() {
    let mut case = reading(json!([{"status": [200]}]));
    case["needs"] = json!(["public_id"]);
    let report = ran(Vec::new(), case).await;
    assert_eq!(report.skipped(), 1);
}

#[test]
fn reports_cannot_be_broken_by_what_servers_send() {
    let mut variables = Variables::default();
    variables.set("a", "1");
    assert_eq!(
        variables.fill(&json!({"x": ["${a}b"]})).unwrap(),
        json!({"x": ["1b"]})
    );
    let tree = json!({"link": [{"relation": "next", "url": "u"}], "a": [{"b": 1}, {"b": 2}]});
    assert_eq!(find(&tree, "link[relation=next].url"), [&json!("u")]);
    assert_eq!(find(&tree, "a[*].b"), [&json!(1), &json!(2)]);
    assert_eq!(find(&tree, "a[1].b"), [&json!(2)]);
    assert!(find(&tree, "a[7].b").is_empty());
}

/// The JUnit document and the page of a report, written and read back.
fn tempfile(report: &Report) -> (String, String) {
    let folder = std::env::temp_dir().join(format!("vigie-conformance-{}", std::process::id()));
    report.write(&folder).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let both = (read("junit.xml"), read("report.html"));
    std::fs::remove_dir_all(&folder).unwrap();
    both
}
