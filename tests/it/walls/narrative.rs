//! Narratives that do something in a browser: by every door by which a resource comes in.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{Client, Options, Server};

/// A line each: `{"family", "div"}`.
fn vectors() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/narrative/active.jsonl");
    let text = fs::read_to_string(file).expect("the vectors");
    let div = |line: &str| {
        let vector: Value = serde_json::from_str(line).expect("a line of JSON");
        vector["div"].as_str().expect("a div").to_owned()
    };
    text.lines().map(div).collect()
}

fn patient(div: &str) -> Value {
    json!({"resourceType": "Patient", "text": {"status": "generated", "div": div}})
}

fn count(client: &mut Client) -> Value {
    client.get("Patient?_summary=count").expect(200).json()["total"].clone()
}

#[test]
fn a_narrative_that_does_something_comes_in_by_no_door() {
    let server = Server::start();
    let mut client = server.client();
    client
        .put("Patient/p", &json!({"resourceType": "Patient", "id": "p"}))
        .expect(201);
    let patch = [("content-type", "application/json-patch+json")];
    for div in vectors() {
        let body = patient(&div);
        let refused = client.post("Patient", &body);
        assert!(
            matches!(refused.status, 400 | 422),
            "{div}: {}",
            refused.status
        );
        assert!(
            !refused.text().contains("alert("),
            "{div}: {}",
            refused.text()
        );
        let mut own = body.clone();
        own["id"] = "p".into();
        assert!(
            matches!(client.put("Patient/p", &own).status, 400 | 422),
            "{div}"
        );
        let contained = json!({"resourceType": "List", "status": "current", "mode": "working",
            "contained": [{"resourceType": "Basic", "id": "b", "code": {"text": "x"},
                "text": body["text"]}],
            "entry": [{"item": {"reference": "#b"}}]});
        assert!(
            matches!(client.post("List", &contained).status, 400 | 422),
            "{div}"
        );
        let operations = json!([{"op": "add", "path": "/text", "value": body["text"]}]);
        let patched = client.send(
            "PATCH",
            "Patient/p",
            &patch,
            operations.to_string().as_bytes(),
        );
        assert!(
            matches!(patched.expect("a reply").status, 400 | 422),
            "{div}"
        );
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": body, "request": {"method": "POST", "url": "Patient"}}]});
        assert!(
            matches!(client.post("", &bundle).status, 400 | 422),
            "{div}"
        );
        let document = json!({"resourceType": "Bundle", "type": "collection", "entry": [
            {"fullUrl": "urn:uuid:0f0ee9f0-7b3c-4b5e-8a3a-000000000001", "resource": body}]});
        assert!(
            matches!(client.post("Bundle", &document).status, 400 | 422),
            "{div}"
        );
    }
    assert_eq!(count(&mut client), 1);
    assert_eq!(client.get("Patient/p").json()["meta"]["versionId"], "1");
}

#[test]
fn the_same_text_elsewhere_is_a_text() {
    let server = Server::start();
    let mut client = server.client();
    for div in vectors()
        .iter()
        .filter(|div| !div.contains(['\0', '\u{b}']))
    {
        let body = json!({"resourceType": "Patient", "name": [{"text": div}],
            "maritalStatus": {"text": div, "coding": [{"display": div}]},
            "managingOrganization": {"display": div}});
        let made = client.post("Patient", &body).expect(201);
        let read = client.get(&made.location()).expect(200);
        assert_eq!(read.json()["name"][0]["text"], **div);
        assert_eq!(
            read.header("content-type")
                .map(|kind| kind.starts_with("application/fhir+json")),
            Some(true)
        );
        assert_eq!(read.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn where_the_operator_keeps_them_they_are_served_as_data() {
    let server = Server::start_with(Options {
        environment: vec![("VIGIE_FHIR_VALIDATION_NARRATIVE".into(), "keep".into())],
        ..Options::default()
    });
    let mut client = server.client();
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>alert(1)</script></div>";
    let made = client.post("Patient", &patient(div)).expect(201);
    for accept in [
        "text/html",
        "application/xhtml+xml",
        "*/*",
        "application/fhir+xml",
    ] {
        let read = client.send("GET", &made.location(), &[("accept", accept)], b"");
        let read = read.expect("a reply");
        let kind = read.header("content-type").unwrap_or_default().to_owned();
        assert!(!kind.contains("html"), "{accept}: {kind}");
        assert_eq!(read.header("x-content-type-options"), Some("nosniff"));
        let policy = read.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'"), "{accept}: {policy}");
    }
}

#[test]
fn where_the_operator_has_them_cleaned_only_what_does_nothing_is_stored() {
    let server = Server::start_with(Options {
        environment: vec![("VIGIE_FHIR_VALIDATION_NARRATIVE".into(), "clean".into())],
        ..Options::default()
    });
    let mut client = server.client();
    let open = "<div xmlns=\"http://www.w3.org/1999/xhtml\">";
    let given = format!("{open}<p onclick=\"alert(1)\">one<script>alert(1)</script></p></div>");
    let left = format!("{open}<p>one</p></div>");
    let made = client.post("Patient", &patient(&given)).expect(201);
    let place = made.location();
    let stored = client.get(&place).expect(200).json();
    assert_eq!(stored["text"]["div"], left.as_str());

    let mut own = patient(&given);
    own["id"] = place.trim_start_matches("Patient/").into();
    client.put(&place, &own).expect(200);
    let patch = [("content-type", "application/json-patch+json")];
    let operations = json!([{"op": "replace", "path": "/text/div", "value": given}]);
    let bytes = operations.to_string();
    let patched = client.send("PATCH", &place, &patch, bytes.as_bytes());
    patched.expect("a reply").expect(200);
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": patient(&given), "request": {"method": "POST", "url": "Patient"}}]});
    client.post("", &bundle).expect(200);
    let all = client.get("Patient").expect(200).json();
    let entries = all["entry"].as_array().expect("entries");
    assert_eq!(entries.len(), 2);
    for entry in entries {
        assert_eq!(entry["resource"]["text"]["div"], left.as_str());
    }
    // What is no XHTML is not repaired, and of what is nothing else nothing is kept.
    for none in ["<div>one<br></div>", "<div><script>alert(1)</script></div>"] {
        client.post("Patient", &patient(none)).expect(422);
    }
    for div in vectors() {
        let made = client.post("Patient", &patient(&div));
        assert!(
            matches!(made.status, 201 | 400 | 422),
            "{div}: {}",
            made.status
        );
    }
}
