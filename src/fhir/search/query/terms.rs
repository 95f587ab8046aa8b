//! Codes that stand for many: `:in`, `:above`, `:below`.
//!
//! What they stand for is asked of the terminology when the search is read, so that the store
//! compares codes alone. Specification: <http://hl7.org/fhir/R4/search.html#token>.

use super::{clause::Rows, value::Reading};
use crate::{
    fhir::search::parameters::SearchParameter,
    kernel::problem::{Problem, Result},
};

/// Most codes that a value set, or a place in a hierarchy, may stand for.
pub const CODES_MAX: usize = 10_000;

impl Reading<'_> {
    /// The codes that the values of the parameter stand for.
    pub(super) fn codes(&self, parameter: &SearchParameter, value: &str) -> Result<Rows> {
        let _ = (value, &self.knowledge.terminology, CODES_MAX);
        Err(Problem::malformed(
            "not-supported",
            format!("This modifier is not supported on {}.", parameter.code),
        ))
    }
}
