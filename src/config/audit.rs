//! `[audit]`: the record of accesses.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::findings::Findings;

/// The record of accesses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// `audit.durability`.
    pub durability: Durability,
    /// `audit.retention_days`.
    pub retention_days: u32,
    /// `audit.head_file`; empty for a file beside the database.
    pub head_file: String,
    /// `audit.queue_max`.
    pub queue_max: u32,
    /// `audit.development`.
    pub development: bool,
}

/// `audit.durability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Writes and events of login before the reply, reads soon after.
    Batched,
    /// Everything before the reply.
    BeforeReply,
}

impl Audit {
    /// The file of the head, given the one beside the database.
    #[must_use]
    pub fn head(&self, beside: PathBuf) -> PathBuf {
        if self.head_file.is_empty() {
            beside
        } else {
            Path::new(&self.head_file).to_owned()
        }
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        findings.within("audit.retention_days", self.retention_days, 0..=36_500);
        findings.within("audit.queue_max", self.queue_max, 100..=10_000_000);
    }
}
