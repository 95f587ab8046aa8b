//! What a profile says, as a tree of elements.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::super::path::{CompileError, Expression};

/// A StructureDefinition with its snapshot: a type, a profile or an extension.
#[derive(Debug)]
pub struct Profile {
    /// Canonical URL.
    pub url: String,
    /// Business version.
    pub version: Option<String>,
    /// Title or name, for people.
    pub title: String,
    /// The type that is constrained: `Patient`, `Extension`.
    pub kind: String,
    /// Whether it constrains a type, or else makes one.
    pub is_constraint: bool,
    /// Whether an extension changes the meaning of what bears it.
    pub is_modifier: bool,
    /// Where an extension may stand.
    pub contexts: Vec<ExtensionContext>,
    /// Conditions on the element that bears the extension.
    pub context_invariants: Vec<Expression>,
    /// Its tree.
    pub root: Element,
    /// What could not be read of it, for whoever asks.
    pub defects: Vec<String>,
}

/// `StructureDefinition.context`.
#[derive(Debug, Clone)]
pub struct ExtensionContext {
    /// `element`, `extension` or `fhirpath`.
    pub kind: String,
    /// A path, a URL or a FHIRPath.
    pub expression: String,
}

/// An element of a profile, or a slice of one.
#[derive(Debug, Clone, Default)]
pub struct Element {
    /// Its path: `Patient.contact.name`.
    pub path: String,
    /// The last part of the path, without `[x]`.
    pub name: String,
    /// Whether the name is followed by the type: `value[x]`.
    pub choice: bool,
    /// The slice's name, where it is one.
    pub slice: Option<String>,
    /// Fewest occurrences.
    pub min: u32,
    /// Most occurrences; none: any number.
    pub max: Option<u32>,
    /// The allowed types.
    pub types: Vec<TypeUse>,
    /// The one value: `fixed[x]`.
    pub fixed: Option<Arc<Value>>,
    /// What the value has at least: `pattern[x]`.
    pub pattern: Option<Arc<Value>>,
    /// `minValue[x]`, with its type.
    pub min_value: Option<(String, Arc<Value>)>,
    /// `maxValue[x]`, with its type.
    pub max_value: Option<(String, Arc<Value>)>,
    /// Most characters of a text.
    pub max_length: Option<u64>,
    /// The value set of its codes.
    pub binding: Option<Arc<Binding>>,
    /// The path of the element whose content this one has: `Questionnaire.item`.
    pub content: Option<String>,
    /// What extensions of the definition ask.
    pub controls: Option<Arc<Controls>>,
    /// Conditions.
    pub constraints: Vec<Arc<Constraint>>,
    /// How occurrences are told apart.
    pub slicing: Option<Slicing>,
    /// The slices, in their order.
    pub slices: Vec<Element>,
    /// The elements within; empty where they are those of the type.
    pub children: Vec<Element>,
}

/// `ElementDefinition.type`.
#[derive(Debug, Clone, Default)]
pub struct TypeUse {
    /// The type's name.
    pub code: String,
    /// Profiles of the type; one of them must hold. After `#` stands the id of an element of the
    /// profile, where that alone is meant.
    pub profiles: Vec<String>,
    /// Profiles of what a reference points to; one of them must hold.
    pub targets: Vec<String>,
    /// `contained`, `referenced`, `bundled`; empty: any.
    pub aggregation: Vec<String>,
}

/// How strictly a value set binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// A code of the value set, without exception.
    Required,
    /// A code of the value set where one fits.
    Extensible,
    /// A code of the value set is better.
    Preferred,
    /// Nothing is asked.
    Example,
}

/// `ElementDefinition.binding`.
#[derive(Debug, Clone)]
pub struct Binding {
    /// How strictly.
    pub strength: Strength,
    /// Canonical URL of the value set.
    pub value_set: String,
    /// The value set that no code may leave (`elementdefinition-maxValueSet`).
    pub most: Option<String>,
    /// Value sets that a code is required of as well (`additionalBinding`).
    pub also: Vec<String>,
}

/// What extensions of an ElementDefinition ask beside its own members.
#[derive(Debug, Clone, Default)]
pub struct Controls {
    /// Fewest characters of a text.
    pub min_length: Option<u64>,
    /// Whether a primitive must have a value, extensions or not.
    pub must_have_value: bool,
    /// The extensions of which one must stand where there is no value.
    pub alternatives: Vec<String>,
    /// The sections of languages that a narrative has: `_no`, `_yes`, `_resource`, or a language.
    pub languages: Vec<String>,
    /// Whether each part of a narrative must say where it is from, and how strictly: `error` or
    /// `warning`.
    pub sources: Option<String>,
}

/// `ElementDefinition.constraint`.
#[derive(Debug)]
pub struct Constraint {
    /// `pat-1`.
    pub key: String,
    /// Whether breaking it is an error, or else a warning.
    pub is_error: bool,
    /// What it asks, for people.
    pub human: String,
    /// The text of the condition.
    pub text: String,
    /// The condition, read when it is first wanted.
    pub compiled: LazyExpression,
}

/// An expression that is compiled when it is first wanted.
pub type LazyExpression = LazyLock<
    Result<Expression, CompileError>,
    Box<dyn FnOnce() -> Result<Expression, CompileError> + Send>,
>;

/// `ElementDefinition.slicing`.
#[derive(Debug, Clone, Default)]
pub struct Slicing {
    /// By what occurrences are told apart.
    pub discriminators: Vec<Discriminator>,
    /// What may be outside of the slices.
    pub rules: Rules,
    /// Whether occurrences follow the order of the slices.
    pub ordered: bool,
}

/// `ElementDefinition.slicing.rules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rules {
    /// Others may stand anywhere.
    #[default]
    Open,
    /// There are no others.
    Closed,
    /// Others stand at the end.
    OpenAtEnd,
}

/// `ElementDefinition.slicing.discriminator`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discriminator {
    /// What of the element at the path is looked at.
    pub by: By,
    /// A path within the element, in the restricted FHIRPath of discriminators.
    pub path: String,
}

/// `ElementDefinition.slicing.discriminator.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Its value: fixed, pattern, binding or what is within it.
    Value,
    /// Whether it is there.
    Exists,
    /// Its type.
    Type,
    /// The profile that it conforms to.
    Profile,
}

impl Profile {
    /// What a canonical means of the profile: the element whose id stands after `#`, or the whole.
    #[must_use]
    pub fn part(&self, canonical: &str) -> Option<&Element> {
        match canonical.split_once('#') {
            Some((_, id)) => self.root.by_id(id),
            None => Some(&self.root),
        }
    }
}

impl Element {
    /// Whether the element has a type of this name.
    #[must_use]
    pub fn allows(&self, kind: &str) -> bool {
        self.types.iter().any(|each| each.code == kind)
    }

    /// The child of this name, without `[x]`.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|each| each.name == name)
    }

    /// The element of this path (`Patient.contact.name`) within this one, itself included.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Self> {
        let mut steps = path.split('.');
        steps.next()?;
        steps.try_fold(self, |element, step| {
            element.child(step.trim_end_matches("[x]"))
        })
    }

    /// The element of this id (`Patient.contact:family.name`) within this one, itself included.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Self> {
        let mut steps = id.split('.');
        steps.next()?;
        steps.try_fold(self, |element, step| {
            let (name, slice) = match step.split_once(':') {
                Some((name, slice)) => (name, Some(slice)),
                None => (step, None),
            };
            let child = element.child(name.trim_end_matches("[x]"))?;
            match slice {
                None => Some(child),
                Some(_) => child
                    .slices
                    .iter()
                    .find(|each| each.slice.as_deref() == slice),
            }
        })
    }
}
