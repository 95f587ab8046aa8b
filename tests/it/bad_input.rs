//! What must be refused is refused with the right status and place, and never with a 5xx.
//!
//! The cases are data: every line of `fixtures/bad-input/*.jsonl`, whose README says what the
//! fields mean. Below them, what no JSON line can say: broken HTTP.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use serde_json::Value;

use crate::harness::{Client, Reply, Server};

/// Acceptance asks for this many cases.
const CASES_MIN: usize = 60;

/// Most bytes of a request that an answer may say again: a name, a code, not a text.
const ECHO_MAX: usize = 64;

fn cases() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad-input");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("fixtures/bad-input")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            let text = fs::read_to_string(file).expect("a file of cases");
            let parse = |line: &str| serde_json::from_str(line).expect("one case a line");
            text.lines().map(parse).collect::<Vec<Value>>()
        })
        .collect()
}

fn body_of(case: &Value) -> Vec<u8> {
    match (case["body"].as_str(), case["body_bytes"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(bytes)) => bytes
            .chars()
            .map(|c| u8::try_from(c).expect("a byte"))
            .collect(),
        (None, None) => Vec::new(),
    }
}

fn ask(client: &mut Client, case: &Value) -> Reply {
    let method = case["method"].as_str().expect("a method");
    let path = format!("/fhir{}", case["path"].as_str().expect("a path"));
    let body = body_of(case);
    let mut headers: Vec<(&str, &str)> = case["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect();
    let typed = headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !typed && (!body.is_empty() || method == "POST") {
        headers.push(("content-type", "application/fhir+json"));
    }
    client
        .send(method, path.trim_end_matches('/'), &headers, &body)
        .unwrap_or_else(|error| panic!("{}: no reply: {error}", case["name"]))
}

/// What the reply gets wrong, in words.
fn fault_of(case: &Value, reply: &Reply) -> Option<String> {
    let expect = &case["expect"];
    if expect["status"] != reply.status {
        return Some(format!("status {}, not {}", reply.status, expect["status"]));
    }
    let outcome: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if outcome["resourceType"] != "OperationOutcome" {
        return Some("no OperationOutcome".to_owned());
    }
    let met = |issue: &Value| {
        let code = expect.get("code").is_none_or(|code| *code == issue["code"]);
        let at = |place: &Value| {
            let places = issue["expression"].as_array();
            places.is_some_and(|places| places.contains(place))
        };
        issue["severity"] == "error" && code && expect.get("expression").is_none_or(at)
    };
    let issues = outcome["issue"].as_array();
    if !issues.is_some_and(|issues| issues.iter().any(met)) {
        return Some(format!("no issue as expected {expect}"));
    }
    echo_of(&body_of(case), &outcome).map(|echo| format!("says again `{echo}`"))
}

/// A long stretch of the request that the outcome's texts repeat.
fn echo_of(body: &[u8], outcome: &Value) -> Option<String> {
    let sent = String::from_utf8_lossy(body).into_owned();
    outcome["issue"]
        .as_array()?
        .iter()
        .filter_map(|issue| issue["diagnostics"].as_str())
        .flat_map(|text| text.as_bytes().windows(ECHO_MAX))
        .filter_map(|window| std::str::from_utf8(window).ok())
        .find(|window| sent.contains(window))
        .map(str::to_owned)
}

#[test]
fn every_case_is_refused_as_it_deserves() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    let names: BTreeSet<&str> = cases
        .iter()
        .filter_map(|case| case["name"].as_str())
        .collect();
    assert_eq!(names.len(), cases.len(), "names are unique");
    let server = Server::start();
    let mut client = server.client();
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let reply = ask(&mut client, case);
            let fault = fault_of(case, &reply)?;
            Some(format!(
                "{}: {fault}; it was {}",
                case["name"],
                reply.text()
            ))
        })
        .collect();
    println!(
        "bad input: {} cases, {} answered wrongly",
        cases.len(),
        faults.len()
    );
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// What a peer that does not speak HTTP gets: a 4xx or a closed connection; and the server lives.
#[test]
fn broken_http_is_refused_and_harms_nobody_else() {
    let server = Server::start();
    let endless = format!("GET /fhir/{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
    let headers = format!(
        "GET /fhir/metadata HTTP/1.1\r\n{}\r\n",
        "a: b\r\n".repeat(10_000)
    );
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"HELO there\r\n\r\n",
        b"GET /fhir/metadata HTTP/9.9\r\n\r\n",
        b"GET /fhir/metadata HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        b"POST /fhir/Patient HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /fhir/Patient HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}",
        b"POST /fhir/Patient HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /fhir/Patient?name=%ff%fe HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        b"GET /fhir/Patient/%00 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        endless.as_bytes(),
        headers.as_bytes(),
    ] {
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        // The server may close before it has read all.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply);
        let reply = String::from_utf8_lossy(&reply).into_owned();
        let status = reply.split(' ').nth(1).unwrap_or("400").to_owned();
        assert!(status.starts_with(['2', '4']), "{head}: {reply}");
    }
    server.client().get("metadata").expect(200);
}
