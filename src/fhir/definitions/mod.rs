//! The R4 definitions, as tables: types and their elements, search parameters,
//! compartments.
//!
//! They are read once from `profiles/r4/`, which `scripts/definitions` derives
//! from a registry package (see NOTICE). Specification:
//! <http://hl7.org/fhir/R4/structuredefinition.html>,
//! <http://hl7.org/fhir/R4/searchparameter-registry.html>.

mod load;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, fmt, sync::LazyLock};

/// What kind of thing a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A primitive such as `date`; its JSON form is a string, number or boolean.
    Primitive,
    /// A data type such as `Quantity`, or an inner type such as `Patient.contact`.
    Complex,
    /// A resource such as `Patient`.
    Resource,
}

/// One element of a type.
#[derive(Debug, Clone)]
pub struct Element {
    /// The name without `[x]`: `value` for `value[x]`.
    pub name: String,
    /// Whether the name is followed by the type: `value[x]`.
    pub choice: bool,
    /// Lower bound of occurrences.
    pub min: u32,
    /// Whether it may occur more than once (a JSON list).
    pub list: bool,
    /// Names of the allowed types; an inner type is named by its path (`Patient.contact`),
    /// a contentReference by the path it refers to (`Questionnaire.item`).
    /// `Resource` stands for any resource.
    pub types: Vec<String>,
    /// Resource types that a Reference or canonical may point to; empty: any.
    pub targets: Vec<String>,
    /// The codes of a *required* binding on a `code`, where R4 enumerates them.
    pub required_codes: Option<Vec<String>>,
    /// Whether the element belongs to `_summary=true`.
    pub summary: bool,
}

/// A type: its elements are complete, inherited ones included.
#[derive(Debug, Clone)]
pub struct Type {
    /// `Patient`, `Quantity`, `Patient.contact`, `date`.
    pub name: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// The type it specialises: `DomainResource` for `Patient`, `Quantity` for `Age`.
    pub base: Option<String>,
    /// Whether only its specialisations occur.
    pub is_abstract: bool,
    /// In the order of the specification.
    pub elements: Vec<Element>,
    /// JSON member name to the places of its element and of the type that the name selects.
    members: HashMap<String, (usize, usize)>,
}

impl Type {
    /// The element that the JSON member `name` belongs to, and the type that the name selects
    /// where it is a choice: `valueQuantity` gives `value` and `Quantity`.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<(&Element, &str)> {
        let (_, element, kind) = self.placed_member(name)?;
        Some((element, kind))
    }

    /// As [`Type::member`], with the place of the element among [`Type::elements`] first.
    #[must_use]
    pub fn placed_member(&self, name: &str) -> Option<(usize, &Element, &str)> {
        let &(place, kind) = self.members.get(name)?;
        let element = self.elements.get(place)?;
        Some((place, element, element.types.get(kind)?))
    }
}

/// A resource type that R4 defines; cheap to copy and compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceType(&'static str);

impl ResourceType {
    /// The type of this name, if R4 has a concrete one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let known = &definitions().resource_types;
        let place = known.binary_search_by(|each| each.0.cmp(name)).ok()?;
        known.get(place).copied()
    }

    /// Its name, as in `resourceType`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `SearchParameter.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are R4's own")]
pub enum ParameterKind {
    Number,
    Date,
    String,
    Token,
    Reference,
    Composite,
    Quantity,
    Uri,
    Special,
}

/// A component of a composite search parameter.
#[derive(Debug, Clone)]
pub struct Component {
    /// Canonical URL of the component's own SearchParameter.
    pub definition: String,
    /// FHIRPath from the composite's instance to the component's value.
    pub expression: String,
}

/// A SearchParameter as the specification states it.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Canonical URL.
    pub url: String,
    /// The name in a query.
    pub code: String,
    /// How its values are compared.
    pub kind: ParameterKind,
    /// The resource types (`Resource` and `DomainResource` included) that have it.
    pub base: Vec<String>,
    /// FHIRPath to the indexed values; absent for `_query`, `_text` and their like.
    pub expression: Option<String>,
    /// Resource types that a reference may point to.
    pub targets: Vec<String>,
    /// Parts of a composite.
    pub components: Vec<Component>,
}

/// Which parameters tie a resource of one type to a compartment.
#[derive(Debug, Clone)]
pub struct Compartment {
    /// `Patient`, `Encounter`, `RelatedPerson`, `Practitioner`, `Device`.
    pub code: String,
    /// Resource type to the codes of its linking search parameters; `{def}` where the resource
    /// itself is the compartment's.
    pub members: HashMap<String, Vec<String>>,
}

/// All tables.
#[derive(Debug)]
pub struct Definitions {
    /// By name; inner types included.
    pub types: HashMap<String, Type>,
    /// Concrete resource types, sorted by name.
    pub resource_types: Vec<ResourceType>,
    /// Every search parameter that R4 defines.
    pub parameters: Vec<Parameter>,
    /// The compartments that R4 defines.
    pub compartments: Vec<Compartment>,
}

impl Definitions {
    /// The type of this name; inner types are named by their path.
    #[must_use]
    pub fn type_named(&self, name: &str) -> Option<&Type> {
        self.types.get(name)
    }
}

/// The tables, read at the first call.
#[must_use]
pub fn definitions() -> &'static Definitions {
    static TABLES: LazyLock<Definitions> = LazyLock::new(load::embedded);
    &TABLES
}
