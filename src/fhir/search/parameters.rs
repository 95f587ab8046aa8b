//! Search parameters of each resource type, with their expressions compiled.
//!
//! Specification: <http://hl7.org/fhir/R4/searchparameter-registry.html>.

mod branches;
mod defined;
mod own;

use std::{collections::HashMap, sync::LazyLock};

pub use self::defined::{CODE_CHARS_MAX, Defined, Definition, Parameters};
use super::hash;
use crate::fhir::{
    definitions::{Parameter, ParameterKind, ResourceType, definitions},
    path::Expression,
};

/// A search parameter of one resource type.
#[derive(Debug)]
pub struct SearchParameter {
    /// Its number in index rows: stable for a (type, code) pair.
    pub id: i64,
    /// The number under which the identifiers of its references are kept
    /// (`Reference.identifier`, searched with `:identifier`).
    pub identifier_id: i64,
    /// The number under which the texts of its codes and references are kept (`:text`).
    pub text_id: i64,
    /// The number under which its identifiers are kept with their types (`:of-type`).
    pub of_type_id: i64,
    /// The number under which its quantities are kept in base units.
    pub canonical_id: i64,
    /// The name in a query.
    pub code: String,
    /// Canonical URL of the definition.
    pub url: String,
    /// How its values are compared.
    pub kind: ParameterKind,
    /// What gives its values: the branches of the definition's union, without those that concern
    /// other types. Evaluated one by one they need not be compared with each other.
    pub expressions: Vec<Expression>,
    /// The types that a reference may point to.
    pub targets: Vec<ResourceType>,
    /// The parts of a composite.
    pub components: Vec<ComponentParameter>,
    /// Whether some of its tokens have no system in the data but one by definition (`code`,
    /// `boolean`).
    pub implies_system: bool,
}

/// A part of a composite parameter.
#[derive(Debug)]
pub struct ComponentParameter {
    /// The code of the part's own parameter.
    pub code: String,
    /// The number of the part's own parameter of the same type, whose rows include every value
    /// of the part.
    pub id: i64,
    /// How its values are compared.
    pub kind: ParameterKind,
    /// What gives its values, relative to the composite's instance.
    pub expression: Expression,
    /// As [`SearchParameter::implies_system`].
    pub implies_system: bool,
    /// As [`SearchParameter::targets`].
    pub targets: Vec<ResourceType>,
}

/// The parameter of this name that the program itself has; those that resources define are in
/// [`Parameters`].
#[must_use]
pub fn parameter(kind: ResourceType, code: &str) -> Option<&'static SearchParameter> {
    let all = of_type(kind);
    let place = all.binary_search_by(|each| each.code.as_str().cmp(code));
    place.ok().and_then(|place| all.get(place))
}

/// All parameters of a type that the program itself has, sorted by code.
#[must_use]
pub fn of_type(kind: ResourceType) -> &'static [SearchParameter] {
    TABLE.get(&kind).map_or(&[], Vec::as_slice)
}

static TABLE: LazyLock<HashMap<ResourceType, Vec<SearchParameter>>> = LazyLock::new(|| {
    let kinds = definitions().resource_types.iter();
    kinds.map(|&kind| (kind, compile(kind))).collect()
});

/// Vigie's own parameters.
static OWN: LazyLock<Vec<Parameter>> = LazyLock::new(own::parameters);

static BY_URL: LazyLock<HashMap<&str, &Parameter>> =
    LazyLock::new(|| all().map(|each| (each.url.as_str(), each)).collect());

/// The definitions that are part of the program.
fn all() -> impl Iterator<Item = &'static Parameter> {
    definitions().parameters.iter().chain(OWN.iter())
}

/// The program's own parameter of this name.
fn standard(kind: ResourceType, code: &str) -> Option<&'static SearchParameter> {
    parameter(kind, code)
}

/// The program's own definition at this address.
fn standard_by_url(url: &str) -> Option<&'static Parameter> {
    BY_URL.get(url).copied()
}

/// The types that a base means.
fn base_types(base: &str) -> impl Iterator<Item = ResourceType> {
    let kinds = definitions().resource_types.iter().copied();
    kinds.filter(move |kind| is_base(base, *kind))
}

/// Whether a type has the parameters of a base.
fn is_base(base: &str, kind: ResourceType) -> bool {
    base == kind.name()
        || base == "Resource"
        || (base == "DomainResource" && !matches!(kind.name(), "Bundle" | "Binary" | "Parameters"))
}

/// The bases whose parameters a type has.
fn has_base(parameter: &Parameter, kind: ResourceType) -> bool {
    parameter.base.iter().any(|base| is_base(base, kind))
}

fn compile(kind: ResourceType) -> Vec<SearchParameter> {
    let mut compiled: Vec<SearchParameter> = all()
        .filter(|parameter| has_base(parameter, kind))
        .filter_map(|parameter| one(kind, parameter, &standard_by_url))
        .collect();
    compiled.sort_by(|a, b| a.code.cmp(&b.code));
    compiled.dedup_by(|b, a| a.code == b.code);
    compiled
}

fn one<'p>(
    kind: ResourceType,
    parameter: &Parameter,
    find: &dyn Fn(&str) -> Option<&'p Parameter>,
) -> Option<SearchParameter> {
    let name = kind.name();
    let branches = branches::of_type(parameter.expression.as_deref()?, name)?;
    let beside = |what: &str| hash::of_parameter(name, &format!("{}:{what}", parameter.code));
    Some(SearchParameter {
        id: hash::of_parameter(name, &parameter.code),
        identifier_id: beside("identifier"),
        text_id: beside("text"),
        of_type_id: beside("of-type"),
        canonical_id: beside("canonical"),
        code: parameter.code.clone(),
        url: parameter.url.clone(),
        kind: parameter.kind,
        implies_system: branches
            .iter()
            .any(|branch| branches::may_imply_system(branch)),
        expressions: branches
            .iter()
            .map(|branch| Expression::compile(branch).ok())
            .collect::<Option<Vec<Expression>>>()?,
        targets: types(&parameter.targets),
        components: parameter
            .components
            .iter()
            .filter_map(|component| {
                let own = find(&component.definition)?;
                let selected = branches::of_type(own.expression.as_deref()?, name)?;
                Some(ComponentParameter {
                    code: own.code.clone(),
                    id: hash::of_parameter(name, &own.code),
                    kind: own.kind,
                    expression: Expression::compile(&component.expression).ok()?,
                    implies_system: selected
                        .iter()
                        .any(|branch| branches::may_imply_system(branch)),
                    targets: types(&own.targets),
                })
            })
            .collect(),
    })
}

fn types(names: &[String]) -> Vec<ResourceType> {
    names
        .iter()
        .filter_map(|name| ResourceType::named(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn kind(name: &str) -> ResourceType {
        ResourceType::named(name).unwrap()
    }

    #[test]
    fn no_two_parameters_share_a_number() {
        let mut seen = HashSet::new();
        for &kind in &definitions().resource_types {
            for parameter in of_type(kind) {
                assert!(seen.insert(parameter.id), "{kind}.{}", parameter.code);
                for beside in [
                    parameter.identifier_id,
                    parameter.text_id,
                    parameter.of_type_id,
                    parameter.canonical_id,
                ] {
                    assert!(seen.insert(beside), "{kind}.{}", parameter.code);
                }
            }
        }
        assert!(seen.len() > 4_000);
    }

    #[test]
    fn numbers_are_stable() {
        let patient = parameter(kind("Patient"), "name").unwrap();
        assert_eq!(patient.id, hash::of_parameter("Patient", "name"));
        assert_eq!(patient.id, NAME_OF_PATIENT);
    }

    /// Stored in databases: it must never change.
    const NAME_OF_PATIENT: i64 = 174_660_925;

    #[test]
    fn every_type_has_the_parameters_of_all_resources() {
        for &kind in &definitions().resource_types {
            for code in [
                "_id",
                "_lastUpdated",
                "_tag",
                "_profile",
                "_security",
                "_source",
            ] {
                assert!(parameter(kind, code).is_some(), "{kind}.{code}");
            }
        }
    }

    #[test]
    fn every_definition_with_an_expression_is_in_the_table() {
        for definition in &definitions().parameters {
            if definition.expression.is_none() {
                continue;
            }
            for base in definition
                .base
                .iter()
                .filter_map(|base| ResourceType::named(base))
            {
                let found = parameter(base, &definition.code);
                let found = found.unwrap_or_else(|| panic!("{base}.{}", definition.code));
                assert_eq!(found.components.len(), definition.components.len());
            }
        }
    }

    #[test]
    fn branches_of_other_types_are_left_out() {
        let code = parameter(kind("Observation"), "code").unwrap();
        let texts: Vec<&str> = code.expressions.iter().map(Expression::text).collect();
        assert_eq!(texts, ["Observation.code"]);
        assert!(!code.implies_system);
        let gender = parameter(kind("Patient"), "gender").unwrap();
        assert!(gender.implies_system);
    }
}
