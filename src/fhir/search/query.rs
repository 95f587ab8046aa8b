//! A search request, read.
//!
//! [`Query::parse`] reads what a client sent; [`Query::new`] and its builder serve callers
//! inside. Either way a query is a list of [`Clause`]s, all of which must hold, and what is to be
//! done with the matches.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html>.

mod build;
mod chain;
pub mod clause;
pub mod cursor;
mod escape;
pub mod filter;
mod modifier;
mod narrow;
pub mod number;
mod parse;
mod quantity;
mod result;
mod system;
mod terms;
mod value;
pub mod words;

pub use self::{
    clause::Clause,
    cursor::Cursor,
    parse::{Handling, QueryOptions},
    result::{Canonicals, Column, Include, Including, Sort, SortBy, Summary, Total},
};
use crate::fhir::definitions::ResourceType;

/// Most parameters of one search.
pub const PARAMETERS_MAX: usize = 64;

/// Most values of one parameter (separated by commas).
pub const VALUES_MAX: usize = 256;

/// Most values of one search, over all parameters and all types that a chain asks.
pub const VALUES_TOTAL_MAX: usize = 1_024;

/// Most links of a chain, and deepest nesting of `_has`, together.
pub const CHAIN_DEPTH_MAX: usize = 4;

/// Most `_include` and `_revinclude` of one search.
pub const INCLUDES_MAX: usize = 16;

/// Most keys of `_sort`.
pub const SORT_KEYS_MAX: usize = 4;

/// A search over one resource type.
///
/// Without `_sort`, the newest resource (by creation) comes first. Sorted matches that tie come
/// in the order of creation, in the direction of the first key.
#[derive(Debug, Clone)]
pub struct Query {
    /// The type searched.
    pub kind: ResourceType,
    /// What must hold of a match: all of it.
    pub clauses: Vec<Clause>,
    /// The order of matches.
    pub sort: Vec<Sort>,
    /// Matches on a page; none: all of them on one.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<Cursor>,
    /// Whether the number of all matches is asked for.
    pub total: Total,
    /// How much of each resource is wanted.
    pub summary: Summary,
    /// The elements that are wanted; empty: all.
    pub elements: Vec<String>,
    /// What is to come along with the matches.
    pub includes: Vec<Include>,
    /// What was understood, as given, for the self link.
    pub applied: Vec<(String, String)>,
    /// What was left out, in words.
    pub notices: Vec<String>,
    /// Whether more types than [`Query::kind`] are searched, or may be (`GET [base]?…`).
    pub system: bool,
    /// The same search of each further type; of them, only type, clauses and order count.
    pub others: Vec<Query>,
    /// The path below the service base URL, where it is another than that of the type, for the
    /// self link.
    pub within: Option<String>,
    /// Why a caller inside has built what cannot be searched.
    pub(crate) fault: Option<String>,
}

impl Query {
    /// Whether only the number of matches is wanted.
    #[must_use]
    pub fn is_count_only(&self) -> bool {
        self.summary == Summary::Count || self.limit == Some(0)
    }
}
