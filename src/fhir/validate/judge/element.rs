//! A node against a definition: what is asked of itself, and of what is within.

use std::sync::Arc;

use serde_json::Value;

use super::{
    super::{
        super::profile::model::{Element, Profile},
        place::Place,
    },
    DEEPEST_JUDGEMENT, Judge,
    node::{Node, Occurrence, Within, occurrences},
};

impl<'a> Judge<'a> {
    /// Judges a node by a definition and all that stands within.
    pub(super) fn element(&mut self, node: &Node<'a, '_>, definition: &Element) {
        if !self.first(node, definition) {
            return;
        }
        if self.depth >= DEEPEST_JUDGEMENT {
            return self.error(
                node.place,
                "too-costly",
                "This is nested too deeply to be judged.",
            );
        }
        self.depth += 1;
        if self.first(node, &SPECIAL) {
            self.special(node);
        }
        self.values(node, definition);
        self.binding(node, definition);
        self.control(node, definition);
        self.constraints(node, definition);
        self.typed(node, definition);
        self.references(node, definition);
        self.canonical(node, definition);
        if definition.children.is_empty() {
            self.by_type(node);
        } else {
            self.children(node, definition);
        }
        self.depth -= 1;
    }

    /// The rules of the type itself, where a definition says nothing of what is within.
    fn by_type(&mut self, node: &Node<'a, '_>) {
        if node.name == "extension" || node.name == "modifierExtension" {
            self.extension(node);
        }
        if let Some((outer, _)) = node.kind.split_once('.') {
            if let Some(profile) = self.knowledge.profiles.of_type(outer)
                && let Some(definition) = profile.root.at(node.kind)
            {
                self.element(node, definition);
            }
            return;
        }
        if self.is_resource(node) {
            return;
        }
        if let Some(profile) = self.knowledge.profiles.of_type(node.kind) {
            self.element(node, &profile.root);
        }
    }

    /// Whether the node is a resource within another: it is judged on its own.
    fn is_resource(&mut self, node: &Node<'a, '_>) -> bool {
        let is = node.parent.is_some()
            && node.value.get("resourceType").is_some()
            && is_resource_kind(node.kind);
        if is && self.first(node, &RESOURCE) {
            self.resource(node);
        }
        is
    }

    /// Whether the type is one of those allowed, and conforms to one of the profiles asked of it.
    fn typed(&mut self, node: &Node<'a, '_>, definition: &Element) {
        if definition.types.is_empty() {
            return;
        }
        if node.kind.contains('.') {
            return self.part_of_profile(node, definition);
        }
        let fitting: Vec<_> = definition
            .types
            .iter()
            .filter(|each| is_a(node.kind, &each.code))
            .collect();
        if fitting.is_empty() {
            let names: Vec<&str> = definition
                .types
                .iter()
                .map(|each| each.code.as_str())
                .collect();
            let words = format!(
                "The type {} is not allowed here, but {}.",
                node.kind,
                names.join(", ")
            );
            return self.error(node.place, "structure", words);
        }
        let profiles: Vec<&String> = fitting.iter().flat_map(|each| &each.profiles).collect();
        if fitting.iter().all(|each| !each.profiles.is_empty()) {
            self.one_of(node, &profiles);
        }
    }

    /// An inner element that is what an element of a profile is.
    fn part_of_profile(&mut self, node: &Node<'a, '_>, definition: &Element) {
        let profiles = definition.types.iter().flat_map(|each| &each.profiles);
        let parts: Vec<&String> = profiles.filter(|each| each.contains('#')).collect();
        if !parts.is_empty() {
            self.one_of(node, &parts);
        }
    }

    /// Judges a node by the one profile, or sees that one of several holds.
    pub(super) fn one_of(&mut self, node: &Node<'a, '_>, canonicals: &[&String]) {
        let known: Vec<(&str, Arc<Profile>)> = canonicals
            .iter()
            .filter_map(|canonical| {
                let profile = self.knowledge.profiles.get(canonical)?;
                profile
                    .part(canonical)
                    .is_some()
                    .then_some((canonical.as_str(), profile))
            })
            .collect();
        if known.len() < canonicals.len() {
            let is_known = |each: &&String| known.iter().any(|(name, _)| name == each);
            let unknown = canonicals.iter().find(|each| !is_known(each));
            let name = unknown.map_or("", |name| name.as_str());
            let words = format!("The profile {name} is not loaded; it was not judged.");
            self.error(node.place, "not-found", words);
            if known.len() != 1 || canonicals.len() > 1 {
                return;
            }
        }
        if let [one] = known.as_slice() {
            if let Some(part) = one.1.part(one.0) {
                self.element(node, part);
            }
            return;
        }
        let holds = |judge: &mut Self, (canonical, profile): &(&str, Arc<Profile>)| {
            let is_of_type = canonical.contains('#') || is_a(node.kind, &profile.kind);
            let part = profile.part(canonical);
            is_of_type && part.is_some_and(|part| judge.conforms(node, part))
        };
        if !known.is_empty() && !known.iter().any(|profile| holds(self, profile)) {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let words = format!("None of these profiles holds: {}.", names.join(", "));
            self.error(node.place, "structure", words);
        }
    }

    fn children(&mut self, node: &Node<'a, '_>, definition: &Element) {
        for child in &definition.children {
            let found = occurrences(node, &child.name);
            let place = node.place.member(&child.name);
            if !is_listed_type(node) {
                self.count(&place, child, found.len());
            }
            for occurrence in &found {
                self.with(node, occurrence, |judge, node| judge.element(node, child));
            }
            if !child.slices.is_empty() || child.slicing.is_some() {
                self.slices(node, child, &found);
            }
        }
    }

    /// Whether there are as many as the definition asks.
    pub(super) fn count(&mut self, place: &Place<'_>, definition: &Element, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let name = definition.slice.as_deref().map_or_else(
            || format!("`{}`", definition.name),
            |slice| format!("`{}` of the slice `{slice}`", definition.name),
        );
        if count < definition.min {
            let words = if definition.min == 1 {
                format!("{name} is required.")
            } else {
                format!(
                    "{name} is required {} times, and here {count}.",
                    definition.min
                )
            };
            self.error(place, "required", words);
        }
        if definition.max.is_some_and(|most| count > most) {
            let most = definition.max.unwrap_or_default();
            let words = format!("{name} may occur {most} times at most, and does {count}.");
            self.error(place, "structure", words);
        }
    }

    /// Makes a node of an occurrence, for as long as something is done with it.
    pub(super) fn with<T>(
        &mut self,
        parent: &Node<'a, '_>,
        occurrence: &Occurrence<'a>,
        judged: impl FnOnce(&mut Self, &Node<'a, '_>) -> T,
    ) -> T {
        let member = parent.place.member(occurrence.name);
        let item = occurrence.number.map(|n| member.item(n));
        let node = Node {
            value: occurrence.value,
            sibling: occurrence.sibling,
            kind: occurrence.kind,
            name: occurrence.name,
            place: item.as_ref().unwrap_or(&member),
            parent: Some(parent),
            within: within(parent, occurrence),
        };
        judged(self, &node)
    }
}

/// What marks a node as judged as a resource.
static RESOURCE: u16 = 1;

/// What marks a node as judged by the rules of its type.
static SPECIAL: u16 = 0;

/// The resources that an occurrence is within.
fn within<'a>(parent: &Node<'a, '_>, occurrence: &Occurrence<'a>) -> Within<'a> {
    if !is_resource_kind(occurrence.kind) || occurrence.value.get("resourceType").is_none() {
        return parent.within;
    }
    let contained = occurrence.name == "contained";
    Within {
        resource: occurrence.value,
        container: if contained {
            parent.within.container
        } else {
            occurrence.value
        },
        full_url: if contained {
            parent.within.full_url
        } else {
            parent.get("fullUrl").and_then(Value::as_str)
        },
    }
}

pub(super) fn is_resource_kind(kind: &str) -> bool {
    use super::super::super::definitions::{Kind, definitions};
    definitions()
        .type_named(kind)
        .is_some_and(|table| table.kind == Kind::Resource)
}

/// Whether a type is another, or specialises it.
pub(super) fn is_a(kind: &str, wanted: &str) -> bool {
    use super::super::super::definitions::definitions;
    let base = |name: &&str| {
        definitions()
            .type_named(name)
            .and_then(|table| table.base.as_deref())
    };
    std::iter::successors(Some(kind), |name| base(name))
        .take(16)
        .any(|name| name == wanted)
}

/// The value of a primitive is its JSON: the companion alone has the members.
fn is_listed_type(node: &Node<'_, '_>) -> bool {
    node.is_primitive() && node.sibling.is_none()
}
