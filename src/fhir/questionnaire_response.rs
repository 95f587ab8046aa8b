//! What Vigie reads of a QuestionnaireResponse: whether it is an answer, of which follow-up, and
//! of when.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaireresponse.html>.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;

use super::date;
use crate::kernel::clock::from_millis;

/// Whether it is a whole answer: complete, first or amended.
#[must_use]
pub fn is_answer(resource: &Value) -> bool {
    resource["resourceType"] == "QuestionnaireResponse"
        && (resource["status"] == "completed" || resource["status"] == "amended")
}

/// The CarePlan that it is based on, as `CarePlan/{id}`.
#[must_use]
pub fn follow_up_reference(answer: &Value) -> Option<&str> {
    answer["basedOn"]
        .as_array()?
        .iter()
        .filter_map(|based_on| based_on["reference"].as_str())
        .find(|reference| reference.starts_with("CarePlan/"))
}

/// The id of the Communication that advises on the answer of this id, if there is one.
#[must_use]
pub fn advice_id(answer: &str) -> String {
    format!("advice-{}", &blake3::hash(answer.as_bytes()).to_hex()[..32])
}

/// When the answer was true: `authored`, which may be long before it was received. A partial
/// date counts from its first instant in the patient's own calendar.
#[must_use]
pub fn effective_time(answer: &Value, zone: &TimeZone) -> Option<Timestamp> {
    let authored = answer["authored"].as_str()?;
    if authored.contains('T') {
        return date::span(authored).map(|span| from_millis(span.start));
    }
    let first: Date = match authored.len() {
        4 => format!("{authored}-01-01"),
        7 => format!("{authored}-01"),
        _ => authored.to_owned(),
    }
    .parse()
    .ok()?;
    first
        .to_zoned(zone.clone())
        .ok()
        .map(|start| from_millis(start.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_date_alone_is_a_day_of_the_patients_calendar() {
        let at = |authored: &str, zone: &str| {
            let zone = TimeZone::get(zone).expect("a zone");
            effective_time(&json!({ "authored": authored }), &zone).map(|at| at.to_string())
        };
        assert_eq!(
            at("2020-05-20", "Europe/Paris").as_deref(),
            Some("2020-05-19T22:00:00Z")
        );
        assert_eq!(
            at("2020-05-20", "America/Martinique").as_deref(),
            Some("2020-05-20T04:00:00Z")
        );
        assert_eq!(
            at("2020-05", "Europe/Paris").as_deref(),
            Some("2020-04-30T22:00:00Z")
        );
        let whole = at("2020-05-20T23:30:00-04:00", "Europe/Paris");
        assert_eq!(whole.as_deref(), Some("2020-05-21T03:30:00Z"));
        assert_eq!(at("yesterday", "Europe/Paris"), None);
    }
}
