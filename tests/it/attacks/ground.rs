//! Where the attacks take place.

use serde_json::{Value, json};

use crate::harness::{Backend, Client, Options, Reply, Server};

/// What stands in everything about the other patient.
pub const CANARY: &str = "Kanarienvogel";

/// Where the identifiers of the tests come from.
pub const SYSTEM: &str = "urn:vigie-attacks";

/// Types of which something is written about each patient.
pub const KINDS: [&str; 16] = [
    "AllergyIntolerance",
    "CarePlan",
    "Communication",
    "Condition",
    "Consent",
    "DiagnosticReport",
    "Encounter",
    "Flag",
    "Goal",
    "List",
    "MedicationRequest",
    "Observation",
    "Procedure",
    "QuestionnaireResponse",
    "RelatedPerson",
    "ServiceRequest",
];

/// A patient, and what is written about them.
#[derive(Debug)]
pub struct Person {
    /// `Patient/…`.
    pub reference: String,
    /// `Organization/…`, which has them in care.
    pub hospital: String,
    /// `Type/id` of each of [`KINDS`], in their order.
    pub records: Vec<String>,
}

impl Person {
    /// What is written about them, of a type.
    pub fn record(&self, kind: &str) -> &str {
        let place = KINDS
            .iter()
            .position(|known| *known == kind)
            .expect("a kind");
        &self.records[place]
    }

    /// The logical id.
    pub fn id(&self) -> &str {
        self.reference.trim_start_matches("Patient/")
    }
}

/// A closed server with two patients who have nothing to do with each other.
pub struct Ground {
    /// The server.
    pub server: Server,
    /// A program that may do everything.
    pub backend: Backend,
    /// Whom the attacker may see.
    pub own: Person,
    /// Whom nobody of the first hospital may see.
    pub other: Person,
}

impl Ground {
    /// A server with both hospitals.
    pub fn new() -> Self {
        let server = Server::start_with(Options {
            closed: true,
            ..Options::default()
        });
        let backend = Backend::register(&server, "system/*.cruds __launch __introspect");
        let mut all = backend.client(&server, "system/*.cruds");
        let own = person(&mut all, ("own", "Martin"));
        let other = person(&mut all, ("other", CANARY));
        Self {
            server,
            backend,
            own,
            other,
        }
    }

    /// A connection that may do everything.
    pub fn all(&self) -> Client {
        self.backend.client(&self.server, "system/*.cruds")
    }

    /// A program of the first hospital, which may do everything to its patients.
    pub fn insider(&self) -> Client {
        let arguments = ["--organization", &self.own.hospital];
        let backend = Backend::register_with(&self.server, "system/*.cruds", &arguments);
        backend.client(&self.server, "system/*.cruds")
    }

    /// That nothing of the other patient is in an answer.
    #[track_caller]
    pub fn sees_nothing(&self, what: &str, reply: &Reply) {
        let mut text = reply.text();
        for (name, value) in &reply.headers {
            text.push_str(&format!("\n{name}: {value}"));
        }
        assert!(!text.contains(CANARY), "{what}: {text}");
        assert!(
            reply.status < 500 || reply.status == 501,
            "{what}: {} {text}",
            reply.status
        );
        // What was asked is told back in links and texts; a resource of theirs is not.
        if let Ok(tree) = serde_json::from_slice::<Value>(&reply.body) {
            for resource in resources(&tree) {
                let named = format!(
                    "{}/{}",
                    text_of(resource, "resourceType"),
                    text_of(resource, "id")
                );
                assert!(named != self.other.reference, "{what}: {text}");
                assert!(!self.other.records.contains(&named), "{what}: {text}");
            }
        }
    }
}

fn text_of<'a>(tree: &'a Value, name: &str) -> &'a str {
    tree[name].as_str().unwrap_or_default()
}

/// Every resource in an answer, however deep.
fn resources(tree: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    let mut waiting = vec![tree];
    while let Some(one) = waiting.pop() {
        match one {
            Value::Object(members) => {
                if members.contains_key("resourceType") {
                    found.push(one);
                }
                waiting.extend(members.values());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    found
}

fn person(all: &mut Client, (key, name): (&str, &str)) -> Person {
    let hospital = json!({"resourceType": "Organization", "name": format!("Hospital {key}")});
    let hospital = all.post("Organization", &hospital).expect(201).location();
    let patient = json!({
        "resourceType": "Patient", "name": [{"family": name}], "birthDate": "1961-05-04",
        "identifier": [{"system": SYSTEM, "value": format!("patient-{key}")}],
        "managingOrganization": {"reference": hospital},
    });
    let reference = all.post("Patient", &patient).expect(201).location();
    let records = KINDS.map(|kind| {
        let record = record((kind, key), &reference, name);
        all.post(kind, &record).expect(201).location()
    });
    Person {
        reference,
        hospital,
        records: records.into(),
    }
}

/// Something of a type about a patient; `key` goes into its identifier.
pub fn record((kind, key): (&str, &str), patient: &str, text: &str) -> Value {
    let subject = json!({"reference": patient});
    let said = json!({"text": text});
    let mut record = json!({
        "resourceType": kind,
        "identifier": [{"system": SYSTEM, "value": format!("{kind}-{key}")}],
    });
    let more = match kind {
        "AllergyIntolerance" => json!({"patient": subject, "code": said}),
        "CarePlan" => {
            json!({"status": "active", "intent": "plan", "subject": subject, "title": text})
        }
        "Communication" => {
            json!({"status": "completed", "subject": subject, "payload": [{"contentString": text}]})
        }
        "Condition" => json!({"subject": subject, "code": said}),
        "Consent" => json!({
            "status": "active", "patient": subject, "policyRule": said,
            "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        }),
        "DiagnosticReport" => json!({"status": "final", "subject": subject, "code": said}),
        "Encounter" => json!({
            "status": "in-progress", "subject": subject, "reasonCode": [said],
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
        }),
        "Flag" => json!({"status": "active", "subject": subject, "code": said}),
        "Goal" => json!({"lifecycleStatus": "active", "subject": subject, "description": said}),
        "List" => {
            json!({"status": "current", "mode": "working", "subject": subject, "title": text})
        }
        "MedicationRequest" => json!({
            "status": "active", "intent": "order", "subject": subject, "medicationCodeableConcept": said,
        }),
        "Observation" => {
            json!({"status": "final", "subject": subject, "code": {"text": "note"}, "valueString": text})
        }
        "Procedure" => json!({"status": "completed", "subject": subject, "code": said}),
        "RelatedPerson" => json!({"patient": subject, "name": [{"family": text}]}),
        "ServiceRequest" => {
            json!({"status": "active", "intent": "order", "subject": subject, "code": said})
        }
        _ => {
            json!({"status": "in-progress", "subject": subject, "item": [{"linkId": "1", "text": text}]})
        }
    };
    if kind == "QuestionnaireResponse" {
        record["identifier"] = json!({"system": SYSTEM, "value": format!("{kind}-{key}")});
    }
    for (name, value) in more.as_object().expect("members") {
        record[name] = value.clone();
    }
    record
}
