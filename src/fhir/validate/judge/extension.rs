//! Extensions: each by its own definition, and only where that allows it.
//!
//! Specification: <http://hl7.org/fhir/R4/extensibility.html>.

use super::{
    super::super::profile::model::{Element, ExtensionContext, Profile},
    Judge,
    element::is_a,
    node::Node,
};

impl<'a> Judge<'a> {
    pub(super) fn extension(&mut self, node: &Node<'a, '_>) {
        if !self.first(node, &EXTENSION) {
            return;
        }
        let Some(url) = node.text("url") else {
            return;
        };
        let modifier = node.name == "modifierExtension";
        if !url.contains(':') {
            return self.part(node, url);
        }
        let Some(profile) = self.knowledge.profiles.get(url) else {
            return self.unknown_extension(node, url, modifier);
        };
        if profile.kind != "Extension" {
            let words = format!(
                "{url} is the definition of a {}, not of an extension.",
                profile.kind
            );
            return self.error(node.place, "structure", words);
        }
        if modifier != profile.is_modifier {
            let (is, stands) = if modifier {
                ("no", "modifierExtension")
            } else {
                ("a", "extension")
            };
            let words = format!("{url} is {is} modifier extension, and stands in `{stands}`.");
            self.error(node.place, "extension", words);
        }
        self.element(node, &profile.root);
        self.standing(node, &profile);
    }

    /// A part of a complex extension: the definition of the whole knows it.
    fn part(&mut self, node: &Node<'a, '_>, url: &str) {
        let whole = node.parent.filter(|parent| parent.kind == "Extension");
        let Some(whole) = whole else {
            return self.error(
                node.place,
                "extension",
                "The URL of an extension must be absolute.",
            );
        };
        let Some(profile) = whole
            .text("url")
            .and_then(|url| self.knowledge.profiles.get(url))
        else {
            return;
        };
        let Some(parts) = profile.root.child("extension") else {
            return;
        };
        let has = |slice: &Element| {
            let fixed = slice.child("url").and_then(|child| child.fixed.as_deref());
            fixed.is_none_or(|fixed| fixed.as_str() == Some(url))
        };
        if !parts.slices.is_empty() && !parts.slices.iter().any(has) {
            let words = format!("The extension {} has no part `{url}`.", profile.url);
            self.error(node.place, "extension", words);
        }
    }

    fn unknown_extension(&mut self, node: &Node<'a, '_>, url: &str, modifier: bool) {
        let words = format!("The extension {url} is not known.");
        // Elements of other versions of FHIR are nobody's own extensions.
        let tolerated = ELSEWHERE.iter().any(|part| url.starts_with(part))
            || (!self.rigour.no_examples && is_example(url));
        if (modifier || self.rigour.known_extensions_only) && !tolerated {
            self.error(node.place, "extension", words);
        } else {
            self.warn(node.place, "extension", words);
        }
    }

    /// Whether the extension may stand where it does.
    fn standing(&mut self, node: &Node<'a, '_>, profile: &Profile) {
        let Some(bearer) = node.parent else {
            return;
        };
        let allowed = profile.contexts.is_empty()
            || profile
                .contexts
                .iter()
                .any(|context| self.is_context(bearer, context));
        if !allowed {
            let words = format!("The extension {} may not stand here.", profile.url);
            self.error(node.place, "extension", words);
        }
        for invariant in &profile.context_invariants {
            if self.afford(node.place) && self.holds(bearer, invariant) == Some(false) {
                let words = format!(
                    "The extension {} may not stand here: {}",
                    profile.url,
                    invariant.text()
                );
                self.error(node.place, "extension", words);
            }
        }
    }

    fn is_context(&self, bearer: &Node<'a, '_>, context: &ExtensionContext) -> bool {
        let wanted = context.expression.trim();
        match context.kind.as_str() {
            "extension" => {
                let wanted = wanted.split('#').next();
                // What its value bears, an extension bears.
                let outer = bearer.parent.filter(|_| bearer.name == "value");
                bearer.text("url") == wanted
                    || outer.is_some_and(|outer| outer.text("url") == wanted)
            }
            "fhirpath" => self.is_found(bearer, wanted),
            _ if wanted.contains(':') => bearer.text("url") == Some(wanted),
            _ => is_element(bearer, wanted),
        }
    }

    /// Whether an expression, evaluated on the resource, finds the bearer.
    fn is_found(&self, bearer: &Node<'a, '_>, expression: &str) -> bool {
        use super::super::super::path::{Context, Expression, Item};
        let Ok(expression) = Expression::compile(expression) else {
            return true;
        };
        let context =
            Context::of(Item::resource(bearer.within.resource)).with_resolver(self.surroundings);
        expression.evaluate(&context).is_ok_and(|found| {
            found.iter().any(|item| {
                item.node()
                    .is_some_and(|node| std::ptr::eq(node, bearer.value))
                    || matches!(item.to_value(), Item::Boolean(true))
            })
        })
    }
}

/// How the URLs of extensions begin that are known by their form: those of HL7's tools, and the
/// elements of other versions (<http://hl7.org/fhir/R4/versions.html#extensions>).
const ELSEWHERE: [&str; 4] = [
    "http://hl7.org/fhir/tools/",
    "http://hl7.org/fhir/3.0/StructureDefinition/extension-",
    "http://hl7.org/fhir/4.3/StructureDefinition/extension-",
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-",
];

/// Whether a URL is one of those that documentation takes for examples.
pub(super) fn is_example(url: &str) -> bool {
    let host = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split(['/', ':', '?', '#']).next().unwrap_or(host);
    ["example.org", "acme.com"].iter().any(|example| {
        host.strip_suffix(example)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// What marks an extension as judged.
static EXTENSION: u16 = 2;

/// Whether a node is the element that a context names: by its type (`HumanName`, `Element`,
/// `Patient`) or its path (`Patient.contact.name`), that of a type that it inherits included.
fn is_element(bearer: &Node<'_, '_>, wanted: &str) -> bool {
    let wanted = wanted
        .split('#')
        .next_back()
        .unwrap_or(wanted)
        .trim_end_matches("[x]");
    // `Element` means all there is, resources included.
    if matches!(wanted, "*" | "Element") || is_a(bearer.kind, wanted) {
        return true;
    }
    if bearer.kind.contains('.') && wanted == "BackboneElement" {
        return true;
    }
    // Walks up as long as the names agree, until a type begins the path.
    let mut node = bearer;
    let mut rest = wanted;
    loop {
        let Some((before, last)) = rest.rsplit_once('.') else {
            return is_a(node.kind, rest);
        };
        if node.name != last.trim_end_matches("[x]") {
            return node.kind == rest;
        }
        let Some(parent) = node.parent else {
            return false;
        };
        node = parent;
        rest = before;
    }
}
