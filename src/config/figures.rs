//! `[figures]`: what is told of few.

use serde::Deserialize;

use super::findings::Findings;

/// What is told of few.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// `figures.small_cell`.
    pub small_cell: u32,
}

impl Figures {
    pub(super) fn check(&self, findings: &mut Findings) {
        findings.within("figures.small_cell", self.small_cell, 0..=1_000);
    }
}
