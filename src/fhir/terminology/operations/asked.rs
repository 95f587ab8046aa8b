//! What an operation is asked: the parameters of its query and of its Parameters resource.

use serde_json::Value;

use crate::{
    fhir::terminology::Coding,
    kernel::problem::{Category, Problem, Result},
};

/// Most parameters of one question.
pub const PARAMETERS_MAX: usize = 1_000;

/// Most codes of one question.
pub const CODINGS_MAX: usize = 100;

/// What an operation is asked.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    parameters: Vec<(String, Value)>,
    /// The resource on which it is called, if it is called on one.
    instance: Option<Value>,
}

/// The code that a question is about, in one of the three forms that it may have.
#[derive(Debug)]
pub(super) struct Concept<'a> {
    pub codings: Vec<Coding<'a>>,
    /// Whether it came as a CodeableConcept.
    pub codeable: bool,
}

impl Asked {
    /// From a query and a body: a Parameters resource, or the resource that `sole` names.
    ///
    /// # Errors
    /// If these are more parameters than [`PARAMETERS_MAX`].
    pub fn read(query: &[(String, String)], body: Option<&Value>, sole: &str) -> Result<Self> {
        let texts = query.iter().filter(|(_, value)| !value.is_empty());
        let mut parameters: Vec<(String, Value)> = texts
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        if let Some(body) = body.filter(|body| body["resourceType"] != "Parameters") {
            parameters.push((sole.to_owned(), body.clone()));
        }
        let parts = body.and_then(|body| body["parameter"].as_array());
        for part in parts.into_iter().flatten() {
            let Some(name) = part["name"].as_str() else {
                continue;
            };
            let is_value = |member: &String| member.starts_with("value") || member == "resource";
            let mut members = part.as_object().into_iter().flatten();
            let value = members.find(|(member, _)| is_value(member));
            // One that is made of parts is kept as it is.
            let value = value.map_or(part, |(_, value)| value);
            parameters.push((name.to_owned(), value.clone()));
        }
        if parameters.len() > PARAMETERS_MAX {
            return Err(Problem::invalid(
                "too-costly",
                format!("One question has {PARAMETERS_MAX} parameters at most."),
            ));
        }
        Ok(Self {
            parameters,
            instance: None,
        })
    }

    /// The same question, asked of a resource.
    #[must_use]
    pub fn of(mut self, instance: Value) -> Self {
        self.instance = Some(instance);
        self
    }

    pub(super) const fn instance(&self) -> Option<&Value> {
        self.instance.as_ref()
    }

    /// The first value of a parameter.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.all(name).next()
    }

    /// Every value of a parameter.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Value> {
        let wanted = self
            .parameters
            .iter()
            .filter(move |(known, _)| known == name);
        wanted
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// A parameter that is a text of any kind.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>> {
        let texts = |value: &'_ Value| value.is_string();
        match self.value(name) {
            Some(value) if texts(value) => Ok(value.as_str()),
            Some(_) => Err(wrong(name, "a text")),
            None => Ok(None),
        }
    }

    /// Every text of a parameter.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        self.all(name).filter_map(Value::as_str).collect()
    }

    /// A parameter that is true or false.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(_) => Err(wrong(name, "`true` or `false`")),
        }
    }

    /// A parameter that is a number of things.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>> {
        let number = match self.value(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64().and_then(|value| value.try_into().ok()),
        };
        number
            .map(Some)
            .ok_or_else(|| wrong(name, "a whole number, 0 or more"))
    }

    /// Refuses what is asked by none, or by more than one, of several parameters.
    pub(super) fn one_of(&self, names: &[&'static str]) -> Result<&'static str> {
        let mut given = names.iter().filter(|name| self.value(name).is_some());
        match (given.next(), given.next()) {
            (Some(name), None) => Ok(name),
            (None, _) => Err(absent(names)),
            (Some(_), Some(_)) => Err(Problem::malformed(
                "invalid",
                format!("Only one of {} can be asked at once.", names.join(", ")),
            )),
        }
    }

    /// `code` with its system, `coding` or `codeableConcept`.
    pub(super) fn concept(&self, version: &str) -> Result<Concept<'_>> {
        let codings = match self.one_of(&["code", "coding", "codeableConcept"])? {
            "code" => vec![Coding {
                system: self.text("system")?,
                version: self.text(version)?,
                code: self.text("code")?.unwrap_or_default(),
                display: self.text("display")?,
            }],
            "coding" => vec![self.coding("coding")?.ok_or_else(|| absent(&["coding"]))?],
            _ => {
                let concept = self.value("codeableConcept").unwrap_or(&Value::Null);
                let codings = concept["coding"].as_array().into_iter().flatten();
                let codings: Option<Vec<Coding<'_>>> = codings.map(coding_of).collect();
                codings
                    .filter(|codings| !codings.is_empty())
                    .ok_or_else(|| wrong("codeableConcept", "a CodeableConcept with codes"))?
            }
        };
        if codings.len() > CODINGS_MAX {
            let says = format!("One question is about {CODINGS_MAX} codes at most.");
            return Err(Problem::invalid("too-costly", says));
        }
        Ok(Concept {
            codings,
            codeable: self.value("codeableConcept").is_some(),
        })
    }

    /// A parameter that is a Coding; in a query, `system|code`.
    pub(super) fn coding(&self, name: &str) -> Result<Option<Coding<'_>>> {
        let coding = match self.value(name) {
            None => return Ok(None),
            Some(Value::String(token)) => token.rsplit_once('|').map(|(system, code)| Coding {
                system: Some(system).filter(|system| !system.is_empty()),
                code,
                ..Coding::default()
            }),
            Some(value) => coding_of(value),
        };
        coding
            .map(Some)
            .ok_or_else(|| wrong(name, "a Coding with a code"))
    }

    /// Refuses parameters that cannot be heeded and whose neglect would change the answer.
    pub(super) fn refuse(&self, names: &[&str]) -> Result<()> {
        let given = names.iter().find(|name| self.value(name).is_some());
        given.map_or(Ok(()), |name| {
            let says = format!("The parameter `{name}` is not supported.");
            Err(Problem::new(Category::NotSupported, "not-supported", says).at(place(name)))
        })
    }
}

fn coding_of(value: &Value) -> Option<Coding<'_>> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    Some(Coding {
        system: text("system"),
        version: text("version"),
        code: text("code")?,
        display: text("display"),
    })
}

/// A parameter that is not what it must be.
pub(super) fn wrong(name: &str, wanted: &str) -> Problem {
    let says = format!("The parameter `{name}` must be {wanted}.");
    Problem::malformed("value", says).at(place(name))
}

/// Nothing is asked.
pub(super) fn absent(names: &[&str]) -> Problem {
    Problem::malformed("required", format!("This asks for {}.", names.join(" or ")))
}

fn place(name: &str) -> String {
    format!("Parameters.parameter.where(name='{name}')")
}
