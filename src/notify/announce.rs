//! One Communication and the job that sends it, in one transaction.
//!
//! Specification: <http://hl7.org/fhir/R4/communication.html>.

use serde_json::{Value, json};

use super::{Medium, MessageKind, SEND};
use crate::{
    fhir::{canonical::MESSAGE_KIND, resource::Resource},
    kernel::problem::Result,
    store::{Job, Prepared, Tx},
};

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
/// Professionals are written to by mail, or by text message where they have no mail; others by
/// mail alone. [`announce_by`] lets the caller say.
///
/// # Errors
/// As the transaction.
pub async fn announce(tx: &mut Tx, announcement: &Announcement) -> Result<String> {
    let to = announcement.recipient.as_str();
    if to.starts_with("Patient/") || to.starts_with("RelatedPerson/") {
        announce_by(tx, announcement, &[Medium::Email]).await
    } else {
        announce_by(tx, announcement, &Medium::ALL).await
    }
}

/// The same, by the media that a pathway allows, the preferred one first.
///
/// # Errors
/// As the transaction.
pub async fn announce_by(
    tx: &mut Tx,
    announcement: &Announcement,
    media: &[Medium],
) -> Result<String> {
    let id = tx.new_id();
    let tree = communication(announcement, media);
    let prepared = Prepared::new(Resource::trusted(tree)?);
    tx.create(&id, prepared).await?;
    let job = Job {
        kind: SEND,
        dedup: Some(id.clone()),
        payload: json!({ "communication": id }),
        run_at: tx.now(),
    };
    tx.enqueue(&job).await?;
    Ok(id)
}

fn communication(announcement: &Announcement, media: &[Medium]) -> Value {
    let Announcement { kind, .. } = announcement;
    let mut tree = json!({
        "resourceType": "Communication",
        "status": "preparation",
        "category": [coded(MESSAGE_KIND, kind.code())],
        "priority": kind.priority(),
        "medium": Medium::concepts(media),
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
