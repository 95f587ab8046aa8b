//! What an operation is asked: its `Parameters`, read strictly.
//!
//! A parameter that the operation does not know is refused, since a misspelt threshold must not
//! pass unseen. Specification: <http://hl7.org/fhir/R4/parameters.html>.

use jiff::{Timestamp, civil::Time};
use serde_json::{Number, Value};

use crate::{
    fhir::reference,
    kernel::problem::{Problem, Result},
};

/// The parameters of an invocation.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    parts: &'a [Value],
}

impl<'a> Parameters<'a> {
    /// Reads a `Parameters` resource, or its absence, of an operation that knows these names.
    ///
    /// # Errors
    /// `Malformed`, if it is another resource, or naming the first parameter that is not among
    /// them.
    pub fn read(resource: Option<&'a Value>, known: &[&str]) -> Result<Self> {
        if resource.is_some_and(|resource| resource["resourceType"] != "Parameters") {
            let says = "The operation takes a Parameters resource.";
            return Err(Problem::malformed("invalid", says).at("resourceType"));
        }
        let parts = resource
            .and_then(|resource| resource["parameter"].as_array())
            .map_or(&[][..], Vec::as_slice);
        let name = |part: &Value| part["name"].as_str().unwrap_or_default().to_owned();
        match parts
            .iter()
            .map(name)
            .find(|name| !known.contains(&name.as_str()))
        {
            None => Ok(Self { parts }),
            Some(name) => Err(Problem::malformed(
                "value",
                format!(
                    "There is no parameter `{name}`; there are: {}.",
                    known.join(", ")
                ),
            )
            .at(place(&name))),
        }
    }

    /// The values of a parameter, in their order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'a Value> {
        self.all(name).filter_map(value_of)
    }

    /// All parameters of a name, for those that have parts.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a Value> {
        self.parts.iter().filter(move |part| part["name"] == name)
    }

    /// The text of a parameter, whether a reference or a primitive.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let value = self.values(name).next()?;
        value["reference"].as_str().or_else(|| value.as_str())
    }

    /// A reference to a resource of one of these types.
    pub fn reference(&self, name: &str, kinds: &[&str]) -> Result<Option<String>> {
        if self.all(name).next().is_none() {
            return Ok(None);
        }
        match self.text(name).and_then(reference::local) {
            Some(local) if kinds.contains(&local.kind.name()) => {
                Ok(Some(format!("{}/{}", local.kind, local.id)))
            }
            _ => Err(wrong(
                name,
                &format!("a reference to a {} of this server", kinds.join(" or ")),
            )),
        }
    }

    /// An instant, such as when something starts.
    pub fn instant(&self, name: &str) -> Result<Option<Timestamp>> {
        self.parsed(name, "an instant")
    }

    /// A local time.
    pub fn time(&self, name: &str) -> Result<Option<Time>> {
        self.parsed(name, "a time such as 19:30:00")
    }

    /// A whole number from 1 to `most`.
    pub fn count(&self, name: &str, most: u32) -> Result<Option<u32>> {
        let Some(value) = self.values(name).next() else {
            return Ok(None);
        };
        let number = value.to_string().parse().ok();
        match number.filter(|number| (1..=most).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(name, &format!("a whole number from 1 to {most}"))),
        }
    }

    /// A code, one of these.
    pub fn code(&self, name: &str, codes: &[&str]) -> Result<Option<&'a str>> {
        if self.all(name).next().is_none() {
            return Ok(None);
        }
        match self.text(name).filter(|code| codes.contains(code)) {
            Some(code) => Ok(Some(code)),
            None => Err(wrong(name, &format!("one of {}", codes.join(", ")))),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>> {
        if self.all(name).next().is_none() {
            return Ok(None);
        }
        match self.text(name).and_then(|text| text.parse().ok()) {
            Some(value) => Ok(Some(value)),
            None => Err(wrong(name, wanted)),
        }
    }
}

/// `value[x]` of a parameter or of a part.
#[must_use]
pub fn value_of(part: &Value) -> Option<&Value> {
    part.as_object()?
        .iter()
        .find_map(|(member, value)| member.starts_with("value").then_some(value))
}

/// A number, as it was written.
#[must_use]
pub fn number(value: &Value) -> Option<&Number> {
    match value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

/// Where a parameter stands.
#[must_use]
pub fn place(name: &str) -> String {
    format!("Parameters.parameter.where(name='{name}')")
}

/// The refusal of a parameter that is not what it must be.
#[must_use]
pub fn wrong(name: &str, wanted: &str) -> Problem {
    Problem::malformed("value", format!("The parameter `{name}` must be {wanted}.")).at(place(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_fault_names_its_parameter() {
        let resource = json!({ "resourceType": "Parameters", "parameter": [
            { "name": "days", "valueInteger": 0 },
            { "name": "team", "valueReference": { "reference": "Patient/1" } },
            { "name": "at", "valueTime": "25:00:00" },
        ] });
        let known = ["days", "team", "at", "none"];
        let parameters = Parameters::read(Some(&resource), &known).expect("all known");
        let faults = [
            parameters.count("days", 9).err(),
            parameters.reference("team", &["CareTeam"]).err(),
            parameters.time("at").err(),
            Parameters::read(Some(&resource), &["days", "team"]).err(),
        ];
        let named: Vec<_> = faults
            .into_iter()
            .map(|fault| fault.and_then(|fault| fault.issues[0].expression.clone()))
            .collect();
        let wanted = ["days", "team", "at", "at"].map(|name| Some(place(name)));
        assert_eq!(named, wanted);
        assert_eq!(parameters.time("none").expect("absent"), None);
    }
}
