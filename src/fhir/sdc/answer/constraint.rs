//! The invariants that a form states about its answers.
//!
//! Specification: <http://hl7.org/fhir/R4/extension-questionnaire-constraint.html>,
//! <http://hl7.org/fhir/extensions/StructureDefinition-targetConstraint.html>.

use serde_json::Value;

use super::{super::core, Judge, enable::truth};
use crate::{
    fhir::canonical::{extension, extensions},
    kernel::problem::Severity,
};

/// The extensions that state one.
const CONSTRAINTS: [&str; 2] = [core!("questionnaire-constraint"), core!("targetConstraint")];

impl<'a> Judge<'a> {
    /// Those of the form, and of each item that is asked.
    pub(super) fn constraints(&mut self) {
        self.constraints_of(self.form, None);
        for node in 0..self.tree.nodes.len() {
            if self.is_enabled(node) {
                self.constraints_of(self.tree.nodes[node].form, Some(node));
            }
        }
    }

    fn constraints_of(&mut self, element: &'a Value, on: Option<usize>) {
        for url in CONSTRAINTS {
            for constraint in extensions(element, url) {
                self.constraint(constraint, element, on);
            }
        }
    }

    fn constraint(&mut self, constraint: &'a Value, element: &'a Value, on: Option<usize>) {
        let part = |name: &str| extension(constraint, name);
        let Some(expression) = part("expression") else {
            return;
        };
        let text = expression.as_str().or(expression["expression"].as_str());
        let place = on.map_or_else(
            || "QuestionnaireResponse".to_owned(),
            |node| self.tree.place(node),
        );
        let human = part("human").and_then(Value::as_str);
        let human = human.unwrap_or("A rule of the form does not hold.");
        let held = self.evaluate(text.unwrap_or_default(), element, on, &truth);
        match held {
            Ok(Some(true)) => {}
            Ok(Some(false)) => {
                let warns = part("severity").is_some_and(|severity| severity == "warning");
                let severity = if warns {
                    Severity::Warning
                } else {
                    Severity::Error
                };
                self.tell(severity, "invariant", place, human.to_owned());
            }
            Ok(None) => {
                let says = format!("This rule of the form is neither true nor false: {human}");
                self.warn("invariant", place, says);
            }
            Err(why) => {
                let says = format!("This rule of the form cannot be evaluated: {human} ({why})");
                self.warn("invariant", place, says);
            }
        }
    }
}
