//! Definitions found by their canonical URL, parsed once and kept at hand.
//!
//! Each answer asks for its pathway's PlanDefinition, tens of kilobytes that hardly ever change.
//! All writes of a database pass through one [`super::Tx`], so it knows when what it keeps is no
//! longer so; what is written but not yet kept by its own request is never remembered.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::Stored;
use crate::fhir::definitions::ResourceType;

/// Most definitions kept; with one more, all are forgotten.
const KEPT_MAX: usize = 64;

/// A definition, as stored and as a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Canonical {
    /// The current version.
    pub stored: Stored,
    /// The same, parsed.
    pub tree: Value,
}

/// The definitions at hand.
#[derive(Debug)]
pub(super) struct Canonicals {
    known: HashMap<(ResourceType, String), Arc<Canonical>>,
    /// Whether what is read now may be remembered: not while the present request has written
    /// definitions, as it may still be undone.
    settled: bool,
}

impl Canonicals {
    pub(super) fn none() -> Self {
        Self {
            known: HashMap::new(),
            settled: true,
        }
    }

    pub(super) fn get(&self, kind: ResourceType, canonical: &str) -> Option<Arc<Canonical>> {
        // The key's string is made for the look-up: cheaper by far than what it saves.
        self.known.get(&(kind, canonical.to_owned())).cloned()
    }

    pub(super) fn keep(&mut self, kind: ResourceType, canonical: &str, found: &Arc<Canonical>) {
        if !self.settled {
            return;
        }
        if self.known.len() >= KEPT_MAX {
            self.known.clear();
        }
        self.known
            .insert((kind, canonical.to_owned()), Arc::clone(found));
    }

    /// A request begins: those before it have been kept or undone.
    pub(super) const fn settle(&mut self) {
        self.settled = true;
    }

    /// A resource has been written.
    pub(super) fn note(&mut self, kind: ResourceType) {
        if kind.name().ends_with("Definition") || self.known.keys().any(|(known, _)| *known == kind)
        {
            self.known.clear();
            self.settled = false;
        }
    }

    /// Nothing is certain any more: a group was rolled back, or somebody else has written.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}
