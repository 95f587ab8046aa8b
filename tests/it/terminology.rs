//! Terminology over real HTTP: the operations on R4's own definitions and on those that somebody
//! has written.

use serde_json::{Value, json};

use crate::harness::{Client, Reply, Server};

const GENDERS: &str = "http://hl7.org/fhir/ValueSet/administrative-gender";
const ROLES: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

fn codes(reply: &Reply) -> Vec<String> {
    let set = reply.json();
    let contains = set["expansion"]["contains"].as_array();
    let contains = contains.into_iter().flatten();
    contains
        .map(|each| each["code"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn told(reply: &Reply, name: &str) -> Value {
    let answer = reply.json();
    let mut parts = answer["parameter"].as_array().expect("Parameters").iter();
    let part = parts.find(|part| part["name"] == name);
    let mut members = part.and_then(Value::as_object).into_iter().flatten();
    let value = members.find(|(member, _)| member.starts_with("value"));
    value.map_or(Value::Null, |(_, value)| value.clone())
}

#[track_caller]
fn assert_refused(reply: Reply, status: u16, code: &str) {
    let outcome = reply.expect(status).json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["code"], code, "{outcome}");
}

fn ask(client: &mut Client, path: &str, parameter: Value) -> Reply {
    let parameters = json!({ "resourceType": "Parameters", "parameter": parameter });
    client.post(path, &parameters)
}

#[test]
fn r4_answers_by_get_and_by_post() {
    let server = Server::start();
    let mut client = server.client();
    let set = client.get(&format!("ValueSet/$expand?url={GENDERS}&count=2&offset=1"));
    assert_eq!(codes(&set.expect(200)), ["female", "other"]);
    let posted = ask(
        &mut client,
        "ValueSet/$expand",
        json!([{"name": "url", "valueUri": GENDERS}, {"name": "filter", "valueString": "fem"}]),
    );
    assert_eq!(codes(&posted.expect(200)), ["female"]);
    let member = client.get(&format!("ValueSet/$validate-code?url={GENDERS}&code=male"));
    assert_eq!(told(&member.expect(200), "result"), true);
    let known = client.get("CodeSystem/$validate-code?url=urn:ietf:bcp:47&code=fr-CH");
    assert_eq!(told(&known.expect(200), "result"), true);
    let name = client.get(&format!("CodeSystem/$lookup?system={ROLES}&code=MTH"));
    assert_eq!(told(&name.expect(200), "display"), "mother");
    let kin = format!("CodeSystem/$subsumes?system={ROLES}&codeA=PRN&codeB=MTH");
    assert_eq!(told(&client.get(&kin).expect(200), "outcome"), "subsumes");
    let map = "http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v2";
    let system = "http://hl7.org/fhir/administrative-gender";
    let path = format!("ConceptMap/$translate?url={map}&system={system}&code=male");
    assert_eq!(told(&client.get(&path).expect(200), "result"), true);
}

#[test]
fn what_cannot_be_answered_is_refused_with_its_reason() {
    let server = Server::start();
    let mut client = server.client();
    for (path, status, code) in [
        (
            "ValueSet/$expand?url=http://a.example/none",
            404,
            "not-found",
        ),
        ("ValueSet/$expand", 400, "required"),
        (
            "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/all-languages",
            422,
            "too-costly",
        ),
        (
            "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/body-site",
            422,
            "not-found",
        ),
        ("ValueSet/$expand?context=a", 501, "not-supported"),
        ("ValueSet/none/$expand", 404, "not-found"),
        (
            "CodeSystem/$lookup?system=http://loinc.org&code=1",
            404,
            "not-found",
        ),
        ("CodeSystem/$lookup?code=1", 400, "required"),
        (
            "ConceptMap/$translate?url=u&system=s&code=a",
            404,
            "not-found",
        ),
        ("metadata?mode=else", 400, "value"),
    ] {
        assert_refused(client.get(path), status, code);
    }
}

#[test]
fn what_is_written_is_known_at_once() {
    let server = Server::start();
    let mut client = server.client();
    let system = json!({"resourceType": "CodeSystem", "id": "moods", "url": "http://a.example/moods",
        "version": "1", "status": "active", "content": "complete", "concept": [
            {"code": "good", "display": "Good"},
            {"code": "bad", "display": "Bad", "concept": [{"code": "sad", "display": "Sad"}]}]});
    client.put("CodeSystem/moods", &system).expect(201);
    let set = json!({"resourceType": "ValueSet", "id": "low", "url": "http://a.example/low",
        "status": "active", "compose": {"include": [{"system": "http://a.example/moods",
            "filter": [{"property": "concept", "op": "is-a", "value": "bad"}]}]}});
    client.put("ValueSet/low", &set).expect(201);
    let stored = client.get("ValueSet/low/$expand").expect(200);
    assert_eq!(codes(&stored), ["bad", "sad"]);
    let named = client.get("ValueSet/$expand?url=http://a.example/low&excludeNested=false");
    let named = named.expect(200);
    assert_eq!(codes(&named), ["bad"]);
    let inner = &named.json()["expansion"]["contains"][0]["contains"][0];
    assert_eq!(inner["code"], "sad");
    let kin = client.get("CodeSystem/moods/$subsumes?codeA=bad&codeB=sad");
    assert_eq!(told(&kin.expect(200), "outcome"), "subsumes");
    let told_of = client.get("metadata?mode=terminology").expect(200).json();
    assert_eq!(told_of["resourceType"], "TerminologyCapabilities");
    let systems = told_of["codeSystem"].as_array().expect("a list");
    assert!(
        systems
            .iter()
            .any(|each| each["uri"] == "http://a.example/moods")
    );
}

#[test]
fn a_value_set_that_turns_in_circles_or_never_ends_is_left_in_time() {
    let server = Server::start();
    let mut client = server.client();
    for (id, other) in [("a", "b"), ("b", "a")] {
        let set = json!({"resourceType": "ValueSet", "id": id, "status": "active",
            "url": format!("http://a.example/{id}"), "compose": {"include": [
                {"valueSet": [format!("http://a.example/{other}")]}]}});
        client.put(&format!("ValueSet/{id}"), &set).expect(201);
    }
    assert_refused(
        client.get("ValueSet/$expand?url=http://a.example/a"),
        422,
        "not-found",
    );
    let regex = json!({"resourceType": "ValueSet", "status": "active", "compose": {"include": [
        {"system": ROLES, "filter": [
            {"property": "code", "op": "regex", "value": "((((a{200}){200}){200}){200})+b"}]}]}});
    let posted = ask(
        &mut client,
        "ValueSet/$expand",
        json!([{"name": "valueSet", "resource": regex}]),
    );
    assert_refused(posted, 422, "not-found");
}
