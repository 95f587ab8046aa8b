//! The expressions of a form: compiled once, evaluated with the form's variables.
//!
//! Specification: <http://hl7.org/fhir/uv/sdc/STU3/expressions.html>.

use std::{cell::Cell, collections::HashMap};

use jiff::Zoned;
use serde_json::{Value, json};

use super::{core, items};
use crate::fhir::{
    canonical::extensions,
    path::{Collection, Context, Expression, Item, Limits},
    terminology::Terminology,
};

/// Most expressions of a form that are read.
pub const EXPRESSIONS_MAX: usize = 2_000;

/// Most evaluations for one answer or one form.
pub const EVALUATIONS_MAX: usize = 2_000;

/// Steps of one evaluation: a form has many, so that each has fewer than one that stands alone.
pub const STEPS_MAX: u64 = 200_000;

/// Most variables that are in reach of one item.
pub const VARIABLES_MAX: usize = 64;

/// The language of FHIRPath.
const FHIRPATH: &str = "text/fhirpath";

/// The language of queries.
pub(super) const QUERY: &str = "application/x-fhir-query";

const VARIABLE: &str = core!("variable");

/// A value under its name: `%name`.
pub(super) type Named<'a> = (&'a str, Collection<'a>);

/// An Expression of a form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// `Expression.name`.
    pub name: Option<&'a str>,
    /// `Expression.expression`.
    pub text: &'a str,
    /// Whether it is a query rather than FHIRPath.
    pub is_query: bool,
}

impl<'a> Asked<'a> {
    /// Reads an Expression; none where it is in another language, or elsewhere.
    pub fn read(expression: &'a Value) -> Option<Self> {
        let is_query = match expression["language"].as_str() {
            Some(FHIRPATH) => false,
            Some(QUERY) => true,
            _ => return None,
        };
        Some(Self {
            name: expression["name"].as_str(),
            text: expression["expression"].as_str()?,
            is_query,
        })
    }

    /// The expression that an extension of this URL holds.
    pub fn of(element: &'a Value, url: &str) -> Option<Self> {
        extensions(element, url).find_map(|one| Self::read(&one["valueExpression"]))
    }
}

/// The variables that an element declares, in their order.
pub(super) fn variables(element: &Value) -> impl Iterator<Item = Asked<'_>> {
    extensions(element, VARIABLE).filter_map(|one| Asked::read(&one["valueExpression"]))
}

/// The compiled expressions of a form, and what they may still cost.
pub(super) struct Engine<'a> {
    compiled: HashMap<&'a str, Result<Expression, String>>,
    left: Cell<usize>,
    now: Option<&'a Zoned>,
    terminology: &'a Terminology,
    /// What queries have found, by the text of the query.
    found: HashMap<&'a str, &'a Value>,
}

impl<'a> Engine<'a> {
    /// Compiles what a form says.
    pub fn of(form: &'a Value, now: Option<&'a Zoned>, terminology: &'a Terminology) -> Self {
        let mut engine = Self {
            compiled: HashMap::new(),
            left: Cell::new(EVALUATIONS_MAX),
            now,
            terminology,
            found: HashMap::new(),
        };
        engine.gather(form);
        engine
    }

    /// The same, with what queries have found.
    pub fn with_found(mut self, found: &'a [(String, Value)]) -> Self {
        self.found = found.iter().map(|(text, it)| (text.as_str(), it)).collect();
        self
    }

    fn gather(&mut self, element: &'a Value) {
        for extension in items(&element["extension"]) {
            if let Some(asked) = Asked::read(&extension["valueExpression"])
                && !asked.is_query
            {
                self.compile(asked.text);
            }
            if extension["url"] == "expression"
                && let Some(text) = extension["valueString"].as_str()
            {
                self.compile(text);
            }
            self.gather(extension);
        }
        for item in items(&element["item"]) {
            self.gather(item);
        }
    }

    /// Compiles one more text.
    pub fn compile(&mut self, text: &'a str) {
        if self.compiled.len() < EXPRESSIONS_MAX {
            self.compiled
                .entry(text)
                .or_insert_with(|| Expression::compile(text).map_err(|why| why.to_string()));
        }
    }

    /// What an expression gives on `focus`, within `resource`.
    pub fn evaluate<'b>(
        &'b self,
        text: &str,
        (resource, focus): (&'b Value, Collection<'b>),
        named: &'b [Named<'b>],
    ) -> Result<Collection<'b>, String> {
        let compiled = self.compiled.get(text);
        let compiled = compiled.ok_or("The form has more expressions than are read.")?;
        let compiled = compiled.as_ref().map_err(Clone::clone)?;
        let left = self.left.get().checked_sub(1);
        self.left
            .set(left.ok_or("The expressions of this form cost too much.")?);
        let limits = Limits {
            steps: STEPS_MAX,
            ..Limits::default()
        };
        let mut context = Context::new(resource)
            .with_focus(focus)
            .with_variables(named)
            .with_terminology(self.terminology)
            .with_limits(limits);
        if let Some(now) = self.now {
            context = context.with_now(now);
        }
        compiled.evaluate(&context).map_err(|why| why.to_string())
    }

    /// What a query has found, as its Bundle.
    pub fn found(&self, text: &str) -> Option<&'a Value> {
        self.found.get(text).copied()
    }

    /// Evaluates `variables` one after the other, each knowing those before it, and hands them on.
    /// One that fails is left out, so that what names it fails with its own words.
    pub fn with<R>(
        &self,
        variables: &[Asked<'_>],
        (resource, focus): (&Value, &Collection<'_>),
        named: &[Named<'_>],
        then: &mut dyn FnMut(&[Named<'_>]) -> R,
    ) -> R {
        let Some((first, rest)) = variables.split_first() else {
            return then(named);
        };
        let value = if first.is_query {
            self.found(first.text)
                .map(|bundle| vec![Item::resource(bundle)])
        } else {
            self.evaluate(first.text, (resource, focus.clone()), named)
                .ok()
        };
        match (first.name, value) {
            (Some(name), Some(value)) if named.len() < VARIABLES_MAX => {
                let mut more = named.to_vec();
                more.push((name, value));
                self.with(rest, (resource, focus), &more, then)
            }
            _ => self.with(rest, (resource, focus), named, then),
        }
    }
}

/// An item of a collection as JSON, and the name of its type as a suffix of `value[x]` has it.
pub(super) fn written(item: &Item<'_>) -> Option<(String, Value)> {
    if let Some(node) = item.node() {
        return (!node.is_null()).then(|| (capital(item.fhir_type()), node.clone()));
    }
    let value = match item {
        Item::Boolean(value) => json!(value),
        Item::Integer(value) => json!(value),
        Item::Decimal(value) => serde_json::from_str(&value.to_string()).ok()?,
        Item::Quantity(quantity) => {
            return Some(("Quantity".to_owned(), written_quantity(quantity)?));
        }
        Item::String(_) | Item::Temporal(_) => json!(item.to_text()?.to_string()),
        Item::Node(_) | Item::Type(_) => return None,
    };
    Some((item.fhir_type().to_owned(), value))
}

fn written_quantity(quantity: &crate::fhir::path::Quantity<'_>) -> Option<Value> {
    use crate::fhir::path::Unit;
    let value: Value = serde_json::from_str(&quantity.value.to_string()).ok()?;
    Some(match &quantity.unit {
        Unit::Code(code) => json!({
            "value": value,
            "unit": code.to_string(),
            "system": crate::fhir::ucum::SYSTEM,
            "code": code.to_string(),
        }),
        Unit::Calendar(_) => {
            json!({ "value": value, "unit": quantity.to_string().split_once(' ')?.1 })
        }
    })
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}
