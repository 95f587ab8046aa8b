//! One form of each address, one meaning of each request: paths in disguise, verbs in disguise,
//! parameters given twice, and heads that two readers would cut at different places.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use serde_json::json;

use crate::harness::{Client, Server};

const CANARY: &str = "Quetzal-7312";

fn ward() -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    for (id, gender) in [("a", "female"), ("b", "male")] {
        let patient = json!({"resourceType": "Patient", "id": id, "gender": gender,
            "name": [{"family": CANARY}]});
        client.put(&format!("Patient/{id}"), &patient).expect(201);
    }
    (server, client)
}

#[test]
fn a_path_in_disguise_leads_nowhere() {
    let (_server, mut client) = ward();
    assert!(
        client
            .get("/fhir/Patient/a")
            .expect(200)
            .text()
            .contains(CANARY)
    );
    for path in [
        "//fhir/Patient/a",
        "/fhir//Patient/a",
        "/fhir/Patient//a",
        "/fhir/./Patient/a",
        "/fhir/Patient/./a",
        "/fhir/x/../Patient/a",
        "/fhir/metadata/../Patient/a",
        "/healthz/../fhir/Patient/a",
        "/fhir/%2e%2e/fhir/Patient/a",
        "/fhir/Patient/%2e%2e/Patient/a",
        "/fhir/Patient/..%2fPatient%2fa",
        "/fhir/Patient%2fa",
        "/fhir/Patient%252fa",
        "/fhir%2fPatient/a",
        "/fhir/Patient/a;x=1",
        "/fhir/Patient;x=1/a",
        "/fhir/Patient/a%00",
        "/fhir/Patient/a%00.json",
        "/fhir/Patient/a%20",
        "/fhir/Patient/a%0d%0a",
        "/fhir/Patient/a.json",
        "/fhir/Patient/A",
        "/FHIR/Patient/a",
        "/fhir/patient/a",
        "/fhir/PATIENT/a",
        "/fhir\\Patient\\a",
        "/fhir/Patient/%ef%bd%81",
        "/fhir/Patient/%c1%a1",
        "/fhir/Patient/%u0061",
        "/fhir/Patient/a/_history/1/",
        "/fhir/Patient/a/_history/01",
        "/fhir/Patient/a/_history/+1",
        "/fhir/Patient/a/_history/1%00",
        "/fhir/.well-known/../Patient/a",
        "/auth/../fhir/Patient/a",
    ] {
        let reply = client.send("GET", path, &[], b"").expect("a reply");
        assert!(
            (400..500).contains(&reply.status),
            "{path}: {}",
            reply.status
        );
        assert!(!reply.text().contains(CANARY), "{path}: {}", reply.text());
    }
}

#[test]
fn a_verb_is_what_the_first_line_says() {
    let (_server, mut client) = ward();
    for name in [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        for (method, path) in [("GET", "Patient/a"), ("POST", "Patient/_search")] {
            let headers = [
                (name, "DELETE"),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            client.send(method, path, &headers, b"").expect("a reply");
        }
    }
    client.get("Patient/a?_method=DELETE");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    client
        .send("POST", "Patient/_search", &form, b"_method=DELETE")
        .expect("a reply");
    for (name, value) in [
        ("x-original-url", "/fhir/Patient/b"),
        ("x-rewrite-url", "/fhir/Patient/b"),
        ("x-forwarded-prefix", "/fhir/Patient/b"),
    ] {
        let reply = client
            .send("GET", "metadata", &[(name, value)], b"")
            .expect("a reply");
        assert_eq!(
            reply.json()["resourceType"],
            "CapabilityStatement",
            "{name}"
        );
    }
    assert_eq!(
        client.get("Patient/a").expect(200).header("etag"),
        Some("W/\"1\"")
    );
    for verb in ["TRACE", "CONNECT", "PROPFIND", "get", "DEBUG"] {
        let reply = client.send(verb, "Patient/a", &[], b"");
        if let Ok(reply) = reply {
            assert!(!reply.text().contains(CANARY), "{verb}");
            assert!(
                (400..502).contains(&reply.status),
                "{verb}: {}",
                reply.status
            );
        }
    }
}

#[test]
fn links_begin_with_the_base_and_not_with_what_the_client_calls_the_host() {
    let (server, mut client) = ward();
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-host", "evil.example"),
        ("host", "evil.example"),
    ] {
        let reply = client.send("GET", "Patient?_count=1", &[(name, value)], b"");
        // Two names of the host may be refused.
        let text = reply.map(|reply| reply.text()).unwrap_or_default();
        assert!(!text.contains("evil.example"), "{name}: {text}");
    }
    let text = raw(
        &server,
        b"GET http://evil.example/fhir/Patient?_count=1 HTTP/1.1\r\nhost: evil.example\r\n\
          connection: close\r\n\r\n",
    );
    assert!(!text.contains("evil.example"), "{text}");
}

#[test]
fn a_parameter_given_twice_has_the_meaning_that_fhir_gives_it() {
    let (_server, mut client) = ward();
    let mut found = |query: &str| {
        let reply = client.get(&format!("Patient?{query}")).expect(200);
        reply.text().matches(CANARY).count()
    };
    // Both must hold, whichever comes first, and wherever it is said.
    assert_eq!(found("_id=a&_id=b"), 0);
    assert_eq!(found("gender=male&gender=female"), 0);
    assert_eq!(found("_id=a&_id=a"), 1);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = client.send("POST", "Patient/_search?_id=a", &form, b"_id=b");
    let reply = reply.expect("a reply").expect(200);
    assert!(!reply.text().contains(CANARY));
    // What can only be said once is refused, or the same whatever the order.
    let page = |client: &mut Client, query: &str| {
        let reply = client.get(&format!("Patient?{query}"));
        assert!(reply.status < 500, "{query}");
        reply.text().matches(CANARY).count()
    };
    for query in [
        "_count=1&_count=1000",
        "_summary=count&_summary=false",
        "_elements=id&_elements=name",
    ] {
        page(&mut client, query);
    }
}

/// All that is answered to these bytes on one connection.
fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a time-out");
    // The server may close before it has read all.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    String::from_utf8_lossy(&reply).into_owned()
}

#[test]
fn a_request_within_a_request_is_not_answered() {
    let (server, _) = ward();
    let within = "GET /fhir/Patient/a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let head = "POST /fhir/Patient/_search?_id=nobody HTTP/1.1\r\nhost: a\r\n\
                content-type: application/x-www-form-urlencoded\r\n";
    for framing in [
        // Two lengths, in either order, in one line or in two.
        "content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "content-length: 5\r\ncontent-length: 0\r\n\r\n",
        "content-length: 5, 0\r\n\r\n",
        "content-length: +0\r\n\r\n",
        "content-length: 0x0\r\n\r\n",
        "content-length: \r\n\r\n",
        // Encodings that some readers take for chunked and others do not.
        "transfer-encoding: xchunked\r\n\r\n",
        "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding: identity\r\n\r\n",
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        " transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        // Chunks whose length can be read in two ways.
        "transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n-0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n",
        // Lines that go on, and lines that end too soon.
        "x: a\r\n b\r\n\r\n",
        "x: a\0b\r\n\r\n",
        "x\r\n\r\n",
    ] {
        let answer = raw(&server, format!("{head}{framing}{within}").as_bytes());
        assert!(!answer.contains(CANARY), "{framing:?}: {answer}");
        // Where two lengths are given, chunks count, and the connection ends with the answer.
        let is_closed =
            framing.contains("length: 0\r\ntransfer") && answer.contains("connection: close");
        let status = answer.split(' ').nth(1).unwrap_or("400");
        assert!(
            status.starts_with('4') || is_closed,
            "{framing:?}: {answer}"
        );
        assert!(
            answer.matches("HTTP/1.1 ").count() <= 1,
            "{framing:?}: {answer}"
        );
    }
    // In the old version of HTTP there are no chunks.
    let old = head.replace("HTTP/1.1", "HTTP/1.0");
    let answer = raw(
        &server,
        format!("{old}transfer-encoding: chunked\r\n\r\n0\r\n\r\n{within}").as_bytes(),
    );
    assert!(!answer.contains(CANARY), "{answer}");
}
