//! What the record of accesses is told of a message: what kind it was, by which channel it went, and
//! whom it was about.

use serde_json::Value;

use super::{MessageKind, send::SEND};
use crate::{
    fhir::{permit::Actor, reference},
    store::witness::{Act, Deed},
};

/// The message of a Communication.
pub(super) fn message(
    (id, tree): (&str, &Value),
    kind: MessageKind,
    (channel, is_done): (&str, bool),
) -> Deed {
    let about = tree.pointer("/subject/reference").and_then(Value::as_str);
    Deed {
        entity: Some(("Communication", id.to_owned())),
        ..deed(SEND, about, (kind, channel, is_done))
    }
}

/// A letter to somebody about their account.
pub(super) fn letter(person: &str, kind: MessageKind, (channel, is_done): (&str, bool)) -> Deed {
    deed("notify.letter", Some(person), (kind, channel, is_done))
}

fn deed(
    task: &'static str,
    about: Option<&str>,
    (kind, channel, is_done): (MessageKind, &str, bool),
) -> Deed {
    let local = about.and_then(reference::local);
    let patient = local.filter(|local| local.kind.name() == "Patient");
    Deed {
        act: Act::Sent,
        actor: Actor::System(task),
        entity: None,
        patients: patient.into_iter().map(|local| local.id).collect(),
        is_done,
        detail: format!("{kind} {channel}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_told_by_its_kind_and_whom_it_is_about() {
        let tree = json!({ "subject": { "reference": "Patient/p" },
            "payload": [{ "contentString": "Durand" }] });
        let told = message(("c", &tree), MessageKind::Reminder, ("email", true));
        assert_eq!(told.entity, Some(("Communication", "c".to_owned())));
        assert_eq!((told.patients, told.is_done), (vec!["p".to_owned()], true));
        assert_eq!(told.detail, "reminder email");
        let told = letter("Practitioner/a", MessageKind::Recovery, ("file", false));
        assert!(told.patients.is_empty() && !told.is_done);
    }
}
