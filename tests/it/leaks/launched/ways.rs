//! Other ways to what is somebody else's: answers that come later, entries of a batch, headers that
//! ask whether something has changed, forms that search, references that would have to be looked up,
//! and operations under a narrowed scope.

use serde_json::{Value, json};

use super::{Clinic, canary, has_only};
use crate::{
    harness::{Client, Reply},
    leaks::entries,
};

fn sent(program: &mut Client, (method, path): (&str, &str), headers: &[(&str, &str)]) -> Reply {
    program.send(method, path, headers, b"").expect("a reply")
}

#[test]
fn an_answer_that_comes_later_is_for_the_launch_that_asked() {
    let mut clinic = Clinic::new();
    let mut ada = clinic.program("ada", "patient/*.rs");
    let mut ben = clinic.program("ben", "patient/*.rs");
    let mut less = clinic.program("ada", "patient/Observation.rs?code=urn:t|sugar");
    let mut whole = clinic.program("", "user/*.rs");
    let later = [("prefer", "respond-async")];
    let begun = sent(&mut ada, ("GET", "Observation"), &later).expect(202);
    let place = begun.header("content-location").expect("a place");
    let (_, place) = place.split_once("/fhir/").expect("an address");
    clinic.server.set_clock(&clinic.server.later(1));
    for other in [&mut ben, &mut less, &mut whole] {
        let theirs = other.get(place).expect(404);
        let never = other.get("_async/never").expect(404);
        assert_eq!(theirs.text(), never.text());
        other.delete(place).expect(404);
    }
    let own = ada.get(place).expect(200);
    assert!(own.text().contains(&canary("ada")));
    has_only("ada", &own, place);
}

#[test]
fn entries_of_a_batch_are_held_to_the_launch_each_alone() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", "patient/Observation.rs patient/Patient.r");
    for (url, status, found) in [
        ("Patient/ada", "200", &["Patient/ada"][..]),
        ("Patient/ben", "404", &[]),
        ("Observation/ben", "404", &[]),
        ("Observation/ben/_history/1", "404", &[]),
        (
            "Observation",
            "200",
            &["Observation/ada-1", "Observation/ada-2"],
        ),
        ("Observation?subject=Patient/ben", "200", &[]),
        ("Observation?subject:Patient.name=Ada", "403", &[]),
        ("Patient?_has:Observation:subject:code=x", "403", &[]),
        ("Patient", "403", &[]),
        ("Encounter/ada", "403", &[]),
        ("Patient/ben/Observation", "200", &[]),
        ("?_type=Observation,Patient", "403", &[]),
        (
            "Observation?_include=*&_revinclude=*&_id=ada-1",
            "200",
            &["+Patient/ada", "Observation/ada-1"],
        ),
    ] {
        let entry = json!({ "request": { "method": "GET", "url": url } });
        let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
        let reply = program.post("", &batch).expect(200);
        has_only("ada", &reply, url);
        let told = reply.json();
        let entry = &told["entry"][0];
        let answered = entry["response"]["status"].as_str().expect("a status");
        assert!(answered.starts_with(status), "{url}: {told}");
        let resource = &entry["resource"];
        let shown = match resource["resourceType"].as_str() {
            Some("Bundle") => entries(resource),
            Some("Patient") => vec![format!("Patient/{}", resource["id"].as_str().unwrap_or(""))],
            _ => Vec::new(),
        };
        assert_eq!(shown, found, "{url}");
    }
}

#[test]
fn whether_something_has_changed_is_told_of_ones_own_alone() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", "patient/*.cruds");
    for headers in [
        [("if-none-match", "W/\"1\"")],
        [("if-none-match", "*")],
        [("if-modified-since", "Wed, 01 Jan 2200 00:00:00 GMT")],
        [("if-match", "W/\"1\"")],
        [("if-match", "W/\"7\"")],
    ] {
        let own = sent(&mut program, ("GET", "Patient/ada"), &headers);
        assert!([200, 304, 412].contains(&own.status), "{headers:?}");
        for method in ["GET", "HEAD", "DELETE"] {
            let theirs = sent(&mut program, (method, "Patient/ben"), &headers);
            let never = sent(&mut program, (method, "Patient/zoe"), &headers);
            assert_eq!(theirs.status, never.status, "{method} {headers:?}");
            let as_never = theirs.text().replace("/ben", "/zoe");
            assert_eq!(as_never, never.text(), "{method} {headers:?}");
        }
    }
    clinic.all.get("Patient/ben").expect(200);
}

#[test]
fn what_is_referred_to_does_not_tell_whether_it_is_there() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", "patient/*.cruds");
    let written = |id: &str| {
        json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" },
            "subject": { "reference": "Patient/ada" },
            "focus": [{ "reference": format!("Patient/{id}") }],
            "hasMember": [{ "reference": format!("Observation/{id}") }] })
    };
    for path in [
        "Observation",
        "Observation/$validate",
        "Observation?_pretty=true",
    ] {
        let theirs = program.post(path, &written("ben"));
        let never = program.post(path, &written("zoe"));
        assert_eq!(theirs.status, never.status, "{path}");
        has_only("ada", &theirs, path);
        if path.contains('$') {
            assert_eq!(
                theirs.text().replace("/ben", "/zoe"),
                never.text(),
                "{path}"
            );
        }
    }
    // A reference under a condition is a search: what is not theirs is not matched.
    let conditional = |name: &str| {
        let subject = json!({ "reference": format!("Patient?name={name}") });
        let mut tree = written("zoe");
        tree["subject"] = subject;
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": [{ "resource": tree,
            "request": { "method": "POST", "url": "Observation" } }] })
    };
    let theirs = program.post("", &conditional("Ben"));
    let never = program.post("", &conditional("Zoe"));
    assert_eq!(theirs.status, never.status, "{}", theirs.text());
    assert_eq!(theirs.text().replace("Ben", "Zoe"), never.text());
    assert!(theirs.status >= 400);
    program.post("", &conditional("Ada")).expect(200);
}

/// A form that looks for something by itself, and puts what it finds into its answer.
fn asking(query: &str) -> Value {
    let sdc = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";
    json!({ "resourceType": "Questionnaire", "status": "active", "item": [
        { "linkId": "each", "type": "group", "repeats": true, "extension": [{
            "url": format!("{sdc}itemPopulationContext"),
            "valueExpression": { "name": "found", "language": "application/x-fhir-query",
                "expression": query } }],
          "item": [{ "linkId": "id", "type": "string", "extension": [{
            "url": format!("{sdc}initialExpression"),
            "valueExpression": { "language": "text/fhirpath", "expression": "%found.id" } }] }] },
    ] })
}

fn filled(program: &mut Client, query: &str) -> Reply {
    let body = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "questionnaire", "resource": asking(query) },
        { "name": "subject", "valueReference": { "reference": "Patient/ada" } },
    ] });
    program.post("Questionnaire/$populate", &body).expect(200)
}

/// What the answer of a form says, item by item.
fn answers(reply: &Reply) -> Vec<String> {
    let told = reply.json();
    let items = told["parameter"][0]["resource"]["item"].clone();
    let groups = items.as_array().cloned().unwrap_or_default();
    let mut found: Vec<String> = groups
        .iter()
        .filter_map(|group| group["item"][0]["answer"][0]["valueString"].as_str())
        .map(str::to_owned)
        .collect();
    found.sort();
    found
}

#[test]
fn a_form_searches_what_its_caller_may_search_and_is_refused_the_rest() {
    let mut clinic = Clinic::new();
    let scopes = "patient/Observation.rs patient/Patient.r patient/Questionnaire.rs";
    let mut program = clinic.program("ada", scopes);
    for (query, found) in [
        ("Observation?_sort=_lastUpdated", &["ada-1", "ada-2"][..]),
        ("Observation?subject=Patient/ben", &[]),
        ("Observation?_id=ben,eva,cem", &[]),
        ("Observation?_include=*&_id=ada-1", &["ada-1", "ada"]),
    ] {
        let reply = filled(&mut program, query);
        has_only("ada", &reply, query);
        let told = answers(&reply);
        assert!(
            told.iter().all(|id| found.contains(&id.as_str()))
                && told.is_empty() == found.is_empty(),
            "{query}: {}",
            reply.text()
        );
    }
    // As a search, so in a form: a type that was not granted is no silence.
    for query in [
        "Encounter?patient=ada",
        "Patient?name=Ada",
        "Observation?subject:Patient.name=Ada",
        "Patient?_has:Observation:subject:code=urn:t|sugar",
    ] {
        let reply = filled(&mut program, query);
        let told = reply.json();
        assert!(answers(&reply).is_empty(), "{query}");
        let issue = &told["parameter"][1]["resource"]["issue"][0];
        assert_eq!(issue["code"], "forbidden", "{query}: {told}");
    }
}

#[test]
fn operations_and_writes_keep_within_a_narrowed_scope() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", "patient/Observation.cruds?code=urn:t|sugar");
    program.get("Observation/ada-1/$meta").expect(200);
    let hidden = program.get("Observation/ada-2/$meta").expect(404);
    let never = program.get("Observation/zoe/$meta").expect(404);
    assert_eq!(hidden.text().replace("ada-2", "zoe"), never.text());
    let mut everything = clinic.program(
        "ada",
        "patient/Patient.rs patient/Observation.rs?code=urn:t|sugar",
    );
    let reply = everything
        .get("Patient/ada/$everything?_count=100")
        .expect(200);
    let found = entries(&reply.json());
    assert!(
        found.iter().any(|one| one.ends_with("Observation/ada-1")),
        "{found:?}"
    );
    assert!(
        found.iter().all(|one| !one.ends_with("Observation/ada-2")),
        "{found:?}"
    );
    // Neither out of the scope, nor into it.
    let mut sugar = clinic.all.get("Observation/ada-1").expect(200).json();
    let mut smoking = clinic.all.get("Observation/ada-2").expect(200).json();
    std::mem::swap(&mut sugar["code"], &mut smoking["code"]);
    program.put("Observation/ada-1", &sugar).expect(403);
    program.put("Observation/ada-2", &smoking).expect(404);
    let patch = json!([{ "op": "replace", "path": "/code/coding/0/code", "value": "smoking" }]);
    let kind = [("content-type", "application/json-patch+json")];
    let patch = patch.to_string();
    for (place, status) in [
        ("Observation/ada-1", 403),
        ("Observation/ada-2", 404),
        ("Observation?_id=ada-1", 403),
        ("Observation?_id=ada-2", 404),
    ] {
        let reply = program.send("PATCH", place, &kind, patch.as_bytes());
        let reply = reply.expect("a reply");
        assert_eq!(reply.status, status, "{place}: {}", reply.text());
    }
    for place in ["Observation/ada-1", "Observation/ada-2"] {
        let stands = clinic.all.get(place).expect(200).json();
        assert_eq!(stands["meta"]["versionId"], "1", "{place}");
    }
    // What was deleted is no longer known to have been in the scope.
    clinic.all.delete("Observation/ada-1").expect(204);
    for path in ["Observation/_history?_count=100", "_history?_count=1000"] {
        let reply = everything.get(path).expect(200);
        assert!(!reply.text().contains("Observation/ada-"), "{path}");
    }
}
