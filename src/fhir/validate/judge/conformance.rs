//! Resources that define something, held to what they build upon.

use serde_json::Value;

use super::{
    super::super::{
        definitions::{Parameter, ParameterKind, definitions},
        profile::CORE,
    },
    Judge,
    node::Node,
};

/// Types whose profiles are profiles of other types.
const ABSTRACT: [&str; 4] = ["BackboneElement", "DomainResource", "Element", "Resource"];

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

    /// A logical model has a type of its own, and elements of that type.
    pub(super) fn model(&mut self, node: &Node<'a, '_>) {
        let (Some(kind), Some("specialization")) = (node.text("type"), node.text("derivation"))
        else {
            return;
        };
        if node.text("kind") != Some("logical") {
            return;
        }
        let place = node.place.member("type");
        // FHIR's own models are named like its types.
        let own = node.text("url").and_then(|url| url.strip_prefix(CORE));
        if !kind.contains(':') && own != Some(kind) && definitions().type_named(kind).is_none() {
            let words = "The type of a logical model must be a URL.";
            self.error(&place, "invalid", words);
        }
        let own = kind.rsplit('/').next().unwrap_or(kind);
        for part in ["differential", "snapshot"] {
            let elements = node.get(part).and_then(|part| part.get("element"));
            let elements = elements.and_then(Value::as_array).into_iter().flatten();
            let mut paths = elements.filter_map(|each| each.get("path")?.as_str());
            if paths.any(|path| path.split('.').next() != Some(own)) {
                let words = "The paths of the elements must begin with the type.";
                self.error(&node.place.member(part), "invalid", words);
            }
        }
        let base = node.text("baseDefinition");
        let base = base.and_then(|base| self.knowledge.profiles.get(base));
        if base.is_some_and(|base| base.kind == kind) {
            let words = "The type is that of the base, which this specialises.";
            self.error(&place, "invalid", words);
        }
    }

    /// What tells slices apart is within the element that is sliced.
    pub(super) fn discriminators(&mut self, node: &Node<'a, '_>) {
        let elements = node
            .get("differential")
            .and_then(|part| part.get("element"));
        let Some(root) = node
            .text("type")
            .and_then(|kind| self.knowledge.profiles.of_type(kind))
        else {
            return;
        };
        let place = node.place.member("differential");
        let list = place.member("element");
        let elements = elements.and_then(Value::as_array).into_iter().flatten();
        for (n, element) in elements.enumerate() {
            let path = element.get("path").and_then(Value::as_str);
            let sliced = path.and_then(|path| root.root.at(path));
            let [kind] = sliced.map_or(&[][..], |sliced| sliced.types.as_slice()) else {
                continue;
            };
            // What an element has of its own is named by its path.
            let of_its_own = ABSTRACT.contains(&kind.code.as_str());
            let name = path.filter(|_| of_its_own).unwrap_or(&kind.code);
            let Some(table) = definitions().type_named(name) else {
                continue;
            };
            let discriminators = element["slicing"]["discriminator"].as_array();
            for discriminator in discriminators.into_iter().flatten() {
                let path = discriminator["path"].as_str().unwrap_or_default();
                let first = path.split(['.', '[']).next().unwrap_or(path);
                let is_name = !first.is_empty() && first.bytes().all(|b| b.is_ascii_alphanumeric());
                if is_name && !table.elements.iter().any(|each| each.name == first) {
                    let words = format!("A {} has no `{first}` to tell slices apart.", kind.code);
                    self.error(&list.item(n), "invalid", words);
                }
            }
        }
    }

    /// What a profile asks of an element's type is a profile of that type.
    pub(super) fn profiles_of_types(&mut self, node: &Node<'a, '_>) {
        let list = |value: &'a Value, name: &str| {
            let list = value.get(name).and_then(Value::as_array);
            list.into_iter().flatten()
        };
        let Some(differential) = node.get("differential") else {
            return;
        };
        let elements = node.place.member("differential");
        let elements = elements.member("element");
        for (n, element) in list(differential, "element").enumerate() {
            for kind in list(element, "type") {
                let Some(code) = kind.get("code").and_then(Value::as_str) else {
                    continue;
                };
                for canonical in list(kind, "profile").filter_map(Value::as_str) {
                    let profile = self.knowledge.profiles.get(canonical);
                    let other = profile.filter(|profile| {
                        profile.kind != code && !ABSTRACT.contains(&code) && !code.contains(':')
                    });
                    if let Some(profile) = other {
                        let words = format!(
                            "{canonical} is a profile of {}, not of {code}.",
                            profile.kind
                        );
                        self.error(&elements.item(n), "invalid", words);
                    }
                }
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
