//! What is read of a message's Communication, whoever sends, gathers or holds it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{MessageKind, SEND};
use crate::{
    fhir::{canonical::MESSAGE_KIND, definitions::ResourceType},
    kernel::problem::{Problem, Result},
    store::Job,
};

/// The job that sends one Communication.
pub(super) fn job(communication: &str, run_at: Timestamp) -> Job {
    Job {
        kind: SEND,
        dedup: Some(communication.to_owned()),
        payload: json!({ "communication": communication }),
        run_at,
    }
}

/// Whether it still waits to be sent.
pub(super) fn is_waiting(tree: &Value) -> bool {
    tree.get("status").and_then(Value::as_str) == Some("preparation")
}

/// The type of the resource.
pub(super) fn communication_type() -> Result<ResourceType> {
    ResourceType::named("Communication")
        .ok_or_else(|| Problem::fault("the definitions lack Communication"))
}

/// What kind of message it is.
pub(super) fn kind(tree: &Value) -> Option<MessageKind> {
    let concepts = tree.get("category")?.as_array()?;
    concepts
        .iter()
        .filter_map(|concept| concept.get("coding")?.as_array())
        .flatten()
        .filter(|coding| coding.get("system").and_then(Value::as_str) == Some(MESSAGE_KIND))
        .find_map(|coding| MessageKind::coded(coding.get("code")?.as_str()?))
}
