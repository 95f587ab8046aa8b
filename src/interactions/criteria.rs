//! Conditions that are searches: `If-None-Exist`, conditional update, delete and reference.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#ccreate>,
//! <http://hl7.org/fhir/R4/http.html#cond-update>.

use super::{Context, gate, pairs};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::Permit,
        search::query::{Handling, Query, QueryOptions},
    },
    kernel::problem::{Category, Problem, Result},
    store::{Stored, Tx},
};

/// Most resources that one conditional deletion takes, where it may take several.
pub const DELETED_MAX: u32 = 1_000;

/// A condition that matches none, one or many resources.
#[derive(Debug, Clone)]
pub struct Criteria {
    query: Query,
}

/// What satisfies a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Nothing.
    None,
    /// This resource alone.
    One(Stored),
}

impl Criteria {
    /// Reads `identifier=urn:a|b`; an address before a `?` is left to the caller.
    ///
    /// # Errors
    /// `Malformed` for a parameter that is not known: a condition that lost one of its parts
    /// would match what it was never meant to.
    pub fn read(context: &Context, kind: ResourceType, text: &str) -> Result<Self> {
        Self::of_pairs(context, kind, &pairs::read(text)?)
    }

    /// The same, percent-decoding done.
    ///
    /// # Errors
    /// As [`Criteria::read`].
    pub fn of_pairs(
        context: &Context,
        kind: ResourceType,
        pairs: &[(String, String)],
    ) -> Result<Self> {
        let options = QueryOptions {
            handling: Handling::Strict,
            count_default: 2,
            count_max: 2,
            base: Some(context.base.to_string()),
            knowledge: context.library.at_hand()?,
        };
        let parsed = Query::parse(kind, pairs, &options)?;
        if parsed.clauses.is_empty() {
            return Err(Problem::malformed(
                "required",
                "A condition needs at least one search parameter.",
            ));
        }
        // Two matches are enough to know that there are many.
        let mut query = Query::new(kind).limit(2);
        query.clauses = parsed.clauses;
        query.applied = parsed.applied;
        Ok(Self { query })
    }

    /// The type searched.
    #[must_use]
    pub const fn kind(&self) -> ResourceType {
        self.query.kind
    }

    /// Holds the condition to the permit, as the search that it is: else its outcome would tell
    /// what is there.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn check(&self, permit: &Permit) -> Result<()> {
        gate::search(permit, &self.query)
    }

    /// What the condition says, by which two of them are compared.
    #[must_use]
    pub fn says(&self) -> &[(String, String)] {
        &self.query.applied
    }

    /// All that satisfies the condition, at most [`DELETED_MAX`] resources.
    ///
    /// # Errors
    /// `PreconditionFailed`, if it is more: nothing is to be done by halves.
    pub async fn find_all(&self, tx: &mut Tx) -> Result<Vec<Stored>> {
        let mut query = self.query.clone();
        query.limit = Some(DELETED_MAX + 1);
        let hits = tx.search(&query).await?.hits;
        if hits.len() > usize::try_from(DELETED_MAX).unwrap_or(usize::MAX) {
            return Err(Problem::new(
                Category::PreconditionFailed,
                "too-costly",
                format!("More than {DELETED_MAX} resources satisfy the condition."),
            ));
        }
        Ok(hits.into_iter().map(|hit| hit.stored).collect())
    }

    /// Looks for what satisfies the condition; this transaction's own writes are seen.
    ///
    /// # Errors
    /// `PreconditionFailed`, if it is more than one.
    pub async fn find(&self, tx: &mut Tx) -> Result<Match> {
        let mut hits = tx.search(&self.query).await?.hits.into_iter();
        match (hits.next(), hits.next()) {
            (None, _) => Ok(Match::None),
            (Some(only), None) => Ok(Match::One(only.stored)),
            (Some(_), Some(_)) => Err(many()),
        }
    }
}

fn many() -> Problem {
    Problem::new(
        Category::PreconditionFailed,
        "multiple-matches",
        "More than one resource satisfies the condition.",
    )
}
