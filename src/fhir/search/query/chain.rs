//! From one parameter of a request to a clause, through chains and `_has`.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#chaining>,
//! <http://hl7.org/fhir/R4/search.html#has>, <http://hl7.org/fhir/R4/search.html#modifiers>.

use std::cell::Cell;

use super::{
    CHAIN_DEPTH_MAX, VALUES_TOTAL_MAX,
    clause::{Clause, Rows, Tests},
    escape::{plain, split},
    filter, modifier,
    terms::CODES_TOTAL_MAX,
    value::{Modifier, Reading},
    words,
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

/// What a comparison is of.
pub(super) enum Target<'a> {
    /// A parameter of the type at hand.
    Own(&'a SearchParameter),
    /// What refers to a resource of this type, as in `_has`.
    Has(ResourceType, String),
}

/// What all parameters of one request share.
pub(super) struct Reader<'a> {
    /// This server's base URL.
    pub base: Option<&'a str>,
    /// What the definitions say.
    pub knowledge: &'a Knowledge,
    /// Values that may still be asked for.
    left: Cell<usize>,
    /// Types that chains may still lead to.
    targets_left: Cell<usize>,
    /// Codes that value sets and hierarchies may still stand for.
    codes_left: Cell<usize>,
}

/// Most types that the chains of one search look at: a reference to anything leads to all.
pub const TARGETS_MAX: usize = 4_096;

impl<'a> Reader<'a> {
    pub const fn new(base: Option<&'a str>, knowledge: &'a Knowledge) -> Self {
        Self {
            base,
            knowledge,
            left: Cell::new(VALUES_TOTAL_MAX),
            targets_left: Cell::new(TARGETS_MAX),
            codes_left: Cell::new(CODES_TOTAL_MAX),
        }
    }

    /// Takes note of values to be compared; a chain over many types repeats them for each.
    fn spend(&self, value: &str) -> Result<()> {
        let count = split(value, ',').len();
        spend(&self.left, count, "values", VALUES_TOTAL_MAX)
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
        if let Some(clause) = self.special(kind, (head, value), depth)? {
            return Ok(Some(clause));
        }
        let Some(parameter) = self.parameter(kind, code) else {
            return Ok(None);
        };
        match rest {
            Some(rest) => self.chain(parameter, modifier, (rest, value), depth),
            None => self.plain(parameter, modifier, value).map(Some),
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

    /// What is a parameter of every type, and of no element.
    fn special(
        &self,
        kind: ResourceType,
        (name, value): (&str, &str),
        depth: usize,
    ) -> Result<Option<Clause>> {
        match name {
            "_text" | "_content" => {
                let (clause, count) = words::clause(name, value, name == "_text")?;
                spend(&self.left, count, "values", VALUES_TOTAL_MAX)?;
                Ok(Some(clause))
            }
            "_list" => {
                if value.starts_with('$') {
                    return Err(Problem::malformed(
                        "not-supported",
                        "_list takes the id of a List; functional lists such as \
                         $current-problems are not kept here.",
                    ));
                }
                // Listed is what a List has as an item.
                let value = value.strip_prefix("List/").unwrap_or(value);
                self.has(kind, "List:item:_id", value, depth)
            }
            "_filter" => filter::clause(self, kind, value, depth),
            _ => Ok(None),
        }
    }

    /// The parameter of this name.
    pub(super) fn parameter(&self, kind: ResourceType, code: &str) -> Option<&'a SearchParameter> {
        self.knowledge.parameters.parameter(kind, code)
    }

    /// The types that a reference may lead to, by its definition or by its modifier.
    pub(super) fn targets(
        &self,
        parameter: &SearchParameter,
        modifier: Option<&str>,
    ) -> Result<Vec<ResourceType>> {
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
        spend(&self.targets_left, kinds.len(), "types", TARGETS_MAX)?;
        Ok(kinds)
    }

    fn chain(
        &self,
        parameter: &SearchParameter,
        modifier: Option<&str>,
        (rest, value): (&str, &str),
        depth: usize,
    ) -> Result<Option<Clause>> {
        let mut targets = Vec::new();
        for kind in self.targets(parameter, modifier)? {
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
        value: &str,
    ) -> Result<Clause> {
        match modifier {
            Some("missing") => self.missing(parameter, value),
            Some("not") if parameter.kind == ParameterKind::Token => {
                self.compare(parameter, Modifier::None, value).map(none)
            }
            Some("not-in") if parameter.kind == ParameterKind::Token => {
                self.compare(parameter, Modifier::In, value).map(none)
            }
            _ => {
                let modifier = modifier::read(parameter, modifier)?;
                self.compare(parameter, modifier, value)
            }
        }
    }

    /// The clause of `:missing`.
    pub(super) fn missing(&self, parameter: &SearchParameter, value: &str) -> Result<Clause> {
        self.spend(value)?;
        modifier::missing(parameter, value)
    }

    /// The clause of values that are compared so.
    pub(super) fn compare(
        &self,
        parameter: &SearchParameter,
        modifier: Modifier,
        value: &str,
    ) -> Result<Clause> {
        self.spend(value)?;
        if parameter.code == "_id" {
            return match modifier {
                Modifier::None => ids(value),
                _ => Err(Problem::malformed(
                    "not-supported",
                    "_id takes no modifier but :missing and :not.",
                )),
            };
        }
        let reading = Reading {
            name: &parameter.code,
            modifier,
            base: self.base,
            knowledge: self.knowledge,
        };
        let clause = reading.clause(parameter, value)?;
        if let Clause::Some(Rows {
            tests: Tests::Codes(codes),
            ..
        }) = &clause
        {
            let count = codes.codes.len();
            spend(&self.codes_left, count, "codes", CODES_TOTAL_MAX)?;
        }
        Ok(clause)
    }
}

/// Takes so many from what is left of a bound.
fn spend(left: &Cell<usize>, count: usize, what: &str, most: usize) -> Result<()> {
    let rest = left.get().checked_sub(count);
    left.set(rest.ok_or_else(|| {
        let text = format!("A search compares {most} {what} at most.");
        Problem::malformed("too-costly", text)
    })?);
    Ok(())
}

/// That no value is so.
fn none(some: Clause) -> Clause {
    match some {
        Clause::Some(rows) => Clause::None(rows),
        other => Clause::Not(Box::new(other)),
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
