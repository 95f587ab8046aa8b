//! `$validate`, and validation on write, over real HTTP.

use serde_json::{Value, json};

use crate::harness::{Options, Server};

fn severities(outcome: &Value) -> Vec<&str> {
    let issues = outcome["issue"].as_array().expect("issues");
    issues
        .iter()
        .filter_map(|issue| issue["severity"].as_str())
        .collect()
}

#[test]
fn what_is_given_is_judged_and_not_stored() {
    let server = Server::start();
    let mut client = server.client();
    let right = json!({"resourceType": "Patient", "gender": "male"});
    let told = client.post("Patient/$validate", &right).expect(200).json();
    assert_eq!(severities(&told), ["information"]);
    // What may not be stored may be asked about.
    let wrong = json!({"resourceType": "Patient", "gender": "m", "nickname": "x", "contact": [{"gender": "male"}]});
    let told = client.post("Patient/$validate", &wrong).expect(200).json();
    assert_eq!(severities(&told), ["error", "error", "error"]);
    let wrapped = json!({"resourceType": "Parameters", "parameter": [
        {"name": "mode", "valueCode": "create"},
        {"name": "resource", "resource": wrong}]});
    let again = client
        .post("Patient/$validate", &wrapped)
        .expect(200)
        .json();
    assert_eq!(again, told);
    let found = client.get("Patient").expect(200).json();
    assert!(found.get("entry").is_none());
}

#[test]
fn what_stands_there_is_judged_by_a_profile_that_is_loaded() {
    let server = Server::start();
    let mut client = server.client();
    let profile = json!({
        "resourceType": "StructureDefinition", "url": "urn:test:named", "name": "Named", "status": "active",
        "kind": "resource", "abstract": false, "type": "Patient", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]}});
    client.post("StructureDefinition", &profile).expect(201);
    client
        .put("Patient/p", &json!({"resourceType": "Patient", "id": "p"}))
        .expect(201);
    let told = client
        .get("Patient/p/$validate?profile=urn:test:named")
        .expect(200)
        .json();
    assert_eq!(
        told["issue"][0]["expression"],
        json!(["Patient.name"]),
        "{told}"
    );
    let named = json!({"resourceType": "Patient", "id": "p", "name": [{"text": "A"}]});
    client.put("Patient/p", &named).expect(200);
    let told = client
        .get("Patient/p/$validate?profile=urn:test:named")
        .expect(200)
        .json();
    assert_eq!(severities(&told), ["information"]);
    let unknown = client
        .get("Patient/p/$validate?profile=urn:nowhere")
        .expect(200)
        .json();
    assert_eq!(severities(&unknown), ["error"]);
    client.get("Patient/none/$validate").expect(404);
    client
        .post("Patient/$validate?mode=sideways", &named)
        .expect(400);
}

#[test]
fn what_is_written_is_judged_where_that_is_configured() {
    let server = Server::start_with(Options {
        environment: vec![(
            "VIGIE_FHIR_VALIDATION_ON_WRITE".to_owned(),
            "profiles".to_owned(),
        )],
        ..Options::default()
    });
    let mut client = server.client();
    client
        .post(
            "Patient",
            &json!({"resourceType": "Patient", "gender": "male"}),
        )
        .expect(201);
    let contact = json!({"resourceType": "Patient", "contact": [{"gender": "male"}]});
    let refused = client.post("Patient", &contact).expect(422).json();
    assert_eq!(refused["issue"][0]["code"], "invariant");
    Server::start()
        .client()
        .post("Patient", &contact)
        .expect(201);
}
