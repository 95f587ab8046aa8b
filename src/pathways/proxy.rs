//! Who may answer in a patient's stead.
//!
//! A household has one RelatedPerson for each of its members who is followed: the mother of two
//! has two, with one address, and each child has its own forms and its own messages.
//! Specification: <http://hl7.org/fhir/R4/relatedperson.html>.

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    fhir::{date, reference},
    kernel::problem::Result,
    store::Tx,
};

/// Why a reference does not name somebody who may answer for a patient, if it does not.
///
/// # Errors
/// As a read.
pub async fn fault(tx: &mut Tx, reporter: &str, subject: &str) -> Result<Option<&'static str>> {
    let named = reference::local(reporter).filter(|local| local.kind.name() == "RelatedPerson");
    let Some(local) = named else {
        return Ok(Some("The reporter must be a RelatedPerson of this server."));
    };
    let stored = tx.read(local.kind, &local.id).await?;
    let Some(stored) = stored.filter(|stored| !stored.is_deleted()) else {
        return Ok(Some("There is no RelatedPerson of this id."));
    };
    Ok(objection(&stored.tree()?, subject, tx.now()))
}

/// What speaks against a RelatedPerson as a patient's reporter: pure.
fn objection(person: &Value, subject: &str, now: Timestamp) -> Option<&'static str> {
    let ended = |end: &str| date::span(end).is_some_and(|span| span.end < now.as_millisecond());
    if person["patient"]["reference"] != subject {
        Some("The RelatedPerson is not this patient's.")
    } else if person["active"] == false || person["period"]["end"].as_str().is_some_and(ended) {
        Some("The RelatedPerson is not active.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reporter_is_the_patients_own_and_active() {
        let now = "2030-05-01T12:00:00Z".parse().expect("an instant");
        let object = |more: Value| {
            let mut person = json!({ "patient": { "reference": "Patient/a" } });
            for (member, value) in more.as_object().expect("members") {
                person[member] = value.clone();
            }
            objection(&person, "Patient/a", now)
        };
        assert_eq!(object(json!({})), None);
        assert_eq!(
            object(json!({ "active": true, "period": { "end": "2030-05-01" } })),
            None
        );
        for faulty in [
            json!({ "patient": { "reference": "Patient/b" } }),
            json!({ "active": false }),
            json!({ "period": { "end": "2030-04-30" } }),
        ] {
            assert!(object(faulty.clone()).is_some(), "{faulty}");
        }
    }
}
