//! References: that they mean something, and something of an allowed type and profile.
//!
//! Specification: <http://hl7.org/fhir/R4/references.html>.

use serde_json::Value;

use super::{
    super::super::{
        definitions::ResourceType,
        profile::{
            CORE,
            model::{Element, TypeUse},
        },
    },
    Judge, Trust,
    element::is_a,
    node::{Node, Within},
};

/// What a reference means, as far as it can be told.
struct Target<'a> {
    /// Its type.
    kind: Option<&'a str>,
    /// It itself.
    resource: Option<&'a Value>,
    /// `contained`, `bundled` or `referenced`.
    how: &'static str,
}

impl<'a> Judge<'a> {
    pub(super) fn references(&mut self, node: &Node<'a, '_>, definition: &Element) {
        if node.kind != "Reference" {
            return;
        }
        let uses: Vec<&TypeUse> = definition
            .types
            .iter()
            .filter(|each| each.code == "Reference")
            .collect();
        let Some(target) = self.target(node) else {
            return;
        };
        if uses.is_empty()
            || uses
                .iter()
                .any(|each| each.targets.is_empty() && each.aggregation.is_empty())
        {
            return;
        }
        self.aggregated(node, &uses, &target);
        let Some(kind) = target.kind else {
            return;
        };
        let mut wanted: Vec<&String> = uses.iter().flat_map(|each| &each.targets).collect();
        if wanted.is_empty() {
            return;
        }
        let all = wanted.len();
        wanted.retain(|canonical| self.may_be(kind, canonical));
        if wanted.is_empty() {
            let words = format!("A reference to {kind} is not allowed here ({all} others are).");
            return self.error(node.place, "structure", words);
        }
        let plain = |canonical: &&&String| {
            canonical
                .strip_prefix(CORE)
                .is_some_and(|name| ResourceType::named(name).is_some() || name == "Resource")
        };
        if wanted.iter().any(|canonical| plain(&canonical)) {
            return;
        }
        if target.resource.is_some() {
            self.target_conforms(node, &wanted);
        }
    }

    /// A canonical that is known to be that of a resource of another type.
    pub(super) fn canonical(&mut self, node: &Node<'a, '_>, definition: &Element) {
        let (Some(text), "canonical") = (node.value.as_str(), node.kind) else {
            return;
        };
        let Some(kind) = self.knowledge.kind_of(text) else {
            return;
        };
        let uses = definition
            .types
            .iter()
            .filter(|each| each.code == "canonical");
        let targets: Vec<&String> = uses.flat_map(|each| &each.targets).collect();
        if !targets.is_empty() && !targets.iter().any(|target| self.may_be(kind, target)) {
            let words = format!("This is the canonical of a {kind}, which is not allowed here.");
            self.error(node.place, "structure", words);
        }
    }

    /// Whether a resource of this type may conform to the profile.
    fn may_be(&self, kind: &str, canonical: &str) -> bool {
        if let Some(name) = canonical.strip_prefix(CORE)
            && (is_a(kind, name) || ResourceType::named(name).is_some())
        {
            return is_a(kind, name);
        }
        self.knowledge
            .profiles
            .get(canonical)
            .is_none_or(|profile| is_a(kind, &profile.kind))
    }

    /// Does something with what a reference means, as far as that can be told.
    pub(super) fn followed(
        &mut self,
        node: &Node<'a, '_>,
        then: impl FnOnce(&mut Self, &Node<'a, '_>),
    ) {
        static NOWHERE: Value = Value::Null;
        let Some(target) = self.target(node) else {
            return;
        };
        let (value, kind) = match (target.resource, target.kind) {
            (Some(resource), Some(kind)) => (resource, kind),
            // Its type alone is known.
            (None, Some(kind)) => (&NOWHERE, kind),
            _ => return,
        };
        let container = if target.how == "contained" {
            node.within.container
        } else {
            value
        };
        then(
            self,
            &Node {
                value,
                sibling: None,
                kind,
                name: "",
                place: node.place,
                parent: None,
                within: Within {
                    resource: value,
                    container,
                    full_url: None,
                },
            },
        );
    }

    fn target_conforms(&mut self, node: &Node<'a, '_>, wanted: &[&String]) {
        if self.depth < 30 {
            self.followed(node, |judge, target| {
                judge.one_of_targets(node, target, wanted)
            });
        }
    }

    fn one_of_targets(&mut self, node: &Node<'a, '_>, target: &Node<'a, '_>, wanted: &[&String]) {
        let mut unknown = false;
        let holds = wanted.iter().any(|canonical| {
            let Some(profile) = self.knowledge.profiles.get(canonical) else {
                unknown = true;
                return false;
            };
            self.conforms(target, &profile.root)
        });
        if !holds && !unknown {
            let names: Vec<&str> = wanted.iter().map(|each| each.as_str()).collect();
            let words = format!(
                "What is referred to conforms to none of: {}.",
                names.join(", ")
            );
            self.error(node.place, "structure", words);
        }
    }

    fn aggregated(&mut self, node: &Node<'a, '_>, uses: &[&TypeUse], target: &Target<'a>) {
        let allowed = |each: &&TypeUse| {
            each.aggregation.is_empty()
                || each.aggregation.iter().any(|how| {
                    how == target.how || (how == "referenced" && target.how == "bundled")
                })
        };
        if !uses.iter().any(allowed) {
            let words = format!("A {} resource may not be referred to here.", target.how);
            self.error(node.place, "structure", words);
        }
    }

    fn target(&mut self, node: &Node<'a, '_>) -> Option<Target<'a>> {
        let stated = node.text("type");
        let Some(text) = node.text("reference") else {
            return stated.map(|kind| Target {
                kind: Some(kind),
                resource: None,
                how: "referenced",
            });
        };
        if let Some(id) = text.strip_prefix('#') {
            return self.contained(node, id);
        }
        let resource = self.surroundings.entry(text, node.within.full_url);
        if resource.is_none() {
            self.mistaken(node, text);
        }
        let beside = self.surroundings.beside(text);
        let found = resource
            .or(beside)
            .and_then(|each| each.get("resourceType"))
            .and_then(Value::as_str);
        let by_name = named(text).filter(|_| self.rigour.references == Trust::Named);
        let kind = found.or(by_name).or(stated);
        if let (Some(kind), Some(stated)) = (kind, stated)
            && kind != stated
            && ResourceType::named(stated).is_some()
        {
            let words = format!("`type` says {stated}, and the reference means {kind}.");
            self.error(node.place, "structure", words);
        }
        let how = if resource.is_some() {
            "bundled"
        } else {
            "referenced"
        };
        Some(Target {
            kind,
            resource: resource.or(beside),
            how,
        })
    }

    /// A relative reference by an id that the bundle has, for a resource of another type.
    fn mistaken(&mut self, node: &Node<'a, '_>, text: &str) {
        let kind = |resource: &'a Value| resource.get("resourceType")?.as_str();
        if let Some(named) = named(text)
            && let Some(meant) = self.surroundings.mistaken(text).and_then(kind)
            && meant != named
        {
            let words = format!("The entry of the bundle with this id is one of {meant}.");
            self.error(node.place, "structure", words);
        }
    }

    fn contained(&mut self, node: &Node<'a, '_>, id: &str) -> Option<Target<'a>> {
        let container = node.within.container;
        let held = container.get("contained").and_then(Value::as_array);
        let found = if id.is_empty() {
            Some(container)
        } else {
            held.into_iter()
                .flatten()
                .find(|each| each.get("id").and_then(Value::as_str) == Some(id))
        };
        let Some(resource) = found else {
            self.error(
                node.place,
                "not-found",
                "No contained resource has this id.",
            );
            return None;
        };
        let kind = resource.get("resourceType").and_then(Value::as_str);
        Some(Target {
            kind,
            resource: Some(resource),
            how: "contained",
        })
    }
}

/// The type that a literal reference names: `Patient/1`, `http://a/fhir/Patient/1/_history/2`.
fn named(text: &str) -> Option<&str> {
    let plain = text.split(['?', '#']).next()?;
    let plain = plain.split("/_history/").next()?;
    let (rest, id) = plain.rsplit_once('/')?;
    let kind = rest.rsplit('/').next()?;
    (!id.is_empty() && ResourceType::named(kind).is_some()).then_some(kind)
}
