//! Histories and patches over real HTTP.

use serde_json::{Value, json};

use crate::harness::{Client, Reply, Server};

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
