//! Codes that stand for many: `:in`, `:above`, `:below`.
//!
//! What they stand for is asked of the terminology when the search is read, so that the store
//! compares codes alone. Specification: <http://hl7.org/fhir/R4/search.html#token>.

use super::{
    clause::{Codes, Rows, Tests},
    escape::{plain, split},
    value::{Modifier, Reading},
};
use crate::{
    fhir::search::{hash, parameters::SearchParameter},
    kernel::problem::{Problem, Result},
};

/// Most codes that a value set, or a place in a hierarchy, may stand for.
pub const CODES_MAX: usize = 10_000;

/// Most codes that all parameters of a search stand for.
pub const CODES_TOTAL_MAX: usize = 20_000;

/// The codes that a value stands for: hashes of code and system.
type Hashes = Vec<(i64, i64)>;

impl Reading<'_> {
    /// The codes that the values of the parameter stand for.
    pub(super) fn codes(&self, parameter: &SearchParameter, value: &str) -> Result<Rows> {
        let mut codes = Vec::new();
        for value in self.values(value)? {
            codes.extend(match self.modifier {
                Modifier::In => self.members(&plain(value))?,
                _ => self.relatives(value)?,
            });
            if codes.len() > CODES_MAX {
                return Err(self.refuse("stands for too many codes."));
            }
        }
        Ok(Rows {
            param: parameter.id,
            tests: Tests::Codes(Codes {
                codes,
                implied: parameter.implies_system,
            }),
        })
    }

    /// The codes of a value set.
    fn members(&self, value_set: &str) -> Result<Hashes> {
        let found = self.knowledge.terminology.codes(value_set, CODES_MAX);
        let found = found.map_err(|problem| self.unanswered(&problem))?;
        let hashes = found.iter();
        Ok(hashes
            .map(|(system, code)| (hash::of_text(code), hash::of_text(system)))
            .collect())
    }

    /// A code with those above it, or below it.
    fn relatives(&self, value: &str) -> Result<Hashes> {
        let parts: Vec<String> = split(value, '|').into_iter().map(plain).collect();
        let [system, code] = parts.as_slice() else {
            return Err(self.refuse("with :above or :below is system|code."));
        };
        if system.is_empty() || code.is_empty() {
            return Err(self.refuse("with :above or :below is system|code."));
        }
        let terminology = &self.knowledge.terminology;
        let found = match self.modifier {
            Modifier::Above => terminology.above(system, code, CODES_MAX),
            _ => terminology.below(system, code, CODES_MAX),
        };
        let found = found.map_err(|problem| self.unanswered(&problem))?;
        let system = hash::of_text(system);
        let hashes = found.iter();
        Ok(hashes.map(|code| (hash::of_text(code), system)).collect())
    }

    /// That the terminology cannot answer is a fault of the search, whatever it lacks.
    fn unanswered(&self, problem: &Problem) -> Problem {
        let issue = problem.issues.first();
        let (code, why) = issue.map_or(("not-supported", ""), |issue| {
            (issue.code, issue.diagnostics.as_str())
        });
        let text = format!("{}: {why}", self.name);
        match code {
            "too-costly" => Problem::malformed("too-costly", text),
            _ => Problem::malformed("not-found", text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::fhir::{
        definitions::ResourceType,
        knowledge::Knowledge,
        search::query::{Query, QueryOptions},
    };

    /// What a search for members of value sets of so many codes comes to.
    fn searched(codes: usize, times: usize) -> Result<Query> {
        let concept: Vec<Value> = (0..codes).map(|n| json!({"code": n.to_string()})).collect();
        let system = json!({"resourceType": "CodeSystem", "url": "urn:s", "status": "active",
            "content": "complete", "concept": concept});
        let set = json!({"resourceType": "ValueSet", "url": "urn:v", "status": "active",
            "compose": {"include": [{"system": "urn:s"}]}});
        let options = QueryOptions {
            knowledge: Arc::new(Knowledge::with(&[Arc::new(system), Arc::new(set)])),
            ..QueryOptions::default()
        };
        let pairs = vec![("code:in".to_owned(), "urn:v".to_owned()); times];
        let kind = ResourceType::named("Observation").unwrap();
        Query::parse(kind, &pairs, &options)
    }

    #[test]
    fn a_search_stands_for_so_many_codes_and_no_more() {
        assert!(searched(CODES_MAX, 1).is_ok());
        assert!(searched(CODES_MAX, CODES_TOTAL_MAX / CODES_MAX).is_ok());
        for refused in [
            searched(CODES_MAX + 1, 1),
            searched(CODES_MAX, CODES_TOTAL_MAX / CODES_MAX + 1),
        ] {
            assert_eq!(refused.unwrap_err().issues[0].code, "too-costly");
        }
    }
}
