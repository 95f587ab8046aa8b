//! The parameters of an operation, each with its place, so that a refusal can name it.
//!
//! Specification: <http://hl7.org/fhir/R4/parameters.html>.

use jiff::{Timestamp, civil::Time, tz::TimeZone};
use serde_json::Value;

use crate::{
    fhir::date,
    kernel::problem::{Problem, Result},
};

/// A parameter, or a part of one.
#[derive(Debug, Clone)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it stands, such as `Parameters.parameter[2].part[0]`.
    pub place: String,
    tree: &'a Value,
}

/// The parameters of a Parameters resource.
#[must_use]
pub fn parameters(tree: &Value) -> Vec<Parameter<'_>> {
    listed(&tree["parameter"], "Parameters.parameter")
}

fn listed<'a>(list: &'a Value, path: &str) -> Vec<Parameter<'a>> {
    let list = list.as_array().into_iter().flatten().enumerate();
    list.map(|(n, tree)| Parameter {
        name: tree["name"].as_str().unwrap_or_default(),
        place: format!("{path}[{n}]"),
        tree,
    })
    .collect()
}

impl<'a> Parameter<'a> {
    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> Vec<Self> {
        listed(&self.tree["part"], &format!("{}.part", self.place))
    }

    /// The whole parameter as it was given.
    #[must_use]
    pub const fn tree(&self) -> &'a Value {
        self.tree
    }

    /// Its `value[x]`, whatever the type.
    fn value(&self) -> Option<&'a Value> {
        let members = self.tree.as_object()?;
        let (_, value) = members.iter().find(|(name, _)| name.starts_with("value"))?;
        Some(value)
    }

    /// A refusal at its place.
    #[must_use]
    pub fn wrong(&self, wanted: &str) -> Problem {
        Problem::malformed(
            "value",
            format!("The parameter `{}` must be {wanted}.", self.name),
        )
        .at(self.place.clone())
    }

    /// The refusal of a parameter that the operation does not have.
    #[must_use]
    pub fn unknown(&self) -> Problem {
        // The name comes from the client: cut it, as it may be long.
        let shown: String = self.name.chars().take(64).collect();
        Problem::malformed(
            "not-supported",
            format!("The operation has no parameter `{shown}` here."),
        )
        .at(self.place.clone())
    }

    /// A text, whatever its type, or the text of a reference.
    ///
    /// # Errors
    /// `Malformed`, if it is none.
    pub fn text(&self) -> Result<&'a str> {
        let value = self.value();
        value
            .and_then(|value| value.as_str().or_else(|| value["reference"].as_str()))
            .ok_or_else(|| self.wrong("a text"))
    }

    /// An instant: with its offset, or a date alone, which is its first instant in `zone`.
    ///
    /// # Errors
    /// `Malformed`, if it is none.
    pub fn instant(&self, zone: &TimeZone) -> Result<Timestamp> {
        let wanted = "an instant with its offset, or a date";
        let text = self.text().map_err(|_| self.wrong(wanted))?;
        let read = if text.contains('T') {
            date::start(text)
        } else {
            let day = text.parse::<jiff::civil::Date>().ok();
            day.and_then(|day| Some(day.to_zoned(zone.clone()).ok()?.timestamp()))
        };
        read.ok_or_else(|| self.wrong(wanted))
    }

    /// A local time.
    ///
    /// # Errors
    /// `Malformed`, if it is none.
    pub fn time(&self) -> Result<Time> {
        let wanted = "a time such as 10:30:00";
        let text = self.text().map_err(|_| self.wrong(wanted))?;
        text.parse().map_err(|_| self.wrong(wanted))
    }

    /// A whole number.
    ///
    /// # Errors
    /// `Malformed`, if it is none.
    pub fn whole(&self) -> Result<i64> {
        let value = self.value().and_then(Value::as_i64);
        value.ok_or_else(|| self.wrong("a whole number"))
    }

    /// A resource of this type.
    ///
    /// # Errors
    /// `Malformed`, if it is none, or of another type.
    pub fn resource(&self, kind: &str) -> Result<&'a Value> {
        let resource = &self.tree["resource"];
        if resource["resourceType"] == kind {
            return Ok(resource);
        }
        Err(self.wrong(&format!("a resource of type {kind}")))
    }
}

/// Takes what may be given once.
///
/// # Errors
/// `Malformed`, if it was given before.
pub fn once<T>(slot: &mut Option<T>, value: T, of: &Parameter<'_>) -> Result<()> {
    if slot.replace(value).is_some() {
        return Err(of.wrong("given once only"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_names_the_part() {
        let tree = json!({ "parameter": [
            { "name": "a" },
            { "name": "b", "part": [{ "name": "at", "valueInstant": "tomorrow" }] },
        ] });
        let all = parameters(&tree);
        let at = all[1].parts().remove(0);
        let problem = at.instant(&TimeZone::UTC).expect_err("no instant");
        let place = problem.issues[0].expression.as_deref();
        assert_eq!(place, Some("Parameters.parameter[1].part[0]"));
        assert!(all[0].text().is_err() && all[0].whole().is_err());
    }

    #[test]
    fn a_date_alone_is_its_first_instant_where_the_person_lives() {
        let tree = json!({ "parameter": [
            { "name": "start", "valueDateTime": "2030-03-25" },
            { "name": "start", "valueDateTime": "2030-03-25T09:00:00+01:00" },
            { "name": "start", "valueDateTime": "2030-13-25" },
        ] });
        let zone = TimeZone::get("Europe/Paris").expect("embedded");
        let read = |n: usize| {
            parameters(&tree)[n]
                .instant(&zone)
                .ok()
                .map(|at| at.to_string())
        };
        assert_eq!(read(0).as_deref(), Some("2030-03-24T23:00:00Z"));
        assert_eq!(read(1).as_deref(), Some("2030-03-25T08:00:00Z"));
        assert_eq!(read(2), None);
    }
}
