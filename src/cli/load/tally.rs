//! What became of what was loaded.

use std::fmt;

use serde_json::Value;

use crate::kernel::problem::{Category, Problem, Result};

/// Counts, and each rejection with its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    created: u64,
    updated: u64,
    pub(super) rejections: Vec<String>,
}

impl Tally {
    pub(super) fn of_status(status: u16) -> Self {
        Self {
            created: u64::from(status == 201),
            updated: u64::from(status != 201),
            rejections: Vec::new(),
        }
    }

    /// Counts the entries of a transaction's response; one that read or deleted changes no count.
    pub(super) fn of_bundle(response: &Value) -> Self {
        let mut tally = Self::default();
        for entry in response["entry"].as_array().into_iter().flatten() {
            match entry["response"]["status"].as_str().unwrap_or_default() {
                status if status.starts_with("201") => tally.created += 1,
                status if status.starts_with("200") => tally.updated += 1,
                _ => {}
            }
        }
        tally
    }

    pub(super) fn add(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.rejections.extend(other.rejections);
    }

    /// Notes a rejection, unless the server is out of reach: then nothing more can be said.
    pub(super) fn reject(&mut self, line: Option<usize>, problem: &Problem) -> Result<()> {
        if matches!(problem.category, Category::Busy | Category::Unauthenticated) {
            return Err(problem.clone());
        }
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        for issue in &problem.issues {
            let place = issue
                .expression
                .as_deref()
                .map(|place| format!("{place}: "));
            let (place, text) = (place.unwrap_or_default(), &issue.diagnostics);
            self.rejections.push(format!("{line}: {place}{text}"));
        }
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            created,
            updated,
            rejections,
        } = self;
        write!(
            f,
            "{created} created, {updated} updated, {} rejected",
            rejections.len()
        )
    }
}
