//! Resources that define something, held to what they build upon.

use serde_json::Value;

use super::{
    super::super::definitions::{Parameter, ParameterKind, definitions},
    Judge,
    node::Node,
};

impl<'a> Judge<'a> {
    /// A condition on a question looks at others, not at what is within the question.
    pub(super) fn question(&mut self, node: &Node<'a, '_>) {
        let list = |name: &str| {
            node.get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        for condition in list("enableWhen") {
            let wanted = condition.get("question").and_then(Value::as_str);
            if wanted.is_some_and(|wanted| list("item").any(|item| has_question(item, wanted))) {
                let words = "A condition may not look at a question within the one that it is for.";
                self.error(node.place, "invalid", words);
            }
        }
    }

    /// A parameter in a CapabilityStatement has the type that its definition has.
    pub(super) fn stated_parameter(&mut self, node: &Node<'a, '_>) {
        let known = node.text("definition").and_then(parameter);
        if let (Some(known), Some(kind)) = (known, node.text("type"))
            && name(known.kind) != kind
        {
            let words = format!("The search parameter is one of type {}.", name(known.kind));
            self.error(&node.place.member("type"), "invalid", words);
        }
    }

    /// A search parameter keeps the type and types of resources of the one that it is made from.
    pub(super) fn derived_parameter(&mut self, node: &Node<'a, '_>) {
        let Some(known) = node.text("derivedFrom").and_then(parameter) else {
            return;
        };
        if node
            .text("type")
            .is_some_and(|kind| kind != name(known.kind))
        {
            let words = format!("What it is derived from is of type {}.", name(known.kind));
            self.error(&node.place.member("type"), "invalid", words);
        }
        let bases = node.get("base").and_then(Value::as_array);
        let mut bases = bases.into_iter().flatten().filter_map(Value::as_str);
        if bases.any(|base| !known.base.iter().any(|each| each == base)) {
            let words = "What it is derived from has not all of these types.";
            self.error(&node.place.member("base"), "invalid", words);
        }
    }
}

fn has_question(item: &Value, wanted: &str) -> bool {
    let items = item.get("item").and_then(Value::as_array);
    item.get("linkId").and_then(Value::as_str) == Some(wanted)
        || items
            .into_iter()
            .flatten()
            .any(|inner| has_question(inner, wanted))
}

/// A search parameter of R4 itself.
fn parameter(canonical: &str) -> Option<&'static Parameter> {
    let url = canonical.split('|').next()?;
    definitions().parameters.iter().find(|each| each.url == url)
}

const fn name(kind: ParameterKind) -> &'static str {
    match kind {
        ParameterKind::Number => "number",
        ParameterKind::Date => "date",
        ParameterKind::String => "string",
        ParameterKind::Token => "token",
        ParameterKind::Reference => "reference",
        ParameterKind::Composite => "composite",
        ParameterKind::Quantity => "quantity",
        ParameterKind::Uri => "uri",
        ParameterKind::Special => "special",
    }
}
