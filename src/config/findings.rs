//! The faults of a configuration, collected, each at its key.

use std::{fmt::Display, ops::RangeInclusive};

use crate::kernel::problem::{Category, Issue, Problem, Result};

/// What the sections found wrong.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Issue>);

impl Findings {
    /// Notes a fault at `key`.
    pub(super) fn refuse(&mut self, key: &str, reason: impl Into<String>) {
        self.0.push(Issue::error("value", reason).at(key));
    }

    /// Notes a fault at `key`, unless `value` is in `allowed`.
    pub(super) fn within<T>(&mut self, key: &str, value: T, allowed: RangeInclusive<T>)
    where
        T: PartialOrd + Display,
    {
        if !allowed.contains(&value) {
            let (least, most) = allowed.into_inner();
            self.refuse(key, format!("{value} is not within {least} to {most}."));
        }
    }

    /// All faults as one problem, if there are any.
    pub(super) fn into_result(self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem::with_issues(Category::Invalid, self.0))
    }
}
