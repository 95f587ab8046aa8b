//! A search over several types, or all: `GET [base]?_type=A,B&…`.
//!
//! It is one query for each type, with the same order and the same page, whose matches the store
//! puts together. Specification: <http://hl7.org/fhir/R4/http.html#search>.

use super::{
    Handling, PARAMETERS_MAX, Query, QueryOptions, VALUES_MAX, chain::Reader, parse::shown,
};
use crate::{
    fhir::definitions::{ResourceType, definitions},
    kernel::problem::{Problem, Result},
};

impl Query {
    /// Reads the parameters of a search over the types that `_type` names, or all.
    ///
    /// A parameter must be one of each of these types; any other is unknown.
    ///
    /// # Errors
    /// As [`Query::parse`].
    pub fn parse_system(pairs: &[(String, String)], options: &QueryOptions) -> Result<Self> {
        Self::parse_among(&definitions().resource_types, pairs, options)
    }

    /// The same, of these types only.
    ///
    /// # Errors
    /// As [`Query::parse`].
    pub fn parse_among(
        among: &[ResourceType],
        pairs: &[(String, String)],
        options: &QueryOptions,
    ) -> Result<Self> {
        let mut types = None;
        for (_, value) in pairs.iter().filter(|(key, _)| key == "_type") {
            if types.replace(read_types(value)?).is_some() {
                return Err(Problem::malformed("invalid", "_type is given once."));
            }
        }
        let mut kinds = types.unwrap_or_else(|| among.to_vec());
        kinds.retain(|kind| among.contains(kind));
        if kinds.is_empty() {
            return Err(Problem::malformed(
                "invalid",
                "_type names no type that is here.",
            ));
        }
        let rest: Vec<(String, String)> = pairs
            .iter()
            .filter(|(key, _)| key != "_type")
            .cloned()
            .collect();
        let mut query = Self::parse_types(&kinds, &rest, options)?;
        let asked = pairs.iter().find(|(key, _)| key == "_type").cloned();
        query.applied.splice(0..0, asked);
        Ok(query)
    }

    /// Reads the parameters of a search over these types.
    ///
    /// # Errors
    /// As [`Query::parse`].
    pub fn parse_types(
        kinds: &[ResourceType],
        pairs: &[(String, String)],
        options: &QueryOptions,
    ) -> Result<Self> {
        if pairs.len() > PARAMETERS_MAX {
            return Err(Problem::malformed(
                "too-costly",
                format!("A search takes {PARAMETERS_MAX} parameters at most."),
            ));
        }
        let (known, notices) = common(kinds, pairs, options)?;
        let mut queries = kinds
            .iter()
            .map(|&kind| Self::parse(kind, &known, options))
            .collect::<Result<Vec<Self>>>()?
            .into_iter();
        let mut query = queries
            .next()
            .ok_or_else(|| Problem::malformed("required", "A search has a type."))?;
        query.system = true;
        query.notices = notices;
        query.others = queries.collect();
        Ok(query)
    }
}

/// A parameter as it is given: name and value.
type Pair = (String, String);

/// The parameters that every type has, and what is said about the others.
fn common(
    kinds: &[ResourceType],
    pairs: &[Pair],
    options: &QueryOptions,
) -> Result<(Vec<Pair>, Vec<String>)> {
    let (mut known, mut notices) = (Vec::new(), Vec::new());
    for pair in pairs {
        if is_control(&pair.0) {
            known.push(pair.clone());
            continue;
        }
        let lacking = lacks(kinds, pair, options)?;
        let Some(kind) = lacking else {
            known.push(pair.clone());
            continue;
        };
        let notice = format!("{kind} has no search parameter '{}'.", shown(&pair.0));
        if options.handling == Handling::Strict {
            return Err(Problem::malformed("not-found", notice));
        }
        notices.push(notice);
    }
    Ok((known, notices))
}

/// The first type that lacks a parameter.
fn lacks(
    kinds: &[ResourceType],
    (key, value): &Pair,
    options: &QueryOptions,
) -> Result<Option<ResourceType>> {
    for &kind in kinds {
        let reader = Reader::new(options.base.as_deref(), &options.knowledge);
        if reader.clause(kind, key, value, 0)?.is_none() {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

/// Whether a parameter is not about the resources searched.
fn is_control(key: &str) -> bool {
    const CONTROLS: [&str; 14] = [
        "_contained",
        "_containedType",
        "_count",
        "_cursor",
        "_elements",
        "_format",
        "_include",
        "_pretty",
        "_query",
        "_revinclude",
        "_score",
        "_sort",
        "_summary",
        "_total",
    ];
    CONTROLS.contains(&key.split(':').next().unwrap_or_default())
}

fn read_types(value: &str) -> Result<Vec<ResourceType>> {
    let names: Vec<&str> = value.split(',').collect();
    if names.len() > VALUES_MAX {
        return Err(Problem::malformed(
            "too-costly",
            "_type has too many values.",
        ));
    }
    let mut types = Vec::new();
    for name in names {
        let kind = ResourceType::named(name).ok_or_else(|| {
            let text = format!("_type: R4 has no resource type '{}'.", shown(name));
            Problem::malformed("value", text)
        })?;
        if !types.contains(&kind) {
            types.push(kind);
        }
    }
    Ok(types)
}
