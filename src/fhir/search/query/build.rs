//! Queries that the server itself asks.

use jiff::Timestamp;

use super::{
    Query, Summary, Total,
    chain::Reader,
    clause::{
        Clause, DateTest, Prefix, ReferenceTest, Rows, SystemTest, Tests, TokenTest, UriTest,
    },
    result,
};
use crate::fhir::{
    date::Span,
    definitions::{ParameterKind, ResourceType},
    knowledge::Knowledge,
    reference,
    search::{
        hash,
        parameters::{self, Parameters, SearchParameter},
    },
};

impl Query {
    /// All resources of a type, on one page, newest first; what follows narrows it.
    ///
    /// A parameter that the type does not have makes the search fail, not the building of it.
    #[must_use]
    pub const fn new(kind: ResourceType) -> Self {
        Self {
            kind,
            clauses: Vec::new(),
            sort: Vec::new(),
            limit: None,
            cursor: None,
            total: Total::None,
            summary: Summary::False,
            elements: Vec::new(),
            includes: Vec::new(),
            applied: Vec::new(),
            notices: Vec::new(),
            system: false,
            others: Vec::new(),
            within: None,
            fault: None,
        }
    }

    /// Those whose id is one of `ids`.
    #[must_use]
    pub fn ids<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        let ids = ids.into_iter().map(Into::into).collect();
        self.clauses.push(Clause::Id(ids));
        self
    }

    /// Those that refer to `target` (`Type/id`, or a canonical URL).
    #[must_use]
    pub fn reference(self, code: &str, target: &str) -> Self {
        let test = match reference::local(target) {
            Some(local) => ReferenceTest::Local {
                kind: Some(local.kind),
                id: local.id,
            },
            None => ReferenceTest::Text(target.to_owned()),
        };
        self.some(code, ParameterKind::Reference, |parameter| Rows {
            param: parameter.id,
            tests: Tests::Reference(vec![test]),
        })
    }

    /// Those with the code, or with any of the system where there is none.
    #[must_use]
    pub fn token(self, code: &str, system: Option<&str>, value: &str) -> Self {
        self.tokens(code, system, &[value])
    }

    /// Those with one of the codes.
    #[must_use]
    pub fn tokens(self, code: &str, system: Option<&str>, values: &[&str]) -> Self {
        self.some(code, ParameterKind::Token, |parameter| {
            let system = match system.map(hash::of_text) {
                None => SystemTest::Any,
                Some(system) if parameter.implies_system => SystemTest::IsOrImplied(system),
                Some(system) => SystemTest::Is(system),
            };
            let test = |value: &&str| TokenTest {
                code: Some(hash::of_text(value)),
                system,
            };
            Rows {
                param: parameter.id,
                tests: Tests::Token(values.iter().map(test).collect()),
            }
        })
    }

    /// Those with this URI.
    #[must_use]
    pub fn uri(self, code: &str, value: &str) -> Self {
        let test = UriTest::Is(value.to_owned());
        self.some(code, ParameterKind::Uri, |parameter| Rows {
            param: parameter.id,
            tests: Tests::Uri(vec![test]),
        })
    }

    /// Those whose date compares so with an instant.
    #[must_use]
    pub fn date(mut self, code: &str, prefix: Prefix, at: Timestamp) -> Self {
        let test = DateTest {
            prefix,
            span: Span::at(at),
        };
        if code == "_lastUpdated" {
            self.clauses.push(Clause::Updated(vec![test]));
            return self;
        }
        self.some(code, ParameterKind::Date, |parameter| Rows {
            param: parameter.id,
            tests: Tests::Date(vec![test]),
        })
    }

    /// Those that satisfy a parameter as a client would write it, escapes included.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        let reader = Reader::new(None, Knowledge::core());
        match reader.clause(self.kind, key, value, 0) {
            Ok(Some(clause)) => self.clauses.push(clause),
            Ok(None) => self.fail(key, "is not a parameter"),
            Err(problem) => self.fail(key, &problem.to_string()),
        }
        self
    }

    /// In this order, as in `_sort`.
    #[must_use]
    pub fn sort(mut self, keys: &str) -> Self {
        match result::sort(Parameters::core(), self.kind, keys) {
            Ok(keys) => self.sort = keys,
            Err(problem) => self.fail(keys, &problem.to_string()),
        }
        self
    }

    /// At most `count` of them.
    #[must_use]
    pub const fn limit(mut self, count: u32) -> Self {
        self.limit = Some(count);
        self
    }

    /// With the number of all of them.
    #[must_use]
    pub const fn counted(mut self) -> Self {
        self.total = Total::Accurate;
        self
    }

    fn some(
        mut self,
        code: &str,
        kind: ParameterKind,
        rows: impl FnOnce(&SearchParameter) -> Rows,
    ) -> Self {
        match parameters::parameter(self.kind, code) {
            Some(parameter) if parameter.kind == kind => {
                self.clauses.push(Clause::Some(rows(parameter)));
            }
            _ => self.fail(code, "is not a parameter of this kind"),
        }
        self
    }

    fn fail(&mut self, what: &str, why: &str) {
        let kind = self.kind;
        self.fault
            .get_or_insert_with(|| format!("a search of {kind} by {what}: {why}"));
    }
}
