//! What can go wrong with an expression: it cannot be compiled, or not be evaluated.

use std::fmt;

/// Why a text is not an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// A sentence for the author of the expression.
    pub message: String,
    /// The byte of the text at which the fault was noticed.
    pub offset: usize,
}

impl CompileError {
    pub(crate) fn at(offset: usize, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            offset,
        }
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.message, self.offset)
    }
}

impl std::error::Error for CompileError {}

/// A bound that an evaluation has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// [`super::Limits::steps`].
    Steps,
    /// [`super::Limits::items`].
    Items,
    /// [`super::Limits::text`].
    Text,
    /// [`super::limits::PATTERN_LENGTH_MAX`] or the size of the compiled pattern.
    Pattern,
}

/// Why an evaluation gave no result.
///
/// The texts name types, functions and operators, never values: a value may be
/// health information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvaluationError {
    /// The expression does not fit the data: wrong type, more than one item, an unknown variable.
    Semantics(String),
    /// A bound was reached.
    Limit(Bound),
    /// A part of FHIRPath that this engine does not offer.
    NotSupported(String),
}

impl EvaluationError {
    pub(crate) fn semantics(message: impl Into<String>) -> Self {
        Self::Semantics(message.into())
    }
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Semantics(message) => f.write_str(message),
            Self::Limit(Bound::Steps) => f.write_str("The expression takes too many steps."),
            Self::Limit(Bound::Items) => f.write_str("A collection has too many items."),
            Self::Limit(Bound::Text) => f.write_str("A text has become too long."),
            Self::Limit(Bound::Pattern) => f.write_str("The regular expression is too large."),
            Self::NotSupported(what) => write!(f, "{what} is not supported yet."),
        }
    }
}

impl std::error::Error for EvaluationError {}
