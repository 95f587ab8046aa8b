//! Operations, all that the server says it has, called by a program that is launched for one patient:
//! on others, about others, and on everybody.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Clinic, canary, has_only};
use crate::harness::{Client, Reply};

/// Everything that the role of the nurse allows.
const SCOPES: &str = "patient/*.cruds";

/// `$name`, and the type that it belongs to, if it does.
fn operations(client: &mut Client) -> BTreeSet<(Option<String>, String)> {
    let statement = client.get("metadata").expect(200).json();
    let rest = &statement["rest"][0];
    let names = |list: &Value| -> Vec<String> {
        let all = list["operation"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|one| format!("${}", one["name"].as_str().expect("a name")))
            .collect()
    };
    let mut found: BTreeSet<_> = names(rest).into_iter().map(|name| (None, name)).collect();
    for resource in rest["resource"].as_array().expect("types") {
        let kind = resource["type"].as_str().expect("a type");
        let own = names(resource).into_iter();
        found.extend(own.map(|name| (Some(kind.to_owned()), name)));
    }
    found
}

/// Where an operation can be called, of somebody.
fn places((kind, name): (&Option<String>, &str), id: &str) -> Vec<String> {
    match kind {
        None => vec![name.to_owned(), format!("Patient/{id}/{name}")],
        Some(kind) => vec![format!("{kind}/{name}"), format!("{kind}/{id}/{name}")],
    }
}

/// Parameters that name somebody in every way that an operation asks for.
fn naming(id: &str) -> (String, Value) {
    let patient = format!("Patient/{id}");
    let query = format!("subject={patient}&patient={patient}&_id={id}&resource={patient}&url=x");
    let person = json!({ "resourceType": "Patient", "name": [{ "given": ["Ben"] }],
        "birthDate": "1950-01-01", "gender": "female" });
    let body = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "subject", "valueReference": { "reference": patient } },
        { "name": "patient", "valueReference": { "reference": patient } },
        { "name": "practitioner", "valueReference": { "reference": "Practitioner/anne" } },
        { "name": "resource", "resource": person },
    ] });
    (query, body)
}

fn call(program: &mut Client, place: &str, id: &str) -> [Reply; 2] {
    let (query, body) = naming(id);
    [
        program.get(&format!("{place}?{query}")),
        program.post(place, &body),
    ]
}

#[test]
fn no_operation_shows_a_launched_program_anybody_else() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", SCOPES);
    let all = operations(&mut clinic.all);
    assert!(all.len() > 30, "{all:?}");
    let mut own = 0;
    for (kind, name) in &all {
        for (place, mine) in places((kind, name), "ben")
            .iter()
            .zip(places((kind, name), "ada"))
        {
            let theirs = call(&mut program, place, "ben");
            let never = call(&mut program, &place.replace("/ben/", "/zoe/"), "zoe");
            for (theirs, never) in theirs.iter().zip(&never) {
                has_only("ada", theirs, place);
                let is_answer = theirs.status < 500 || theirs.status == 501;
                assert!(is_answer, "{place}: {}", theirs.text());
                let as_never = theirs
                    .text()
                    .replace("/ben", "/zoe")
                    .replace("=ben", "=zoe");
                let hides = theirs.status == never.status && as_never == never.text();
                // What a type or the system answers is the same for both, but for its instants.
                assert!(
                    hides || theirs.status == 200 && never.status == 200,
                    "{place}: {} {}",
                    theirs.text(),
                    never.text()
                );
            }
            for reply in call(&mut program, &mine, "ada") {
                has_only("ada", &reply, &mine);
                own += usize::from(reply.text().contains(&canary("ada")));
            }
        }
    }
    // One's own is answered, or the rest would show nothing.
    assert!(own > 2, "{own}");
    for place in ["Patient/ben", "Observation/ben"] {
        let stands = clinic.all.get(place).expect(200).json();
        assert_eq!(stands["meta"]["versionId"], "1", "{place}");
    }
}
