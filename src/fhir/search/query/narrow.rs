//! What narrows a scope (`?category=laboratory`), read as a search reads it.
//!
//! Only R4's own parameters count, so that a scope means the same on every server and at all times.
//!
//! Specification:
//! <https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#finer-grained-resource-constraints-using-search-parameters>.

use super::{Clause, Handling, Query, QueryOptions};
use crate::fhir::scope::Scope;

impl Scope {
    /// What must hold of a resource beside its type: none within, if nothing narrows the scope.
    /// None at all, if what narrows it is not understood: such a scope grants nothing.
    #[must_use]
    pub fn narrowing(&self) -> Option<Option<Clause>> {
        if self.narrowed.is_empty() {
            return Some(None);
        }
        let options = QueryOptions {
            handling: Handling::Strict,
            ..QueryOptions::default()
        };
        let query = Query::parse(self.kind?, &self.narrowed, &options).ok()?;
        let is_plain = query.applied.len() == self.narrowed.len()
            && !query.clauses.is_empty()
            && query.sort.is_empty()
            && query.includes.is_empty()
            && query.cursor.is_none();
        is_plain.then_some(Some(Clause::All(query.clauses)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_narrows_is_a_search_or_grants_nothing() {
        for (text, understood) in [
            ("patient/Observation.rs", true),
            ("patient/Observation.rs?category=laboratory", true),
            (
                "patient/Observation.rs?category=http://x|a,http://x|b",
                true,
            ),
            ("patient/Observation.rs?status=final&date=ge2024", true),
            ("patient/Observation.rs?unknown=x", false),
            ("patient/Observation.rs?date=yesterday", false),
            ("patient/Observation.rs?value-quantity=a|b|c|d", false),
            ("patient/Patient.rs?category=laboratory", false),
        ] {
            let scope = Scope::read(text).unwrap();
            assert_eq!(scope.narrowing().is_some(), understood, "{text}");
        }
    }
}
