//! Bindings: the codes of an element against the value set that its definition names.
//!
//! Specification: <http://hl7.org/fhir/R4/terminologies.html#strength>.

use std::sync::Arc;

use serde_json::Value;

use super::{
    super::super::{
        profile::model::{Binding, Element, Strength},
        terminology::{Coding, Membership},
    },
    Judge,
    node::Node,
};
use crate::kernel::problem::Severity;

/// The value set of media types, which R4 also binds to where it takes the names of formats.
const MEDIA_TYPES: &str = "http://hl7.org/fhir/ValueSet/mimetypes";

/// The short names of R4's own formats: <http://hl7.org/fhir/R4/http.html#mime-type>.
const FORMATS: [&str; 3] = ["xml", "json", "ttl"];

impl<'a> Judge<'a> {
    pub(super) fn binding(&mut self, node: &Node<'a, '_>, definition: &Element) {
        let Some(binding) = &definition.binding else {
            return;
        };
        if !self.first(node, Arc::as_ref(binding)) {
            return;
        }
        if node.value.is_null() {
            // Extensions say why a code is absent; where one is required they do not replace it.
            if binding.strength == Strength::Required && node.kind == "code" && !is_of_later(node) {
                let words = format!("A code of the value set {} is required.", binding.value_set);
                self.error(node.place, "code-invalid", words);
            }
            return;
        }
        let Some(codings) = codings(node) else {
            return;
        };
        if binding.strength != Strength::Example {
            self.bound(node, binding, &codings);
            self.displayed(node, &binding.value_set, &codings);
        }
        for value_set in binding.most.iter().chain(&binding.also) {
            if !codings.is_empty() {
                let verdict = self.among(value_set, &codings);
                self.verdict(node, Severity::Error, (value_set, verdict));
            }
        }
    }

    fn bound(&mut self, node: &Node<'a, '_>, binding: &Binding, codings: &[Coding<'a>]) {
        let required = binding.strength == Strength::Required;
        if codings.is_empty() {
            if required && !has_extension(node.value) {
                let words = format!("A code of the value set {} is required.", binding.value_set);
                self.error(node.place, "code-invalid", words);
            }
            return;
        }
        let severity = if required {
            Severity::Error
        } else {
            Severity::Warning
        };
        let verdict = self.among(&binding.value_set, codings);
        self.verdict(node, severity, (&binding.value_set, verdict));
    }

    /// The display that the value set gives is right here, whatever the code system says.
    fn displayed(&mut self, node: &Node<'a, '_>, value_set: &str, codings: &[Coding<'a>]) {
        for coding in codings {
            if !self.knowledge.terminology.is_called(value_set, coding) {
                continue;
            }
            let list = node.place.member("coding");
            let all = node.get("coding").and_then(Value::as_array);
            let here = |each: &Value| each.get("display").and_then(Value::as_str) == coding.display;
            let path = match all.and_then(|all| all.iter().position(here)) {
                Some(n) => list.item(n).member("display").path(),
                None => node.place.member("display").path(),
            };
            self.issues.retain(|each| {
                each.code != "code-invalid" || each.expression.as_ref() != Some(&path)
            });
            self.called.insert(path);
        }
    }

    /// Whether one of the codes is in the value set.
    fn among(&self, value_set: &str, codings: &[Coding<'_>]) -> Membership {
        let mut verdict = Membership::NotMember;
        for coding in codings {
            if value_set.split('|').next() == Some(MEDIA_TYPES) && FORMATS.contains(&coding.code) {
                return Membership::Member;
            }
            match self.knowledge.terminology.membership(value_set, coding) {
                Membership::Member => return Membership::Member,
                Membership::Unknown(why) => verdict = Membership::Unknown(why),
                Membership::NotMember => {}
            }
        }
        verdict
    }

    fn verdict(
        &mut self,
        node: &Node<'a, '_>,
        severity: Severity,
        (value_set, verdict): (&str, Membership),
    ) {
        match verdict {
            Membership::Member => {}
            Membership::NotMember => {
                let words = format!("No code here is in the value set {value_set}.");
                self.report(severity, node.place, ("code-invalid", words));
            }
            Membership::Unknown(why) => {
                let words =
                    format!("The codes were not judged by the value set {value_set}: {why}");
                self.inform(node.place, "not-supported", words);
            }
        }
    }

    /// Whether one of a node's codes is in a value set, for discriminators.
    pub(super) fn is_member(&self, node: &Node<'a, '_>, value_set: &str) -> bool {
        codings(node).is_some_and(|codings| self.among(value_set, &codings) == Membership::Member)
    }
}

/// Whether a code is one that this element has in another version of FHIR: an extension named after
/// the element bears it.
fn is_of_later(node: &Node<'_, '_>) -> bool {
    let extensions = node.get("extension").and_then(Value::as_array);
    let holder = node.parent.map_or("", |parent| parent.kind);
    extensions.into_iter().flatten().any(|each| {
        let url = each.get("url").and_then(Value::as_str);
        let path = url.and_then(|url| url.split_once("/StructureDefinition/extension-"));
        path.and_then(|(_, path)| path.rsplit_once('.')) == Some((holder, node.name))
    })
}

fn has_extension(value: &Value) -> bool {
    value.get("extension").is_some()
}

/// The codes of an element; none where its type has no codes.
fn codings<'a>(node: &Node<'a, '_>) -> Option<Vec<Coding<'a>>> {
    Some(match node.kind {
        "code" | "string" | "uri" | "url" | "canonical" | "id" => {
            vec![Coding {
                code: node.value.as_str()?,
                ..Coding::default()
            }]
        }
        "Coding" | "Quantity" | "Age" | "Count" | "Duration" | "Distance" | "SimpleQuantity"
        | "MoneyQuantity" => coding(node.value).into_iter().collect(),
        "CodeableConcept" => {
            let list = node.get("coding").and_then(Value::as_array);
            list.into_iter().flatten().filter_map(coding).collect()
        }
        _ => return None,
    })
}

fn coding(value: &Value) -> Option<Coding<'_>> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    Some(Coding {
        system: text("system"),
        version: text("version"),
        code: text("code")?,
        display: text("display"),
    })
}
