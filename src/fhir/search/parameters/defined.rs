//! Search parameters that SearchParameter resources define, beside R4's own.
//!
//! - Only an `active` one takes effect.
//! - What R4 (or Vigie) itself defines for a type stays as it is: the service depends on it, and
//!   guides repeat R4's parameters under addresses of their own.
//! - Of several definitions of one code for one type, the later version of one address counts;
//!   of several addresses, the one that was there first.
//!
//! Specification: <http://hl7.org/fhir/R4/searchparameter.html>.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use serde_json::Value;

use super::{SearchParameter, base_types, one, standard, standard_by_url};
use crate::{
    fhir::{
        definitions::{Component, Parameter, ParameterKind, ResourceType},
        path::Expression,
        search::hash,
    },
    kernel::problem::{Problem, Result},
};

/// Longest code of a defined parameter.
pub const CODE_CHARS_MAX: usize = 64;

/// A SearchParameter resource, read.
#[derive(Debug)]
pub struct Definition {
    /// What it defines.
    pub parameter: Parameter,
    /// `SearchParameter.version`.
    pub version: Option<String>,
    /// Whether its status is `active`.
    pub active: bool,
}

/// A parameter of one type that a resource defines.
#[derive(Debug)]
pub struct Defined {
    /// The same as any other.
    pub parameter: SearchParameter,
    /// The hash of what its rows depend on.
    pub rules: i64,
    /// Whether all resources of the type have its rows; it cannot be searched before.
    pub ready: bool,
}

/// The search parameters that are known: R4's, Vigie's, and those that are defined.
#[derive(Debug, Default)]
pub struct Parameters {
    defined: HashMap<ResourceType, Vec<Defined>>,
    /// What has no effect, as its name is in use.
    eclipsed: HashMap<ResourceType, Vec<Defined>>,
}

impl Definition {
    /// Reads what can be read; none where it is no definition of a parameter.
    #[must_use]
    pub fn of(tree: &Value) -> Option<Self> {
        Self::read(tree).ok()
    }

    /// Reads a SearchParameter and tries its expressions.
    ///
    /// # Errors
    /// `Invalid`, naming what cannot take effect.
    pub fn read(tree: &Value) -> Result<Self> {
        let text = |name: &str| tree[name].as_str().map(str::to_owned);
        let code = text("code").unwrap_or_default();
        let kind = kind(tree["type"].as_str().unwrap_or_default())
            .ok_or_else(|| refused("type", "It is no type of search parameter."))?;
        let read = Self {
            parameter: Parameter {
                url: text("url").unwrap_or_default(),
                code,
                kind,
                base: texts(&tree["base"]),
                expression: text("expression"),
                targets: texts(&tree["target"]),
                components: components(&tree["component"]),
            },
            version: text("version"),
            active: tree["status"] == "active",
        };
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<()> {
        let parameter = &self.parameter;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if parameter.code.is_empty()
            || parameter.code.len() > CODE_CHARS_MAX
            || !parameter.code.chars().all(is_name)
        {
            let says = "The name in a query is 1 to 64 letters, digits, '-' and '_'.";
            return Err(refused("code", says));
        }
        for (at, base) in parameter.base.iter().enumerate() {
            if base_types(base).next().is_none() {
                return Err(refused(&format!("base[{at}]"), "R4 has no such type."));
            }
        }
        if let Some(expression) = &parameter.expression {
            compiles("expression", expression)?;
        }
        for (at, component) in parameter.components.iter().enumerate() {
            let place = format!("component[{at}].expression");
            compiles(&place, &component.expression)?;
        }
        Ok(())
    }
}

fn compiles(place: &str, expression: &str) -> Result<()> {
    match Expression::compile(expression) {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(place, &error.to_string())),
    }
}

fn refused(place: &str, says: &str) -> Problem {
    Problem::invalid("value", says).at(format!("SearchParameter.{place}"))
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn components(list: &Value) -> Vec<Component> {
    let text = |part: &Value, name: &str| part[name].as_str().unwrap_or_default().to_owned();
    let parts = list.as_array().into_iter().flatten();
    parts
        .map(|part| Component {
            definition: text(part, "definition"),
            expression: text(part, "expression"),
        })
        .collect()
}

pub(super) fn kind(name: &str) -> Option<ParameterKind> {
    Some(match name {
        "number" => ParameterKind::Number,
        "date" => ParameterKind::Date,
        "string" => ParameterKind::String,
        "token" => ParameterKind::Token,
        "reference" => ParameterKind::Reference,
        "composite" => ParameterKind::Composite,
        "quantity" => ParameterKind::Quantity,
        "uri" => ParameterKind::Uri,
        "special" => ParameterKind::Special,
        _ => return None,
    })
}

impl Parameters {
    /// Those of the program alone.
    #[must_use]
    pub fn core() -> &'static Arc<Self> {
        static CORE: LazyLock<Arc<Parameters>> = LazyLock::new(Arc::default);
        &CORE
    }

    /// Those of the program and of these resources, all of them ready; other resources are passed
    /// over.
    #[must_use]
    pub fn with(loaded: &[Arc<Value>]) -> Self {
        let read = loaded
            .iter()
            .filter(|tree| tree["resourceType"] == "SearchParameter")
            .filter_map(|tree| Definition::of(tree).map(Arc::new));
        let definitions: Vec<Arc<Definition>> = read.collect();
        Self::of(&definitions, &|_, _| true)
    }

    /// Those of the program and of these definitions, given in the order of their creation;
    /// `ready` says of the number of a parameter and the hash of its rules whether the index has
    /// them all.
    #[must_use]
    pub fn of(definitions: &[Arc<Definition>], ready: &dyn Fn(i64, i64) -> bool) -> Self {
        let mut all = Self::default();
        let in_force = in_force(definitions);
        let find = |url: &str| {
            let known = in_force.iter().find(|each| each.parameter.url == url);
            known
                .map(|each| &each.parameter)
                .or_else(|| standard_by_url(url))
        };
        for definition in &in_force {
            for kind in definition.types() {
                let code = &definition.parameter.code;
                if standard(kind, code).is_some()
                    || definition.parameter.kind == ParameterKind::Special
                {
                    continue;
                }
                let Some(parameter) = one(kind, &definition.parameter, &find) else {
                    continue;
                };
                let rules = rules(&parameter);
                let ready = ready(parameter.id, rules);
                let known = all.defined(kind).iter();
                let list = match known
                    .map(|each| &each.parameter.code)
                    .find(|one| *one == code)
                {
                    Some(_) => &mut all.eclipsed,
                    None => &mut all.defined,
                };
                list.entry(kind).or_default().push(Defined {
                    parameter,
                    rules,
                    ready,
                });
            }
        }
        for list in all.defined.values_mut() {
            list.sort_by(|a, b| a.parameter.code.cmp(&b.parameter.code));
        }
        all
    }

    /// The parameter of this name, if the type has it and it can be searched.
    #[must_use]
    pub fn parameter(&self, kind: ResourceType, code: &str) -> Option<&SearchParameter> {
        standard(kind, code).or_else(|| {
            let found = self.defined(kind).iter();
            found
                .filter(|each| each.ready)
                .map(|each| &each.parameter)
                .find(|each| each.code == code)
        })
    }

    /// All parameters of a type that can be searched: the program's by code, then those that are
    /// defined.
    pub fn of_type(&self, kind: ResourceType) -> impl Iterator<Item = &SearchParameter> {
        let defined = self.defined(kind).iter().filter(|each| each.ready);
        super::of_type(kind)
            .iter()
            .chain(defined.map(|each| &each.parameter))
    }

    /// Whether a type has a parameter of this name that cannot be searched yet, as not all
    /// resources have its rows.
    #[must_use]
    pub fn is_indexing(&self, kind: ResourceType, code: &str) -> bool {
        let mut defined = self.defined(kind).iter();
        defined.any(|each| !each.ready && each.parameter.code == code)
    }

    /// The defined parameters of a type, those included that cannot be searched yet.
    #[must_use]
    pub fn defined(&self, kind: ResourceType) -> &[Defined] {
        self.defined.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// The types that have defined parameters.
    pub fn types(&self) -> impl Iterator<Item = ResourceType> {
        self.defined.keys().copied()
    }

    /// Whether a definition may stand beside those that are known.
    ///
    /// # Errors
    /// `Invalid`, where its name means something else already.
    pub fn admit(&self, definition: &Definition) -> Result<()> {
        if !definition.active || definition.parameter.expression.is_none() {
            return Ok(());
        }
        let (own, code) = (&definition.parameter, &definition.parameter.code);
        for kind in definition.types() {
            match standard(kind, code) {
                Some(known) if known.kind != own.kind => {
                    let says = format!("R4 gives {kind} a parameter {code} of another type.");
                    return Err(refused("code", &says));
                }
                // It stays as it is.
                Some(_) => continue,
                None => {}
            }
            if own.kind == ParameterKind::Special {
                let says = "What a special parameter means is part of a program.";
                return Err(refused("type", says));
            }
            let eclipsed = self.eclipsed.get(&kind).into_iter().flatten();
            let known = self.defined(kind).iter().chain(eclipsed);
            let mut known = known.filter(|each| each.parameter.code == *code);
            let find = |url: &str| standard_by_url(url);
            let clash = known.find(|each| {
                each.parameter.url != own.url
                    && one(kind, own, &find).is_none_or(|own| rules(&own) != each.rules)
            });
            if let Some(clash) = clash {
                let url = &clash.parameter.url;
                let says = format!("{kind} has a parameter {code} already, by {url}.");
                return Err(refused("code", &says));
            }
        }
        Ok(())
    }
}

impl Definition {
    /// The types that are meant by `base`, each once.
    fn types(&self) -> Vec<ResourceType> {
        let mut types: Vec<ResourceType> = self
            .parameter
            .base
            .iter()
            .flat_map(|base| base_types(base))
            .collect();
        types.sort_unstable();
        types.dedup();
        types
    }
}

/// The active definitions, of each address the latest version, in the order of creation.
fn in_force(definitions: &[Arc<Definition>]) -> Vec<Arc<Definition>> {
    let mut chosen: Vec<Arc<Definition>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for definition in definitions.iter().filter(|each| each.active) {
        match places.get(definition.parameter.url.as_str()) {
            Some(&at) => {
                if version_of(&chosen[at]) <= version_of(definition) {
                    chosen[at] = Arc::clone(definition);
                }
            }
            None => {
                places.insert(&definition.parameter.url, chosen.len());
                chosen.push(Arc::clone(definition));
            }
        }
    }
    chosen
}

/// A version's parts, so that 4.10.0 is later than 4.9.0; what is no number comes first.
fn version_of(definition: &Definition) -> Vec<(Option<u64>, String)> {
    let version = definition.version.as_deref().unwrap_or_default();
    let parts = version.split(['.', '-']);
    parts
        .map(|part| (part.parse().ok(), part.to_owned()))
        .collect()
}

/// What the rows of a parameter depend on, as a hash.
fn rules(parameter: &SearchParameter) -> i64 {
    let mut text = format!("{:?}", parameter.kind);
    for branch in &parameter.expressions {
        text.push('|');
        text.push_str(branch.text());
    }
    for part in &parameter.components {
        text.push_str(&format!(
            ";{}:{:?}:{}",
            part.id,
            part.kind,
            part.expression.text()
        ));
    }
    hash::of_text(&text)
}
