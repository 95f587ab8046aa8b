//! Regular expressions, bounded.

use regex::{Regex, RegexBuilder};

use super::{
    error::{Bound, EvaluationError},
    limits::{PATTERN_LENGTH_MAX, PATTERN_SIZE_MAX},
};

/// Compiles a pattern; `whole` makes it match whole texts only.
///
/// `.` matches line ends too, as FHIRPath asks ("single line mode").
pub(super) fn compile(pattern: &str, whole: bool) -> Result<Regex, EvaluationError> {
    if pattern.len() > PATTERN_LENGTH_MAX {
        return Err(EvaluationError::Limit(Bound::Pattern));
    }
    let anchored;
    let pattern = if whole {
        anchored = format!("^(?:{pattern})$");
        &anchored
    } else {
        pattern
    };
    RegexBuilder::new(pattern)
        .dot_matches_new_line(true)
        .size_limit(PATTERN_SIZE_MAX)
        .dfa_size_limit(PATTERN_SIZE_MAX)
        .build()
        .map_err(|fault| match fault {
            regex::Error::CompiledTooBig(_) => EvaluationError::Limit(Bound::Pattern),
            _ => EvaluationError::semantics("This is not a regular expression."),
        })
}
