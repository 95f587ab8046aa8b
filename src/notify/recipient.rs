//! Who gets a message: the address and the language, from the recipient's resource.
//!
//! Specification: <http://hl7.org/fhir/R4/datatypes.html#ContactPoint>.

use jiff::Timestamp;
use serde_json::Value;

use super::{Language, Medium, number};
use crate::{
    fhir::{
        canonical::{SMS_STOPPED, find_extension},
        definitions::ResourceType,
        permit::Permit,
        reference,
    },
    kernel::{phi::Phi, problem::Result},
    store::Store,
};

/// What a recipient's resources tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recipient {
    /// Where they can be reached, the address to use first.
    pub addresses: Vec<Address>,
    /// The preferred language among those that messages are written in.
    pub language: Option<Language>,
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// By what it is reached.
    pub medium: Medium,
    /// The mail address, or the number in the form of E.164.
    pub value: Phi<String>,
    /// Whose contact point it is: `Patient/x`.
    pub holder: String,
}

/// Reads the recipient that `target` refers to; one that is not here has no address.
pub(super) async fn find(
    store: &Store,
    permit: &Permit,
    target: &str,
    (media, now): (&[Medium], Timestamp),
) -> Result<Recipient> {
    let Some((kind, tree)) = read(store, permit, target).await? else {
        return Ok(Recipient::default());
    };
    if has_left(&tree, now) {
        return Ok(Recipient::default());
    }
    let language = language(&tree);
    let person = match kind.name() {
        // A role's own address is preferred; who holds it may have another, and a language.
        "PractitionerRole" => tree.pointer("/practitioner/reference"),
        _ => None,
    };
    let person = person.and_then(Value::as_str).map(str::to_owned);
    let professional = !matches!(kind.name(), "Patient" | "RelatedPerson");
    let mut sources = vec![(target.to_owned(), tree)];
    if let Some(person) = person
        && let Some((_, tree)) = read(store, permit, &person).await?
    {
        // The role's own address is another's by now.
        if has_left(&tree, now) {
            return Ok(Recipient::default());
        }
        sources.push((person, tree));
    }
    let language = language.or_else(|| sources.get(1).and_then(|(_, tree)| self::language(tree)));
    let order = Order {
        media,
        professional,
        now,
    };
    Ok(Recipient {
        addresses: order.addresses(&sources),
        language,
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

/// In which order addresses are used.
struct Order<'a> {
    /// The media that may be used, the preferred one first.
    media: &'a [Medium],
    /// A professional is reached by the first medium that there is; others by the address that
    /// they prefer.
    professional: bool,
    now: Timestamp,
}

impl Order<'_> {
    /// The addresses in use, from a resource and then from who stands behind it.
    fn addresses(&self, sources: &[(String, Value)]) -> Vec<Address> {
        let mut found = Vec::new();
        for (source, (holder, tree)) in sources.iter().enumerate() {
            for point in list(tree, "telecom") {
                if let Some((place, medium, value)) = self.usable(point) {
                    let key = if self.professional {
                        (place as u64, source as u64, rank(point), 0)
                    } else {
                        (source as u64, 0, rank(point), place as u64)
                    };
                    let holder = holder.clone();
                    let value = Phi::new(value);
                    found.push((
                        key,
                        Address {
                            medium,
                            value,
                            holder,
                        },
                    ));
                }
            }
        }
        // Stable: among equals, the order in the resource counts.
        found.sort_by_key(|(key, _)| *key);
        found.into_iter().map(|(_, address)| address).collect()
    }

    /// What a contact point can be used for, and the place of that among the media.
    fn usable(&self, point: &Value) -> Option<(usize, Medium, String)> {
        if text(point, "use") == Some("old") || has_ended(point, self.now) {
            return None;
        }
        let written = text(point, "value")?.trim();
        let (medium, value) = match (text(point, "system"), text(point, "use")) {
            (Some("email"), _) if !written.is_empty() => (Medium::Email, written.to_owned()),
            (Some("sms"), _) | (Some("phone"), Some("mobile"))
                if find_extension(point, SMS_STOPPED).is_none() =>
            {
                (Medium::Sms, number::textable(written)?)
            }
            _ => return None,
        };
        let place = self.media.iter().position(|known| *known == medium)?;
        Some((place, medium, value))
    }
}

/// `ContactPoint.rank`: 1 is the most preferred; without one, after all ranked.
fn rank(point: &Value) -> u64 {
    point
        .get("rank")
        .and_then(Value::as_u64)
        .unwrap_or(u64::MAX)
}

/// Whether the period of use has passed; an end that names only a day is over on the next.
pub(super) fn has_ended(point: &Value, now: Timestamp) -> bool {
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

/// Whether somebody is in use no longer, or a role or a relation has ended: what was announced to
/// them before is not for them any more when it is sent.
fn has_left(tree: &Value, now: Timestamp) -> bool {
    tree["active"] == false || has_ended(tree, now)
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

    /// The address that is used first, by one of these media.
    fn first(telecom: &Value, media: &[Medium], professional: bool) -> Option<String> {
        let order = Order {
            media,
            professional,
            now: "2026-03-29T01:30:00Z".parse().unwrap(),
        };
        let tree = json!({ "telecom": telecom });
        let found = order.addresses(&[("Patient/p".to_owned(), tree)]);
        found.into_iter().next().map(|one| one.value.into_inner())
    }

    fn address_of(telecom: &Value) -> Option<String> {
        first(telecom, &[Medium::Email], false)
    }

    #[test]
    fn the_persons_rank_decides_and_then_the_pathways_order() {
        let telecom = json!([
            { "system": "phone", "use": "mobile", "value": "06 12 34 56 78" },
            { "system": "email", "value": "a@example.org" },
        ]);
        let mail_first = [Medium::Email, Medium::Sms];
        let of = |media: &[Medium]| first(&telecom, media, false);
        assert_eq!(of(&mail_first).as_deref(), Some("a@example.org"));
        assert_eq!(
            of(&[Medium::Sms, Medium::Email]).as_deref(),
            Some("+33612345678")
        );
        assert_eq!(of(&[Medium::Sms]).as_deref(), Some("+33612345678"));
        let ranked = json!([
            { "system": "email", "value": "a@example.org", "rank": 2 },
            { "system": "sms", "value": "0712345678", "rank": 1 },
        ]);
        let of = |professional| first(&ranked, &mail_first, professional);
        assert_eq!(of(false).as_deref(), Some("+33712345678"));
        assert_eq!(of(true).as_deref(), Some("a@example.org"), "mail first");
    }

    #[test]
    fn a_text_message_goes_to_a_mobile_that_has_not_refused_it() {
        let of = |point: Value| first(&json!([point]), &Medium::ALL, false);
        assert!(of(json!({ "system": "sms", "value": "0612345678" })).is_some());
        for point in [
            json!({ "system": "phone", "value": "0612345678" }),
            json!({ "system": "phone", "use": "home", "value": "0612345678" }),
            json!({ "system": "phone", "use": "mobile", "value": "04 76 00 00 00" }),
            json!({ "system": "sms", "value": "0476000000" }),
            json!({ "system": "sms", "value": "0612345678", "use": "old" }),
            json!({ "system": "sms", "value": "0612345678", "period": { "end": "2026-03-01" } }),
            json!({ "system": "sms", "value": "0612345678", "extension": [
                { "url": SMS_STOPPED, "valueDateTime": "2026-03-01T10:00:00Z" }] }),
        ] {
            assert_eq!(of(point.clone()), None, "{point}");
        }
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
