//! Actors: a nurse who enrols and stops, a patient who answers.
//!
//! There is no login yet, so that all of them speak over the same kind of connection; what tells
//! them apart is what they do.

use serde_json::{Value, json};

use super::{Client, Reply, Server};

/// Canonical base of everything that Vigie defines.
pub const VIGIE: &str = "https://vigie.example/fhir";

/// A nurse of the team that follows.
#[derive(Debug)]
pub struct Nurse {
    client: Client,
    practitioner: String,
}

/// Somebody who is followed at home.
#[derive(Debug)]
pub struct Patient {
    client: Client,
    pathway: String,
    /// `Patient/{id}`.
    pub path: String,
    /// `CarePlan/{id}`.
    pub plan: String,
}

/// A server, a nurse, and a patient whom she has enrolled on the medical pathway.
pub fn ward() -> (Server, Nurse, Patient) {
    let server = Server::start();
    let mut nurse = Nurse::of(&server);
    let patient = nurse.enrol(&server, "covid-medical");
    (server, nurse, patient)
}

impl Nurse {
    /// A nurse whom the team's messages reach.
    pub fn of(server: &Server) -> Self {
        let mut client = server.client();
        let practitioner = json!({
            "resourceType": "Practitioner",
            "name": [{ "family": "Lefort", "given": ["Maud"] }],
            "telecom": [{ "system": "email", "value": "team@ward.example" }],
        });
        let practitioner = client
            .post("Practitioner", &practitioner)
            .expect(201)
            .location();
        Self {
            client,
            practitioner,
        }
    }

    /// Records a patient and their consent, and starts their follow-up.
    pub fn enrol(&mut self, server: &Server, pathway: &str) -> Patient {
        let patient = json!({
            "resourceType": "Patient",
            "name": [{ "family": "Canary-Durand", "given": ["Camille"] }],
            "birthDate": "1988-02-29",
            "telecom": [{ "system": "email", "value": "camille@home.example" }],
        });
        self.enrol_person(server, pathway, &patient)
    }

    /// The same for somebody in particular.
    pub fn enrol_person(&mut self, server: &Server, pathway: &str, person: &Value) -> Patient {
        let path = self.client.post("Patient", person).expect(201).location();
        self.follow(server, &path, pathway)
    }

    /// Records the consent of somebody who is known, and starts their follow-up.
    pub fn follow(&mut self, server: &Server, patient: &str, pathway: &str) -> Patient {
        self.client = server.client();
        self.consent(patient);
        let started = self.apply(patient, pathway);
        let plan = started.expect(200).json();
        Patient {
            client: server.client(),
            pathway: pathway.to_owned(),
            path: patient.to_owned(),
            plan: format!("CarePlan/{}", plan["id"].as_str().expect("an id")),
        }
    }

    /// `Practitioner/{id}`.
    pub fn practitioner(&self) -> &str {
        &self.practitioner
    }

    fn consent(&mut self, patient: &str) {
        let consent = json!({
            "resourceType": "Consent",
            "status": "active",
            "scope": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                "code": "patient-privacy",
            }] },
            "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
            "patient": { "reference": patient },
            "policyRule": { "text": "Telemonitoring at home" },
        });
        self.client.post("Consent", &consent).expect(201);
    }

    /// `PlanDefinition/$apply`, whatever comes of it.
    pub fn apply(&mut self, patient: &str, pathway: &str) -> Reply {
        let parameters = json!({
            "resourceType": "Parameters",
            "parameter": [
                { "name": "subject", "valueString": patient },
                { "name": "practitioner", "valueString": self.practitioner },
            ],
        });
        self.client
            .post(&format!("PlanDefinition/{pathway}/$apply"), &parameters)
    }
}

impl Patient {
    /// The answer that these items make, by link id.
    pub fn answer(&self, items: &[(&str, Value)]) -> Value {
        let item: Vec<Value> = items
            .iter()
            .map(|(link, value)| json!({ "linkId": link, "answer": [value] }))
            .collect();
        json!({
            "resourceType": "QuestionnaireResponse",
            "questionnaire": format!("{VIGIE}/Questionnaire/{}|1.0.0", self.pathway),
            "basedOn": [{ "reference": self.plan }],
            "status": "completed",
            "subject": { "reference": self.path },
            "source": { "reference": self.path },
            "item": item,
        })
    }

    /// Sends an answer of these items.
    pub fn report(&mut self, items: &[(&str, Value)]) -> Reply {
        let answer = self.answer(items);
        self.client.post("QuestionnaireResponse", &answer)
    }

    /// What there is of a type about this patient.
    pub fn have(&mut self, kind: &str) -> Vec<Value> {
        about(&mut self.client, kind, &self.path)
    }
}

/// What there is of a type about a patient, page by page.
pub fn about(client: &mut Client, kind: &str, patient: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut next = Some(format!("{kind}?patient={patient}&_count=500"));
    while let Some(path) = next {
        let page = client.get(&path).expect(200).json();
        let entries = page["entry"].as_array().cloned().unwrap_or_default();
        found.extend(
            entries
                .into_iter()
                .map(|mut entry| entry["resource"].take()),
        );
        let links = page["link"].as_array().into_iter().flatten();
        let following = links
            .filter(|link| link["relation"] == "next")
            .find_map(|link| link["url"].as_str()?.split_once("/fhir/"));
        next = following.map(|(_, path)| path.to_owned());
    }
    found
}

/// The code of a Flag's rule.
pub fn rule_of(flag: &Value) -> &str {
    flag["code"]["coding"][0]["code"]
        .as_str()
        .unwrap_or_default()
}

/// What a Flag refers to as its evidence.
pub fn evidence_of(flag: &Value) -> Vec<&str> {
    let details = flag["extension"].as_array().into_iter().flatten();
    details
        .filter(|one| one["url"] == "http://hl7.org/fhir/StructureDefinition/flag-detail")
        .filter_map(|one| one["valueReference"]["reference"].as_str())
        .collect()
}
