//! A5, A7 and A10: fields that are the server's own, entries of bundles in disguise, and ids that are
//! tried one after the other.

use std::time::Instant;

use serde_json::{Value, json};

use super::{
    ground::{CANARY, Ground, record},
    objects::{NOBODY, Told, told},
};
use crate::harness::{Client, Reply};

/// What only the server says of a resource, as somebody else would have it.
fn pretended() -> Value {
    json!({
        "versionId": "99", "lastUpdated": "1999-01-01T00:00:00Z",
        "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "U"}],
        "tag": [{"system": "urn:vigie", "code": "checked"}],
    })
}

#[track_caller]
fn is_the_servers(resource: &Value, version: &str) {
    let meta = &resource["meta"];
    assert_eq!(meta["versionId"], version, "{resource}");
    let updated = meta["lastUpdated"].as_str().unwrap_or_default();
    assert!(updated > "2025", "{resource}");
}

fn patched(client: &mut Client, place: &str, patch: &Value) -> Reply {
    let kind = [("content-type", "application/json-patch+json")];
    let body = patch.to_string();
    let reply = client.send("PATCH", place, &kind, body.as_bytes());
    reply.expect("a reply")
}

#[test]
fn a5_what_is_the_servers_to_say_is_not_taken_from_anybody() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let mut mine = record(("Observation", "mine"), &ground.own.reference, "mine");
    mine["id"] = json!("chosen-by-me");
    mine["meta"] = pretended();
    let reply = insider.post("Observation", &mine).expect(201);
    let place = reply.location();
    assert!(!place.contains("chosen"), "{place}");
    let stored = insider.get(&place).expect(200).json();
    is_the_servers(&stored, "1");
    // Labels are the client's, and open or close nothing.
    assert_eq!(stored["meta"]["tag"], pretended()["tag"]);
    ground.sees_nothing(
        "tag",
        &insider.get("Observation?_tag=urn:vigie|checked&_count=100"),
    );
    let (_, id) = place.split_once('/').expect("a type and an id");
    mine["id"] = json!(id);
    let stored = insider.put(&place, &mine).expect(200).json();
    is_the_servers(&stored, "2");
    for (path, value) in [
        ("/meta/versionId", json!("77")),
        ("/meta/lastUpdated", json!("1999-01-01T00:00:00Z")),
        ("/id", json!("another")),
        ("/resourceType", json!("Condition")),
    ] {
        let patch = json!([{"op": "replace", "path": path, "value": value}]);
        let reply = patched(&mut insider, &place, &patch);
        assert!(reply.status < 500, "{path}: {}", reply.text());
        let now = insider.get(&place).expect(200).json();
        assert_eq!(
            (&now["id"], &now["resourceType"]),
            (&json!(id), &json!("Observation"))
        );
        let version = now["meta"]["versionId"].as_str().unwrap_or_default();
        assert!(["2", "3", "4"].contains(&version), "{path}: {now}");
        is_the_servers(&now, version);
    }
    // Nor does a part of a resource say more than the whole.
    for query in [
        "_elements=subject",
        "_summary=true",
        "_summary=data",
        "_elements=*",
    ] {
        ground.sees_nothing(
            query,
            &insider.get(&format!("Observation?{query}&_count=100")),
        );
        ground.sees_nothing(
            query,
            &insider.get(&format!("{}?{query}", ground.other.record("Flag"))),
        );
    }
}

/// Addresses of a place that are not how it is called.
fn disguises(place: &str, origin: &str) -> Vec<String> {
    let (kind, id) = place.split_once('/').expect("a type and an id");
    vec![
        format!("{origin}/fhir/{place}"),
        format!("{origin}/fhir//{place}"),
        format!("{origin}/FHIR/{place}"),
        format!("http://other.example/fhir/{place}"),
        format!("//127.0.0.1/fhir/{place}"),
        format!("/fhir/{place}"),
        format!("/{place}"),
        format!("./{place}"),
        format!("../fhir/{place}"),
        format!("../../{place}"),
        format!("Observation/../{place}"),
        format!("{kind}//{id}"),
        format!("{kind}%2F{id}"),
        format!("%50{}/{id}", &kind[1..]),
        format!("{place}/"),
        format!("{place};x=1"),
        format!("{place}#x"),
        format!("{place}?_format=json"),
        format!("{place}\u{0}"),
        format!("{place}/$everything"),
        format!("{place}/_history"),
        format!("{kind}?_id={id}"),
        format!("?_type={kind}&_id={id}"),
        format!("{kind}/_search?_id={id}"),
    ]
}

#[test]
fn a7_an_entry_in_disguise_is_held_to_what_it_is() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let origin = ground.server.origin();
    let place = &ground.other.reference;
    let mut asked = 0;
    for url in disguises(place, &origin)
        .iter()
        .chain(&disguises(ground.other.record("Flag"), &origin))
    {
        for method in ["GET", "HEAD", "DELETE", "PUT", "PATCH", "get", "TRACE"] {
            let mut entry = json!({"fullUrl": url, "request": {"method": method, "url": url}});
            if method == "PUT" {
                entry["resource"] = record(("Flag", "mine"), &ground.own.reference, "mine");
            }
            for kind in ["batch", "transaction"] {
                let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [entry]});
                let reply = insider.post("", &bundle);
                // The address itself comes back in what is told about it; nothing else does.
                ground.sees_nothing(&format!("{kind} {method} {url}"), &reply);
                asked += 1;
            }
        }
    }
    assert!(asked > 600, "{asked}");
    let mut all = ground.all();
    for place in std::iter::once(place).chain(&ground.other.records) {
        let kept = all.get(place).expect(200).json();
        assert_eq!(kept["meta"]["versionId"], "1", "{place}");
    }
}

#[test]
fn a7_a_bundle_within_a_bundle_is_not_carried_out() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let steal = json!({"request": {"method": "GET", "url": ground.other.reference}});
    let kill = json!({"request": {"method": "DELETE", "url": ground.own.record("Flag")}});
    for inner in ["batch", "transaction"] {
        let nested = json!({"resourceType": "Bundle", "type": inner, "entry": [steal, kill]});
        for (outer, url) in [
            ("batch", ""),
            ("batch", "Bundle"),
            ("transaction", ""),
            ("transaction", "Bundle"),
            ("batch", "/"),
            ("batch", "$process-message"),
        ] {
            let entry = json!({"resource": nested, "request": {"method": "POST", "url": url}});
            let bundle = json!({"resourceType": "Bundle", "type": outer, "entry": [entry]});
            let reply = insider.post("", &bundle);
            ground.sees_nothing(&format!("{inner} in {outer} at {url}"), &reply);
            insider.get(ground.own.record("Flag")).expect(200);
        }
    }
}

#[test]
fn a7_operations_of_others_are_refused_as_entries_too() {
    let ground = Ground::new();
    let mut insider = ground.insider();
    let other = &ground.other;
    for (method, url) in [
        ("GET", format!("{}/$everything", other.reference)),
        ("POST", format!("{}/$purge", other.reference)),
        ("POST", format!("{}/$stop", other.record("CarePlan"))),
        ("GET", format!("{}/$meta", other.record("Observation"))),
        ("POST", format!("{}/$meta-add", other.record("Observation"))),
        ("POST", "$reindex".to_owned()),
        ("POST", "Patient/$import".to_owned()),
        ("POST", format!("$fhirpath?resource={}", other.reference)),
    ] {
        let parameters = json!({"resourceType": "Parameters"});
        let mut entry = json!({"request": {"method": method, "url": url}});
        if method == "POST" {
            entry["resource"] = parameters;
        }
        for kind in ["batch", "transaction"] {
            let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [entry]});
            let reply = insider.post("", &bundle);
            ground.sees_nothing(&format!("{kind} {method} {url}"), &reply);
            if reply.status == 200 {
                let status = reply.json()["entry"][0]["response"]["status"].clone();
                let is_refused = status.as_str().is_some_and(|text| text.starts_with('4'));
                assert!(is_refused, "{kind} {method} {url}: {}", reply.text());
            }
        }
    }
    let kept = ground.all().get(&other.reference).expect(200);
    assert!(kept.text().contains(CANARY));
}

/// What stands of the other patient and is deleted, and what never was, asked for in every way.
fn answers(client: &mut Client, kind: &str, id: &str) -> Vec<Told> {
    let place = format!("{kind}/{id}");
    let mut all: Vec<Reply> = [
        place.clone(),
        format!("{place}/_history"),
        format!("{place}/_history/1"),
        format!("{place}/_history/2"),
        format!("{place}/$everything"),
        format!("{place}/$meta"),
        format!("{kind}?_id={id}&_total=accurate"),
        format!("Provenance?target={place}&_total=accurate"),
    ]
    .map(|path| client.get(&path))
    .into();
    let conditional = [("if-none-match", "W/\"1\"")];
    all.push(
        client
            .send("GET", &place, &conditional, b"")
            .expect("a reply"),
    );
    all.push(client.send("HEAD", &place, &[], b"").expect("a reply"));
    all.push(client.delete(&place));
    all.push(patched(
        client,
        &place,
        &json!([{"op": "add", "path": "/language", "value": "fr"}]),
    ));
    all.iter().map(|reply| told(reply, id)).collect()
}

#[test]
fn a10_what_is_somebody_elses_what_was_and_what_never_was_are_the_same() {
    let ground = Ground::new();
    let (mut all, mut insider) = (ground.all(), ground.insider());
    for kind in ["Observation", "Flag", "Condition"] {
        let gone = record((kind, "gone"), &ground.other.reference, CANARY);
        let gone = all.post(kind, &gone).expect(201).location();
        let deleted = all.delete(&gone);
        assert!(deleted.status < 300, "{}", deleted.text());
        assert_eq!(all.get(&gone).status, 410, "who reaches it is told");
        let (_, stands) = ground.other.record(kind).split_once('/').expect("an id");
        let (_, gone) = gone.split_once('/').expect("an id");
        let none = answers(&mut insider, kind, NOBODY);
        assert_eq!(answers(&mut insider, kind, stands), none, "{kind}");
        assert_eq!(answers(&mut insider, kind, gone), none, "{kind}");
    }
}

#[test]
fn a10_an_id_is_not_reached_from_its_neighbours() {
    let ground = Ground::new();
    let (mut all, mut insider) = (ground.all(), ground.insider());
    let made: Vec<String> = (0..40)
        .map(|number| {
            let note = record(
                ("Observation", &format!("n{number}")),
                &ground.own.reference,
                "x",
            );
            all.post("Observation", &note).expect(201).location()
        })
        .collect();
    let mut chance: Vec<&str> = made
        .iter()
        .map(|place| &place[place.len() - 17..])
        .collect();
    chance.sort_unstable();
    chance.dedup();
    assert_eq!(chance.len(), made.len(), "{made:?}");
    for place in &made {
        let (_, id) = place.split_once('/').expect("an id");
        let number = u128::from_str_radix(&id.replace('-', ""), 16).expect("an id");
        for step in 1..4 {
            for near in [number + step, number - step] {
                let hex = format!("{near:032x}");
                let near = [
                    &hex[..8],
                    &hex[8..12],
                    &hex[12..16],
                    &hex[16..20],
                    &hex[20..],
                ]
                .join("-");
                insider.get(&format!("Observation/{near}")).expect(404);
            }
        }
    }
}

#[test]
fn a10_the_time_of_a_refusal_does_not_tell_what_is_there() {
    const TRIES: usize = 300;
    let ground = Ground::new();
    let mut insider = ground.insider();
    let places = [
        format!("Observation/{NOBODY}"),
        ground.other.record("Observation").to_owned(),
    ];
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..TRIES {
        for step in 0..2 {
            let which = (round + step) % 2;
            let begun = Instant::now();
            insider.get(&places[which]).expect(404);
            times[which].push(begun.elapsed());
        }
    }
    let [none, theirs] = times.map(|mut all| {
        all.sort_unstable();
        all[TRIES / 2].as_secs_f64()
    });
    // Two look-ups more: nothing that a network would not hide a thousand times over.
    let apart = (none - theirs).abs();
    println!(
        "refusals: {:.1} us for nothing, {:.1} us for somebody else's",
        none * 1e6,
        theirs * 1e6
    );
    assert!(apart < 0.000_5 || apart < none, "{none} {theirs}");
}
