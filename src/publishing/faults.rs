//! The faults of a definition, each with its place.

use crate::kernel::problem::{Category, Issue, Problem};

/// Most faults that are told at once; an author who has mended these is told the others.
pub const FAULTS_MAX: usize = 200;

/// Longest stretch of a definition that a fault says again, in characters.
const ECHO_MAX: usize = 40;

/// The faults found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<Issue>);

impl Faults {
    /// Something is missing at a place.
    pub fn missing(&mut self, place: impl Into<String>, says: impl Into<String>) {
        self.add(Issue::error("required", says).at(place));
    }

    /// Something stands at a place that cannot stand there.
    pub fn wrong(&mut self, place: impl Into<String>, says: impl Into<String>) {
        self.add(Issue::error("value", says).at(place));
    }

    /// Each part is right, but not beside the others.
    pub fn clash(&mut self, place: impl Into<String>, says: impl Into<String>) {
        self.add(Issue::error("business-rule", says).at(place));
    }

    /// A fault that somebody else has found; none is told twice.
    pub fn add(&mut self, issue: Issue) {
        if self.0.len() < FAULTS_MAX && !self.0.contains(&issue) {
            self.0.push(issue);
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    #[must_use]
    pub fn into_issues(self) -> Vec<Issue> {
        self.0
    }

    /// The refusal, if there is anything to refuse.
    ///
    /// # Errors
    /// `Invalid`, with every fault.
    pub fn into_result(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem::with_issues(Category::Invalid, self.0))
    }
}

/// A name of the definition as a fault may say it again: short, and between backquotes.
#[must_use]
pub fn quoted(name: &str) -> String {
    let short: String = name.chars().take(ECHO_MAX).collect();
    let more = if short.len() < name.len() { "…" } else { "" };
    format!("`{short}{more}`")
}
