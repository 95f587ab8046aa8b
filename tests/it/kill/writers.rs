//! Those who write while the server dies, and what they remember.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answers::Answer;
use crate::harness::{Chance, Client, Patient, Reply};

/// The identifier system under which a transaction's resources are found again.
pub const BUNDLES: &str = "https://vigie.example/fhir/NamingSystem/kill-test";

/// Entries of a transaction bundle, at least and at most.
const ENTRIES: (u64, u64) = (3, 40);

/// What has been sent, and what the server has said of it.
#[derive(Debug, Default)]
pub struct Journal {
    pub writes: Vec<Write>,
    pub bundles: Vec<Bundle>,
    pub answers: Vec<Answer>,
    /// Replies that no client should get, whatever happens to the server.
    pub refusals: Vec<String>,
}

/// One acknowledged version.
#[derive(Debug)]
pub struct Write {
    /// `Patient/1`.
    pub path: String,
    /// Of `W/"2"`, the 2.
    pub version: u64,
    /// As the server returned it.
    pub body: Vec<u8>,
}

/// A transaction that was sent, acknowledged or not.
#[derive(Debug)]
pub struct Bundle {
    pub tag: String,
    /// Observations; there is a patient beside them.
    pub observations: usize,
    pub acknowledged: bool,
}

impl Journal {
    pub fn append(&mut self, mut other: Self) {
        self.writes.append(&mut other.writes);
        self.bundles.append(&mut other.bundles);
        self.answers.append(&mut other.answers);
        self.refusals.append(&mut other.refusals);
    }
}

/// One client that writes until nobody answers any more.
pub struct Writer {
    client: Client,
    name: String,
    pub(super) patients: Arc<[Patient]>,
    pub(super) chance: Chance,
    pub(super) journal: Journal,
}

impl Writer {
    pub fn new(client: Client, name: String, patients: Arc<[Patient]>, chance: Chance) -> Self {
        Self {
            client,
            name,
            patients,
            chance,
            journal: Journal::default(),
        }
    }

    pub fn write_until_the_end(mut self) -> Journal {
        for turn in 0u32.. {
            let written = match self.chance.below(6) {
                0 => self.send_bundle(turn),
                1 => self.update_one(turn),
                2 | 3 => self.answer(),
                _ => self.create_one(turn),
            };
            if written.is_none() {
                break;
            }
        }
        self.journal
    }

    fn create_one(&mut self, turn: u32) -> Option<()> {
        let patient = json!({
            "resourceType": "Patient",
            "name": [{ "family": format!("Kill-{}", self.name), "given": [turn.to_string()] }],
            "multipleBirthInteger": turn,
        });
        let reply = self.send("POST", "Patient", &patient)?;
        if reply.status == 201 {
            self.remember(reply.location(), reply);
        }
        Some(())
    }

    fn update_one(&mut self, turn: u32) -> Option<()> {
        let known = self.journal.writes.len() as u64;
        if known == 0 {
            return self.create_one(turn);
        }
        let path = self.journal.writes[self.chance.below(known) as usize]
            .path
            .clone();
        let patient = json!({
            "resourceType": "Patient",
            "id": path.trim_start_matches("Patient/"),
            "name": [{ "family": format!("Kill-{}", self.name), "given": [turn.to_string()] }],
            "active": true,
        });
        let reply = self.send("PUT", &path, &patient)?;
        if reply.status == 200 {
            self.remember(path, reply);
        }
        Some(())
    }

    fn send_bundle(&mut self, turn: u32) -> Option<()> {
        let tag = format!("{}-{turn}", self.name);
        let span = ENTRIES.1 - ENTRIES.0 + 1;
        let observations = (ENTRIES.0 + self.chance.below(span)) as usize;
        let bundle = transaction(&tag, observations);
        self.journal.bundles.push(Bundle {
            tag,
            observations,
            acknowledged: false,
        });
        let reply = self.send("POST", "", &bundle)?;
        if let (200, Some(sent)) = (reply.status, self.journal.bundles.last_mut()) {
            sent.acknowledged = true;
        }
        Some(())
    }

    /// None once nobody answers. A full queue (503) is an answer, and so is success; nothing else.
    pub(super) fn send(&mut self, method: &str, path: &str, body: &Value) -> Option<Reply> {
        let headers = [
            ("content-type", "application/fhir+json"),
            ("prefer", "return=representation"),
        ];
        let reply = self
            .client
            .send(method, path, &headers, body.to_string().as_bytes())
            .ok()?;
        if !matches!(reply.status, 200 | 201 | 503) {
            let told = format!("{method} {path}: {} {}", reply.status, reply.text());
            self.journal.refusals.push(told);
        }
        Some(reply)
    }

    fn remember(&mut self, path: String, reply: Reply) {
        let version = version_of(&reply);
        self.journal.writes.push(Write {
            path,
            version,
            body: reply.body,
        });
    }
}

/// The version that an `ETag` such as `W/"2"` names.
pub fn version_of(reply: &Reply) -> u64 {
    let tag = reply.header("etag").unwrap_or_default();
    let digits = tag.trim_start_matches("W/").trim_matches('"');
    digits
        .parse()
        .unwrap_or_else(|_| panic!("no version in ETag {tag:?}"))
}

/// A patient and observations that refer to it by `urn:uuid`, all under one identifier.
fn transaction(tag: &str, observations: usize) -> Value {
    let identifier = json!([{ "system": BUNDLES, "value": tag }]);
    let patient = "urn:uuid:6a4b5c1e-0d3f-4a63-9d3e-0f5f2b1c7a01";
    let mut entries = vec![json!({
        "fullUrl": patient,
        "resource": { "resourceType": "Patient", "identifier": identifier },
        "request": { "method": "POST", "url": "Patient" },
    })];
    entries.extend((0..observations).map(|number| {
        json!({
            "resource": {
                "resourceType": "Observation",
                "identifier": identifier,
                "status": "final",
                "code": { "coding": [{ "system": "http://loinc.org", "code": "8310-5" }] },
                "subject": { "reference": patient },
                "valueInteger": number,
            },
            "request": { "method": "POST", "url": "Observation" },
        })
    }));
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}
