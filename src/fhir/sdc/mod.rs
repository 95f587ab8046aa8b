//! Forms that carry data in and out (Structured Data Capture): an answer held to its form, a form
//! filled from what is known already, resources made of an answer.
//!
//! Pure: what has to be read from elsewhere is asked of the caller ([`populate::queries`]).
//! Reading order: `value`, `expression`, `answer`, `populate`, `extract`.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaire.html>,
//! <http://hl7.org/fhir/uv/sdc/STU3/>.

pub mod answer;
mod expression;
pub mod extract;
pub mod populate;
mod value;

use serde_json::Value;

/// An extension of SDC.
macro_rules! sdc {
    ($name:literal) => {
        concat!(
            "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-",
            $name
        )
    };
}

/// An extension of R4 itself.
macro_rules! core {
    ($name:literal) => {
        concat!("http://hl7.org/fhir/StructureDefinition/", $name)
    };
}

use {core, sdc};

/// The unit that answers of an item have.
const UNIT: &str = core!("questionnaire-unit");

/// The items of a list.
fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// `linkId` of an item.
fn link_id(item: &Value) -> &str {
    item["linkId"].as_str().unwrap_or_default()
}
