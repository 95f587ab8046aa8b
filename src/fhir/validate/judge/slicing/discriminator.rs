//! Discriminators: whether an occurrence has what a slice asks at a path.
//!
//! The path is followed twice: through the definition of the slice, to what it asks, and through
//! the occurrence, to what it has.
//!
//! Specification: <http://hl7.org/fhir/R4/profiling.html#discriminator>.

use serde_json::Value;

use super::super::{
    super::super::{
        knowledge::Knowledge,
        profile::model::{By, Discriminator, Element, Strength},
    },
    Judge,
    element::is_a,
    node::{Node, occurrences},
    value::{has_pattern, same},
};

/// A step of a discriminator's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'t> {
    Child(&'t str),
    Extension(&'t str),
    Resolve,
    OfType(&'t str),
}

/// What is done with a definition at the end of a path.
type Seen<'f> = &'f mut dyn FnMut(&Element);

/// What is done with a node at the end of a path.
type Reached<'f, 'a> = &'f mut dyn FnMut(&mut Judge<'a>, &Node<'a, '_>);

impl<'a> Judge<'a> {
    /// Whether an occurrence is what one discriminator asks of the slice.
    pub(super) fn discriminated(
        &mut self,
        node: &Node<'a, '_>,
        slice: &Element,
        by: &Discriminator,
    ) -> bool {
        if !self.afford(node.place) {
            return false;
        }
        let Some(steps) = steps(&by.path) else {
            return false;
        };
        let mut asked = Vec::new();
        defined(self.knowledge, slice, &steps, &mut |definition| {
            asked.push(definition.clone())
        });
        let mut count = 0_usize;
        let mut fits = false;
        self.reach(node, &steps, &mut |judge, node| {
            count += 1;
            fits = fits
                || asked
                    .iter()
                    .any(|definition| judge.is_so(node, definition, by.by));
        });
        match (by.by, count) {
            (By::Exists, _) => asked
                .iter()
                .all(|definition| is_there(definition, count > 0)),
            // What is absent is no value, unless the slice is that of those that have none.
            (_, 0) => asked.iter().any(says_nothing),
            _ => fits || asked.is_empty(),
        }
    }

    /// Visits what stands at the end of a path.
    fn reach(&mut self, node: &Node<'a, '_>, steps: &[Step<'_>], reached: Reached<'_, 'a>) {
        let Some((step, rest)) = steps.split_first() else {
            return reached(self, node);
        };
        match step {
            Step::Child(name) => {
                for occurrence in &occurrences(node, name) {
                    self.with(node, occurrence, |judge, node| {
                        judge.reach(node, rest, reached)
                    });
                }
            }
            Step::Extension(url) => {
                for occurrence in &occurrences(node, "extension") {
                    self.with(node, occurrence, |judge, node| {
                        if node.text("url") == Some(url) {
                            judge.reach(node, rest, reached);
                        }
                    });
                }
            }
            Step::OfType(kind) => {
                if is_a(node.kind, kind) {
                    self.reach(node, rest, reached);
                }
            }
            Step::Resolve => self.followed(node, |judge, node| judge.reach(node, rest, reached)),
        }
    }

    /// Whether a node is what the definition asks.
    fn is_so(&mut self, node: &Node<'a, '_>, definition: &Element, by: By) -> bool {
        match by {
            By::Exists => true,
            By::Type => {
                definition
                    .types
                    .iter()
                    .any(|each| is_a(node.kind, &each.code))
                    || definition.path == node.kind
            }
            By::Profile => self.has_profile(node, definition),
            By::Value => self.has_value(node, definition),
        }
    }

    fn has_profile(&mut self, node: &Node<'a, '_>, definition: &Element) -> bool {
        let profiles: Vec<&String> = definition
            .types
            .iter()
            .flat_map(|each| &each.profiles)
            .collect();
        if profiles.is_empty() {
            return self.conforms(node, definition);
        }
        profiles.iter().any(|canonical| {
            let profile = self.knowledge.profiles.get(canonical);
            profile.is_some_and(|profile| {
                let is_of_type = canonical.contains('#') || is_a(node.kind, &profile.kind);
                let part = profile.part(canonical);
                is_of_type && part.is_some_and(|part| self.conforms(node, part))
            })
        })
    }

    fn has_value(&mut self, node: &Node<'a, '_>, definition: &Element) -> bool {
        if let Some(fixed) = &definition.fixed {
            return same(node.value, fixed);
        }
        if let Some(pattern) = &definition.pattern {
            return has_pattern(node.value, pattern);
        }
        if !definition.children.is_empty() {
            return self.conforms(node, definition);
        }
        match &definition.binding {
            Some(binding) if binding.strength == Strength::Required => {
                self.is_member(node, &binding.value_set)
            }
            _ => true,
        }
    }
}

/// Whether the definition is content with an element that is absent.
const fn says_nothing(definition: &Element) -> bool {
    let valued = definition.fixed.is_some() || definition.pattern.is_some();
    matches!(definition.max, Some(0))
        || (definition.min == 0 && !valued && definition.children.is_empty())
}

/// Whether being there, or not, is what the definition allows.
fn is_there(definition: &Element, there: bool) -> bool {
    if there {
        definition.max != Some(0)
    } else {
        definition.min == 0
    }
}

/// The steps of a path; none where it is not of the restricted form.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut rest = path.trim();
    while !rest.is_empty() {
        let (step, after) = match rest.find(['.', '(']) {
            Some(at) if rest.as_bytes().get(at) == Some(&b'(') => {
                let end = rest.find(')')?;
                let name = rest.get(..at)?;
                let argument = rest.get(at + 1..end)?.trim_matches(['\'', '"', ' ']);
                (function(name, argument)?, rest.get(end + 1..)?)
            }
            Some(at) => (Step::Child(rest.get(..at)?), rest.get(at..)?),
            None => (Step::Child(rest), ""),
        };
        if let Step::Child(name) = step
            && name != "$this"
        {
            steps.push(Step::Child(name.trim_end_matches("[x]")));
        } else if !matches!(step, Step::Child(_)) {
            steps.push(step);
        }
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    Some(steps)
}

fn function<'t>(name: &str, argument: &'t str) -> Option<Step<'t>> {
    Some(match name {
        "extension" => Step::Extension(argument),
        "resolve" => Step::Resolve,
        "ofType" | "as" => Step::OfType(argument),
        _ => return None,
    })
}

/// Visits what a definition says at the end of a path.
fn defined(knowledge: &Knowledge, definition: &Element, steps: &[Step<'_>], seen: Seen<'_>) {
    let Some((step, rest)) = steps.split_first() else {
        return seen(definition);
    };
    match step {
        Step::Child(name) => child(knowledge, definition, (name, rest), seen),
        Step::Extension(url) => extension(knowledge, definition, (url, rest), seen),
        Step::OfType(kind) => {
            let chosen = definition.slices.iter().find(|each| each.allows(kind));
            if let Some(chosen) = chosen {
                return defined(knowledge, chosen, rest, seen);
            }
            let mut one = definition.clone();
            one.types.retain(|each| each.code == *kind);
            defined(knowledge, &one, rest, seen);
        }
        Step::Resolve => {
            for target in definition.types.iter().flat_map(|each| &each.targets) {
                if let Some(profile) = knowledge.profiles.get(target) {
                    defined(knowledge, &profile.root, rest, seen);
                }
            }
        }
    }
}

/// The child in the definition, or in the profile or type of its values.
fn child(
    knowledge: &Knowledge,
    definition: &Element,
    (name, rest): (&str, &[Step<'_>]),
    seen: Seen<'_>,
) {
    let mut profiles = definition.types.iter().flat_map(|each| &each.profiles);
    // What is an element of a profile is told apart by what that says.
    let elsewhere = profiles.any(|each| each.contains('#'));
    if let Some(child) = definition.child(name).filter(|_| !elsewhere) {
        // What tells the outer slices apart stands in the inner ones.
        for slice in &child.slices {
            defined(knowledge, slice, rest, seen);
        }
        if !child.slices.is_empty() {
            return;
        }
        return defined(knowledge, child, rest, seen);
    }
    for each in &definition.types {
        let canonicals = if each.profiles.is_empty() {
            std::slice::from_ref(&each.code)
        } else {
            &each.profiles
        };
        for canonical in canonicals {
            let profile = knowledge
                .profiles
                .get(canonical)
                .or_else(|| knowledge.profiles.of_type(canonical));
            if let Some(child) = profile
                .as_ref()
                .and_then(|profile| profile.part(canonical)?.child(name))
            {
                defined(knowledge, child, rest, seen);
            }
        }
    }
}

/// The slice of extensions with this URL.
fn extension(
    knowledge: &Knowledge,
    definition: &Element,
    (url, rest): (&str, &[Step<'_>]),
    seen: Seen<'_>,
) {
    let slices = definition
        .child("extension")
        .map(|child| child.slices.as_slice())
        .unwrap_or_default();
    // What slices a slice again stands after it, and says more.
    for slice in slices.iter().rev() {
        let profiled = slice
            .types
            .iter()
            .flat_map(|each| &each.profiles)
            .any(|profile| profile.split('|').next() == Some(url));
        let fixed = slice
            .child("url")
            .and_then(|child| child.fixed.as_deref())
            .and_then(Value::as_str);
        if profiled || fixed == Some(url) {
            // An extension that may be absent says so itself, at the end of the path.
            if rest.is_empty() || !slice.children.is_empty() {
                return defined(knowledge, slice, rest, seen);
            }
            if let Some(profile) = knowledge.profiles.get(url) {
                return defined(knowledge, &profile.root, rest, seen);
            }
        }
    }
}
