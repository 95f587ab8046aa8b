//! What Vigie reads of a QuestionnaireResponse: whether it is an answer, of which follow-up, and
//! of when.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaireresponse.html>.

use jiff::Timestamp;
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

/// When the answer was true: `authored`, which may be long before it was received. A partial
/// date counts from its first instant, in UTC.
#[must_use]
pub fn effective_time(answer: &Value) -> Option<Timestamp> {
    date::span(answer["authored"].as_str()?).map(|span| from_millis(span.start))
}
