//! Histories and patches over real HTTP.

use serde_json::{Value, json};

use crate::harness::{Client, Options, Reply, Server};

const JSON_PATCH: (&str, &str) = ("content-type", "application/json-patch+json");

fn patch(client: &mut Client, path: &str, kind: (&str, &str), body: &Value) -> Reply {
    let body = body.to_string();
    let reply = client.send("PATCH", path, &[kind], body.as_bytes());
    reply.expect("a reply")
}

fn link(bundle: &Value, relation: &str) -> Option<String> {
    let links = bundle["link"].as_array()?;
    let link = links.iter().find(|link| link["relation"] == relation)?;
    link["url"].as_str().map(str::to_owned)
}

/// All entries of a Bundle and of the pages that follow it.
fn all_pages(client: &mut Client, path: &str) -> Vec<Value> {
    let mut page = client.get(path).expect(200).json();
    let mut entries = Vec::new();
    loop {
        entries.extend(page["entry"].as_array().into_iter().flatten().cloned());
        let Some(next) = link(&page, "next") else {
            return entries;
        };
        let (_, below) = next.split_once("/fhir/").expect("an address of the server");
        page = client.get(below).expect(200).json();
    }
}

#[test]
fn histories_of_a_type_and_of_the_system_page_through_everything() {
    let server = Server::start();
    let mut client = server.client();
    for n in 0..5 {
        let id = format!("p{n}");
        let path = format!("Patient/{id}");
        let body = json!({"resourceType": "Patient", "id": id});
        client.put(&path, &body).expect(201);
        client.put(&path, &body).expect(200);
    }
    client.delete("Patient/p0").expect(204);
    let group = json!({"resourceType": "Group", "type": "person", "actual": true});
    client.post("Group", &group).expect(201);
    let entries = all_pages(&mut client, "Patient/_history?_count=3");
    assert_eq!(entries.len(), 11);
    assert_eq!(entries[0]["request"]["method"], "DELETE");
    assert_eq!(entries[0]["response"]["status"], "204 No Content");
    assert_eq!(entries[1]["resource"]["id"], "p4");
    assert!(all_pages(&mut client, "_history").len() >= 12);
    let none = client.get("Patient/_history?_since=2999-01-01").expect(200);
    assert_eq!(none.json().get("entry"), None);
    for head in [
        "Patient/_history",
        "Patient/p1",
        "Patient?_id=p1",
        "metadata",
    ] {
        let reply = client.send("HEAD", head, &[], b"").expect("a reply");
        assert_eq!((reply.status, reply.body.len()), (200, 0), "{head}");
    }
}

#[test]
fn a_resource_is_patched_in_each_way() {
    let server = Server::start();
    let mut client = server.client();
    let body = json!({"resourceType": "Patient", "id": "p", "gender": "male",
        "identifier": [{"system": "urn:a", "value": "1"}]});
    client.put("Patient/p", &body).expect(201);
    let step = json!([{"op": "replace", "path": "/gender", "value": "female"}]);
    let patched = patch(&mut client, "Patient/p", JSON_PATCH, &step).expect(200);
    assert_eq!(patched.json()["gender"], "female");
    assert_eq!(patched.header("etag"), Some("W/\"2\""));

    let parameters = json!({"resourceType": "Parameters", "parameter": [{"name": "operation",
        "part": [
            {"name": "type", "valueCode": "add"},
            {"name": "path", "valueString": "Patient"},
            {"name": "name", "valueString": "birthDate"},
            {"name": "value", "valueDate": "1980-02-03"}]}]});
    let fhir = ("content-type", "application/fhir+json");
    let matched = "Patient?identifier=urn:a%7C1";
    let patched = patch(&mut client, matched, fhir, &parameters).expect(200);
    assert_eq!(patched.json()["birthDate"], "1980-02-03");
    let again = patch(&mut client, "Patient/p", fhir, &parameters).expect(422);
    assert_eq!(
        again.json()["issue"][0]["expression"][0],
        "Parameters.parameter[0]"
    );

    let data = "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL2dlbmRlciJ9XQ==";
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": {"resourceType": "Binary", "contentType": "application/json-patch+json",
            "data": data},
         "request": {"method": "PATCH", "url": "Patient/p", "ifMatch": "W/\"3\""}},
        {"request": {"method": "GET", "url": "Patient/p/_history/1"}},
        {"request": {"method": "GET", "url": "Patient/p/_history"}}]});
    let answer = client.post("", &bundle).expect(200).json();
    assert_eq!(answer["entry"][0]["response"]["etag"], "W/\"4\"");
    assert_eq!(answer["entry"][1]["resource"]["gender"], "male");
    assert_eq!(answer["entry"][2]["resource"]["total"], 4);
    assert_eq!(client.get("Patient/p").json().get("gender"), None);
    let xml = ("content-type", "application/xml-patch+xml");
    patch(&mut client, "Patient/p", xml, &json!("")).expect(415);
    patch(&mut client, "Patient/absent", JSON_PATCH, &step).expect(404);
}

#[test]
fn a_batch_calls_operations_and_tells_what_became_of_each_entry() {
    let server = Server::start();
    let mut client = server.client();
    let patient = json!({"resourceType": "Patient", "id": "p"});
    client.put("Patient/p", &patient).expect(201);
    let entry = |method: &str, url: &str| json!({"request": {"method": method, "url": url}});
    let mut made = entry("POST", "Patient");
    made["resource"] = json!({"resourceType": "Patient"});
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        entry("GET", "Patient/p/$everything"),
        entry("GET", "Patient/p/$nonsense"),
        entry("HEAD", "Patient/p"),
        made,
    ]});
    let headers = [
        ("content-type", "application/fhir+json"),
        ("prefer", "return=OperationOutcome"),
    ];
    let body = bundle.to_string();
    let reply = client.send("POST", "", &headers, body.as_bytes());
    let answer = reply.expect("a reply").expect(200).json();
    let entries = &answer["entry"];
    assert_eq!(entries[0]["resource"]["type"], "searchset");
    assert_eq!(entries[1]["response"]["status"], "501 Not Implemented");
    assert_eq!(
        entries[1]["response"]["outcome"]["issue"][0]["expression"][0],
        "Bundle.entry[1]"
    );
    assert_eq!(entries[2]["response"]["etag"], "W/\"1\"");
    assert_eq!(
        entries[3]["response"]["outcome"]["issue"][0]["severity"],
        "information"
    );
}

#[test]
fn a_binary_is_written_and_read_as_what_it_holds() {
    let server = Server::start();
    let mut client = server.client();
    let content = b"%PDF-1.4 \x00\xff";
    let headers = [
        ("content-type", "application/pdf"),
        ("x-security-context", "Patient/p"),
    ];
    let made = client.send("POST", "Binary", &headers, content);
    let made = made.expect("a reply").expect(201);
    assert_eq!(made.json()["contentType"], "application/pdf");
    let place = made.location();
    let raw = client.get(&place).expect(200);
    assert_eq!(raw.body, content);
    assert_eq!(raw.header("content-type"), Some("application/pdf"));
    assert_eq!(raw.header("etag"), Some("W/\"1\""));
    assert_eq!(raw.header("x-security-context"), Some("Patient/p"));
    assert_eq!(raw.header("x-content-type-options"), Some("nosniff"));
    for (accept, is_content) in [
        ("application/fhir+json", false),
        ("application/json", false),
        ("application/fhir+xml", false),
        ("application/pdf", true),
        ("*/*", true),
    ] {
        let read = client.send("GET", &place, &[("accept", accept)], b"");
        let read = read.expect("a reply").expect(200);
        assert_eq!(read.body == content, is_content, "{accept}");
    }
    assert_eq!(
        client.get(&format!("{place}?_format=json")).json()["resourceType"],
        "Binary"
    );
    let text = [("content-type", "text/plain; charset=utf-8")];
    let updated = client.send("PUT", &place, &text, b"later");
    updated.expect("a reply").expect(200);
    assert_eq!(client.get(&place).text(), "later");
    assert_eq!(client.get(&format!("{place}/_history/1")).body, content);
    for (name, value) in [
        ("x-security-context", "javascript:x"),
        ("content-type", "none"),
    ] {
        let headers = [("content-type", "text/plain"), (name, value)];
        let headers = if name == "content-type" {
            &headers[1..]
        } else {
            &headers[..]
        };
        client
            .send("POST", "Binary", headers, b"x")
            .expect("a reply")
            .expect(400);
    }
}

#[test]
fn options_tells_the_verbs_and_browsers_are_let_in_by_name_only() {
    let named = "https://app.example.org";
    let server = Server::start_with(Options {
        environment: vec![("VIGIE_SERVER_CORS_ORIGINS".into(), named.into())],
        ..Options::default()
    });
    let mut client = server.client();
    let mut ask = |method: &str, headers: &[(&str, &str)]| {
        client
            .send(method, "Patient/p", headers, b"")
            .expect("a reply")
    };
    let options = ask("OPTIONS", &[]);
    assert_eq!((options.status, options.body.len()), (204, 0));
    let allow = options.header("allow").expect("Allow");
    assert!(
        ["GET", "HEAD", "PUT", "PATCH", "DELETE"]
            .iter()
            .all(|verb| allow.contains(verb))
    );
    assert!(options.header("accept-patch").is_some());
    assert_eq!(options.header("access-control-allow-origin"), None);

    let preflight = ("access-control-request-method", "PATCH");
    let first = ask("OPTIONS", &[("origin", named), preflight]);
    assert_eq!(first.header("access-control-allow-origin"), Some(named));
    assert!(
        first
            .header("access-control-allow-methods")
            .is_some_and(|all| all.contains("PATCH"))
    );
    let read = ask("GET", &[("origin", named)]).expect(404);
    assert!(
        read.header("access-control-expose-headers")
            .is_some_and(|all| all.contains("ETag"))
    );
    for other in [
        "https://evil.example",
        "https://app.example.org.evil.example",
        "null",
    ] {
        let refused = ask("OPTIONS", &[("origin", other), preflight]);
        assert_eq!(
            refused.header("access-control-allow-origin"),
            None,
            "{other}"
        );
        assert_eq!(refused.header("access-control-allow-methods"), None);
        let read = ask("GET", &[("origin", other)]);
        assert_eq!(read.header("access-control-allow-origin"), None, "{other}");
    }
}

#[test]
fn several_are_deleted_at_once_where_the_operator_allows_it() {
    for (setting, status, left) in [("single", 412, 2), ("multiple", 204, 0)] {
        let server = Server::start_with(Options {
            environment: vec![("VIGIE_FHIR_CONDITIONAL_DELETE".into(), setting.into())],
            ..Options::default()
        });
        let mut client = server.client();
        let male = json!({"resourceType": "Patient", "gender": "male"});
        client.post("Patient", &male).expect(201);
        client.post("Patient", &male).expect(201);
        client.delete("Patient?gender=male").expect(status);
        let found = client.get("Patient?gender=male&_summary=count").json();
        assert_eq!(found["total"], left, "{setting}");
    }
}
