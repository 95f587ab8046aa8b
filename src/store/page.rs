//! What a search or a history asks and gives back.

use jiff::Timestamp;

use super::Stored;
use crate::fhir::{date::Span, definitions::ResourceType};

/// Why an entry is in a searchset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitMode {
    /// It satisfies the query.
    Match,
    /// `_include` or `_revinclude` asked for it.
    Include,
}

/// One entry of a searchset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The current version.
    pub stored: Stored,
    /// Why it is here.
    pub mode: HitMode,
}

/// One page of a searchset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Matches in order, then included resources.
    pub hits: Vec<Hit>,
    /// The number of matches over all pages, where it was asked for.
    pub total: Option<u64>,
    /// The cursor of the next page (opaque to clients), if there is one.
    pub next: Option<String>,
}

/// Most labels (profiles, tags, security labels) in use that are told at once.
pub const LABELS_MAX: usize = 1_000;

/// Whose versions a history lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryOf {
    /// Those of all resources.
    System,
    /// Those of all resources of a type.
    Type(ResourceType),
    /// Those of one resource.
    Instance(ResourceType, String),
}

/// A place in the order of changes, in which a page goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The instant of the change, in milliseconds.
    pub at: i64,
    /// Its place among all changes.
    pub seq: i64,
}

/// Which part of a history is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Whose versions.
    pub of: HistoryOf,
    /// Only versions that came to be at this instant or later.
    pub since: Option<Timestamp>,
    /// Only versions that were the current one at some instant of this span.
    pub at: Option<Span>,
    /// Only what comes after this place.
    pub after: Option<Moment>,
    /// Most versions on the page.
    pub count: u32,
}

/// One page of a history, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The versions, deletions included.
    pub versions: Vec<Stored>,
    /// The number of versions over all pages, where it is known.
    pub total: Option<u64>,
    /// The place after which the next page goes on, if there is one.
    pub next: Option<Moment>,
}
