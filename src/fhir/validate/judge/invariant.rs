//! Invariants: FHIRPath conditions of definitions.

use std::sync::Arc;

use serde_json::Value;

use super::super::place::Place;
use super::{
    super::super::{
        definitions::definitions,
        path::{Collection, Conformance, Context, Expression, Item, Limits},
        profile::model::{Constraint, Element},
    },
    DEEPEST_JUDGEMENT, Judge, Rigour,
    node::{Node, Within},
    surroundings::Surroundings,
};
use crate::{fhir::knowledge::Knowledge, kernel::problem::Severity};

/// What one invariant may cost.
const LIMITS: Limits = Limits {
    steps: 1_000_000,
    items: 50_000,
    text: 1024 * 1024,
};

/// How much depth one `conformsTo` takes, so that profiles that ask for one another end.
const CONFORMANCE_COSTS: u32 = DEEPEST_JUDGEMENT / 4;

/// Deeper than this, `conformsTo` has no answer.
const DEEPEST_CONFORMANCE: u32 = DEEPEST_JUDGEMENT - CONFORMANCE_COSTS;

/// What one `conformsTo` may evaluate.
const CONFORMANCE_EVALUATIONS: u32 = 2_000;

/// Conditions that are judged natively: `dom-3` and `ref-1`, whose expressions fail what is right
/// (a reference without `reference`) or cost the square of a resource; `txt-1` and `txt-2`, whose
/// one function reads XHTML.
const NATIVE: [&str; 4] = ["dom-3", "ref-1", "txt-1", "txt-2"];

impl<'a> Judge<'a> {
    pub(super) fn constraints(&mut self, node: &Node<'a, '_>, definition: &Element) {
        for constraint in &definition.constraints {
            if self.first(node, Arc::as_ref(constraint)) {
                // What an element asks of a resource in it, the outer resource asks.
                let outer = node.parent.filter(|_| definition.path.contains('.'));
                let within = outer.map_or(node.within, |parent| parent.within);
                self.constraint(&Node { within, ..*node }, constraint);
            }
        }
    }

    fn constraint(&mut self, node: &Node<'a, '_>, constraint: &Constraint) {
        if NATIVE.contains(&constraint.key.as_str()) || !self.afford(node.place) {
            return;
        }
        let Ok(expression) = constraint.compiled.as_ref() else {
            let words = format!(
                "The invariant {} cannot be read; it was not judged.",
                constraint.key
            );
            return self.inform(node.place, "not-supported", words);
        };
        match self.holds(node, expression) {
            Some(true) => {}
            Some(false) => {
                let severity = if constraint.is_error {
                    Severity::Error
                } else {
                    Severity::Warning
                };
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

    /// What an expression finds.
    fn found<'e>(
        &'e self,
        node: &Node<'e, '_>,
        expression: &'e Expression,
    ) -> Option<Collection<'e>> {
        let context = Context::of(Item::resource(node.within.resource))
            .with_root(node.within.container)
            .with_focus(vec![node.item()])
            .with_resolver(self.surroundings)
            .with_terminology(&self.knowledge.terminology)
            .with_conformance(self)
            .with_limits(LIMITS);
        let context = match self.rigour.now {
            Some(now) => context.with_now(now),
            None => context,
        };
        expression.evaluate(&context).ok()
    }
}

/// Answers `conformsTo` to who evaluates an expression on a resource outside of a judgement.
#[derive(Debug, Clone, Copy)]
pub struct Profiled<'a> {
    /// What the definitions say.
    pub knowledge: &'a Knowledge,
    /// The resource that the expression is about.
    pub resource: &'a Value,
}

impl Conformance for Profiled<'_> {
    fn conforms(&self, item: &Item<'_>, profile: &str) -> Option<bool> {
        let surroundings = Surroundings::of(self.resource, &[]);
        Judge::new(self.knowledge, &surroundings, Rigour::default()).conforms(item, profile)
    }
}

impl Conformance for Judge<'_> {
    fn conforms(&self, item: &Item<'_>, profile: &str) -> Option<bool> {
        let profile = self.knowledge.profiles.get(profile)?;
        let Item::Node(found) = item else {
            return None;
        };
        // A profile of another type is not conformed to, whatever it says.
        let types = &definitions().types;
        let base = |kind: &&str| types.get(*kind)?.base.as_deref();
        let mut kinds = std::iter::successors(Some(found.fhir_type()), base);
        if !kinds.any(|kind| kind == profile.kind) {
            return Some(false);
        }
        if self.depth >= DEEPEST_CONFORMANCE {
            return None;
        }
        let mut quiet = Judge::new(self.knowledge, self.surroundings, self.rigour);
        quiet.depth = self.depth + CONFORMANCE_COSTS;
        quiet.budget = CONFORMANCE_EVALUATIONS;
        let place = Place::root(found.fhir_type());
        let within = Within {
            resource: found.value(),
            container: found.value(),
            full_url: None,
        };
        let node = Node {
            value: found.value(),
            sibling: found.sibling(),
            kind: found.fhir_type(),
            name: "",
            place: &place,
            parent: None,
            within,
        };
        quiet.element(&node, &profile.root);
        Some(!quiet.has_error())
    }
}
