//! The operations of a terminology service, as pure functions from what is asked to the answer.
//!
//! Specification: <http://hl7.org/fhir/R4/terminology-service.html>.

mod answer;
mod asked;
mod expand;
mod lookup;
mod subsumes;
mod translate;
mod validate_code;

#[cfg(test)]
mod tests;

pub use self::{
    asked::{Asked, CODINGS_MAX, PARAMETERS_MAX},
    expand::{
        EXPANSION_CODES_MAX, EXPANSION_PAGE_MAX, FILTER_LENGTH_MAX, NESTING_MAX, Stamp, expand,
    },
    lookup::lookup,
    subsumes::subsumes,
    translate::{MAPS_MAX, translate},
    validate_code::{in_code_system, in_value_set},
};
