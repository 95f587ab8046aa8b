//! From one parameter of a request to a clause, through chains and `_has`.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#chaining>,
//! <http://hl7.org/fhir/R4/search.html#has>, <http://hl7.org/fhir/R4/search.html#modifiers>.

use std::cell::Cell;

use super::{
    CHAIN_DEPTH_MAX, VALUES_TOTAL_MAX,
    clause::{Clause, Rows, Tests},
    escape::{plain, split},
    value::{Modifier, Reading},
};
use crate::{
    fhir::{
        definitions::{ParameterKind, ResourceType},
        knowledge::Knowledge,
        reference,
        search::parameters::SearchParameter,
    },
    kernel::problem::{Problem, Result},
};

/// What all parameters of one request share.
pub(super) struct Reader<'a> {
    /// This server's base URL.
    pub base: Option<&'a str>,
    /// What the definitions say.
    pub knowledge: &'a Knowledge,
    /// Values that may still be asked for.
    left: Cell<usize>,
}

impl<'a> Reader<'a> {
    pub const fn new(base: Option<&'a str>, knowledge: &'a Knowledge) -> Self {
        Self {
            base,
            knowledge,
            left: Cell::new(VALUES_TOTAL_MAX),
        }
    }

    /// Takes note of values to be compared; a chain over many types repeats them for each.
    fn spend(&self, value: &str) -> Result<()> {
        let left = self.left.get().checked_sub(split(value, ',').len());
        self.left.set(left.ok_or_else(|| {
            let text = format!("A search compares {VALUES_TOTAL_MAX} values at most.");
            Problem::malformed("too-costly", text)
        })?);
        Ok(())
    }

    /// The clause of a parameter on `kind`; none if the type has no such parameter.
    pub(super) fn clause(
        &self,
        kind: ResourceType,
        key: &str,
        value: &str,
        depth: usize,
    ) -> Result<Option<Clause>> {
        if depth > CHAIN_DEPTH_MAX {
            return Err(Problem::malformed(
                "too-costly",
                format!("A chain has {CHAIN_DEPTH_MAX} links at most."),
            ));
        }
        if let Some(rest) = key.strip_prefix("_has:") {
            return self.has(kind, rest, value, depth);
        }
        let (head, rest) = match key.split_once('.') {
            Some((head, rest)) => (head, Some(rest)),
            None => (key, None),
        };
        let (code, modifier) = match head.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (head, None),
        };
        let Some(parameter) = self.knowledge.parameters.parameter(kind, code) else {
            return Ok(None);
        };
        match rest {
            Some(rest) => self.chain(parameter, modifier, (rest, value), depth),
            None => self.plain(parameter, modifier, key, value).map(Some),
        }
    }

    fn has(
        &self,
        kind: ResourceType,
        rest: &str,
        value: &str,
        depth: usize,
    ) -> Result<Option<Clause>> {
        let refused = |text: &str| Problem::malformed("invalid", format!("_has: {text}"));
        let mut parts = rest.splitn(3, ':');
        let (Some(source), Some(code), Some(inner)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(refused("the form is _has:Type:reference:parameter."));
        };
        let source =
            ResourceType::named(source).ok_or_else(|| refused("there is no such type."))?;
        let param = self
            .knowledge
            .parameters
            .parameter(source, code)
            .filter(|each| each.kind == ParameterKind::Reference)
            .ok_or_else(|| refused("the type has no such reference parameter."))?;
        if !param.targets.is_empty() && !param.targets.contains(&kind) {
            return Err(refused("this reference cannot point to the type searched."));
        }
        let clause = self
            .clause(source, inner, value, depth + 1)?
            .ok_or_else(|| refused("the type has no such parameter."))?;
        Ok(Some(Clause::Has {
            source,
            param: param.id,
            clause: Box::new(clause),
        }))
    }

    fn chain(
        &self,
        parameter: &SearchParameter,
        modifier: Option<&str>,
        (rest, value): (&str, &str),
        depth: usize,
    ) -> Result<Option<Clause>> {
        let code = &parameter.code;
        let refused = |text: &str| Problem::malformed("invalid", format!("{code}: {text}"));
        if parameter.kind != ParameterKind::Reference {
            return Err(refused("only a reference can be chained."));
        }
        let kinds = match modifier {
            None => parameter.targets.clone(),
            Some(name) => {
                vec![ResourceType::named(name).ok_or_else(|| refused("there is no such type."))?]
            }
        };
        let mut targets = Vec::new();
        for kind in kinds {
            if let Some(clause) = self.clause(kind, rest, value, depth + 1)? {
                targets.push((kind, clause));
            }
        }
        Ok((!targets.is_empty()).then_some(Clause::Chain {
            param: parameter.id,
            targets,
        }))
    }

    fn plain(
        &self,
        parameter: &SearchParameter,
        modifier: Option<&str>,
        key: &str,
        value: &str,
    ) -> Result<Clause> {
        self.spend(value)?;
        if modifier == Some("missing") {
            return missing(parameter, value);
        }
        let negated = modifier == Some("not") && parameter.kind == ParameterKind::Token;
        let reading = Reading {
            name: key,
            modifier: if negated {
                Modifier::None
            } else {
                self::modifier(parameter, modifier)?
            },
            base: self.base,
        };
        match parameter.code.as_str() {
            "_id" if modifier.is_none() => ids(value),
            "_lastUpdated" => match reading.rows(parameter, value)?.tests {
                Tests::Date(tests) => Ok(Clause::Updated(tests)),
                _ => Err(Problem::fault("_lastUpdated is not a date parameter")),
            },
            "_id" => Err(unsupported("_id", modifier.unwrap_or_default())),
            _ => {
                let rows = reading.rows(parameter, value)?;
                Ok(if negated {
                    Clause::None(rows)
                } else {
                    Clause::Some(rows)
                })
            }
        }
    }
}

fn ids(value: &str) -> Result<Clause> {
    let ids: Vec<String> = split(value, ',').into_iter().map(plain).collect();
    if ids.iter().any(String::is_empty) {
        return Err(Problem::malformed("value", "A value of _id is empty."));
    }
    if ids.len() > super::VALUES_MAX {
        return Err(Problem::malformed("too-costly", "_id has too many values."));
    }
    // What is not an id is the id of nothing.
    let known = ids.into_iter().filter(|id| reference::is_id(id));
    Ok(Clause::Id(known.collect()))
}

fn missing(parameter: &SearchParameter, value: &str) -> Result<Clause> {
    let missing = match value {
        "true" => true,
        "false" => false,
        _ => {
            return Err(Problem::malformed(
                "value",
                "A value of :missing is true or false.",
            ));
        }
    };
    let rows = |param, tests| Rows { param, tests };
    let id = parameter.id;
    let tables = match (parameter.code.as_str(), parameter.kind) {
        // Every resource has them: "missing" is nothing, "not missing" is everything.
        ("_id" | "_lastUpdated", _) => {
            return Ok(if missing {
                Clause::Id(Vec::new())
            } else {
                Clause::Missing(Vec::new(), true)
            });
        }
        (_, ParameterKind::Token | ParameterKind::Special) => {
            vec![rows(id, Tests::Token(Vec::new()))]
        }
        (_, ParameterKind::String) => vec![rows(id, Tests::String(Vec::new()))],
        (_, ParameterKind::Date) => vec![rows(id, Tests::Date(Vec::new()))],
        (_, ParameterKind::Number | ParameterKind::Quantity) => {
            vec![rows(id, Tests::Number(Vec::new()))]
        }
        (_, ParameterKind::Uri) => vec![rows(id, Tests::Uri(Vec::new()))],
        (_, ParameterKind::Composite) => vec![rows(id, Tests::Composite(Vec::new()))],
        (_, ParameterKind::Reference) => vec![
            rows(id, Tests::Reference(Vec::new())),
            rows(parameter.identifier_id, Tests::Token(Vec::new())),
        ],
    };
    Ok(Clause::Missing(tables, missing))
}

fn modifier(parameter: &SearchParameter, name: Option<&str>) -> Result<Modifier> {
    let Some(name) = name else {
        return Ok(Modifier::None);
    };
    Ok(match (parameter.kind, name) {
        (ParameterKind::String, "exact") => Modifier::Exact,
        (ParameterKind::String, "contains") => Modifier::Contains,
        (ParameterKind::Uri, "below") => Modifier::Below,
        (ParameterKind::Uri, "above") => Modifier::Above,
        (ParameterKind::Reference, "identifier") => Modifier::Identifier,
        (ParameterKind::Reference, name) => match ResourceType::named(name) {
            Some(kind) => Modifier::Type(kind),
            None => return Err(unsupported(&parameter.code, name)),
        },
        _ => return Err(unsupported(&parameter.code, name)),
    })
}

fn unsupported(code: &str, modifier: &str) -> Problem {
    const OF_R4: [&str; 10] = [
        "missing", "exact", "contains", "text", "in", "below", "above", "not-in", "of-type", "not",
    ];
    if OF_R4.contains(&modifier) {
        let text = format!("The modifier :{modifier} is not supported on {code}.");
        return Problem::malformed("not-supported", text);
    }
    Problem::malformed(
        "invalid",
        format!("{code} has a modifier that R4 does not know."),
    )
}
