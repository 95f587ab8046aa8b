//! One Communication and the job that sends it, in one transaction.
//!
//! Specification: <http://hl7.org/fhir/R4/communication.html>.

use serde_json::{Value, json};

use super::{Medium, MessageKind, communication as messages};
use crate::{
    fhir::{canonical::MESSAGE_KIND, resource::Resource},
    kernel::problem::Result,
    store::{Prepared, Tx},
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
    create(
        tx,
        communication(announcement, usual_media(announcement), priority),
    )
    .await
}

/// As [`announce`], by the media that a pathway allows, the preferred one first.
///
/// # Errors
/// As the transaction.
pub async fn announce_by(
    tx: &mut Tx,
    announcement: &Announcement,
    media: &[Medium],
) -> Result<String> {
    let priority = announcement.kind.priority();
    create(tx, communication(announcement, media, priority)).await
}

/// Professionals are reached by whatever there is, others by mail unless a pathway says more.
fn usual_media(announcement: &Announcement) -> &'static [Medium] {
    let to = announcement.recipient.as_str();
    if to.starts_with("Patient/") || to.starts_with("RelatedPerson/") {
        &[Medium::Email]
    } else {
        &Medium::ALL
    }
}

/// Writes a Communication and enqueues its sending; gives its id.
pub(super) async fn create(tx: &mut Tx, tree: Value) -> Result<String> {
    let id = tx.new_id();
    let prepared = Prepared::new(Resource::trusted(tree)?);
    tx.create(&id, prepared).await?;
    tx.enqueue(&messages::job(&id, tx.now())).await?;
    Ok(id)
}

fn communication(announcement: &Announcement, media: &[Medium], priority: &str) -> Value {
    let Announcement { kind, .. } = announcement;
    let mut tree = json!({
        "resourceType": "Communication",
        "status": "preparation",
        "category": [coded(MESSAGE_KIND, kind.code())],
        "priority": priority,
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

/// The Communication of an announcement by the usual media, to be added to.
pub(super) fn draft(announcement: &Announcement) -> Value {
    let media = usual_media(announcement);
    communication(announcement, media, announcement.kind.priority())
}

fn coded(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}

fn reference(to: &str) -> Value {
    json!({ "reference": to })
}
