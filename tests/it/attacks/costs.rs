//! C6: searches that cost too much, each in the form in which it was tried elsewhere; and C14: what
//! is stored or asked leads this server to call nobody.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::ground::{Ground, record};
use crate::harness::{App, Client, Options, Reply, Server};

/// An answer comes within so long, on a machine that does other things as well.
const TIME_MAX: Duration = Duration::from_secs(15);

/// Most entries of a page, whatever is asked.
const PAGE_MAX: usize = 1_000;

fn repeated(word: &str, times: usize, between: &str) -> String {
    vec![word; times].join(between)
}

/// Asks, and holds the answer to what every answer is held to.
#[track_caller]
fn asked(client: &mut Client, query: &str) -> Reply {
    let begun = Instant::now();
    let reply = client.get(query);
    let told = format!("{:.120}: {} {:.300}", query, reply.status, reply.text());
    assert!(begun.elapsed() < TIME_MAX, "{told}");
    assert!([200, 400, 414, 431].contains(&reply.status), "{told}");
    if reply.status == 200 {
        let entries = reply.json()["entry"].as_array().map_or(0, Vec::len);
        // What comes along has a bound of its own, as large again.
        assert!(entries <= 2 * PAGE_MAX + 1, "{told}");
    }
    reply
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn c6_each_kind_of_search_that_costs_too_much_is_refused_or_bounded() {
    let ground = Ground::new();
    let mut all = ground.all();
    let has = |times: usize| repeated("_has:Observation:has-member", times, ":");
    let dates: Vec<String> = (0..100)
        .map(|year| format!("date=ge{}", 1900 + year))
        .collect();
    let tokens: Vec<String> = (0..10_000)
        .map(|number| format!("urn:x|{number}"))
        .collect();
    for (query, status) in [
        (
            format!("Organization?{}.name=x", repeated("partof", 6, ".")),
            400,
        ),
        (
            format!("Organization?{}.name=x", repeated("partof", 4, ".")),
            200,
        ),
        (format!("Observation?{}:code=x", has(6)), 400),
        (format!("Observation?{}:code=x", has(3)), 200),
        (format!("Observation?code={}", repeated("a", 200, ",")), 200),
        (format!("Observation?code={}", repeated("a", 257, ",")), 400),
        (
            format!(
                "Observation?code={}",
                repeated(&repeated("a", 200, ","), 6, "&code=")
            ),
            400,
        ),
        (format!("Observation?{}", dates.join("&")), 400),
        (format!("Observation?{}", dates[..60].join("&")), 200),
        (
            "Patient?name:contains=%25&address:contains=%25%25_%25".to_owned(),
            200,
        ),
        (
            format!("Patient?name:contains={}", repeated("%25", 3_000, "")),
            400,
        ),
        (format!("Patient?{}", repeated("_include=*", 17, "&")), 400),
        (
            format!("Observation?_filter={}", repeated("(", 600, "")),
            400,
        ),
        (
            format!("Observation?_sort={}", repeated("date", 5, ",")),
            400,
        ),
    ] {
        let reply = asked(&mut all, &query);
        let told = format!("{query:.120}: {:.300}", reply.text());
        assert_eq!(reply.status, status, "{told}");
        if status == 400 {
            assert_eq!(reply.json()["resourceType"], "OperationOutcome", "{told}");
        }
    }
    // The long list comes as a form, where an address would be too long.
    let form = format!("identifier={}", tokens.join(","));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let reply = all.send("POST", "Observation/_search", &kind, form.as_bytes());
    reply.expect("a reply").expect(400);
    assert!([400, 414, 431].contains(&all.get(&format!("Observation?{form}")).status));
    let page = asked(&mut all, "Patient?_count=1000000000")
        .expect(200)
        .json();
    let own = page["link"][0]["url"].as_str().unwrap_or_default();
    assert!(
        own.contains("_count=1000") && !own.contains("_count=10000"),
        "{own}"
    );
    // A sign of LIKE is a sign like any other.
    let none = asked(&mut all, "Patient?name:contains=%25&_total=accurate").json();
    assert_eq!(none["total"], 0, "{none}");
}

#[test]
fn c6_references_in_a_circle_come_to_an_end() {
    let ground = Ground::new();
    let mut all = ground.all();
    let organization = |id: &str, of: &str| {
        json!({"resourceType": "Organization", "id": id, "name": id,
            "partOf": {"reference": format!("Organization/{of}")}})
    };
    // The parts refer to each other before all of them stand.
    let places: [(&str, &str); 3] = [("ca", "cb"), ("cb", "cc"), ("cc", "ca")];
    let entries: Vec<Value> = places
        .iter()
        .map(|(id, of)| {
            json!({"resource": organization(id, of),
                "request": {"method": "PUT", "url": format!("Organization/{id}")}})
        })
        .collect();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    all.post("", &bundle).expect(200);
    let own = &ground.own.reference;
    let managed = json!({"resourceType": "Patient", "id": &own[8..], "name": [{"family": "Martin"}],
        "managingOrganization": {"reference": "Organization/ca"}});
    all.put(own, &managed).expect(200);
    for query in [
        "Organization?_id=ca&_include:iterate=Organization:partof",
        "Organization?_id=ca&_include:iterate=*&_revinclude:iterate=*",
        "Organization?_id=ca&_revinclude:iterate=Organization:partof",
        "Organization?partof.partof.partof.partof.name=cb",
        "Organization?_has:Organization:partof:_has:Organization:partof:name=ca",
        "Patient?organization.partof.partof.partof.name=ca&_include:iterate=*",
        "Patient?_include:iterate=*&_revinclude:iterate=*",
    ] {
        let page = asked(&mut all, query).expect(200).json();
        let entries = page["entry"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> = entries
            .iter()
            .map(|one| one["fullUrl"].to_string())
            .collect();
        let before = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), before, "{query}: each comes once");
    }
    // Whose patients a circle of establishments has ends likewise.
    let arguments = ["--organization", "Organization/ca"];
    let backend = crate::harness::Backend::register_with(&ground.server, "system/*.rs", &arguments);
    let mut insider = backend.client(&ground.server, "system/*.rs");
    asked(&mut insider, own).expect(200);
    ground.sees_nothing("circle", &asked(&mut insider, "Patient?_count=100"));
}

#[test]
fn c6_a_condition_of_a_write_is_bounded_as_a_search_is() {
    let ground = Ground::new();
    let mut all = ground.all();
    let deep = format!(
        "subject:Patient.organization.{}.name=x",
        repeated("partof", 6, ".")
    );
    let long = format!("code={}", repeated("a", 300, ","));
    let mine = record(("Observation", "mine"), &ground.own.reference, "mine");
    for condition in [deep, long] {
        let json = ("content-type", "application/fhir+json");
        let headers = [json, ("if-none-exist", condition.as_str())];
        let body = mine.to_string();
        let reply = all.send("POST", "Observation", &headers, body.as_bytes());
        reply.expect("a reply").expect(400);
        all.put(&format!("Observation?{condition}"), &mine)
            .expect(400);
        all.delete(&format!("Observation?{condition}")).expect(400);
        let entry = json!({"resource": mine, "request":
            {"method": "POST", "url": "Observation", "ifNoneExist": condition}});
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
        all.post("", &bundle).expect(400);
    }
}

/// Resources that hold an address wherever one may stand.
#[expect(clippy::too_many_lines, reason = "a table")]
fn baits(url: &str) -> Vec<Value> {
    let text = |kind: &str, more: Value| {
        let mut all = more;
        all["resourceType"] = json!(kind);
        all
    };
    let payload = json!([{"coding": [{"system": "urn:x", "code": "x"}]}]);
    let connection = json!({"system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "code": "hl7-fhir-rest"});
    vec![
        text(
            "Subscription",
            json!({"status": "requested", "reason": "x", "criteria": "Patient?",
            "channel": {"type": "rest-hook", "endpoint": url, "payload": "application/fhir+json"}}),
        ),
        text(
            "Endpoint",
            json!({"status": "active", "connectionType": connection,
            "payloadType": payload, "address": url}),
        ),
        text(
            "Patient",
            json!({"photo": [{"contentType": "image/png", "url": url}],
            "link": [{"other": {"reference": format!("{url}/Patient/1")}, "type": "seealso"}],
            "managingOrganization": {"reference": format!("{url}/Organization/1")}}),
        ),
        text(
            "DocumentReference",
            json!({"status": "current", "content": [{"attachment": {"url": url}}]}),
        ),
        text(
            "ValueSet",
            json!({"id": "bait", "url": format!("{url}/ValueSet/own"), "status": "active",
            "compose": {"include": [{"valueSet": [format!("{url}/ValueSet/other")]},
                {"system": format!("{url}/CodeSystem/other")}]}}),
        ),
        text(
            "CodeSystem",
            json!({"url": format!("{url}/CodeSystem/own"), "status": "active", "content": "not-present",
            "supplements": format!("{url}/CodeSystem/other"), "valueSet": format!("{url}/ValueSet/other")}),
        ),
        text(
            "StructureDefinition",
            json!({"url": format!("{url}/StructureDefinition/own"), "name": "Own",
            "status": "active", "kind": "resource", "abstract": false, "type": "Patient", "derivation": "constraint",
            "baseDefinition": format!("{url}/StructureDefinition/other"),
            "differential": {"element": [{"id": "Patient", "path": "Patient"}]}}),
        ),
        text(
            "Questionnaire",
            json!({"id": "bait", "status": "active", "derivedFrom": [format!("{url}/Questionnaire/x")],
            "item": [{"linkId": "1", "type": "choice", "answerValueSet": format!("{url}/ValueSet/other")}]}),
        ),
        text(
            "QuestionnaireResponse",
            json!({"status": "completed", "questionnaire": format!("{url}/Questionnaire/x")}),
        ),
        text(
            "Library",
            json!({"status": "active", "type": {"text": "x"}, "content": [{"url": url}],
            "relatedArtifact": [{"type": "depends-on", "resource": format!("{url}/Library/x"), "url": url}]}),
        ),
        text(
            "Observation",
            json!({"status": "final", "code": {"text": "x"},
            "meta": {"profile": [format!("{url}/StructureDefinition/other")]},
            "subject": {"reference": format!("{url}/Patient/1")}}),
        ),
    ]
}

#[test]
fn c14_nothing_that_is_stored_or_asked_leads_to_a_call() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("no waiting");
    let port = listener.local_addr().expect("a port").port();
    let server = Server::start();
    let mut client = server.client();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
    ] {
        let url = format!("http://{host}:{port}");
        for bait in baits(&url) {
            let kind = bait["resourceType"].as_str().unwrap_or_default().to_owned();
            let reply = match bait["id"].as_str() {
                Some(id) => client.put(&format!("{kind}/{id}"), &bait),
                None => client.post(&kind, &bait),
            };
            assert!(reply.status < 500, "{kind}: {}", reply.text());
        }
        let encoded: String = form_urlencoded::byte_serialize(url.as_bytes()).collect();
        for path in [
            format!("ValueSet/$expand?url={encoded}%2FValueSet%2Fother"),
            "ValueSet/bait/$expand".to_owned(),
            format!(
                "ValueSet/$validate-code?url={encoded}%2FValueSet%2Fother&code=x&system={encoded}"
            ),
            format!("CodeSystem/$lookup?system={encoded}&code=x"),
            format!("ConceptMap/$translate?url={encoded}&code=x&system={encoded}"),
            format!("Patient/$validate?profile={encoded}%2FStructureDefinition%2Fother"),
            format!("Observation?subject={encoded}%2FPatient%2F1&_include=*"),
            format!("Observation?code:in={encoded}%2FValueSet%2Fother"),
            format!("Patient?_profile={encoded}"),
            "Questionnaire/bait/$populate".to_owned(),
            "Patient?_include=*&_revinclude=*".to_owned(),
        ] {
            let reply = client.get(&path);
            assert!(
                reply.status < 500 || reply.status == 501,
                "{path}: {}",
                reply.text()
            );
        }
        let checked = json!({"resourceType": "Parameters", "parameter": [
            {"name": "profile", "valueUri": format!("{url}/StructureDefinition/other")},
            {"name": "resource", "resource": {"resourceType": "Patient"}}]});
        assert!(client.post("Patient/$validate", &checked).status < 500);
    }
    is_left_alone(&server, &listener);
}

#[test]
fn c14_what_a_program_registers_with_is_not_fetched() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("no waiting");
    let url = format!(
        "http://127.0.0.1:{}",
        listener.local_addr().expect("a port").port()
    );
    let server = Server::start_with(Options {
        closed: true,
        environment: vec![("VIGIE_AUTH_REGISTRATION".to_owned(), "true".to_owned())],
        ..Options::default()
    });
    for scheme in ["http", "https"] {
        let url = url.replace("http", scheme);
        let asked = json!({"client_name": "x", "redirect_uris": ["https://app.example/back"],
            "token_endpoint_auth_method": "none", "scope": "patient/*.rs launch/patient",
            "logo_uri": url, "client_uri": url, "tos_uri": url, "policy_uri": url, "jwks_uri": url,
            "sector_identifier_uri": url, "software_statement": url});
        let json = [("content-type", "application/json")];
        let reply = server.client().send(
            "POST",
            "/auth/register",
            &json,
            asked.to_string().as_bytes(),
        );
        assert!(reply.expect("a reply").status < 500);
    }
    // Nor is what a request for authorization names, or the issuer of a launch.
    let app = App::public(&server, "launch/patient patient/*.rs");
    for name in [
        "request_uri",
        "request",
        "iss",
        "launch",
        "aud",
        "redirect_uri",
        "client_metadata",
    ] {
        let request = app.request(&server, "launch/patient patient/*.rs", &[(name, &url)]);
        let reply = server
            .client()
            .send("GET", &format!("/auth/authorize?{request}"), &[], b"");
        assert!(reply.expect("a reply").status < 500, "{name}");
    }
    is_left_alone(&server, &listener);
}

/// That nobody has come to the listener, now that all work is done.
#[track_caller]
fn is_left_alone(server: &Server, listener: &TcpListener) {
    server.set_clock(&server.later(3_600));
    std::thread::sleep(Duration::from_millis(300));
    let came = listener.accept();
    assert!(came.is_err(), "{came:?}");
}
