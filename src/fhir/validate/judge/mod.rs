//! The judge: a resource against its type, the profiles that it claims, and those that are asked.
//!
//! The pass over the structure comes first (`structure`); the judge adds what costs more:
//! invariants, bindings, slices, references, extensions, and whatever profiles say. It walks the
//! tree of the resource along the trees of definitions; what two definitions share is judged once.
//! Reading order: `node`, here, `element`, then one file for each kind of rule.
//!
//! Specification: <http://hl7.org/fhir/R4/validation.html>,
//! <http://hl7.org/fhir/R4/profiling.html>.

mod binding;
mod bundle;
mod coding;
mod conformance;
mod control;
mod element;
mod extension;
mod filter;
mod identity;
mod invariant;
mod narrative;
mod node;
mod reference;
mod slicing;
mod special;
mod surroundings;
#[cfg(test)]
mod tests;
mod value;

use std::{collections::HashSet, sync::Arc};

use jiff::Zoned;
use serde_json::Value;

pub use self::invariant::Profiled;
use self::{
    node::{Node, Within},
    surroundings::Surroundings,
};
use super::{
    super::{knowledge::Knowledge, profile::model::Element},
    kind,
    place::Place,
    structure,
};
use crate::kernel::problem::{Issue, Severity};

/// The most issues that one judgement lists.
pub const MOST_JUDGED_ISSUES: usize = 500;

/// The most invariants and discriminators that one judgement evaluates.
pub const MOST_EVALUATIONS: u32 = 200_000;

/// The deepest nesting of a judgement: elements, and profiles that ask for others.
pub const DEEPEST_JUDGEMENT: u32 = 100;

/// The most profiles that one resource's `meta.profile` is judged by.
pub const MOST_PROFILES: usize = 20;

/// How strictly is judged where the specification leaves it open.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rigour<'a> {
    /// Whether an extension without a definition at hand is an error, or else a warning.
    pub known_extensions_only: bool,
    /// Whether the URLs of examples (`example.org`, `acme.com`) are errors.
    pub no_examples: bool,
    /// Whether what looks like markup is an error in texts that are no narratives.
    pub no_markup: bool,
    /// What is believed of references that cannot be followed.
    pub references: Trust,
    /// Resources that references may mean, beside those of the bundle.
    pub beside: &'a [Arc<Value>],
    /// The time, for invariants that ask for it; without it they are not judged.
    pub now: Option<&'a Zoned>,
}

/// What is believed of a reference that cannot be followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trust {
    /// `Patient/1` means a Patient.
    #[default]
    Named,
    /// Nothing.
    Found,
}

/// Judges a resource by the structure of R4, its type, the profiles in its `meta.profile`, and the
/// profiles asked. All that was found is listed, up to [`MOST_JUDGED_ISSUES`]; without an issue of
/// severity error the resource is valid.
#[must_use]
pub fn judge(
    tree: &Value,
    profiles: &[&str],
    knowledge: &Knowledge,
    rigour: &Rigour<'_>,
) -> Vec<Issue> {
    let kind = match kind(tree) {
        Ok(kind) => kind,
        Err(problem) => return problem.issues,
    };
    let surroundings = Surroundings::of(tree, rigour.beside);
    let mut judge = Judge::new(knowledge, &surroundings, *rigour);
    for issue in structure::faults(kind, tree, structure::Required::Asked) {
        judge.push(issue);
    }
    let root = Place::root(kind.name());
    let within = Within {
        resource: tree,
        container: tree,
        full_url: None,
    };
    let node = Node {
        value: tree,
        sibling: None,
        kind: kind.name(),
        name: "",
        place: &root,
        parent: None,
        within,
    };
    judge.resource(&node);
    for profile in profiles {
        judge.asked(&node, profile);
    }
    judge.issues
}

/// What is judged, and what was found so far.
struct Judge<'a> {
    knowledge: &'a Knowledge,
    surroundings: &'a Surroundings<'a>,
    rigour: Rigour<'a>,
    issues: Vec<Issue>,
    /// What has been judged: a node by its address, and a definition, constraint or binding by its.
    seen: HashSet<(usize, usize)>,
    /// The displays that a value set gives, where its codes are called otherwise elsewhere.
    called: HashSet<String>,
    /// How many evaluations are left.
    budget: u32,
    depth: u32,
}

impl<'a> Judge<'a> {
    fn new(
        knowledge: &'a Knowledge,
        surroundings: &'a Surroundings<'a>,
        rigour: Rigour<'a>,
    ) -> Self {
        Self {
            knowledge,
            surroundings,
            rigour,
            issues: Vec::new(),
            seen: HashSet::new(),
            called: HashSet::new(),
            budget: MOST_EVALUATIONS,
            depth: 0,
        }
    }

    fn push(&mut self, issue: Issue) {
        let full = self.issues.len() >= MOST_JUDGED_ISSUES;
        // The last place is for an error: a bound may hide warnings, never invalidity.
        let room = !full || (issue.severity == Severity::Error && !self.has_error());
        // The structure knows the codes of some bindings already.
        let told = |each: &Issue| {
            each == &issue
                || (each.code == "code-invalid"
                    && each.code == issue.code
                    && each.severity == issue.severity
                    && each.expression == issue.expression)
        };
        if room && !self.issues.iter().any(told) {
            self.issues.push(issue);
        }
    }

    fn has_error(&self) -> bool {
        self.issues
            .iter()
            .any(|each| each.severity == Severity::Error)
    }

    fn report(
        &mut self,
        severity: Severity,
        place: &Place<'_>,
        (code, words): (&'static str, String),
    ) {
        self.push(Issue {
            severity,
            code,
            diagnostics: words,
            expression: Some(place.path()),
        });
    }

    fn error(&mut self, place: &Place<'_>, code: &'static str, words: impl Into<String>) {
        self.report(Severity::Error, place, (code, words.into()));
    }

    fn warn(&mut self, place: &Place<'_>, code: &'static str, words: impl Into<String>) {
        self.report(Severity::Warning, place, (code, words.into()));
    }

    fn inform(&mut self, place: &Place<'_>, code: &'static str, words: impl Into<String>) {
        self.report(Severity::Information, place, (code, words.into()));
    }

    /// Whether this is the first time that these two meet.
    fn first<T>(&mut self, node: &Node<'a, '_>, what: &T) -> bool {
        self.seen
            .insert((node.address(), std::ptr::from_ref(what).addr()))
    }

    /// Takes one evaluation off the budget.
    fn afford(&mut self, place: &Place<'_>) -> bool {
        if self.budget == 0 {
            let words = "The resource takes too long to judge; what remains was not judged.";
            self.error(place, "too-costly", words);
            return false;
        }
        self.budget -= 1;
        true
    }

    /// Judges a resource by its type and the profiles that it claims.
    fn resource(&mut self, node: &Node<'a, '_>) {
        if let Some(profile) = self.knowledge.profiles.of_type(node.kind) {
            self.element(node, &profile.root);
        }
        self.identities(node);
        let claimed = node
            .get("meta")
            .and_then(|meta| meta.get("profile"))
            .and_then(Value::as_array);
        let claimed = claimed.into_iter().flatten().filter_map(Value::as_str);
        for (n, canonical) in claimed.take(MOST_PROFILES).enumerate() {
            self.claimed(node, canonical, n);
        }
        self.special_resource(node);
    }

    fn claimed(&mut self, node: &Node<'a, '_>, canonical: &str, n: usize) {
        let meta = node.place.member("meta");
        let profile = meta.member("profile");
        let place = profile.item(n);
        match self.knowledge.profiles.get(canonical) {
            Some(profile) if profile.kind == node.kind => self.element(node, &profile.root),
            Some(profile) => {
                let words = format!("The profile {canonical} is one of {}.", profile.kind);
                self.error(&place, "invalid", words);
            }
            None => {
                let words = format!("The profile {canonical} is not loaded; it was not judged.");
                self.warn(&place, "not-found", words);
            }
        }
    }

    fn asked(&mut self, node: &Node<'a, '_>, canonical: &str) {
        match self.knowledge.profiles.get(canonical) {
            Some(profile) if profile.kind == node.kind || !profile.is_constraint => {
                self.element(node, &profile.root);
            }
            Some(profile) => {
                let words = format!(
                    "The profile {canonical} is one of {}, not of {}.",
                    profile.kind, node.kind
                );
                self.error(node.place, "invalid", words);
            }
            None => {
                let words = format!("The profile {canonical} is not loaded.");
                self.error(node.place, "not-found", words);
            }
        }
    }

    /// Whether a node conforms to a definition; nothing is reported.
    fn conforms(&mut self, node: &Node<'a, '_>, definition: &Element) -> bool {
        let mut quiet = Self::new(self.knowledge, self.surroundings, self.rigour);
        quiet.budget = self.budget;
        quiet.depth = self.depth;
        quiet.element(node, definition);
        self.budget = quiet.budget;
        !quiet.has_error()
    }
}
