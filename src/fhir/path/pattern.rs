//! Regular expressions, bounded in size, and paid for by size and text.
//!
//! The engine takes time in proportion to both, at worst; its own bound is on size alone.

use regex::{Regex, RegexBuilder};

use super::{
    error::{Bound, EvaluationError},
    limits::{PATTERN_LENGTH_MAX, PATTERN_SIZE_MAX},
};

/// Sizes of compiled patterns, and what such a pattern costs for each byte of a text, in steps:
/// a search may have to follow all of its states at each byte.
const TIERS: [(usize, usize); 4] = [
    (16 * 1024, 1),
    (64 * 1024, 4),
    (256 * 1024, 16),
    (PATTERN_SIZE_MAX, 64),
];

/// Steps that compiling costs, for a pattern that costs one step a byte.
const COMPILE_STEPS: usize = 2_000;

/// Bytes that a search for one more match may look at in one step.
const BYTES_A_SEARCH_STEP: usize = 512;

/// A compiled pattern, and what it costs.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(super) regex: Regex,
    weight: usize,
}

impl Pattern {
    /// What one search through a text costs, in steps.
    pub(super) const fn cost(&self, text: usize) -> usize {
        text.saturating_mul(self.weight)
    }

    /// What it costs to look for another match in the rest of a text.
    pub(super) const fn cost_of_another(&self, rest: usize) -> usize {
        1 + self.cost(rest) / BYTES_A_SEARCH_STEP
    }

    /// What compiling it has cost.
    pub(super) const fn cost_of_compiling(&self) -> usize {
        self.weight * COMPILE_STEPS
    }
}

/// Compiles a pattern; `whole` makes it match whole texts only.
///
/// `.` matches line ends too, as FHIRPath asks ("single line mode").
pub(super) fn compile(pattern: &str, whole: bool) -> Result<Pattern, EvaluationError> {
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
    for (size, weight) in TIERS {
        let built = RegexBuilder::new(pattern)
            .dot_matches_new_line(true)
            .size_limit(size)
            .dfa_size_limit(PATTERN_SIZE_MAX)
            .build();
        match built {
            Ok(regex) => return Ok(Pattern { regex, weight }),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(_) => {
                return Err(EvaluationError::semantics(
                    "This is not a regular expression.",
                ));
            }
        }
    }
    Err(EvaluationError::Limit(Bound::Pattern))
}
