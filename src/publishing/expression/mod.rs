//! What an expression means on the forms of its pathway: names that nobody answers to, and
//! comparisons that can never be true because of what they compare.
//!
//! [`walk`] goes through the tree of an expression and knows of each part, as far as it can be
//! known, what it gives ([`shape`]); [`compare`] judges what is compared. Where something is not
//! known nothing is said: the faults are certain, their list is not complete.

mod calls;
mod compare;
mod narrow;
mod shape;
mod walk;

use super::form::Form;
use crate::{alerts::rule::Trigger, fhir::path::Expression};

/// The faults of an expression, each as a sentence; `complete` is whether all forms are there.
#[must_use]
pub fn examine(
    expression: &Expression,
    trigger: Option<Trigger>,
    forms: &[Form],
    complete: bool,
) -> Vec<String> {
    let mut walk = walk::Walk::new(forms, trigger, complete);
    walk.condition(&expression.tree);
    walk.said
}

/// What an expression depends on, for those who try it out.
#[must_use]
pub fn reads(expression: &Expression, forms: &[Form]) -> Reads {
    let mut walk = walk::Walk::new(forms, Some(Trigger::Answer), true);
    walk.condition(&expression.tree);
    walk.reads
}

/// What an expression depends on.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// The link ids whose answers it looks at; none if it may look at any.
    pub links: Option<std::collections::BTreeSet<String>>,
    /// Whether it looks at the previous answer.
    pub previous: bool,
    /// Whether it looks at the day.
    pub day: bool,
    /// Whether it looks at anything that cannot be listed: the history, the CarePlan, when an
    /// answer was given.
    pub more: bool,
    /// Whether numbers that were answered are used for more than a comparison with literals: then
    /// it does not suffice to know between which of these they lie.
    pub calculates: bool,
    /// The numbers that stand in it.
    pub literals: std::collections::BTreeSet<rust_decimal::Decimal>,
}
