//! The made-up people of a simulation: a patient who can be reached, a team that is there.

use serde_json::{Value, json};

use crate::fhir::canonical::{ESCALATION_RANK, ON_CALL, extensions};

/// `Patient/{id}` of the simulated person.
pub const PATIENT: &str = "Patient/patient";

/// `CareTeam/{id}` of the simulated team.
pub const CARE_TEAM: &str = "CareTeam/team";

/// `QuestionnaireResponse/{id}` of an answer from before the follow-up.
pub const BASELINE: &str = "QuestionnaireResponse/baseline";

/// Most members of a team that are made up.
pub const MEMBERS_MAX: usize = 50;

/// The person, reachable by every channel.
#[must_use]
pub fn patient(birth_date: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "id": "patient",
        "active": true,
        "birthDate": birth_date,
        "telecom": [
            { "system": "email", "value": "patient@simulation.invalid" },
            { "system": "phone", "use": "mobile", "value": "+33600000000" },
        ],
        "communication": [{ "language": { "coding": [
            { "system": "urn:ietf:bcp:47", "code": "fr" }] }, "preferred": true }],
    })
}

/// The person's consent.
#[must_use]
pub fn consent() -> Value {
    json!({
        "resourceType": "Consent",
        "id": "consent",
        "status": "active",
        "scope": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/consentscope",
            "code": "patient-privacy",
        }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "patient": { "reference": PATIENT },
        "policyRule": { "text": "Simulation" },
    })
}

/// The usual team: a nurse, a doctor after her, and somebody on call.
fn usual_team() -> Value {
    let member = |name: &str, rank: u32| {
        json!({
            "extension": [{ "url": ESCALATION_RANK, "valuePositiveInt": rank }],
            "member": { "reference": format!("Practitioner/{name}") },
        })
    };
    json!({
        "resourceType": "CareTeam",
        "status": "active",
        "extension": [{
            "url": ON_CALL,
            "valueReference": { "reference": "Practitioner/on-call" },
        }],
        "participant": [member("nurse", 1), member("doctor", 2)],
    })
}

/// The team and everybody whom it names.
#[must_use]
pub fn team(given: Option<&Value>) -> Vec<Value> {
    let mut team = given.cloned().unwrap_or_else(usual_team);
    team["id"] = "team".into();
    if let Some(members) = team.as_object_mut() {
        // Whose team it is elsewhere does not matter here, and is nobody's business.
        members.retain(|name, _| name != "subject" && name != "encounter");
    }
    let participants = team["participant"].as_array().into_iter().flatten();
    let named = participants
        .map(|one| &one["member"]["reference"])
        .chain(extensions(&team, ON_CALL).map(|one| &one["valueReference"]["reference"]));
    let mut references: Vec<String> = named
        .filter_map(|reference| reference.as_str().map(str::to_owned))
        .collect();
    references.sort();
    references.dedup();
    references.truncate(MEMBERS_MAX);
    let mut people: Vec<Value> = references
        .iter()
        .filter_map(|reference| professional(reference))
        .collect();
    people.push(team);
    people
}

fn professional(reference: &str) -> Option<Value> {
    let (kind, id) = reference.split_once('/')?;
    if !["Practitioner", "PractitionerRole", "Organization"].contains(&kind) {
        return None;
    }
    let mut person = json!({
        "resourceType": kind,
        "id": id,
        "active": true,
        "telecom": [{ "system": "email", "value": format!("{id}@simulation.invalid") }],
    });
    if kind == "Organization" {
        person["name"] = id.into();
    }
    Some(person)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_whom_the_team_names_is_made_up() {
        let ids = |people: Vec<Value>| -> Vec<String> {
            let names = people.iter().map(|one| {
                let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
                format!("{}/{}", text("resourceType"), text("id"))
            });
            names.collect()
        };
        let usual = [
            "Practitioner/doctor",
            "Practitioner/nurse",
            "Practitioner/on-call",
        ];
        assert_eq!(ids(team(None)), [&usual[..], &["CareTeam/team"]].concat());
        let own = json!({ "resourceType": "CareTeam", "id": "x", "participant": [
            { "member": { "reference": "Organization/agency" } },
            { "member": { "reference": "Patient/someone" } },
            { "member": { "display": "nobody" } },
        ] });
        assert_eq!(
            ids(team(Some(&own))),
            ["Organization/agency", "CareTeam/team"]
        );
    }
}
