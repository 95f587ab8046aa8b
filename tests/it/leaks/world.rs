//! Two establishments and a patient in each; whatever is about the second holds one word that
//! stands nowhere else.

use serde_json::{Value, json};

use crate::harness::{Backend, Client, Options, Server};

/// What stands in everything about the other patient.
pub const CANARY: &str = "Kanarienvogel";

/// A closed server, and who asks.
pub struct World {
    /// It runs as long as somebody asks.
    _server: Server,
    /// Who reaches everything.
    pub all: Client,
    /// Who acts for the establishment of patient `a`.
    pub one: Client,
    /// The same, of whom only what is a laboratory's may be seen.
    pub laboratory: Client,
    /// Who acts for the other establishment.
    pub two: Client,
}

impl World {
    pub fn new() -> Self {
        let server = Server::start_with(Options {
            closed: true,
            ..Options::default()
        });
        let mut all =
            Backend::register(&server, "system/*.cruds").client(&server, "system/*.cruds");
        for tree in everything() {
            let (kind, id) = (&tree["resourceType"], &tree["id"]);
            let place = format!("{}/{}", kind.as_str().unwrap(), id.as_str().unwrap());
            all.put(&place, &tree).expect(201);
        }
        let of = |establishment: &str, scopes: &str| {
            let arguments = ["--organization", establishment];
            let backend = Backend::register_with(&server, scopes, &arguments);
            backend.client(&server, scopes)
        };
        let one = of("Organization/one", "system/*.cruds");
        let two = of("Organization/two", "system/*.cruds");
        let narrow = "system/Observation.rs?category=urn:c|lab system/Patient.rs system/Task.rs";
        let laboratory = of("Organization/one", narrow);
        Self {
            _server: server,
            all,
            one,
            laboratory,
            two,
        }
    }
}

fn refer(to: &str) -> Value {
    json!({ "reference": to })
}

fn said(text: &str) -> Value {
    json!({ "text": text })
}

/// All that is stored.
fn everything() -> Vec<Value> {
    let mut all = vec![
        json!({ "resourceType": "Organization", "id": "one", "name": "One" }),
        json!({ "resourceType": "Organization", "id": "ward", "name": "Ward",
            "partOf": refer("Organization/one") }),
        json!({ "resourceType": "Organization", "id": "two", "name": "Two" }),
        json!({ "resourceType": "Practitioner", "id": "p", "name": [{ "family": "Both" }] }),
        json!({ "resourceType": "Questionnaire", "id": "q", "status": "active", "name": "Shared" }),
        json!({ "resourceType": "Medication", "id": "m", "code": said("Shared") }),
    ];
    let (a, b) = (("a", "ward", "Martin"), ("b", "two", CANARY));
    all.extend(about(a, "b"));
    all.extend(about(b, "a"));
    all.push(json!({ "resourceType": "Group", "id": "both", "type": "person", "actual": true,
        "name": CANARY, "member": [{ "entity": refer("Patient/a") }, { "entity": refer("Patient/b") }] }));
    all.push(
        json!({ "resourceType": "Appointment", "id": "both", "status": "booked",
        "description": CANARY, "participant": [
            { "actor": refer("Patient/a"), "status": "accepted" },
            { "actor": refer("Patient/b"), "status": "accepted" }] }),
    );
    all.push(json!({ "resourceType": "Observation", "id": "nobody", "status": "final",
        "code": said(CANARY), "subject": { "display": CANARY }, "performer": [refer("Patient/a")] }));
    all.push(json!({ "resourceType": "Basic", "id": "nobody", "code": said(CANARY) }));
    all
}

/// What is about a patient, and refers to what is about the other.
fn about((id, establishment, text): (&str, &str, &str), other: &str) -> Vec<Value> {
    let patient = refer(&format!("Patient/{id}"));
    let own = |kind: &str| refer(&format!("{kind}/{id}"));
    let theirs = |kind: &str| refer(&format!("{kind}/{other}"));
    let lab = json!([{ "coding": [{ "system": "urn:c", "code": "lab" }] }]);
    let vital = json!([{ "coding": [{ "system": "urn:c", "code": "vital" }] }]);
    vec![
        json!({ "resourceType": "Patient", "id": id, "name": [{ "family": text }],
            "managingOrganization": refer(&format!("Organization/{establishment}")),
            "generalPractitioner": [refer("Organization/elsewhere")] }),
        json!({ "resourceType": "Observation", "id": id, "status": "final", "category": lab,
            "code": said(text), "subject": patient }),
        json!({ "resourceType": "Observation", "id": format!("vital-{id}"), "status": "final",
            "category": vital, "code": said(text), "subject": patient,
            "focus": [theirs("Patient")], "derivedFrom": [theirs("Observation")],
            "hasMember": [own("Observation")], "performer": [refer("Practitioner/p")] }),
        json!({ "resourceType": "Task", "id": id, "status": "requested", "intent": "order",
            "description": text, "for": patient, "focus": theirs("Observation"),
            "basedOn": [theirs("CarePlan")] }),
        json!({ "resourceType": "Device", "id": id, "patient": patient,
            "deviceName": [{ "name": text, "type": "user-friendly-name" }] }),
        json!({ "resourceType": "Encounter", "id": id, "status": "finished",
            "class": { "code": "HH" }, "subject": patient, "reasonCode": [said(text)] }),
        json!({ "resourceType": "Condition", "id": id, "subject": patient, "code": said(text),
            "encounter": own("Encounter") }),
        json!({ "resourceType": "CarePlan", "id": id, "status": "active", "intent": "plan",
            "title": text, "subject": patient, "replaces": [theirs("CarePlan")] }),
        json!({ "resourceType": "DiagnosticReport", "id": id, "status": "final",
            "code": said(text), "subject": patient, "result": [own("Observation"), theirs("Observation")] }),
        json!({ "resourceType": "Communication", "id": id, "status": "completed",
            "subject": patient, "payload": [{ "contentString": text }], "recipient": [theirs("Patient")] }),
        json!({ "resourceType": "RelatedPerson", "id": id, "patient": patient,
            "name": [{ "family": text }] }),
        json!({ "resourceType": "List", "id": id, "status": "current", "mode": "working",
            "title": text, "subject": patient, "entry": [{ "item": theirs("Observation") }] }),
        json!({ "resourceType": "QuestionnaireResponse", "id": id, "status": "completed",
            "subject": patient, "item": [{ "linkId": "1", "answer": [{ "valueString": text }] }] }),
    ]
}
