//! Who gets a message: the address and the language, from the recipient's resource.
//!
//! Specification: <http://hl7.org/fhir/R4/datatypes.html#ContactPoint>.

use jiff::Timestamp;
use serde_json::Value;

use super::Language;
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, reference},
    kernel::{phi::Phi, problem::Result},
    store::Store,
};

/// What a recipient's resources tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recipient {
    /// The e-mail address to use, if there is one.
    pub address: Option<Phi<String>>,
    /// The preferred language among those that messages are written in.
    pub language: Option<Language>,
}

/// Reads the recipient that `target` refers to; one that is not here has no address.
pub(super) async fn find(
    store: &Store,
    permit: &Permit,
    target: &str,
    now: Timestamp,
) -> Result<Recipient> {
    let Some((kind, tree)) = read(store, permit, target).await? else {
        return Ok(Recipient::default());
    };
    let found = told_by(&tree, now);
    let person = match kind.name() {
        // A role's own address is preferred; who holds it may have another, and a language.
        "PractitionerRole" => tree.pointer("/practitioner/reference"),
        _ => None,
    };
    let Some(person) = person.and_then(Value::as_str) else {
        return Ok(found);
    };
    let person = match read(store, permit, person).await? {
        Some((_, tree)) => told_by(&tree, now),
        None => Recipient::default(),
    };
    Ok(Recipient {
        address: found.address.or(person.address),
        language: found.language.or(person.language),
    })
}

async fn read(
    store: &Store,
    permit: &Permit,
    target: &str,
) -> Result<Option<(ResourceType, Value)>> {
    let Some(local) = reference::local(target) else {
        return Ok(None);
    };
    match store.read(permit, local.kind, &local.id).await? {
        Some(stored) if !stored.is_deleted() => Ok(Some((local.kind, stored.tree()?))),
        _ => Ok(None),
    }
}

fn told_by(tree: &Value, now: Timestamp) -> Recipient {
    Recipient {
        address: address(tree, now),
        language: language(tree),
    }
}

/// The e-mail address of the best rank that is in use.
fn address(tree: &Value, now: Timestamp) -> Option<Phi<String>> {
    list(tree, "telecom")
        .filter(|point| text(point, "system") == Some("email"))
        .filter(|point| text(point, "use") != Some("old"))
        .filter(|point| !has_ended(point, now))
        .filter_map(|point| Some((rank(point), text(point, "value")?.trim())))
        .filter(|(_, value)| !value.is_empty())
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, value)| Phi::new(value.to_owned()))
}

/// `ContactPoint.rank`: 1 is the most preferred; without one, after all ranked.
fn rank(point: &Value) -> u64 {
    point
        .get("rank")
        .and_then(Value::as_u64)
        .unwrap_or(u64::MAX)
}

/// Whether the period of use has passed; an end that names only a day is over on the next.
fn has_ended(point: &Value, now: Timestamp) -> bool {
    let Some(end) = point.pointer("/period/end").and_then(Value::as_str) else {
        return false;
    };
    match end.parse::<Timestamp>() {
        Ok(end) => end < now,
        // Dates compare as text, up to the precision that the end has: the same year, month or
        // day is not over yet.
        Err(_) => {
            let today = now.to_string();
            today.get(..end.len()).is_some_and(|today| today > end)
        }
    }
}

/// The preferred language of a Patient or RelatedPerson (`communication[].language`), the first
/// of a Practitioner (`communication[]` itself).
#[must_use]
pub fn language(tree: &Value) -> Option<Language> {
    let spoken = |entry: &Value| {
        let concept = entry.get("language").unwrap_or(entry);
        list(concept, "coding")
            .filter_map(|coding| text(coding, "code"))
            .find_map(Language::tagged)
    };
    let preferred = |entry: &&Value| entry.get("preferred") == Some(&Value::Bool(true));
    list(tree, "communication")
        .filter(preferred)
        .find_map(spoken)
        .or_else(|| list(tree, "communication").find_map(spoken))
}

fn list<'a>(tree: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    tree.get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text<'a>(tree: &'a Value, name: &str) -> Option<&'a str> {
    tree.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn address_of(telecom: &Value) -> Option<String> {
        let now = "2026-03-29T01:30:00Z".parse().unwrap();
        address(&json!({ "telecom": telecom }), now).map(Phi::into_inner)
    }

    #[test]
    fn the_best_ranked_address_in_use_is_taken() {
        let telecom = json!([
            { "system": "phone", "value": "+33 4", "rank": 1 },
            { "system": "email", "value": "old@example.org", "use": "old", "rank": 1 },
            { "system": "email", "value": "past@example.org", "rank": 1,
              "period": { "end": "2026-03-28" } },
            { "system": "email", "value": "unranked@example.org" },
            { "system": "email", "value": " second@example.org ", "rank": 2,
              "period": { "end": "2026-03" } },
            { "system": "email", "rank": 1 },
        ]);
        assert_eq!(address_of(&telecom).as_deref(), Some("second@example.org"));
        assert_eq!(address_of(&json!([])), None);
        assert_eq!(
            address_of(&json!([{ "system": "email", "value": "" }])),
            None
        );
    }

    #[test]
    fn a_period_ends_at_its_own_precision() {
        let ended = |end: &str| {
            address_of(&json!([{ "system": "email", "value": "a@example.org",
                "period": { "end": end } }]))
            .is_none()
        };
        assert!(ended("2025") && ended("2026-02") && ended("2026-03-28"));
        assert!(!ended("2026") && !ended("2026-03") && !ended("2026-03-29"));
        assert!(ended("2026-03-29T03:29:59+02:00"));
        assert!(!ended("2026-03-29T03:30:00+02:00"));
    }

    #[test]
    fn the_preferred_language_wins_and_one_not_written_in_is_passed_over() {
        let speaks = |code: &str| json!({ "coding": [{ "code": code }] });
        let patient = json!({ "communication": [
            { "language": speaks("fr") },
            { "language": speaks("en-GB"), "preferred": true },
        ]});
        assert_eq!(language(&patient), Some(Language::En));
        let practitioner = json!({ "communication": [speaks("de"), speaks("fr-CH")] });
        assert_eq!(language(&practitioner), Some(Language::Fr));
        assert_eq!(language(&json!({})), None);
    }
}
