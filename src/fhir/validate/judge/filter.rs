//! Filters of value sets and the codes of concept maps, by the code systems that they are of.
//!
//! Specification: <http://hl7.org/fhir/R4/valueset.html>, <http://hl7.org/fhir/R4/conceptmap.html>.

use serde_json::Value;

use super::{
    super::super::{
        path::Expression,
        terminology::{Coding, Known, Membership},
    },
    Judge,
    node::Node,
};
use crate::kernel::problem::Severity;

/// Extension: the value of an element is that of an expression.
const EXPRESSION: &str = "http://hl7.org/fhir/StructureDefinition/cqf-expression";

/// Extension: a parameter of a value set.
const PARAMETER: &str = "http://hl7.org/fhir/tools/StructureDefinition/valueset-parameter";

/// Properties that every code system has, with their types:
/// <http://hl7.org/fhir/R4/codesystem.html#defined-props>.
const COMMON: [(&str, &str); 5] = [
    ("inactive", "boolean"),
    ("notSelectable", "boolean"),
    ("parent", "code"),
    ("child", "code"),
    ("concept", "code"),
];

/// The most codes of a concept map that are judged.
const MOST_MAPPED: usize = 5_000;

impl<'a> Judge<'a> {
    /// A filter compares with values of its property's type.
    pub(super) fn filter(&mut self, node: &Node<'a, '_>) {
        if node.get("_value").is_some() {
            self.computed(node);
        }
        let (Some(property), Some(value)) = (node.text("property"), node.text("value")) else {
            return;
        };
        if (
            node.parent.and_then(|include| include.text("system")),
            property,
        ) == (Some("http://snomed.info/sct"), "constraint")
            && has_neighbours(value)
        {
            let words = "Two concepts of the expression constraint have no operator between them.";
            return self.error(&node.place.member("value"), "invalid", words);
        }
        // Other operators take lists, patterns or yes and no.
        if !matches!(
            node.text("op"),
            Some("=" | "is-a" | "descendent-of" | "is-not-a" | "generalizes")
        ) {
            return;
        }
        let Some(system) = node.parent.and_then(|include| include.text("system")) else {
            return;
        };
        let common = COMMON.iter().find(|(name, _)| *name == property);
        let declared = self.knowledge.terminology.property_type(system, property);
        // A property of the type `code` may have codes of its own.
        let declared = declared.filter(|kind| *kind != "code");
        let Some(kind) = declared.or(common.map(|(_, kind)| *kind)) else {
            return;
        };
        let fault = match kind {
            "boolean" if !matches!(value, "true" | "false") => {
                Some("The property takes `true` or `false`.")
            }
            "code" if self.is_unknown(system, value) => {
                Some("The code system does not have this code.")
            }
            "Coding" => match value.rsplit_once('#') {
                None => {
                    Some("The property takes a coding: `system#code` or `system|version#code`.")
                }
                Some((system, code)) => self
                    .is_unknown(system.split('|').next().unwrap_or(system), code)
                    .then_some("The code system does not have this code."),
            },
            _ => None,
        };
        if let Some(words) = fault {
            self.error(&node.place.member("value"), "code-invalid", words);
        }
    }

    pub(super) fn is_unknown(&self, system: &str, code: &str) -> bool {
        let coding = Coding {
            system: Some(system),
            code,
            ..Coding::default()
        };
        self.knowledge.terminology.known(&coding) == Known::No
    }

    /// A value that an expression gives: in FHIRPath, of the parameters that the value set has.
    fn computed(&mut self, node: &Node<'a, '_>) {
        let place = node.place.member("value");
        let extensions = node.get("_value").and_then(|value| value.get("extension"));
        for extension in extensions.and_then(Value::as_array).into_iter().flatten() {
            if extension["url"] != EXPRESSION {
                continue;
            }
            let given = &extension["valueExpression"];
            if given["language"] != "text/fhirpath" {
                let words = "The expression of a value set must be in `text/fhirpath`.";
                self.error(&place, "invalid", words);
                continue;
            }
            let text = given["expression"].as_str().unwrap_or_default();
            if Expression::compile(text).is_err() {
                self.error(&place, "invalid", "The expression is no FHIRPath.");
            } else if let Some(name) = variables(text).find(|name| !has_parameter(node, name)) {
                let words = format!("The value set has no parameter `{name}`.");
                self.error(&place, "not-found", words);
            }
        }
    }

    /// The codes of a concept map are in the value sets that it maps.
    pub(super) fn concept_map(&mut self, node: &Node<'a, '_>) {
        let canonical = |name: &str| {
            node.text(&format!("{name}Canonical"))
                .or_else(|| node.text(&format!("{name}Uri")))
        };
        let (source, target) = (canonical("source"), canonical("target"));
        let list = |value: &'a Value, name: &str| {
            let list = value.get(name).and_then(Value::as_array);
            list.into_iter().flatten().enumerate()
        };
        let mut left = MOST_MAPPED;
        let groups = node.place.member("group");
        for (n, group) in list(node.value, "group") {
            let group_place = groups.item(n);
            let elements = group_place.member("element");
            for (n, element) in list(group, "element") {
                let place = elements.item(n);
                let Some(rest) = left.checked_sub(1) else {
                    return;
                };
                left = rest;
                self.mapped(
                    &place,
                    (Severity::Error, source),
                    (group.get("source"), element),
                );
                let targets = place.member("target");
                for (n, each) in list(element, "target") {
                    // What is mapped to may lie beyond the value set: others may have mapped it so.
                    let bound = (Severity::Warning, target);
                    self.mapped(&targets.item(n), bound, (group.get("target"), each));
                }
            }
        }
    }

    fn mapped(
        &mut self,
        place: &super::super::place::Place<'_>,
        (severity, value_set): (Severity, Option<&str>),
        (system, concept): (Option<&'a Value>, &'a Value),
    ) {
        let system = system.and_then(Value::as_str);
        let (Some(value_set), Some(code)) =
            (value_set, concept.get("code").and_then(Value::as_str))
        else {
            return;
        };
        let coding = Coding {
            system,
            code,
            ..Coding::default()
        };
        let said = self.knowledge.terminology.membership(value_set, &coding);
        if system.is_some() && said == Membership::NotMember {
            let words = format!("The value set {value_set} does not have this code.");
            self.report(severity, &place.member("code"), ("code-invalid", words));
        }
    }
}

/// Whether two concepts of an expression constraint of SNOMED CT stand side by side.
///
/// Specification: <https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language>.
fn has_neighbours(constraint: &str) -> bool {
    // Terms stand between bars, and mean nothing.
    let plain: String = constraint.split('|').step_by(2).collect();
    let mut rest = plain.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest.get(start..).unwrap_or_default();
        let end = digits.find(|c: char| !c.is_ascii_digit());
        let end = end.unwrap_or(digits.len());
        rest = digits.get(end..).unwrap_or_default();
        let after = rest.trim_start();
        // `<=` compares; `<`, `<<` and `<!` begin what is below a concept.
        let below = after.trim_start_matches(['<', '!']).trim_start();
        let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || c == '(');
        if end >= 6 && begins(below) && (below.len() < after.len() || begins(after)) {
            return true;
        }
    }
    false
}

/// The variables of an expression: `%name`.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split('%').skip(1).map(|after| {
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'));
        after.get(..end.unwrap_or(after.len())).unwrap_or(after)
    })
}

/// Whether the value set has a parameter of this name, or FHIRPath such a variable.
fn has_parameter(node: &Node<'_, '_>, name: &str) -> bool {
    let extensions = node
        .within
        .resource
        .get("extension")
        .and_then(Value::as_array);
    let names = |extension: &Value| {
        let parts = extension["extension"].as_array();
        parts
            .into_iter()
            .flatten()
            .any(|part| part["url"] == "name" && part["valueCode"] == name)
    };
    matches!(name, "" | "resource" | "context" | "rootResource" | "ucum")
        || extensions
            .into_iter()
            .flatten()
            .any(|each| each["url"] == PARAMETER && names(each))
}
