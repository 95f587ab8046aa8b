//! `$fhirpath` over HTTP: an author tries an expression, on what is given and on what is stored.

use serde_json::{Value, json};

use crate::harness::Server;

fn parameters(expression: &str, resource: &Value) -> Value {
    json!({ "resourceType": "Parameters", "parameter": [
        { "name": "expression", "valueString": expression },
        { "name": "context", "valueString": "name" },
        { "name": "resource", "resource": resource },
    ] })
}

fn results(told: &Value) -> Vec<&Value> {
    let all = told["parameter"].as_array().expect("parameters").iter();
    all.filter(|part| part["name"] == "result").collect()
}

#[test]
fn an_author_tries_an_expression() {
    let server = Server::start();
    let mut client = server.client();
    let patient = json!({ "resourceType": "Patient", "id": "p1", "active": true,
        "name": [{ "given": ["Ada"] }, { "given": ["Countess"] }] });
    let body = parameters("given.trace('seen') & '!'", &patient);
    let told = client.post("$fhirpath", &body).expect(200).json();
    let found = results(&told);
    assert_eq!(found.len(), 2, "{told}");
    assert_eq!(found[1]["valueString"], "Patient.name[1]");
    assert_eq!(found[1]["part"][0]["valueString"], "Countess!");
    assert_eq!(found[1]["part"][1]["name"], "trace");
    // A resource that is stored, named in the query.
    client.put("Patient/p1", &patient).expect(201);
    let told = client
        .get("$fhirpath?expression=Patient.active&resource=Patient/p1")
        .expect(200)
        .json();
    assert_eq!(results(&told)[0]["part"][0]["valueBoolean"], true);
    client
        .get("$fhirpath?expression=id&resource=Patient/none")
        .expect(404);
}

#[test]
fn what_cannot_be_evaluated_is_an_outcome() {
    let server = Server::start();
    let mut client = server.client();
    let patient = json!({ "resourceType": "Patient", "name": [{ "text": "x" }] });
    let refused = client
        .post("$fhirpath", &parameters("text.", &patient))
        .expect(400);
    assert_eq!(refused.json()["issue"][0]["code"], "invalid");
    let costly = parameters("'x'.repeat($this & 'a')", &patient);
    let refused = client.post("$fhirpath", &costly).expect(422);
    assert_eq!(refused.json()["issue"][0]["code"], "too-costly");
    client.get("$fhirpath").expect(400);
}
