//! A row of the record as an AuditEvent, in the shape of IHE's Basic Audit Log Patterns. Pure.
//!
//! Who and what is a pseudonym: an identifier of the system [`PSEUDONYM`], never a reference that
//! could be followed. Where a row is about several patients, one AuditEvent names them all, and
//! claims the pattern that does not ask for one. Of a query, the names of its parameters are given,
//! where the patterns would have its text: values are health information.
//!
//! Specification: <https://profiles.ihe.net/ITI/BALP/content.html>,
//! <http://hl7.org/fhir/R4/auditevent.html>.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::event::Event;
use crate::{
    erasure::ledger::hex,
    fhir::date,
    kernel::clock::from_millis,
    store::{AuditRow, Pseudonym},
};

/// The system of pseudonyms.
pub const PSEUDONYM: &str = "https://vigie.example/fhir/sid/audit-pseudonym";

/// The system of client ids.
pub const CLIENT: &str = "https://vigie.example/fhir/sid/client-id";

/// The system of events that neither FHIR nor DICOM has a code for, and of operations.
pub const EVENTS: &str = "https://vigie.example/fhir/CodeSystem/audit-event";

/// The system of what people are here.
const ROLES: &str = "https://vigie.example/fhir/CodeSystem/role";

/// What the ids of these AuditEvents begin with; the number of the row follows.
pub const ID_PREFIX: &str = "log-";

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const INTERACTIONS: &str = "http://hl7.org/fhir/restful-interaction";
const EVENT_TYPES: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const ENTITY_TYPES: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLES: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const PURPOSES: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const PATTERNS: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";
const PATTERN_ENTITIES: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";

/// Events that have codes of DICOM: code, type, and subtype where there is one.
const DICOM_CODES: [(&str, &str, Option<&str>); 14] = [
    ("first-factor", "110114", None),
    ("login", "110114", Some("110122")),
    ("logout", "110114", Some("110123")),
    ("second-factor", "110114", None),
    ("recovery", "110114", None),
    ("start", "110100", Some("110120")),
    ("stop", "110100", Some("110121")),
    ("audit-export", "110101", None),
    ("audit-retention", "110101", None),
    ("download", "110106", None),
    ("backup", "110106", None),
    ("message", "110106", None),
    ("restore", "110107", None),
    ("erasure", "110110", None),
];

/// What is neither: a security alert, as DICOM says of whatever concerns who may come in.
const ALERT: &str = "110113";

/// The AuditEvent of a row; `base` is the service base URL.
#[must_use]
pub fn audit_event(row: &AuditRow, base: &str) -> Value {
    let recorded = date::instant(from_millis(row.at));
    let mut meta = json!({ "versionId": "1", "lastUpdated": recorded });
    if let Some(pattern) = pattern(row) {
        meta["profile"] = json!([format!("{PATTERNS}{pattern}")]);
    }
    let (kind, subtypes) = types(row);
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": format!("{ID_PREFIX}{}", row.seq),
        "meta": meta,
        "type": kind,
        "subtype": subtypes,
        "action": row.action,
        "recorded": recorded,
        "outcome": row.outcome.to_string(),
    });
    if row.outcome == 12 {
        event["outcomeDesc"] = "The client left before it was answered.".into();
    } else if row.status > 0 {
        event["outcomeDesc"] = format!("HTTP {}", row.status).into();
    }
    if let Some(purpose) = &row.purpose {
        event["purposeOfEvent"] = json!([purpose_of(purpose)]);
    }
    event["agent"] = agents(row, base);
    event["source"] = json!({
        "observer": { "identifier": { "system": "urn:ietf:rfc:3986", "value": base } },
        "type": [{
            "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
            "code": "4",
        }],
    });
    let entities = entities(row);
    if !entities.is_empty() {
        event["entity"] = entities.into();
    }
    event
}

/// Whether it is an interaction or an operation of FHIR.
fn is_rest(row: &AuditRow) -> bool {
    !Event::is_of_service(&row.event)
}

fn is_query(row: &AuditRow) -> bool {
    row.event.starts_with("search")
}

/// The code of DICOM for the type of what is no interaction of FHIR.
pub(super) fn type_of(event: &str) -> &'static str {
    let known = DICOM_CODES.iter().find(|(code, ..)| *code == event);
    known.map_or(ALERT, |(_, kind, _)| kind)
}

fn types(row: &AuditRow) -> (Value, Value) {
    let own = json!({ "system": EVENTS, "code": row.event });
    if is_rest(row) {
        let kind = json!({ "system": EVENT_TYPES, "code": "rest", "display": "RESTful Operation" });
        let interaction = |code: &str| json!({ "system": INTERACTIONS, "code": code });
        let subtypes = if row.event.starts_with('$') {
            json!([interaction("operation"), own])
        } else {
            json!([interaction(&row.event)])
        };
        return (kind, subtypes);
    }
    let kind = type_of(&row.event);
    let known = DICOM_CODES.iter().find(|(code, ..)| *code == row.event);
    let subtype = known.and_then(|(.., subtype)| *subtype);
    let mut subtypes = vec![own];
    subtypes.extend(subtype.map(|code| json!({ "system": DICOM, "code": code })));
    (json!({ "system": DICOM, "code": kind }), subtypes.into())
}

/// The pattern that the AuditEvent keeps to, if there is one: they are for what succeeded, and ask
/// for a client with its network.
fn pattern(row: &AuditRow) -> Option<String> {
    if row.outcome != 0 || row.address.is_none() || row.client.is_none() {
        return None;
    }
    let name = match row.event.as_str() {
        "create" => "Create",
        "read" | "vread" => "Read",
        "update" => "Update",
        "delete" => "Delete",
        "search-type" | "search-system" => "Query",
        _ => return None,
    };
    // The pattern of a query has its text, that of the others their resource.
    let has_data = row.entity.is_some() && row.kind.is_some();
    if !is_query(row) && !has_data {
        return None;
    }
    let patient = if row.patients.len() == 1 {
        "Patient"
    } else {
        ""
    };
    Some(format!("{patient}{name}"))
}

/// The roles of client and server in the flow of data, and of the person, as the patterns have them.
fn roles_of(row: &AuditRow) -> (Value, Value, &'static str) {
    let dicom = |code: &str| json!({ "coding": [{ "system": DICOM, "code": code }] });
    let (source, destination) = (dicom("110153"), dicom("110152"));
    match row.action.as_str() {
        "R" => (destination, source, "IRCP"),
        "D" => {
            let custodian = json!({ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                "code": "custodian",
            }] });
            (dicom("110150"), custodian, "AUT")
        }
        "C" | "U" => (source, destination, "AUT"),
        _ => (source, destination, "IRCP"),
    }
}

fn agents(row: &AuditRow, base: &str) -> Value {
    let (client_role, server_role, user_role) = roles_of(row);
    let mut client = json!({
        "type": client_role,
        "who": { "identifier": {
            "system": CLIENT,
            "value": row.client.as_deref().unwrap_or("unknown"),
        } },
        "requestor": row.agent.is_none(),
    });
    if let Some(address) = &row.address {
        client["network"] = json!({ "address": address, "type": "2" });
    }
    let mut agents = vec![client];
    if let Some(agent) = &row.agent {
        let mut user = json!({
            "type": { "coding": [{ "system": PARTICIPATION, "code": user_role }] },
            "who": { "identifier": named(agent) },
            "requestor": true,
        });
        if let Some(roles) = &row.roles {
            let roles = roles.split(' ');
            let roles = roles.map(|role| json!({ "coding": [{ "system": ROLES, "code": role }] }));
            user["role"] = roles.collect();
        }
        if let Some(purpose) = &row.purpose {
            user["purposeOfUse"] = json!([purpose_of(purpose)]);
        }
        agents.push(user);
    }
    if let (Some(session), Some(last)) = (&row.session, agents.last_mut()) {
        last["altId"] = session.as_str().into();
    }
    agents.push(json!({
        "type": server_role,
        "who": { "identifier": { "system": "urn:ietf:rfc:3986", "value": base } },
        "requestor": false,
        "network": { "address": base, "type": "5" },
    }));
    agents.into()
}

fn entities(row: &AuditRow) -> Vec<Value> {
    let coding = |system: &str, code: &str| json!({ "system": system, "code": code });
    let mut entities = Vec::new();
    if let (Some(kind), Some(entity)) = (&row.kind, &row.entity) {
        let mut data = json!({
            "what": { "type": kind, "identifier": named(entity) },
            "type": coding(ENTITY_TYPES, "2"),
            "role": coding(ENTITY_ROLES, "4"),
        });
        if let Some(detail) = row.detail.as_ref().filter(|_| !is_query(row)) {
            data["detail"] = json!([{ "type": "detail", "valueString": detail }]);
        }
        entities.push(data);
    }
    if is_query(row) {
        let names = row.detail.as_deref().unwrap_or_default().replace(' ', "&");
        let text = format!("{}?{names}", row.kind.as_deref().unwrap_or_default());
        entities.push(json!({
            "type": coding(ENTITY_TYPES, "2"),
            "role": coding(ENTITY_ROLES, "24"),
            "description": text,
            "query": BASE64_STANDARD.encode(&text),
        }));
    } else if row.entity.is_none()
        && let Some(said) = row.detail.as_ref().or(row.kind.as_ref())
    {
        entities.push(json!({
            "type": coding(ENTITY_TYPES, "2"),
            "description": said,
        }));
    }
    entities.extend(row.patients.iter().map(|patient| {
        json!({
            "what": { "type": "Patient", "identifier": named(patient) },
            "type": coding(ENTITY_TYPES, "1"),
            "role": coding(ENTITY_ROLES, "1"),
        })
    }));
    entities.extend(row.request.as_ref().map(|request| {
        json!({
            "what": { "identifier": { "value": request } },
            "type": coding(PATTERN_ENTITIES, "XrequestId"),
        })
    }));
    entities
}

fn named(name: &Pseudonym) -> Value {
    json!({ "system": PSEUDONYM, "value": hex(name) })
}

fn purpose_of(code: &str) -> Value {
    json!({ "coding": [{ "system": PURPOSES, "code": code }] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::{json, validate};

    fn row(event: &str, action: &str) -> AuditRow {
        AuditRow {
            seq: 7,
            at: 1_590_000_000_123,
            event: event.to_owned(),
            action: action.to_owned(),
            status: 200,
            kind: Some("Observation".to_owned()),
            entity: Some([1; 16]),
            patients: vec![[2; 16]],
            agent: Some([3; 16]),
            client: Some("app".to_owned()),
            roles: Some("professional coordinator".to_owned()),
            session: Some("s".to_owned()),
            purpose: Some("TREAT".to_owned()),
            address: Some("192.0.2.0/24".to_owned()),
            request: Some("r-1".to_owned()),
            detail: Some("patient _count".to_owned()),
            ..AuditRow::default()
        }
    }

    #[test]
    fn every_event_makes_a_valid_resource() {
        let mut rows: Vec<AuditRow> = [
            ("create", "C"),
            ("read", "R"),
            ("vread", "R"),
            ("update", "U"),
            ("patch", "U"),
            ("delete", "D"),
            ("history-system", "R"),
            ("search-type", "E"),
            ("transaction", "E"),
            ("$apply", "E"),
            ("login", "E"),
            ("token-issued", "C"),
            ("audit-retention", "D"),
            ("erasure", "D"),
            ("message", "E"),
        ]
        .map(|(event, action)| row(event, action))
        .into();
        rows.push(AuditRow {
            event: "start".to_owned(),
            action: "E".to_owned(),
            ..AuditRow::default()
        });
        for row in rows {
            let text = audit_event(&row, "https://x.example/fhir").to_string();
            let read = validate::read(&bytes::Bytes::from(text.clone()), &json::Limits::default());
            assert!(read.is_ok(), "{text}: {read:?}");
        }
    }

    #[test]
    fn a_read_keeps_to_its_pattern() {
        let event = audit_event(&row("read", "R"), "https://x.example/fhir");
        assert_eq!(event["id"], "log-7");
        assert_eq!(
            event["meta"]["profile"][0],
            format!("{PATTERNS}PatientRead")
        );
        assert_eq!(event["recorded"], "2020-05-20T18:40:00.123Z");
        assert_eq!(event["agent"][0]["type"]["coding"][0]["code"], "110152");
        assert_eq!(event["agent"][1]["type"]["coding"][0]["code"], "IRCP");
        assert_eq!(event["agent"][1]["requestor"], true);
        assert_eq!(event["agent"][2]["type"]["coding"][0]["code"], "110153");
        assert_eq!(event["entity"][0]["what"]["type"], "Observation");
        assert_eq!(event["entity"][1]["role"]["code"], "1");
        assert_eq!(event["entity"][2]["what"]["identifier"]["value"], "r-1");
    }

    #[test]
    fn a_query_tells_names_and_several_patients_claim_no_single_one() {
        let mut row = row("search-type", "E");
        row.entity = None;
        row.patients.push([4; 16]);
        let event = audit_event(&row, "https://x.example/fhir");
        assert_eq!(event["meta"]["profile"][0], format!("{PATTERNS}Query"));
        assert_eq!(event["entity"][0]["role"]["code"], "24");
        let text = event["entity"][0]["query"].as_str().unwrap();
        let text = BASE64_STANDARD.decode(text).unwrap();
        assert_eq!(text, b"Observation?patient&_count");
        assert_eq!(event["entity"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn what_failed_claims_no_pattern() {
        let mut row = row("read", "R");
        row.outcome = 4;
        row.status = 403;
        let event = audit_event(&row, "https://x.example/fhir");
        assert_eq!(event["meta"].get("profile"), None);
        assert_eq!(event["outcomeDesc"], "HTTP 403");
    }
}
