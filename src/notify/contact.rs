//! Contact points that have ended: pure changes of a resource's `telecom`.
//!
//! Specification: <http://hl7.org/fhir/R4/datatypes.html#ContactPoint>.

use serde_json::{Value, json};

use super::{Medium, number, recipient::has_ended};
use crate::fhir::{
    canonical::{SMS_STOPPED, find_extension},
    date,
};
use jiff::Timestamp;

/// Ends the contact points of this address; whether there was one.
///
/// An address that does not exist is of no use for anything else: its period ends.
pub(super) fn end(tree: &mut Value, medium: Medium, address: &str, now: Timestamp) -> bool {
    let mut changed = false;
    for point in points(tree, medium, address) {
        if !has_ended(point, now) {
            point["period"]["end"] = date::instant(now).into();
            changed = true;
        }
    }
    changed
}

/// Takes the contact points of a number out of use for text messages, and no more than that: the
/// person may still be called. Whether anything has changed.
pub(super) fn stop_texts(tree: &mut Value, number: &str, now: Timestamp) -> bool {
    let mut changed = false;
    for point in points(tree, Medium::Sms, number) {
        if find_extension(point, SMS_STOPPED).is_none() {
            let mark = json!({ "url": SMS_STOPPED, "valueDateTime": date::instant(now) });
            match point["extension"].as_array_mut() {
                Some(list) => list.push(mark),
                None => point["extension"] = json!([mark]),
            }
            changed = true;
        }
    }
    changed
}

/// Takes them into use again; whether anything has changed.
pub(super) fn start_texts(tree: &mut Value, number: &str) -> bool {
    let mut changed = false;
    for point in points(tree, Medium::Sms, number) {
        let Some(list) = point["extension"].as_array_mut() else {
            continue;
        };
        let before = list.len();
        list.retain(|one| one["url"] != SMS_STOPPED);
        changed |= list.len() < before;
        if list.is_empty() {
            // FHIR knows no empty lists.
            point.as_object_mut().map(|point| point.remove("extension"));
        }
    }
    changed
}

fn points<'a>(
    tree: &'a mut Value,
    medium: Medium,
    address: &'a str,
) -> impl Iterator<Item = &'a mut Value> {
    tree["telecom"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter(move |point| {
            let value = point["value"].as_str().unwrap_or_default();
            match (medium, point["system"].as_str()) {
                (Medium::Email, Some("email")) => value.trim() == address,
                (Medium::Sms, Some("sms" | "phone")) => {
                    number::textable(value).as_deref() == Some(address)
                }
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::from_millis;

    fn person() -> Value {
        json!({ "telecom": [
            { "system": "phone", "use": "mobile", "value": "06 12 34 56 78" },
            { "system": "sms", "value": "+33699999999" },
            { "system": "email", "value": "a@example.org" },
        ] })
    }

    #[test]
    fn an_address_that_does_not_exist_ends_and_no_other() {
        let mut tree = person();
        let now = from_millis(1_800_000_000_000);
        assert!(end(&mut tree, Medium::Email, "a@example.org", now));
        assert_eq!(
            tree["telecom"][2]["period"]["end"],
            "2027-01-15T08:00:00.000Z"
        );
        assert!(tree["telecom"][0]["period"].is_null());
        let later = from_millis(1_800_000_001_000);
        assert!(
            !end(&mut tree, Medium::Email, "a@example.org", later),
            "once"
        );
        assert!(!end(&mut tree, Medium::Sms, "+33611111111", now));
    }

    #[test]
    fn a_number_that_is_stopped_may_still_be_called_and_may_start_again() {
        let mut tree = person();
        let number = "+33612345678";
        assert!(stop_texts(&mut tree, number, from_millis(0)));
        assert!(!stop_texts(&mut tree, number, from_millis(1)), "once");
        assert!(find_extension(&tree["telecom"][0], SMS_STOPPED).is_some());
        assert!(
            tree["telecom"][0]["period"].is_null() && tree["telecom"][1]["extension"].is_null()
        );
        assert!(start_texts(&mut tree, number));
        assert_eq!(tree, person());
        assert!(!start_texts(&mut tree, number));
    }
}
