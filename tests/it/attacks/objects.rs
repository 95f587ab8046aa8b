//! A1 to A4: what is somebody else's, by its name, by search, by writing to it, and by the way of
//! what is one's own.

use serde_json::{Value, json};

use super::ground::{CANARY, Ground, KINDS, SYSTEM, record};
use crate::harness::{Client, Reply};

/// An id that nothing has, of the form that ids have.
pub const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

/// The status, the headers and the body of a refusal.
pub type Told = (u16, Vec<(String, String)>, String);

/// What a refusal says, apart from the id that was asked for and the number of the request.
pub fn told(reply: &Reply, id: &str) -> Told {
    let ours = |name: &str| !["date", "x-request-id", "content-length"].contains(&name);
    let headers = reply.headers.iter().filter(|(name, _)| ours(name));
    let hidden = |text: &str| text.replace(id, "ID");
    (
        reply.status,
        headers
            .map(|(name, value)| (name.clone(), hidden(value)))
            .collect(),
        hidden(&reply.text()),
    )
}

#[test]
fn a1_nothing_of_somebody_else_is_read_by_any_way() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let (own, other) = (&ground.own, &ground.other);
    insider.get(&own.reference).expect(200);
    insider.get(own.record("Observation")).expect(200);
    let mut asked = 0;
    for kind in KINDS.iter().chain(&["Patient"]) {
        let place = match *kind {
            "Patient" => other.reference.as_str(),
            kind => other.record(kind),
        };
        let (_, id) = place.split_once('/').expect("a type and an id");
        for path in ["", "/_history", "/_history/1"] {
            let theirs = insider.get(&format!("{place}{path}"));
            let none = insider.get(&format!("{kind}/{NOBODY}{path}"));
            ground.sees_nothing(place, &theirs);
            assert_eq!(told(&theirs, id), told(&none, NOBODY), "{place}{path}");
            assert_eq!(theirs.status, 404, "{place}{path}");
        }
        for query in searches(kind, id, &other.reference) {
            let reply = insider.get(&query);
            ground.sees_nothing(&query, &reply);
            if reply.status == 200 && reply.json()["resourceType"] == "Bundle" {
                is_empty_of_others(&query, &reply.json(), own.id());
            }
            asked += 1;
        }
    }
    assert!(asked > 200, "{asked}");
    for path in around(&other.reference) {
        let reply = insider.get(&path);
        ground.sees_nothing(&path, &reply);
    }
}

fn searches(kind: &str, id: &str, patient: &str) -> Vec<String> {
    let by = if kind == "Patient" { "_id" } else { "patient" };
    let mut all: Vec<String> = [
        format!("_id={id}"),
        format!("_id={id}&_total=accurate"),
        format!("_id={id}&_summary=count"),
        format!("_id={id}&_summary=true"),
        format!("_id={id}&_elements=id"),
        format!("_id:not={NOBODY}&_count=1000"),
        format!("{by}={patient}"),
        "_lastUpdated=ge2000-01-01&_sort=-_lastUpdated&_count=1000&_total=accurate".to_owned(),
        format!("identifier={SYSTEM}|{kind}-other"),
        "_include=*&_revinclude=*&_count=1000".to_owned(),
        "_include:iterate=*&_count=1000".to_owned(),
        format!("_filter=_id eq {id}").replace(' ', "%20"),
    ]
    .iter()
    .map(|query| format!("{kind}?{query}"))
    .collect();
    all.push(format!("{kind}/_history?_count=1000"));
    all.push(format!("{patient}/{kind}"));
    if kind != "Patient" {
        // A part of the word, so that the link back to the search does not hold the whole of it.
        all.push(format!("{kind}?patient.family={}", &CANARY[..6]));
        all.push(format!("{kind}?patient.identifier={SYSTEM}|patient-other"));
        all.push(format!("Patient?_has:{kind}:patient:_id={id}"));
        all.push(format!(
            "Patient?_id={}&_revinclude={kind}:patient",
            &patient[8..]
        ));
    }
    all
}

/// Ways to a patient that are no search of a type.
fn around(patient: &str) -> Vec<String> {
    let id = &patient[8..];
    [
        "_history?_count=1000".to_owned(),
        format!("?_type=Patient,Observation,Condition&_id={id}"),
        "?_type=Patient,Observation,Condition&_count=1000".to_owned(),
        format!("{patient}/$everything"),
        format!("{patient}/$meta"),
        format!("{patient}/*"),
        format!("Patient/$everything?_id={id}"),
        format!("Patient?_list={id}"),
        format!("List?item={patient}"),
        format!("$fhirpath?resource={patient}"),
        format!("Observation/$lastn?patient={patient}"),
    ]
    .into()
}

/// That a searchset has nothing but one's own, and counts nothing else.
#[track_caller]
fn is_empty_of_others(query: &str, bundle: &Value, own: &str) {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let matches = entries
        .iter()
        .filter(|entry| entry["search"]["mode"] == "match");
    let number = matches.count() as u64;
    if let Some(total) = bundle["total"].as_u64()
        && bundle["link"]
            .as_array()
            .is_none_or(|links| links.iter().all(|link| link["relation"] != "next"))
        && !query.contains("_summary=count")
        && bundle["type"] == "searchset"
    {
        assert_eq!(total, number, "{query} ({own}): {bundle}");
    }
    if query.contains("_summary=count") {
        assert_eq!(bundle["total"], 0, "{query}");
    }
}

#[test]
fn a1_an_export_holds_nothing_of_somebody_else() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let (own, other) = (&ground.own, &ground.other);
    for query in [
        "$export".to_owned(),
        "$export?_type=Patient,Observation,Flag".to_owned(),
        "Patient/$export".to_owned(),
        format!("Patient/$export?patient={}", other.reference),
        format!(
            "$export?_typeFilter=Observation%3Fsubject%3D{}",
            other.reference
        ),
    ] {
        let begun = insider.get(&query);
        ground.sees_nothing(&query, &begun);
        let Some(place) = begun.header("content-location") else {
            assert!(
                (400..500).contains(&begun.status),
                "{query}: {}",
                begun.text()
            );
            continue;
        };
        let place = place
            .split_once("/fhir/")
            .expect("below the base")
            .1
            .to_owned();
        ground.server.set_clock(&ground.server.later(5));
        let done = insider.get(&place).expect(200);
        ground.sees_nothing(&query, &done);
        let files = done.json()["output"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut lines = 0;
        for file in &files {
            let url = file["url"].as_str().unwrap_or_default();
            let path = url.split_once("/fhir/").expect("below the base").1;
            let reply = insider.get(path).expect(200);
            assert!(!reply.text().contains(CANARY), "{query}: {}", reply.text());
            assert!(!reply.text().contains(&other.reference), "{query}");
            lines += reply.text().lines().count();
        }
        let is_of_others = query.contains(&other.reference);
        assert!(lines > 0 || is_of_others, "{query}: {}", own.reference);
    }
}

#[test]
fn a1_entries_of_a_batch_read_no_more_than_requests() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let other = &ground.other;
    let urls = [
        other.reference.clone(),
        format!("{}/_history/1", other.record("Observation")),
        format!("Observation?patient={}", other.reference),
        format!("{}/$everything", other.reference),
        format!("Observation?_id={}", &other.record("Observation")[12..]),
    ];
    for kind in ["batch", "transaction"] {
        for url in &urls {
            let entry = json!({"request": {"method": "GET", "url": url}});
            let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [entry]});
            let reply = insider.post("", &bundle);
            ground.sees_nothing(&format!("{kind} {url}"), &reply);
        }
    }
}

/// What stands of the other patient, and its versions.
fn standing(ground: &Ground) -> Vec<(String, String)> {
    let mut all = ground.all();
    let other = &ground.other;
    std::iter::once(&other.reference)
        .chain(&other.records)
        .map(|place| {
            let reply = all.get(place).expect(200);
            (place.clone(), reply.json()["meta"]["versionId"].to_string())
        })
        .collect()
}

fn put(client: &mut Client, place: &str, resource: &Value, headers: &[(&str, &str)]) -> Reply {
    let mut all = vec![("content-type", "application/fhir+json")];
    all.extend(headers);
    client
        .send("PUT", place, &all, resource.to_string().as_bytes())
        .expect("a reply")
}

#[test]
fn a2_nothing_of_somebody_else_is_written_to() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let before = standing(&ground);
    let (own, other) = (&ground.own, &ground.other);
    for kind in KINDS {
        let place = other.record(kind);
        let (_, id) = place.split_once('/').expect("a type and an id");
        let mut mine = record((kind, "mine"), &own.reference, "mine");
        mine["id"] = json!(id);
        for headers in [
            &[][..],
            &[("if-match", "W/\"1\"")][..],
            &[("if-match", "W/\"9\"")][..],
        ] {
            let reply = put(&mut insider, place, &mine, headers);
            ground.sees_nothing(place, &reply);
            assert!(
                [403, 404].contains(&reply.status),
                "PUT {place}: {} {}",
                reply.status,
                reply.text()
            );
        }
        let patch =
            json!([{"op": "replace", "path": "/subject/reference", "value": own.reference}]);
        let json_patch = [("content-type", "application/json-patch+json")];
        let reply = insider.send("PATCH", place, &json_patch, patch.to_string().as_bytes());
        let reply = reply.expect("a reply");
        ground.sees_nothing(place, &reply);
        assert_eq!(reply.status, 404, "PATCH {place}");
        let reply = insider.delete(place);
        let none = insider.delete(&format!("{kind}/{NOBODY}"));
        assert_eq!(told(&reply, id), told(&none, NOBODY), "DELETE {place}");
    }
    assert_eq!(standing(&ground), before);
}

#[test]
fn a2_conditions_match_nothing_of_somebody_else() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let before = standing(&ground);
    let own = &ground.own;
    for kind in ["Observation", "Condition", "Procedure"] {
        let theirs = format!("identifier={SYSTEM}|{kind}-other");
        let mine = record((kind, "mine"), &own.reference, "mine");
        let headers = [
            ("content-type", "application/fhir+json"),
            ("if-none-exist", &theirs),
        ];
        let body = mine.to_string();
        let reply = insider
            .send("POST", kind, &headers, body.as_bytes())
            .expect("a reply");
        ground.sees_nothing(&theirs, &reply);
        assert_eq!(reply.status, 201, "If-None-Exist does not see them");
        let reply = put(&mut insider, &format!("{kind}?{theirs}"), &mine, &[]);
        ground.sees_nothing(&theirs, &reply);
        assert_eq!(
            reply.status,
            201,
            "a conditional update creates: {}",
            reply.text()
        );
        let reply = insider.delete(&format!("{kind}?{theirs}"));
        ground.sees_nothing(&theirs, &reply);
        let patch = json!([{"op": "add", "path": "/language", "value": "fr"}]).to_string();
        let json_patch = [("content-type", "application/json-patch+json")];
        let reply = insider.send(
            "PATCH",
            &format!("{kind}?{theirs}"),
            &json_patch,
            patch.as_bytes(),
        );
        let reply = reply.expect("a reply");
        ground.sees_nothing(&theirs, &reply);
        assert_eq!(
            reply.status,
            404,
            "a conditional patch finds nothing: {}",
            reply.text()
        );
    }
    assert_eq!(standing(&ground), before);
}

#[test]
fn a3_nothing_goes_from_one_patient_to_another() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let (own, other) = (&ground.own, &ground.other);
    for kind in KINDS {
        let place = own.record(kind);
        let (_, id) = place.split_once('/').expect("a type and an id");
        let mut moved = record((kind, "moved"), &other.reference, "moved");
        insider.post(kind, &moved).expect(403);
        moved["id"] = json!(id);
        put(&mut insider, place, &moved, &[]).expect(403);
        let whose = if moved.get("patient").is_some() {
            "patient"
        } else {
            "subject"
        };
        let at = format!("/{whose}/reference");
        let patch = json!([{"op": "replace", "path": at, "value": other.reference}]).to_string();
        let json_patch = [("content-type", "application/json-patch+json")];
        let reply = insider
            .send("PATCH", place, &json_patch, patch.as_bytes())
            .expect("a reply");
        assert_eq!(reply.status, 403, "{}", reply.text());
        let kept = insider.get(place).expect(200).json();
        assert_eq!(kept[whose]["reference"], own.reference, "{place}");
        assert_eq!(kept["meta"]["versionId"], "1", "{place}");
    }
}

#[test]
fn a3_a_transaction_smuggles_nothing_across() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let (own, other) = (&ground.own, &ground.other);
    let mut seen = ground.all();
    let query = format!("Observation?patient={}&_summary=count", other.reference);
    let before = seen.get(&query).json()["total"].clone();
    let conditional = format!("Patient?identifier={SYSTEM}|patient-other");
    for subject in [other.reference.as_str(), conditional.as_str()] {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"fullUrl": "urn:uuid:0b4c1f8e-5d0a-4b8e-9d43-31d8f6f0a001",
             "resource": record(("Encounter", "mine"), &own.reference, "mine"),
             "request": {"method": "POST", "url": "Encounter"}},
            {"resource": {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                "subject": {"reference": subject},
                "encounter": {"reference": "urn:uuid:0b4c1f8e-5d0a-4b8e-9d43-31d8f6f0a001"}},
             "request": {"method": "POST", "url": "Observation"}}]});
        let reply = insider.post("", &bundle);
        ground.sees_nothing(subject, &reply);
        assert!(
            (400..500).contains(&reply.status),
            "{subject}: {}",
            reply.text()
        );
    }
    assert_eq!(seen.get(&query).json()["total"], before);
    // And nothing of the first entry was kept.
    let kept = format!("Encounter?identifier={SYSTEM}|Encounter-mine&_summary=count");
    assert_eq!(seen.get(&kept).json()["total"], 0);
}

#[test]
fn a4_a_page_of_one_is_no_page_of_another() {
    let ground = Ground::new();
    let (mut all, mut insider) = (ground.all(), ground.insider());
    for query in [
        "Observation?_count=1",
        "Patient?_count=1&_sort=family",
        "_history?_count=2",
    ] {
        let page = all.get(query).expect(200).json();
        let links = page["link"].as_array().cloned().unwrap_or_default();
        let next = links.iter().find(|link| link["relation"] == "next");
        let url = next
            .and_then(|link| link["url"].as_str())
            .expect("a next page");
        let (_, path) = url.split_once("/fhir/").expect("below the base");
        ground.sees_nothing(path, &insider.get(path));
    }
}
