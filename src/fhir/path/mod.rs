//! FHIRPath: one compiled engine for search parameters, invariants and rules.
//!
//! [`Expression::compile`] reads a text once; functions, types and literals are then
//! resolved. [`Expression::evaluate`] walks the tree over a borrowed resource and
//! copies nothing of it. Reading order: `ast`, `parser`, `schema`, `item`, `navigate`,
//! `evaluate`, `operators`, `functions`.
//!
//! Specification: FHIRPath 2.0.0, <http://hl7.org/fhirpath/N1/>, and
//! <http://hl7.org/fhir/R4/fhirpath.html>. Where this engine decides or differs:
//!
//! - `as` filters a collection of several items, since R4's search parameters use it so.
//! - Among primitives `as` and `ofType` want the very type; `is` follows inheritance.
//! - `resolve()` gives, for `Patient/1` that no resolver finds, a Patient without content, so that
//!   `resolve() is Patient` works on the text alone.
//! - Units are compared when equal, both durations, or of one dimension to UCUM.
//! - `trace` is silent unless somebody listens: values are health information.
//! - `memberOf` and `conformsTo` are errors where the context has nobody to ask.
//! - `slice` and `elementDefinition` are errors.
//! - What the types alone show to be a slip is told by [`Expression::check`], not by evaluation.
//! - In three places the official suite decides against the letter: boundaries of a decimal that
//!   rounds to zero are zero, a time of an hour alone means its first minute, and a UCUM duration
//!   is added in whole units.
//! - Every evaluation is bounded by [`Limits`], and every pattern in size.

mod arithmetic;
pub(crate) mod ast;
mod check;
mod compare;
mod context;
mod encoding;
mod error;
mod evaluate;
mod functions;
mod item;
mod lexer;
pub mod limits;
mod navigate;
mod operators;
mod parser;
mod pattern;
mod quantity;
pub(crate) mod schema;
mod temporal;
mod text;

#[cfg(test)]
mod tests;

pub use check::Checked;
pub use context::{Conformance, Context, Repeated, Resolver, Tracer};
pub use encoding::{decode_base64, encode_base64};
pub use error::{Bound, CompileError, EvaluationError};
pub use item::{Collection, Item, Node, TypeName};
pub use limits::Limits;
pub use quantity::{CalendarUnit, Quantity, Unit};
pub use temporal::{Precision, Temporal, TemporalKind};
pub use text::Text;

/// A compiled expression. It is immutable, hence shared freely between threads.
#[derive(Debug)]
pub struct Expression {
    text: Box<str>,
    /// Open to the crate, for those who examine expressions.
    pub(crate) tree: ast::Expr,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where the text is no expression, names an unknown function or type, or is over a bound.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        Ok(Self {
            text: text.into(),
            tree: parser::parse(text)?,
        })
    }

    /// The text it was read from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it gives about something of a FHIR type, by the types alone, and its faults. A fault
    /// is no error of evaluation: a path to an element that no type has is empty.
    #[must_use]
    pub fn check(&self, fhir_type: &str) -> Checked {
        check::check(&self.tree, schema::kind(fhir_type))
    }

    /// The collection that the expression gives.
    ///
    /// # Errors
    /// Where the expression does not fit the data, is not supported, or reaches a bound.
    pub fn evaluate<'a>(
        &'a self,
        context: &Context<'a>,
    ) -> Result<Collection<'a>, EvaluationError> {
        evaluate::evaluate(&self.tree, context)
    }

    /// The answer of a condition: empty is false.
    ///
    /// # Errors
    /// As [`Self::evaluate`]; and where the result is neither empty nor one Boolean.
    pub fn evaluate_boolean(&self, context: &Context<'_>) -> Result<bool, EvaluationError> {
        let items = evaluate::evaluate(&self.tree, context)?;
        match items.as_slice() {
            [] => Ok(false),
            [item] => match item.definite() {
                None => Ok(false),
                Some(Item::Boolean(value)) => Ok(value),
                Some(other) => Err(EvaluationError::Semantics(format!(
                    "A condition must be a Boolean, not {}.",
                    other.fhir_type()
                ))),
            },
            _ => Err(EvaluationError::semantics(
                "A condition must be one Boolean, not several items.",
            )),
        }
    }
}
