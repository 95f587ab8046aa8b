//! What is published: each malformed pathway is refused with every fault and its place, and what
//! is in force keeps its content.
//!
//! The cases are data: `fixtures/malformed-pathways/`, whose README says what the fields mean. Each
//! is a change to the example of `profiles/examples/`.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{Client, Nurse, Server};

/// Acceptance asks for this many malformed pathways.
const CASES_MIN: usize = 30;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(path).expect("a file of the repository")
}

/// The example: its form and its pathway.
pub fn example() -> (Value, Value) {
    let read = |kind: &str| {
        let text = read(&format!("profiles/examples/{kind}-heart-failure.json"));
        serde_json::from_str(&text).expect("JSON")
    };
    (read("Questionnaire"), read("PlanDefinition"))
}

fn cases() -> Vec<Value> {
    let text = read("fixtures/malformed-pathways/cases.jsonl");
    let parse = |line: &str| serde_json::from_str(line).expect("one case a line");
    text.lines().map(parse).collect()
}

/// Does one edit of a case: `set` (an array is lengthened at its end) or `remove`.
fn edit(tree: &mut Value, edit: &Value) {
    let path = edit["set"]
        .as_str()
        .or(edit["remove"].as_str())
        .expect("a path");
    let (parent, last) = path.rsplit_once('/').expect("a JSON pointer");
    let parent = tree
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("no {path}"));
    let removes = edit.get("remove").is_some();
    match parent {
        Value::Object(members) if removes => {
            assert!(members.shift_remove(last).is_some(), "{path}")
        }
        Value::Object(members) => drop(members.insert(last.to_owned(), edit["to"].clone())),
        Value::Array(list) => {
            let at: usize = last.parse().expect("an index");
            if removes {
                list.remove(at);
            } else if at == list.len() {
                list.push(edit["to"].clone());
            } else {
                list[at] = edit["to"].clone();
            }
        }
        _ => panic!("{path} leads into a value"),
    }
}

/// The form and the pathway of a case.
fn made(case: &Value) -> (Value, Value) {
    let (mut form, mut plan) = example();
    for (name, tree) in [("form", &mut form), ("plan", &mut plan)] {
        for one in case[name].as_array().into_iter().flatten() {
            edit(tree, one);
        }
    }
    (form, plan)
}

/// A transaction that writes these resources under their ids.
pub fn transaction(resources: &[&Value]) -> Value {
    let entry: Vec<Value> = resources
        .iter()
        .map(|resource| {
            let kind = resource["resourceType"].as_str().expect("a type");
            let id = resource["id"].as_str().expect("an id");
            json!({ "resource": resource,
                "request": { "method": "PUT", "url": format!("{kind}/{id}") } })
        })
        .collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entry })
}

/// The places of an outcome's errors.
fn places(outcome: &Value) -> Vec<String> {
    let issues = outcome["issue"].as_array().into_iter().flatten();
    issues
        .filter_map(|issue| issue["expression"][0].as_str().map(str::to_owned))
        .collect()
}

/// What there is of the example's definitions.
fn stored(client: &mut Client) -> u64 {
    ["PlanDefinition", "Questionnaire"]
        .iter()
        .map(|kind| {
            let count = client.get(&format!("{kind}?_id=heart-failure&_summary=count"));
            count.expect(200).json()["total"].as_u64().expect("a total")
        })
        .sum()
}

/// What the reply to a case gets wrong, in words.
fn fault_of(client: &mut Client, case: &Value) -> Option<String> {
    let (form, plan) = made(case);
    let reply = client.post("", &transaction(&[&plan, &form]));
    if reply.status != 422 {
        return Some(format!("status {}: {}", reply.status, reply.text()));
    }
    let found: BTreeSet<String> = places(&reply.json()).into_iter().collect();
    let wanted: BTreeSet<String> = case["expect"]
        .as_array()
        .expect("places")
        .iter()
        .filter_map(|place| place.as_str().map(str::to_owned))
        .collect();
    if found != wanted {
        return Some(format!("{wanted:?} wanted, {}", reply.text()));
    }
    (stored(client) != 0).then(|| "something was written".to_owned())
}

#[test]
fn every_malformed_pathway_is_refused_with_each_fault_at_its_place() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    let names: BTreeSet<&str> = cases
        .iter()
        .filter_map(|case| case["name"].as_str())
        .collect();
    assert_eq!(names.len(), cases.len(), "names are unique");
    let server = Server::start();
    let mut client = server.client();
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            Some(format!(
                "{}: {}",
                case["name"],
                fault_of(&mut client, case)?
            ))
        })
        .collect();
    println!(
        "malformed pathways: {} cases, {} answered wrongly",
        cases.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    // Without any of these edits the example is published.
    let (form, plan) = example();
    client.post("", &transaction(&[&plan, &form])).expect(200);
    assert_eq!(stored(&mut client), 2);
}

#[test]
fn a_pathway_may_come_before_or_after_its_form() {
    for plan_first in [true, false] {
        let server = Server::start();
        let mut client = server.client();
        let (form, plan) = example();
        // Alone it is refused, as nobody could answer.
        let reply = client
            .put("PlanDefinition/heart-failure", &plan)
            .expect(422);
        assert!(
            places(&reply.json())
                .iter()
                .any(|place| place.ends_with(".definitionCanonical"))
        );
        let both = if plan_first {
            [&plan, &form]
        } else {
            [&form, &plan]
        };
        client.post("", &transaction(&both)).expect(200);
    }
}

#[test]
fn a_draft_is_not_examined_until_it_becomes_active() {
    let server = Server::start();
    let mut client = server.client();
    let (form, mut plan) = example();
    client.put("Questionnaire/heart-failure", &form).expect(201);
    plan["status"] = "draft".into();
    plan["action"][1]["action"][0]["condition"][0]["expression"]["expression"] =
        "%current.(".into();
    client
        .put("PlanDefinition/heart-failure", &plan)
        .expect(201);
    plan["status"] = "active".into();
    let reply = client
        .put("PlanDefinition/heart-failure", &plan)
        .expect(422);
    assert_eq!(
        places(&reply.json()),
        ["PlanDefinition.action[1].action[0].condition[0].expression"]
    );
}

#[test]
fn what_is_in_force_keeps_its_content_until_nobody_needs_it() {
    let server = Server::start();
    let mut client = server.client();
    let mut nurse = Nurse::of(&server);
    let get = |client: &mut Client, path: &str| client.get(path).expect(200).json();
    let (plan, form) = (
        "PlanDefinition/covid-contact",
        "Questionnaire/covid-contact",
    );

    let mut changed = get(&mut client, plan);
    changed["action"][0]["timingTiming"]["repeat"]["count"] = 7.into();
    changed["title"] = "Autre".into();
    let refused = client.put(plan, &changed).expect(422).json();
    assert_eq!(
        places(&refused),
        ["PlanDefinition.title", "PlanDefinition.action"]
    );
    let mut draft = get(&mut client, plan);
    draft["status"] = "draft".into();
    assert_eq!(
        places(&client.put(plan, &draft).expect(422).json()),
        ["PlanDefinition.status"]
    );
    let mut reworded = get(&mut client, form);
    reworded["item"][0]["text"] = "Autre".into();
    assert_eq!(
        places(&client.put(form, &reworded).expect(422).json()),
        ["Questionnaire.item"]
    );
    let mut retired = get(&mut client, form);
    retired["status"] = "retired".into();
    assert_eq!(
        places(&client.put(form, &retired).expect(422).json()),
        ["Questionnaire.status"]
    );

    // Another resource cannot take the name of one in force.
    let mut other = get(&mut client, plan);
    other["id"] = "another".into();
    let refused = client
        .put("PlanDefinition/another", &other)
        .expect(422)
        .json();
    assert_eq!(places(&refused), ["PlanDefinition.version"]);

    // A follow-up that runs keeps both; an ended one lets them go.
    let mut patient = nurse.enrol(&server, "covid-contact");
    let mut retired = get(&mut client, plan);
    retired["status"] = "retired".into();
    retired["date"] = "2026-06-01".into();
    client.put(plan, &retired).expect(200);
    client.delete(plan).expect(409);
    client.delete(form).expect(409);
    patient
        .report(&[("callback", json!({ "valueBoolean": true }))])
        .expect(201);
    assert_eq!(
        patient.have("Flag").len(),
        1,
        "a retired pathway judges those it has"
    );
    let mut follow_up = get(&mut client, &patient.plan);
    follow_up["status"] = "revoked".into();
    client.put(&patient.plan, &follow_up).expect(200);
    client.delete(plan).expect(204);
}
