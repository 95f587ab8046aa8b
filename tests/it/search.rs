//! Searches over real HTTP: several types at once, what was left out, words, units, filters.

use serde_json::{Value, json};

use crate::harness::{Client, Server};

/// A server with two patients and what belongs to them.
fn ward() -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    let patient = |id: &str, family: &str, gender: &str| {
        json!({"resourceType": "Patient", "id": id, "gender": gender,
            "name": [{"family": family}],
            "identifier": [{"system": "urn:mrn", "value": id,
                "type": {"coding": [{"system": "urn:types", "code": "MR"}]}}],
            "text": {"status": "generated", "div": format!(
                "<div xmlns=\"http://www.w3.org/1999/xhtml\">Dossier de {family}</div>")}})
    };
    let observation = json!({"resourceType": "Observation", "id": "o", "status": "final",
        "code": {"text": "Dose", "coding": [{"system": "urn:c", "code": "dose"}]},
        "subject": {"reference": "Patient/a"},
        "valueQuantity": {"value": 5.4, "unit": "mg", "code": "mg",
            "system": "http://unitsofmeasure.org"}});
    client
        .put("Patient/a", &patient("a", "Lefèvre", "female"))
        .expect(201);
    client
        .put("Patient/b", &patient("b", "Cœur", "male"))
        .expect(201);
    client.put("Observation/o", &observation).expect(201);
    (server, client)
}

/// `Type/id` of the matches of a page.
fn matches(bundle: &Value) -> String {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let matches = entries
        .iter()
        .filter(|entry| entry["search"]["mode"] == "match");
    let names = matches.map(|entry| {
        let part = |name: &str| entry["resource"][name].as_str().unwrap_or_default();
        format!("{}/{}", part("resourceType"), part("id"))
    });
    names.collect::<Vec<String>>().join(" ")
}

#[test]
fn what_is_asked_is_found() {
    let (_server, mut client) = ward();
    for (path, expected) in [
        (
            "?_type=Patient,Observation&_sort=_id",
            "Patient/a Patient/b Observation/o",
        ),
        ("?_id=o", "Observation/o"),
        ("Patient?identifier:of-type=urn:types%7CMR%7Ca", "Patient/a"),
        ("Patient?_sort=-gender", "Patient/b Patient/a"),
        ("Patient?name=coeur", "Patient/b"),
        ("Patient?_text=dossier%20lefevre", "Patient/a"),
        ("Observation?_content=dose", "Observation/o"),
        ("Observation?code:text=dose", "Observation/o"),
        (
            "Observation?value-quantity=0.0054%7Chttp://unitsofmeasure.org%7Cg",
            "Observation/o",
        ),
        (
            "Observation?_filter=subject.name%20sw%20%22lef%22%20and%20status%20eq%20final",
            "Observation/o",
        ),
        (
            "Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender&name=coeur",
            "Patient/b",
        ),
        (
            "Patient?gender:not-in=http://hl7.org/fhir/ValueSet/administrative-gender",
            "",
        ),
    ] {
        let reply = client.get(path).expect(200).json();
        assert_eq!(matches(&reply), expected, "{path}");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let posted = client.send("POST", "_search", &form, b"_type=Patient&gender=male");
    let posted = posted.expect("a reply").expect(200).json();
    assert_eq!(matches(&posted), "Patient/b");
    let own = posted["link"][0]["url"].as_str().unwrap();
    assert!(own.ends_with("/fhir?_type=Patient&gender=male"), "{own}");
}

#[test]
fn what_is_left_out_is_said() {
    let (_server, mut client) = ward();
    let reply = client
        .get("Patient?nonsense=1&gender=male")
        .expect(200)
        .json();
    let entries = reply["entry"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1]["search"]["mode"], "outcome");
    assert_eq!(entries[1]["resource"]["resourceType"], "OperationOutcome");
    assert_eq!(
        reply["link"][0]["url"]
            .as_str()
            .unwrap()
            .matches("nonsense")
            .count(),
        0
    );
    let strict = [("prefer", "handling=strict")];
    for path in ["Patient?nonsense=1", "?gender=male"] {
        client
            .send("GET", path, &strict, b"")
            .expect("a reply")
            .expect(400);
    }
    for path in [
        "Patient?_query=all",
        "Patient?_filter=name",
        "?_type=Nonsense",
        "Location?near=x",
        "Patient?gender:in=http://vigie.test/none",
        "Patient?gender:below=x",
    ] {
        let outcome = client.get(path).expect(400).json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{path}");
    }
}
