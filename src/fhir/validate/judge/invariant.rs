//! Invariants: FHIRPath conditions of definitions.

use std::sync::Arc;

use super::{
    super::super::{
        path::{Collection, Context, Expression, Item, Limits},
        profile::model::{Constraint, Element},
    },
    Judge,
    node::Node,
};
use crate::kernel::problem::Severity;

/// What one invariant may cost.
const LIMITS: Limits = Limits {
    steps: 1_000_000,
    items: 50_000,
    text: 1024 * 1024,
};

/// Conditions that are judged natively, since the expression costs the square of a resource.
const NATIVE: [&str; 1] = ["dom-3"];

impl<'a> Judge<'a> {
    pub(super) fn constraints(&mut self, node: &Node<'a, '_>, definition: &Element) {
        for constraint in &definition.constraints {
            if self.first(node, Arc::as_ref(constraint)) {
                self.constraint(node, constraint);
            }
        }
    }

    fn constraint(&mut self, node: &Node<'a, '_>, constraint: &Constraint) {
        if NATIVE.contains(&constraint.key.as_str()) || !self.afford(node.place) {
            return;
        }
        let Ok(expression) = constraint.compiled.as_ref() else {
            let words = format!("The invariant {} cannot be read; it was not judged.", constraint.key);
            return self.inform(node.place, "not-supported", words);
        };
        match self.holds(node, expression) {
            Some(true) => {}
            Some(false) => {
                let severity = if constraint.is_error { Severity::Error } else { Severity::Warning };
                let words = format!("{}: {}", constraint.key, constraint.human);
                self.report(severity, node.place, ("invariant", words));
            }
            None => {
                let words = format!("The invariant {} cannot be judged here.", constraint.key);
                self.inform(node.place, "not-supported", words);
            }
        }
    }

    /// Whether a condition holds of a node; none where it cannot be told.
    pub(super) fn holds(&self, node: &Node<'a, '_>, expression: &Expression) -> Option<bool> {
        let found = self.found(node, expression)?;
        Some(match found.as_slice() {
            [] => false,
            [item] => !matches!(item.to_value(), Item::Boolean(false)),
            _ => true,
        })
    }

    fn found<'e>(&'e self, node: &Node<'e, '_>, expression: &'e Expression) -> Option<Collection<'e>> {
        let context = Context::of(Item::resource(node.within.resource))
            .with_root(node.within.container)
            .with_focus(vec![node.item()])
            .with_resolver(self.surroundings)
            .with_limits(LIMITS);
        expression.evaluate(&context).ok()
    }
}
