//! People who have a canary in every string, and the ward that they share.

use serde_json::{Value, json};

use super::canary::{Aviary, base64};
use crate::harness::{Client, Patient, Reply};

/// What several people share, and each is named in.
#[derive(Debug)]
pub struct Ward {
    pub team: String,
    pub group: String,
    pub list: String,
}

/// Somebody with canaries everywhere.
#[derive(Debug)]
pub struct Person {
    pub path: String,
    pub canaries: Vec<String>,
    /// `Type/id` of what is theirs.
    pub own: Vec<String>,
    pub identifier: String,
}

/// Stores a resource; gives its path.
fn create(client: &mut Client, tree: &Value) -> String {
    let kind = tree["resourceType"].as_str().expect("a type");
    client.post(kind, tree).expect(201).location()
}

impl Ward {
    pub fn open(client: &mut Client) -> Self {
        Self {
            team: create(
                client,
                &json!({ "resourceType": "CareTeam", "status": "active" }),
            ),
            group: create(
                client,
                &json!({ "resourceType": "Group", "type": "person", "actual": true }),
            ),
            list: create(
                client,
                &json!({ "resourceType": "List", "status": "current", "mode": "working" }),
            ),
        }
    }

    pub fn paths(&self) -> [&String; 3] {
        [&self.team, &self.group, &self.list]
    }

    /// Names somebody in all that the ward shares, as one named by display.
    fn admit(&self, client: &mut Client, patient: &str, birds: &mut Aviary) {
        for path in self.paths() {
            let mut tree = client.get(path).expect(200).json();
            let who = json!({ "reference": patient, "display": birds.next() });
            let (list, entry) = match tree["resourceType"].as_str() {
                Some("CareTeam") => ("participant", json!({ "member": who })),
                Some("Group") => ("member", json!({ "entity": who })),
                _ => ("entry", json!({ "item": who })),
            };
            match tree[list].as_array_mut() {
                Some(entries) => entries.push(entry),
                None => tree[list] = json!([entry]),
            }
            tree["text"] = narrative(birds);
            client.put(path, &tree).expect(200);
        }
    }
}

fn narrative(birds: &mut Aviary) -> Value {
    let div = format!(
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>",
        birds.next()
    );
    json!({ "status": "generated", "div": div })
}

fn patient(birds: &mut Aviary) -> Value {
    let mut bird = || birds.next();
    let mut tree = json!({
        "resourceType": "Patient",
        "contained": [{ "resourceType": "Organization", "id": "o", "name": bird(), "alias": [bird()] }],
        "extension": [{ "url": "https://vigie.example/fhir/x", "valueString": bird() }],
        "identifier": [{ "system": "urn:canaries", "value": bird(),
            "type": { "text": bird() }, "assigner": { "display": bird() } }],
        "name": [{ "text": bird(), "family": bird(), "given": [bird(), bird()],
            "prefix": [bird()], "suffix": [bird()] }],
        "telecom": [
            { "system": "email", "value": format!("{}@home.example", bird()) },
            { "system": "url", "value": format!("https://home.example/{}", bird()) },
            { "system": "other", "value": bird() },
        ],
        "birthDate": "1950-02-28",
        "address": [{ "text": bird(), "line": [bird(), bird()], "city": bird(),
            "district": bird(), "state": bird(), "postalCode": bird(), "country": bird() }],
        "maritalStatus": { "text": bird() },
        "photo": [{ "title": bird(), "url": format!("https://home.example/{}", bird()),
            "data": base64(bird().as_bytes()) }],
        "contact": [{ "relationship": [{ "text": bird() }], "name": { "family": bird() },
            "telecom": [{ "system": "phone", "value": bird() }],
            "address": { "city": bird() }, "organization": { "display": bird() } }],
        "communication": [{ "language": { "text": bird() } }],
        "generalPractitioner": [{ "reference": "#o", "display": bird() }],
    });
    tree["text"] = narrative(birds);
    tree
}

/// What is about the person beside the follow-up itself.
fn belongings(me: &str, binary: &str, birds: &mut Aviary) -> Vec<Value> {
    let about = json!({ "reference": me, "display": birds.next() });
    let mut bird = || birds.next();
    vec![
        json!({ "resourceType": "RelatedPerson", "patient": about,
            "name": [{ "family": bird(), "given": [bird()] }],
            "telecom": [{ "system": "email", "value": format!("{}@near.example", bird()) }] }),
        json!({ "resourceType": "Observation", "status": "final", "subject": about,
            "code": { "text": bird() }, "valueString": bird(), "note": [{ "text": bird() }],
            "component": [{ "code": { "text": bird() }, "valueString": bird() }] }),
        json!({ "resourceType": "Communication", "status": "completed", "subject": about,
            "payload": [{ "contentString": bird() }, { "contentAttachment":
                { "title": bird(), "data": base64(bird().as_bytes()) } }],
            "note": [{ "authorString": bird(), "text": bird() }] }),
        json!({ "resourceType": "Task", "status": "requested", "intent": "order", "for": about,
            "description": bird(), "note": [{ "text": bird() }],
            "input": [{ "type": { "text": bird() }, "valueString": bird() }] }),
        json!({ "resourceType": "DocumentReference", "status": "current", "subject": about,
            "description": bird(), "content": [{ "attachment": { "url": binary, "title": bird() } }] }),
        json!({ "resourceType": "Composition", "status": "final", "type": { "text": bird() },
            "subject": about, "date": "2030-01-01", "author": [about], "title": bird(),
            "section": [{ "title": bird(), "text": narrative_of(&bird()) }] }),
        json!({ "resourceType": "CareTeam", "subject": about, "name": bird() }),
    ]
}

fn narrative_of(text: &str) -> Value {
    let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{text}</div>");
    json!({ "status": "additional", "div": div })
}

/// An answer that raises an alert, with words of the patient's own.
pub fn answer(patient: &Patient, birds: &mut Aviary) -> Value {
    let mut answer = patient.answer(&[("danger.chest", json!({ "valueBoolean": true }))]);
    let words = json!({ "linkId": "words", "text": birds.next(),
        "answer": [{ "valueString": birds.next() }] });
    answer["item"].as_array_mut().expect("items").push(words);
    answer["text"] = narrative(birds);
    answer
}

impl Person {
    /// Records somebody, with a history, in the ward; enrols them where `follow` does.
    pub fn admit(
        client: &mut Client,
        ward: &Ward,
        mut birds: Aviary,
        follow: impl FnOnce(&str) -> Option<Patient>,
    ) -> Self {
        let first = patient(&mut birds);
        let path = create(client, &first);
        let mut second = patient(&mut birds);
        second["id"] = path.trim_start_matches("Patient/").into();
        client.put(&path, &second).expect(200);
        let binary = json!({ "resourceType": "Binary", "contentType": "text/plain",
            "data": base64(birds.next().as_bytes()) });
        let mut own = vec![path.clone(), create(client, &binary)];
        for tree in belongings(&path, &own[1], &mut birds) {
            own.push(create(client, &tree));
        }
        // Files that nothing refers to, and that say themselves whose they are.
        for is_deleted in [false, true] {
            let file = json!({ "resourceType": "Binary", "contentType": "text/plain",
                "securityContext": { "reference": path },
                "data": base64(birds.next().as_bytes()) });
            own.push(create(client, &file));
            if is_deleted {
                client.delete(&own[own.len() - 1]);
            }
        }
        let observation = own
            .iter()
            .find(|one| one.starts_with("Observation/"))
            .cloned();
        client.delete(&observation.expect("an observation"));
        ward.admit(client, &path, &mut birds);
        if let Some(followed) = follow(&path) {
            own.push(followed.plan.clone());
            let sent = answer(&followed, &mut birds);
            own.push(
                client
                    .post("QuestionnaireResponse", &sent)
                    .expect(201)
                    .location(),
            );
        }
        exercise(client, &path, &second, &mut birds);
        own.extend(about(client, &path));
        own.sort();
        own.dedup();
        let identifier = second["identifier"][0]["value"]
            .as_str()
            .expect("one")
            .to_owned();
        Self {
            path,
            canaries: birds.drawn,
            own,
            identifier,
        }
    }

    /// `Patient/{id}/$purge`.
    pub fn purge(&self, client: &mut Client) -> Reply {
        let path = format!("{}/$purge", self.path);
        client.send("POST", &path, &[], b"").expect("a reply")
    }
}

/// Searches, histories, errors: whatever may leave a trace.
fn exercise(client: &mut Client, path: &str, tree: &Value, birds: &mut Aviary) {
    let family = tree["name"][0]["family"].as_str().expect("a name");
    for query in [
        format!("Patient?name={family}&_include=*"),
        format!(
            "Patient?name:contains={}&_sort=name,-birthdate",
            &family[4..20]
        ),
        format!("{path}/_history"),
        format!("{path}/$everything"),
        format!("Observation?patient:Patient.name={family}"),
    ] {
        client.get(&query).expect(200);
    }
    let bad =
        json!({ "resourceType": "Patient", "birthDate": birds.next(), "nonsense": birds.next() });
    assert!(client.post("Patient", &bad).status >= 400);
    assert!(
        client
            .get(&format!("Patient?_sort={}", birds.next()))
            .status
            >= 400
    );
}

/// All that `$everything` gives of a patient's own.
fn about(client: &mut Client, path: &str) -> Vec<String> {
    let all = client
        .get(&format!("{path}/$everything?_count=1000"))
        .expect(200)
        .json();
    let entries = all["entry"].as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .filter(|entry| entry["search"]["mode"] == "match")
        .map(|entry| {
            let resource = &entry["resource"];
            let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
            format!("{}/{}", text("resourceType"), text("id"))
        })
        .collect()
}
