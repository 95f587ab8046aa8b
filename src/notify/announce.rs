//! One Communication and the job that sends it, in one transaction.
//!
//! Specification: <http://hl7.org/fhir/R4/communication.html>.

use serde_json::{Value, json};

use super::{MessageKind, send};
use crate::{
    fhir::{canonical::MESSAGE_KIND, resource::Resource},
    kernel::problem::Result,
    store::{Prepared, Tx},
};

/// `Communication.medium`: by electronic mail.
const MEDIUM_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode";
const MEDIUM_EMAIL: &str = "EMAILWRIT";

/// One message to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// What kind of message.
    pub kind: MessageKind,
    /// The patient concerned, by id: puts the Communication in the patient's compartment.
    pub patient: Option<String>,
    /// Who gets it: `Patient/x`, `Practitioner/x`, `PractitionerRole/x`, `Organization/x` or
    /// `RelatedPerson/x`.
    pub recipient: String,
    /// The follow-up: `CarePlan/x`.
    pub based_on: Option<String>,
    /// What it points to: `Flag/x`, `Task/x`, `QuestionnaireResponse/x`.
    pub about: Vec<String>,
    /// The language to write in; without one, the recipient's own.
    pub language: Option<String>,
}

/// Writes the Communication (`preparation`) and enqueues its sending; gives its id.
///
/// # Errors
/// As the transaction.
pub async fn announce(tx: &mut Tx, announcement: &Announcement) -> Result<String> {
    announce_as(tx, announcement, announcement.kind.priority()).await
}

/// As [`announce`], with a priority of its own: what is as pressing as `stat` is never put off.
///
/// # Errors
/// As the transaction.
pub async fn announce_as(
    tx: &mut Tx,
    announcement: &Announcement,
    priority: &'static str,
) -> Result<String> {
    create(tx, communication(announcement, priority)).await
}

/// Writes a Communication and enqueues its sending; gives its id.
pub(super) async fn create(tx: &mut Tx, tree: Value) -> Result<String> {
    let id = tx.new_id();
    let prepared = Prepared::new(Resource::trusted(tree)?);
    tx.create(&id, prepared).await?;
    tx.enqueue(&send::job(&id, tx.now())).await?;
    Ok(id)
}

pub(super) fn communication(announcement: &Announcement, priority: &str) -> Value {
    let Announcement { kind, .. } = announcement;
    let mut tree = json!({
        "resourceType": "Communication",
        "status": "preparation",
        "category": [coded(MESSAGE_KIND, kind.code())],
        "priority": priority,
        "medium": [coded(MEDIUM_SYSTEM, MEDIUM_EMAIL)],
        "recipient": [reference(&announcement.recipient)],
    });
    if let Some(language) = &announcement.language {
        tree["language"] = json!(language);
    }
    if let Some(plan) = &announcement.based_on {
        tree["basedOn"] = json!([reference(plan)]);
    }
    if let Some(patient) = &announcement.patient {
        tree["subject"] = reference(&format!("Patient/{patient}"));
    }
    if !announcement.about.is_empty() {
        tree["about"] = announcement.about.iter().map(|it| reference(it)).collect();
    }
    tree
}

fn coded(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}

fn reference(to: &str) -> Value {
    json!({ "reference": to })
}
