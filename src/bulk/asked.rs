//! What an export is asked: pure.
//!
//! Specification: <http://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters>.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    fhir::{
        compartment, date,
        definitions::{ResourceType, definitions},
    },
    kernel::problem::{Problem, Result},
};

/// Most type filters of one export.
pub const FILTERS_MAX: usize = 50;

/// Most patients that one export names.
pub const PATIENTS_MAX: usize = 10_000;

/// The format of the files: the one there is, by its names.
const FORMATS: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

/// Whom an export is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All that there is.
    System,
    /// All patients, or these.
    Patients(Option<Vec<String>>),
}

/// What is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Whom it is about.
    pub scope: Scope,
    /// The types, in the order of the files.
    pub types: Vec<ResourceType>,
    /// Whether they were named, and not all that there are.
    pub named: bool,
    /// Searches, one of which a resource of the type must match.
    pub filters: Vec<(ResourceType, String)>,
    /// Only what has changed at or after this instant.
    pub since: Option<Timestamp>,
    /// As it stood at this instant, if that is not the present one.
    pub until: Option<Timestamp>,
    /// The elements that are given; empty: all.
    pub elements: Vec<String>,
}

impl Asked {
    /// Reads the parameters, in their order; a parameter may stand more than once where it is a
    /// list.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter.
    pub fn read(mut scope: Scope, pairs: &[(String, String)]) -> Result<Self> {
        let (mut types, mut filters, mut elements) = (Vec::new(), Vec::new(), Vec::new());
        let (mut since, mut until) = (None, None);
        for (name, text) in pairs {
            match name.as_str() {
                "_outputFormat" if FORMATS.contains(&text.replace(' ', "+").as_str()) => {}
                "_outputFormat" => return Err(wrong(name, "application/fhir+ndjson")),
                "_since" => since = Some(instant(name, text)?),
                "_until" => until = Some(instant(name, text)?),
                "_type" => {
                    for one in listed(text) {
                        types.push(kind(name, one)?);
                    }
                }
                "_typeFilter" => {
                    for one in filters_of(text) {
                        filters.push(filter(name, &one)?);
                    }
                }
                "_elements" => elements.extend(listed(text).map(str::to_owned)),
                "patient" => patient(&mut scope, text)?,
                "includeAssociatedData" | "organizeOutputBy" | "allowPartialManifests" => {
                    let says = format!("The parameter `{name}` is not supported.");
                    return Err(Problem::malformed("not-supported", says).at(name.clone()));
                }
                _ => {
                    let shown: String = name.chars().take(64).collect();
                    let says = format!("An export has no parameter `{shown}`.");
                    return Err(Problem::malformed("not-supported", says));
                }
            }
        }
        if filters.len() > FILTERS_MAX {
            let says = format!("At most {FILTERS_MAX} type filters are taken.");
            return Err(Problem::malformed("too-costly", says).at("_typeFilter"));
        }
        let asked = Self {
            named: !types.is_empty(),
            types: all_types(&scope, types, &filters)?,
            scope,
            filters,
            since,
            until,
            elements,
        };
        Ok(asked)
    }

    /// As it is kept.
    #[must_use]
    pub fn to_json(&self, url: &str) -> Value {
        let names: Vec<&str> = self.types.iter().map(|kind| kind.name()).collect();
        let filters: Vec<Value> = self
            .filters
            .iter()
            .map(|(kind, query)| json!({ "type": kind.name(), "query": query }))
            .collect();
        let patients = match &self.scope {
            Scope::Patients(Some(ids)) => json!(ids),
            _ => Value::Null,
        };
        json!({
            "url": url,
            "system": self.scope == Scope::System,
            "patients": patients,
            "types": names,
            "named": self.named,
            "filters": filters,
            "since": self.since.map(date::instant),
            "until": self.until.map(date::instant),
            "elements": self.elements,
        })
    }

    /// What [`Asked::to_json`] has kept.
    #[must_use]
    pub fn from_json(kept: &Value) -> Self {
        let texts = |list: &Value| -> Vec<String> {
            let list = list.as_array().into_iter().flatten();
            list.filter_map(|text| Some(text.as_str()?.to_owned()))
                .collect()
        };
        let filters = kept["filters"].as_array().into_iter().flatten();
        let instant = |text: &Value| text.as_str().and_then(date::start);
        Self {
            scope: if kept["system"] == true {
                Scope::System
            } else {
                let patients = &kept["patients"];
                Scope::Patients(patients.is_array().then(|| texts(patients)))
            },
            types: texts(&kept["types"])
                .iter()
                .filter_map(|name| ResourceType::named(name))
                .collect(),
            named: kept["named"] == true,
            filters: filters
                .filter_map(|filter| {
                    let kind = ResourceType::named(filter["type"].as_str()?)?;
                    Some((kind, filter["query"].as_str()?.to_owned()))
                })
                .collect(),
            since: instant(&kept["since"]),
            until: instant(&kept["until"]),
            elements: texts(&kept["elements"]),
        }
    }
}

/// The types that are wanted, those that cannot be had refused; all, where none is named.
fn all_types(
    scope: &Scope,
    wanted: Vec<ResourceType>,
    filters: &[(ResourceType, String)],
) -> Result<Vec<ResourceType>> {
    let about_patients = |kind: &ResourceType| {
        *scope == Scope::System || kind.name() == "Patient" || compartment::is_member(*kind)
    };
    let all = definitions().resource_types.iter().copied();
    let mut types: Vec<ResourceType> = if wanted.is_empty() {
        all.filter(about_patients).collect()
    } else {
        wanted
    };
    types.sort_unstable();
    types.dedup();
    if let Some(kind) = types.iter().find(|kind| !about_patients(kind)) {
        let says = format!("A {kind} is in no patient's compartment.");
        return Err(Problem::malformed("value", says).at("_type"));
    }
    if let Some((kind, _)) = filters.iter().find(|(kind, _)| !types.contains(kind)) {
        let says = format!("There is a filter for {kind}, which is not among the types.");
        return Err(Problem::malformed("value", says).at("_typeFilter"));
    }
    Ok(types)
}

fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty())
}

/// The filters of a list: a comma parts two where a type and `?` follow it.
fn filters_of(text: &str) -> Vec<String> {
    let mut filters: Vec<String> = Vec::new();
    for part in text.split(',') {
        let begins = part
            .split_once('?')
            .is_some_and(|(kind, _)| ResourceType::named(kind.trim()).is_some());
        match filters.last_mut() {
            Some(last) if !begins => {
                last.push(',');
                last.push_str(part);
            }
            _ => filters.push(part.trim().to_owned()),
        }
    }
    filters
}

fn filter(name: &str, text: &str) -> Result<(ResourceType, String)> {
    let (kind_name, query) = text
        .split_once('?')
        .ok_or_else(|| wrong(name, "a type, `?` and a search"))?;
    Ok((kind(name, kind_name)?, query.to_owned()))
}

fn kind(name: &str, text: &str) -> Result<ResourceType> {
    ResourceType::named(text.trim()).ok_or_else(|| wrong(name, "the name of a resource type of R4"))
}

fn instant(name: &str, text: &str) -> Result<Timestamp> {
    // A `+` that was not percent-encoded has become a blank.
    let text = text.replace(' ', "+");
    date::start(&text).ok_or_else(|| wrong(name, "an instant such as 2030-01-01T00:00:00Z"))
}

/// Adds a patient to those that are asked for, within the scope of the export.
fn patient(scope: &mut Scope, text: &str) -> Result<()> {
    let id = text.strip_prefix("Patient/").unwrap_or(text);
    if !crate::fhir::reference::is_id(id) {
        return Err(wrong("patient", "a reference to a Patient of this server"));
    }
    let Scope::Patients(named) = scope else {
        let says = "An export of the whole system takes no parameter `patient`.";
        return Err(Problem::malformed("not-supported", says).at("patient"));
    };
    let named = named.get_or_insert_default();
    named.push(id.to_owned());
    if named.len() > PATIENTS_MAX {
        let says = format!("At most {PATIENTS_MAX} patients are taken.");
        return Err(Problem::malformed("too-costly", says).at("patient"));
    }
    Ok(())
}

fn wrong(name: &str, wanted: &str) -> Problem {
    let says = format!("The parameter `{name}` must be {wanted}.");
    Problem::malformed("value", says).at(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(scope: Scope, pairs: &[(&str, &str)]) -> Result<Asked> {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        Asked::read(scope, &pairs)
    }

    #[test]
    fn what_is_asked_is_kept_as_it_was() {
        let asked = read(
            Scope::Patients(None),
            &[
                ("_type", "Observation,Patient"),
                ("_type", "Condition"),
                (
                    "_typeFilter",
                    "Observation?code=a,b&status=final,Condition?code=x",
                ),
                ("_since", "2030-01-01T00:00:00 01:00"),
                ("_elements", "id,Patient.name"),
                ("patient", "Patient/1"),
                ("_outputFormat", "application/fhir ndjson"),
            ],
        )
        .unwrap();
        let names: Vec<&str> = asked.types.iter().map(|kind| kind.name()).collect();
        assert_eq!(names, ["Condition", "Observation", "Patient"]);
        assert_eq!(asked.filters[0].1, "code=a,b&status=final");
        assert_eq!(asked.filters[1].1, "code=x");
        assert_eq!(Asked::from_json(&asked.to_json("u")), asked);
        let all = read(Scope::System, &[]).unwrap();
        assert_eq!(all.types.len(), definitions().resource_types.len());
        assert_eq!(Asked::from_json(&all.to_json("u")), all);
    }

    #[test]
    fn what_cannot_be_had_is_refused_by_name() {
        for (scope, pair) in [
            (Scope::System, ("_type", "Nothing")),
            (Scope::System, ("_since", "yesterday")),
            (Scope::System, ("_outputFormat", "text/csv")),
            (
                Scope::System,
                ("includeAssociatedData", "LatestProvenanceResources"),
            ),
            (Scope::System, ("organizeOutputBy", "Patient")),
            (Scope::System, ("nonsense", "1")),
            (Scope::System, ("patient", "Patient/1")),
            (Scope::System, ("_typeFilter", "code=x")),
            (Scope::Patients(None), ("_type", "PlanDefinition")),
            (Scope::Patients(None), ("patient", "Group/ 1")),
        ] {
            assert!(read(scope, &[pair]).is_err(), "{pair:?}");
        }
        let filter = [("_type", "Patient"), ("_typeFilter", "Condition?code=x")];
        assert!(read(Scope::System, &filter).is_err());
        let person = ("patient", "Patient/1");
        let most = vec![person; PATIENTS_MAX];
        assert!(read(Scope::Patients(None), &most).is_ok());
        let more = vec![person; PATIENTS_MAX + 1];
        assert!(read(Scope::Patients(None), &more).is_err());
        let many = vec![("_typeFilter", "Patient?gender=male"); FILTERS_MAX + 1];
        assert!(read(Scope::System, &many).is_err());
    }
}
