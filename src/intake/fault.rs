//! What is wrong in a table, and where.

use crate::kernel::problem::{Category, Issue, Problem};

/// Longest name of a column that a place says again, in characters.
const COLUMN_CHARACTERS_MAX: usize = 64;

/// Something wrong in a table.
///
/// The reason never repeats what the cell holds: a report is kept, and may be read by others than
/// those who may read the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line of the file, from 1; that of the header is usually the first.
    pub line: u64,
    /// The column as the file names it; empty for the line as a whole.
    pub column: String,
    /// A sentence.
    pub reason: String,
}

impl Fault {
    /// A fault of a cell.
    pub fn new(line: u64, column: &str, reason: impl Into<String>) -> Self {
        Self {
            line,
            column: column.chars().take(COLUMN_CHARACTERS_MAX).collect(),
            reason: reason.into(),
        }
    }

    /// Where, such as `line[3].naissance`.
    #[must_use]
    pub fn place(&self) -> String {
        if self.column.is_empty() {
            format!("line[{}]", self.line)
        } else {
            format!("line[{}].{}", self.line, self.column)
        }
    }

    /// As an issue of an OperationOutcome.
    #[must_use]
    pub fn issue(&self) -> Issue {
        Issue::error("value", &self.reason).at(self.place())
    }
}

/// The refusal of a whole table.
#[must_use]
pub fn refusal(faults: &[Fault]) -> Problem {
    let issues = faults.iter().map(Fault::issue).collect();
    Problem::with_issues(Category::Invalid, issues)
}
