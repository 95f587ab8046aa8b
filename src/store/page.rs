//! What a search or a history gives back.

use super::Stored;

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

/// One page of a history, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The versions, deletions included.
    pub versions: Vec<Stored>,
    /// The number of versions over all pages.
    pub total: u64,
    /// The version below which the next page goes on, if there is one.
    pub next: Option<u64>,
}
