//! The bounds on what an expression may cost.
//!
//! Expressions come from clients (search parameters, pathways, `$fhirpath`), so
//! that each must end, in bounded time and memory, whatever it says.

/// Longest text of an expression, in bytes.
pub const EXPRESSION_LENGTH_MAX: usize = 32 * 1024;

/// Deepest nesting of an expression: brackets, arguments, operators within operators.
/// A path or a union counts once, however long it is. It bounds the recursion of the
/// parser and of the evaluator.
pub const EXPRESSION_DEPTH_MAX: usize = 100;

/// Longest regular expression, in bytes.
pub const PATTERN_LENGTH_MAX: usize = 2_000;

/// Largest compiled regular expression, in bytes.
pub const PATTERN_SIZE_MAX: usize = 1024 * 1024;

/// Bounds on one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nodes visited, items compared, expressions evaluated, and texts by their length.
    pub steps: u64,
    /// Items in one collection.
    pub items: usize,
    /// Bytes in one text.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 5_000_000,
            items: 100_000,
            text: 1024 * 1024,
        }
    }
}
