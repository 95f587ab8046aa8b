//! Enrolment, as professionals would do it: the patient, the consent, and `$apply`.

use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    people::{Person, TEAMS, Team},
    play::CONNECTIONS,
};
use crate::{
    app::client::Client,
    fhir::canonical::{LEGAL_HOLD, ON_CALL},
    kernel::problem::{Problem, Result},
};

/// People in one transaction: a patient and a consent each.
const PEOPLE_PER_BUNDLE: usize = 50;

/// A person as the server knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// `Patient/{id}`.
    pub patient: String,
    /// `CarePlan/{id}` of each of their follow-ups, in order.
    pub care_plans: Vec<String>,
}

/// Creates the organizations with their practitioners and care teams.
pub(super) async fn teams(client: &Client) -> Result<()> {
    let entries: Vec<Value> = TEAMS.iter().flat_map(team).collect();
    let bundle = transaction(entries);
    client
        .send_tree(Method::POST, "", &bundle)
        .await
        .map(|_| ())
}

/// Enrols people; the result is in their order.
pub(super) async fn people(
    client: &Client,
    people: &[&Person],
    now: Timestamp,
) -> Result<Vec<Followed>> {
    let bundles = stream::iter(people.chunks(PEOPLE_PER_BUNDLE))
        .map(|chunk| admit(client, chunk, now))
        .buffered(4);
    let patients: Vec<Vec<String>> = bundles.try_collect().await?;
    let patients = patients.into_iter().flatten();
    stream::iter(people.iter().zip(patients))
        .map(|(person, patient)| apply(client, person, patient))
        .buffered(CONNECTIONS)
        .try_collect()
        .await
}

/// Writes patients and their consents in one transaction; gives `Patient/{id}` of each.
async fn admit(client: &Client, people: &[&Person], now: Timestamp) -> Result<Vec<String>> {
    let entries = people
        .iter()
        .flat_map(|person| {
            let name = format!("urn:uuid:00000000-0000-4000-8000-{:012x}", person.index);
            let consent = consent(person, &name, now);
            [
                entry("POST", "Patient", Some(name), patient(person, true)),
                entry("POST", "Consent", None, consent),
            ]
        })
        .collect();
    let reply = client
        .send_tree(Method::POST, "", &transaction(entries))
        .await?;
    let entries = reply["entry"].as_array().into_iter().flatten();
    let found: Vec<String> = entries
        .filter_map(|entry| local(entry["response"]["location"].as_str()?, "Patient/"))
        .collect();
    if found.len() == people.len() {
        Ok(found)
    } else {
        Err(Problem::fault("the transaction's reply names no patients"))
    }
}

async fn apply(client: &Client, person: &Person, patient: String) -> Result<Followed> {
    let team = team_of(person);
    let channel = if person.by_phone { "phone" } else { "app" };
    let parameters = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "reportChannel", "valueCode": channel },
        { "name": "subject", "valueReference": { "reference": patient } },
        { "name": "practitioner", "valueReference": { "reference": format!("Practitioner/{}", team.id) } },
        { "name": "organization", "valueReference": { "reference": format!("Organization/{}", team.id) } },
        { "name": "careTeam", "valueReference": { "reference": format!("CareTeam/{}", team.id) } },
        { "name": "timeZone", "valueCode": person.zone },
    ]});
    let path = format!("/PlanDefinition/{}/$apply", person.pathway.id());
    let plan = client.send_tree(Method::POST, &path, &parameters).await?;
    let id = plan["id"]
        .as_str()
        .filter(|_| plan["resourceType"] == "CarePlan");
    let id = id.ok_or_else(|| Problem::fault("$apply gave no CarePlan"))?;
    Ok(Followed {
        care_plans: vec![format!("CarePlan/{id}")],
        patient,
    })
}

/// `Type/id` in the address of a version.
pub(super) fn local(location: &str, kind: &str) -> Option<String> {
    let (_, rest) = location.split_once(kind)?;
    let id = rest.split('/').next().filter(|id| !id.is_empty())?;
    Some(format!("{kind}{id}"))
}

const fn team_of(person: &Person) -> &'static Team {
    &TEAMS[person.team]
}

/// `Practitioner/{id}` of who follows somebody.
pub(super) fn agent_of(person: &Person) -> String {
    format!("Practitioner/{}", team_of(person).id)
}

fn transaction(entries: Vec<Value>) -> Value {
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

fn entry(method: &str, url: &str, name: Option<String>, resource: Value) -> Value {
    let mut entry = json!({
        "resource": resource,
        "request": { "method": method, "url": url },
    });
    if let Some(name) = name {
        entry["fullUrl"] = name.into();
    }
    entry
}

fn team(team: &Team) -> [Value; 3] {
    let (family, given) = team.practitioner;
    let email = |who: &str| json!([{ "system": "email", "value": format!("{who}-{}@example.org", team.id) }]);
    let organization = json!({
        "resourceType": "Organization", "id": team.id, "active": true,
        "name": team.name, "telecom": email("accueil"),
    });
    let practitioner = json!({
        "resourceType": "Practitioner", "id": team.id, "active": true,
        "name": [{ "family": family, "given": [given] }],
        "telecom": email("suivi"),
        "communication": [{ "coding": [{ "system": "urn:ietf:bcp:47", "code": "fr" }] }],
    });
    let care_team = json!({
        "resourceType": "CareTeam", "id": team.id, "status": "active",
        "name": format!("Équipe de suivi, {}", team.name),
        "extension": [{
            "url": ON_CALL,
            "valueReference": { "reference": format!("Organization/{}", team.id) },
        }],
        "participant": [{ "member": { "reference": format!("Practitioner/{}", team.id) } }],
        "managingOrganization": [{ "reference": format!("Organization/{}", team.id) }],
        "telecom": email("equipe"),
    });
    [organization, practitioner, care_team].map(|resource| {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        let url = format!("{kind}/{}", team.id);
        entry("PUT", &url, None, resource)
    })
}

/// A patient; nobody's data is erased before the table has been counted.
pub(super) fn patient(person: &Person, held: bool) -> Value {
    json!({
        "resourceType": "Patient", "active": true,
        "extension": [{ "url": LEGAL_HOLD, "valueBoolean": held }],
        "name": [{ "use": "official", "family": person.family, "given": [person.given] }],
        "telecom": [{ "system": "email", "value": person.email() }],
        "gender": person.gender,
        "birthDate": person.birth.to_string(),
        "communication": [{
            "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": person.language }] },
            "preferred": true,
        }],
        "managingOrganization": { "reference": format!("Organization/{}", team_of(person).id) },
    })
}

fn consent(person: &Person, patient: &str, now: Timestamp) -> Value {
    let coding =
        |system: &str, code: &str| json!({ "coding": [{ "system": system, "code": code }] });
    json!({
        "resourceType": "Consent", "status": "active",
        "scope": coding("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [coding("http://loinc.org", "59284-0")],
        "patient": { "reference": patient },
        "dateTime": now.to_string(),
        "performer": [{ "reference": patient }],
        "organization": [{ "reference": format!("Organization/{}", team_of(person).id) }],
        "policyRule": coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"),
        "provision": { "type": "permit" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{demo::people::cohort, fhir::validate};

    #[test]
    fn what_is_sent_is_valid() {
        let now = "2020-05-18T06:00:00Z".parse().unwrap();
        for person in cohort(1, 0.01) {
            validate::check(&patient(&person, true)).unwrap();
            validate::check(&consent(&person, "Patient/a", now)).unwrap();
        }
        for entry in TEAMS.iter().flat_map(team) {
            validate::check(&entry["resource"]).unwrap();
        }
    }

    #[test]
    fn a_location_names_its_resource() {
        let whole = "http://127.0.0.1:1/fhir/Patient/a-1/_history/1";
        assert_eq!(local(whole, "Patient/").as_deref(), Some("Patient/a-1"));
        assert_eq!(local("Patient/b", "Patient/").as_deref(), Some("Patient/b"));
        assert_eq!(local("Consent/b", "Patient/"), None);
    }
}
