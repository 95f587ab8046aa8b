//! What must not leak: each case asks something that touches two patients, as somebody who reaches
//! one of them. Whatever is about the other holds one word ([`world::CANARY`]); it must not come
//! back, nor be counted, nor change an answer.

mod launched;
mod world;

use serde_json::{Value, json};

use self::world::{CANARY, World};
use crate::harness::{Client, Reply};

/// The entries of a Bundle, as references; what is included has a plus.
fn entries(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let mut named: Vec<String> = entries
        .filter(|entry| entry["search"]["mode"] != "outcome")
        .map(|entry| {
            let plus = if entry["search"]["mode"] == "include" {
                "+"
            } else {
                ""
            };
            let (kind, id) = (&entry["resource"]["resourceType"], &entry["resource"]["id"]);
            format!(
                "{plus}{}/{}",
                kind.as_str().unwrap_or(""),
                id.as_str().unwrap_or("")
            )
        })
        .collect();
    named.sort();
    named
}

#[track_caller]
fn has_no_canary(reply: &Reply, of: &str) {
    assert!(!reply.text().contains(CANARY), "{of}: {}", reply.text());
}

/// Searches, and what they find for who acts for the first establishment.
const SEARCHES: &[(&str, &[&str])] = &[
    ("Observation", &["Observation/a", "Observation/vital-a"]),
    ("Observation?_id=a,b,nobody", &["Observation/a"]),
    ("Observation?patient=b", &[]),
    ("Observation?subject=Patient/b", &[]),
    (
        "Observation?patient=a,b",
        &["Observation/a", "Observation/vital-a"],
    ),
    ("Observation?focus=Patient/b", &["Observation/vital-a"]),
    ("Observation?performer=Patient/a", &[]),
    ("Observation?code:text=Kanarienvogel", &[]),
    ("Observation?_content=Kanarienvogel", &[]),
    ("Observation?subject:missing=true", &[]),
    ("Observation?category:missing=true", &[]),
    (
        "Observation?_sort=_id&category=urn:c|lab",
        &["Observation/a"],
    ),
    (
        "Observation?_sort=-code",
        &["Observation/a", "Observation/vital-a"],
    ),
    (
        "Observation?_lastUpdated=gt2000",
        &["Observation/a", "Observation/vital-a"],
    ),
    ("Observation?_filter=patient re Patient/b or _id eq b", &[]),
    ("Observation?_list=b", &[]),
    // The list is theirs, what stands on it is not.
    ("Observation?_list=a", &[]),
    (
        "Observation?derived-from=Observation/b",
        &["Observation/vital-a"],
    ),
    // Along references, forwards.
    ("Task?_include=Task:focus", &["Task/a"]),
    ("Task?_include=Task:based-on", &["Task/a"]),
    ("Task?_include=Task:*", &["+Patient/a", "Task/a"]),
    ("Task?_include=*", &["+Patient/a", "Task/a"]),
    ("Task?_include=Task:focus:Observation", &["Task/a"]),
    (
        "Task?_include=Task:focus&_include:iterate=Observation:subject",
        &["Task/a"],
    ),
    (
        "Task?_include=Task:patient&_include:iterate=Patient:organization",
        &["+Organization/ward", "+Patient/a", "Task/a"],
    ),
    ("Task?_sort=-_lastUpdated&_include=Task:focus", &["Task/a"]),
    ("CarePlan?_include=CarePlan:replaces", &["CarePlan/a"]),
    (
        "CarePlan?_include:iterate=CarePlan:replaces",
        &["CarePlan/a"],
    ),
    (
        "DiagnosticReport?_include=DiagnosticReport:result",
        &["+Observation/a", "DiagnosticReport/a"],
    ),
    (
        "DiagnosticReport?_include=DiagnosticReport:result&_include:iterate=Observation:subject",
        &["+Observation/a", "+Patient/a", "DiagnosticReport/a"],
    ),
    (
        "Observation?_id=vital-a&_include=Observation:focus",
        &["Observation/vital-a"],
    ),
    (
        "Observation?_id=vital-a&_include=Observation:derived-from",
        &["Observation/vital-a"],
    ),
    (
        "Observation?_id=vital-a&_include=Observation:performer",
        &["+Practitioner/p", "Observation/vital-a"],
    ),
    (
        "Communication?_include=Communication:recipient",
        &["Communication/a"],
    ),
    ("List?_include=List:item", &["List/a"]),
    // Backwards.
    ("Patient?_revinclude=Observation:focus", &["Patient/a"]),
    (
        "Patient?_revinclude=Communication:recipient",
        &["Patient/a"],
    ),
    ("Patient?_revinclude=Group:member", &["Patient/a"]),
    ("Patient?_revinclude=Appointment:actor", &["Patient/a"]),
    (
        "Observation?_id=a&_revinclude=Task:focus",
        &["Observation/a"],
    ),
    (
        "Observation?_id=a&_revinclude=Observation:derived-from",
        &["Observation/a"],
    ),
    (
        "Observation?_id=a&_revinclude=DiagnosticReport:result",
        &["+DiagnosticReport/a", "Observation/a"],
    ),
    (
        "Practitioner?_revinclude=Observation:performer",
        &["+Observation/vital-a", "Practitioner/p"],
    ),
    (
        "Practitioner?_revinclude=*",
        &["+Observation/vital-a", "Practitioner/p"],
    ),
    (
        "Organization?_id=two&_revinclude=Patient:organization",
        &["Organization/two"],
    ),
    (
        "Organization?_id=two&_revinclude=Patient:organization&_revinclude:iterate=Observation:patient",
        &["Organization/two"],
    ),
    // Through chains.
    ("Task?focus:Observation.category=lab", &[]),
    ("Task?focus:Observation.category:not=x", &[]),
    (
        "Task?focus:Observation.subject:Patient.family=Kanarienvogel",
        &[],
    ),
    ("Task?patient.family=Martin", &["Task/a"]),
    ("Observation?patient.organization.name=Two", &[]),
    (
        "Observation?patient.organization.name=Ward",
        &["Observation/a", "Observation/vital-a"],
    ),
    ("Observation?_has:Task:focus:status=requested", &[]),
    ("Observation?_has:DiagnosticReport:result:_id=b", &[]),
    ("Patient?_has:Observation:focus:status=final", &[]),
    ("Patient?_has:Group:member:_id=both", &[]),
    (
        "Organization?_has:Patient:organization:family=Kanarienvogel",
        &[],
    ),
    (
        "Organization?_has:Patient:organization:_has:Observation:patient:category=lab",
        &["Organization/ward"],
    ),
    // What is nobody's, what is about several, what is everybody's.
    ("Basic", &[]),
    ("Group?member=Patient/a", &[]),
    ("Appointment?patient=a", &[]),
    ("Medication", &["Medication/m"]),
];

#[test]
fn searches_find_count_and_bring_along_only_what_is_reached() {
    let mut world = World::new();
    for &(search, found) in SEARCHES {
        let path = search.replace(' ', "%20");
        let reply = world.one.get(&path).expect(200);
        // The link to the page repeats what was asked.
        let told = reply.json();
        assert!(
            !told["entry"].to_string().contains(CANARY),
            "{search}: {told}"
        );
        assert_eq!(entries(&told), found, "{search}");
        let matches = found.iter().filter(|one| !one.starts_with('+')).count();
        let join = if search.contains('?') { '&' } else { '?' };
        for total in ["_summary=count", "_total=accurate"] {
            let counted = world.one.get(&format!("{path}{join}{total}")).expect(200);
            assert_eq!(counted.json()["total"], matches, "{search} {total}");
        }
        // Whoever reaches everything is told more, or the case would show nothing.
        let all = world.all.get(&path).expect(200);
        assert!(entries(&all.json()).len() >= found.len(), "{search}");
    }
}

#[test]
fn a_narrowed_scope_bounds_what_comes_along() {
    let mut world = World::new();
    for (search, found) in [
        ("Observation", &["Observation/a"][..]),
        (
            "Patient?_revinclude=Observation:patient",
            &["+Observation/a", "Patient/a"],
        ),
        (
            "Patient?_revinclude=*",
            &["+Observation/a", "+Task/a", "Patient/a"],
        ),
        (
            "Observation?_include=Observation:subject",
            &["+Patient/a", "Observation/a"],
        ),
        ("Observation?category=urn:c|vital", &[]),
        ("Observation?category:not=lab", &[]),
        ("Patient?_has:Observation:patient:category=vital", &[]),
        (
            "Patient?_has:Observation:patient:category=lab",
            &["Patient/a"],
        ),
        ("Observation?_id=vital-a", &[]),
    ] {
        let reply = world.laboratory.get(search).expect(200);
        has_no_canary(&reply, search);
        assert_eq!(entries(&reply.json()), found, "{search}");
    }
    let hidden = world.laboratory.get("Observation/vital-a").expect(404);
    let never = world.laboratory.get("Observation/never").expect(404);
    assert_eq!(hidden.text(), never.text());
}

#[test]
fn histories_and_several_types_at_once_leak_nothing() {
    let mut world = World::new();
    for path in [
        "_history?_count=1000",
        "_history?_since=2000-01-01T00:00:00Z",
        "Observation/_history",
        "?_type=Observation,Task,Patient&_count=100",
        "?_type=Observation,Task,Patient&_include=Task:focus",
        "Patient/a/$everything",
        "Encounter/a/$everything",
        "Patient/a/*",
        "Patient/a/Observation",
        "Observation/$meta",
        "Practitioner/p/*",
    ] {
        let reply = world.one.get(path);
        has_no_canary(&reply, path);
        let is_refused = [403, 404].contains(&reply.status);
        assert!(
            is_refused
                || reply.text().contains("Martin")
                || path.contains("$meta")
                || path.starts_with("Practitioner"),
            "{path}: {}",
            reply.text()
        );
    }
    for path in [
        "Patient/b/Observation",
        "Patient/b/*",
        "Patient/b/$everything",
        "Encounter/b/$everything",
    ] {
        let theirs = world.one.get(path);
        let never = world.one.get(&path.replacen("/b/", "/never/", 1));
        assert_eq!(theirs.status, never.status, "{path}");
        has_no_canary(&theirs, path);
        let entries = entries(&theirs.json());
        // What was sent to them about somebody else is that one's.
        let is_own = |one: &String| one == "Communication/a";
        assert!(entries.iter().all(is_own), "{path}: {entries:?}");
    }
}

#[test]
fn the_next_page_of_somebody_else_shows_only_what_one_reaches() {
    let mut world = World::new();
    for search in [
        "Observation?_count=1",
        "Observation?_sort=_lastUpdated&_count=1",
        "_history?_count=3",
    ] {
        for _ in 0..12 {
            let page = world.two.get(search).expect(200).json();
            let links = page["link"].as_array().expect("links");
            let next = links.iter().find(|link| link["relation"] == "next");
            let next = next.expect("a next page")["url"]
                .as_str()
                .expect("an address");
            let (_, path) = next.split_once("/fhir/").expect("an address below /fhir");
            let reply = world.one.get(path).expect(200);
            has_no_canary(&reply, search);
        }
    }
}

/// A method, a path, and the body that asks about an id.
type Ask = (&'static str, &'static str, fn(&str) -> Value);

#[test]
fn what_is_not_reached_is_answered_as_what_never_was() {
    let mut world = World::new();
    let asks: [Ask; 9] = [
        ("GET", "Patient/ID", |_| Value::Null),
        ("GET", "Patient/ID?_summary=true", |_| Value::Null),
        ("GET", "Patient/ID/_history", |_| Value::Null),
        ("GET", "Patient/ID/_history/1", |_| Value::Null),
        ("GET", "Patient/ID/$meta", |_| Value::Null),
        ("GET", "Patient/ID/$everything", |_| Value::Null),
        ("DELETE", "Patient/ID", |_| Value::Null),
        (
            "PUT",
            "Patient/ID",
            |id| json!({ "resourceType": "Patient", "id": id }),
        ),
        (
            "PATCH",
            "Patient/ID",
            |_| json!([{ "op": "add", "path": "/active", "value": true }]),
        ),
    ];
    for (method, path, body) in asks {
        let ask = |client: &mut Client, id: &str| {
            let body = match body(id) {
                Value::Null => String::new(),
                tree => tree.to_string(),
            };
            let kind = if method == "PATCH" {
                "application/json-patch+json"
            } else {
                "application/fhir+json"
            };
            let path = path.replace("ID", id);
            let reply = client.send(method, &path, &[("content-type", kind)], body.as_bytes());
            reply.expect("a reply")
        };
        let theirs = ask(&mut world.one, "b");
        let never = ask(&mut world.one, "c");
        assert_eq!(theirs.status, never.status, "{method} {path}");
        let as_never = theirs.text().replace("Patient/b", "Patient/c");
        assert_eq!(as_never, never.text(), "{method} {path}");
        has_no_canary(&theirs, path);
    }
    // It stands as it did.
    let stands = world.two.get("Patient/b").expect(200);
    assert_eq!(stands.json()["meta"]["versionId"], "1");
    // What is gone is gone only for whom it was.
    world.two.delete("Observation/b").expect(204);
    world.two.get("Observation/b").expect(410);
    let gone = world.one.get("Observation/b").expect(404);
    assert_eq!(
        gone.text(),
        world.one.get("Observation/c").expect(404).text()
    );
}

#[test]
fn conditions_see_only_what_is_reached() {
    let mut world = World::new();
    let fresh = json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" },
        "subject": { "reference": "Patient/a" } });
    // Nothing tells that somebody else's satisfies the condition.
    let headers = [
        ("content-type", "application/fhir+json"),
        ("if-none-exist", "patient=b&category=urn:c|lab"),
    ];
    let made = world.one.send(
        "POST",
        "Observation",
        &headers,
        fresh.to_string().as_bytes(),
    );
    made.expect("a reply").expect(201);
    world.one.delete("Observation?patient=b&category=lab");
    let stands = world.all.get("Observation?patient=b").expect(200).json();
    assert_eq!(entries(&stands), ["Observation/b", "Observation/vital-b"]);
}
