//! What `$fhirpath` is asked: from Parameters, or from a query.

use std::sync::LazyLock;

use serde_json::Value;

use super::place;
use crate::{
    authoring::parameters::{Parameter, once, parameters},
    fhir::{
        json::{self, Limits},
        path::{Collection, Context, Expression, Item},
        reference,
    },
    kernel::problem::{Problem, Result},
};

/// By which a value is given that no `value[x]` can have, as JSON.
pub(super) const JSON_VALUE: &str = "http://fhir.forms-lab.com/StructureDefinition/json-value";

/// The same, as XML.
const XML_VALUE: &str = "http://fhir.forms-lab.com/StructureDefinition/xml-value";

/// Most variables that one request may name.
pub const VARIABLES_MAX: usize = 100;

/// What reads XML, a format that only those above know.
pub type FromXml<'x> = &'x dyn Fn(&str) -> Result<Value>;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The expression.
    pub expression: String,
    /// An expression for what it is evaluated on, one by one.
    pub context: Option<String>,
    /// Whether faults are told that the types alone show.
    pub validate: bool,
    /// The resource, once it is at hand.
    pub resource: Option<Value>,
    /// Parameters that are told again.
    pub echoed: Vec<Value>,
    variables: Vec<Variable>,
}

/// A variable: a parameter, or a tree.
#[derive(Debug, Clone)]
struct Variable {
    name: String,
    /// As it was given: a part of a parameter.
    part: Value,
    /// What its JSON says, where it is given so.
    tree: Option<Value>,
}

/// Where the resource is to be had.
#[derive(Debug, Clone)]
pub enum Source {
    /// It was given, or there is none.
    Given,
    /// It is stored, under this reference.
    Stored(String),
}

impl Asked {
    /// Reads a query and a Parameters resource; says where the resource is to be had.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter.
    pub fn read(
        query: &[(String, String)],
        tree: Option<&Value>,
        from_xml: FromXml<'_>,
    ) -> Result<(Self, Source)> {
        let mut reading = Reading {
            expression: None,
            context: None,
            validate: false,
            source: None,
            asked: Self::default(),
            from_xml,
        };
        for (name, text) in query {
            reading.text(name, text)?;
        }
        for given in tree.map(parameters).unwrap_or_default() {
            reading.parameter(&given)?;
        }
        let Some(expression) = reading.expression else {
            let says = "Give the expression to be evaluated.";
            return Err(Problem::malformed("required", says).at(place("expression")));
        };
        let asked = Self {
            expression,
            context: reading.context.filter(|text| !text.trim().is_empty()),
            validate: reading.validate,
            ..reading.asked
        };
        Ok((asked, reading.source.unwrap_or(Source::Given)))
    }

    /// The variables as the engine takes them.
    ///
    /// # Errors
    /// `Malformed`, if one has no value that the engine can read.
    pub(super) fn values(&self) -> Result<Vec<(&str, Collection<'_>)>> {
        static VALUE: LazyLock<Option<Expression>> =
            LazyLock::new(|| Expression::compile("value | resource").ok());
        let mut values: Vec<(&str, Collection<'_>)> = Vec::new();
        for variable in &self.variables {
            let found = match &variable.tree {
                Some(tree) => vec![Item::resource(tree)],
                None => {
                    let part = Item::typed(&variable.part, "Parameters.parameter");
                    let value = VALUE
                        .as_ref()
                        .map(|value| value.evaluate(&Context::of(part)));
                    value.and_then(std::result::Result::ok).unwrap_or_default()
                }
            };
            match values.iter_mut().find(|(name, _)| *name == variable.name) {
                Some((_, items)) => items.extend(found),
                None => values.push((&variable.name, found)),
            }
        }
        Ok(values)
    }
}

struct Reading<'x> {
    from_xml: FromXml<'x>,
    expression: Option<String>,
    context: Option<String>,
    validate: bool,
    source: Option<Source>,
    asked: Asked,
}

impl Reading<'_> {
    fn parameter(&mut self, given: &Parameter<'_>) -> Result<()> {
        match given.name {
            "expression" => once(&mut self.expression, given.text()?.to_owned(), given),
            "context" => once(&mut self.context, given.text()?.to_owned(), given),
            "validate" => {
                let flag = given.tree()["valueBoolean"].as_bool();
                self.validate = flag.ok_or_else(|| given.wrong("true or false"))?;
                Ok(())
            }
            "variables" => {
                for part in given.parts() {
                    self.variable(&part)?;
                }
                self.asked.echoed.push(given.tree().clone());
                Ok(())
            }
            "resource" => {
                self.asked.echoed.push(given.tree().clone());
                let source = match self.embedded(given)? {
                    Some(tree) => {
                        self.asked.resource = Some(tree);
                        Source::Given
                    }
                    None => self.textual(given.text()?, given)?,
                };
                once(&mut self.source, source, given)
            }
            // Codes are looked up in what is loaded here, wherever the caller would look.
            "terminologyserver" => Ok(()),
            _ => Err(given.unknown()),
        }
    }

    /// A parameter of a query, which is a text.
    fn text(&mut self, name: &str, text: &str) -> Result<()> {
        let tree = serde_json::json!({ "name": name, "valueString": text });
        let all = serde_json::json!({ "parameter": [tree] });
        let Some(given) = parameters(&all).pop() else {
            return Ok(());
        };
        if name == "validate" {
            self.validate = match text {
                "true" => true,
                "false" => false,
                _ => return Err(given.wrong("true or false")),
            };
            return Ok(());
        }
        self.parameter(&given)
    }

    /// A resource as JSON, or a reference to one that is stored.
    fn textual(&mut self, text: &str, given: &Parameter<'_>) -> Result<Source> {
        let wanted = "a resource, its JSON, or a reference such as Patient/1";
        if text.trim_start().starts_with('{') {
            self.asked.resource = Some(read(text, given)?);
            return Ok(Source::Given);
        }
        if text.trim_start().starts_with('<') {
            self.asked.resource = Some(at((self.from_xml)(text), given)?);
            return Ok(Source::Given);
        }
        reference::local(text).ok_or_else(|| given.wrong(wanted))?;
        Ok(Source::Stored(text.to_owned()))
    }

    /// The resource that a parameter has, whole or as a text within an extension.
    fn embedded(&self, given: &Parameter<'_>) -> Result<Option<Value>> {
        if let Some(tree) = given.tree().get("resource") {
            return Ok(Some(tree.clone()));
        }
        if let Some(text) = extension(given, XML_VALUE) {
            return at((self.from_xml)(text), given).map(Some);
        }
        match extension(given, JSON_VALUE) {
            Some(text) => Ok(Some(read(text, given)?)),
            None => Ok(None),
        }
    }

    fn variable(&mut self, part: &Parameter<'_>) -> Result<()> {
        if self.asked.variables.len() >= VARIABLES_MAX {
            let says = format!("At most {VARIABLES_MAX} variables are read.");
            return Err(Problem::invalid("too-costly", says).at(part.place.clone()));
        }
        let tree = match extension(part, JSON_VALUE) {
            Some(text) => Some(read(text, part)?),
            None => None,
        };
        self.asked.variables.push(Variable {
            name: part.name.to_owned(),
            part: part.tree().clone(),
            tree,
        });
        Ok(())
    }
}

/// The text of an extension.
fn extension<'a>(given: &Parameter<'a>, url: &str) -> Option<&'a str> {
    let mut extensions = given.tree().get("extension")?.as_array()?.iter();
    extensions.find(|one| one["url"] == url)?["valueString"].as_str()
}

/// A text as JSON, read as strictly as a body, but not held to R4: the author may be looking for
/// what is wrong with it.
fn read(text: &str, given: &Parameter<'_>) -> Result<Value> {
    at(json::parse(text.as_bytes(), &Limits::default()), given)
}

/// A refusal of a text, at the parameter that has it.
fn at(read: Result<Value>, given: &Parameter<'_>) -> Result<Value> {
    read.map_err(|mut problem| {
        for issue in &mut problem.issues {
            issue.expression = Some(given.place.clone());
        }
        problem
    })
}
