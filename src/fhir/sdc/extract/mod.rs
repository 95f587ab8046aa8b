//! Resources made of an answer: a transaction that writes them.
//!
//! Two ways are followed, and may be mixed in one form: by Observation (`observationExtract`) and by
//! definition (`itemExtractionContext`, `definitionExtract`, `definitionExtractValue` and
//! `item.definition`). What cannot be taken over is a warning, and the rest is made all the same.
//! Where the specification leaves room:
//!
//! - A context that is a query makes a new resource of its type; it is not looked up.
//! - A resource that got an `id` is written under it (PUT), any other is created (POST).
//! - What a profile fixes beside what the form says is not filled in.
//! - Templates and StructureMaps are not followed, and a form that names one gets a warning.
//!
//! Specification: <http://hl7.org/fhir/uv/sdc/STU3/extraction.html>.

mod build;
mod definition;
mod observation;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::{items, sdc};
use crate::{
    fhir::{canonical::find_extension, terminology::Terminology},
    kernel::problem::{Issue, Severity},
};

/// Most warnings of one extraction.
pub const ISSUES_MAX: usize = 200;

/// Most resources of one answer.
pub const RESOURCES_MAX: usize = 1_000;

/// Ways of extraction that are not followed.
const NOT_FOLLOWED: [&str; 3] = [
    sdc!("targetStructureMap"),
    sdc!("templateExtract"),
    sdc!("templateExtractBundle"),
];

/// An answer and its form.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The QuestionnaireResponse.
    pub answer: &'a Value,
    /// Its Questionnaire.
    pub form: &'a Value,
    /// Code systems and value sets.
    pub terminology: &'a Terminology,
}

/// The transaction Bundle; none where the form asks for no extraction, or nothing was answered;
/// and what could not be taken over.
#[must_use]
pub fn extract(answered: &Answered<'_>) -> (Option<Value>, Vec<Issue>) {
    let mut harvest = Harvest::default();
    observation::extract(answered, &mut harvest);
    definition::extract(answered, &mut harvest);
    if asks_otherwise(answered.form) {
        let says =
            "The form asks for an extraction by template or StructureMap, which is not done.";
        harvest.warn("Questionnaire", says);
    }
    if harvest.resources.is_empty() {
        return (None, harvest.issues);
    }
    let seed = seed_of(answered.answer);
    let entries = harvest.resources.into_iter().enumerate();
    let entries: Vec<Value> = entries.map(|(n, made)| entry(&seed, n, made)).collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    (Some(bundle), harvest.issues)
}

/// What is made.
#[derive(Default)]
struct Harvest {
    resources: Vec<Made>,
    issues: Vec<Issue>,
}

/// A resource, and how it is to be written.
struct Made {
    resource: Value,
    if_none_exist: Option<String>,
}

impl Harvest {
    fn warn(&mut self, place: &str, says: &str) {
        if self.issues.len() < ISSUES_MAX {
            let mut issue = Issue::error("processing", says).at(place);
            issue.severity = Severity::Warning;
            self.issues.push(issue);
        }
    }

    fn add(&mut self, resource: Value, if_none_exist: Option<String>) {
        if self.resources.len() < RESOURCES_MAX {
            self.resources.push(Made {
                resource,
                if_none_exist,
            });
        } else if self.resources.len() == RESOURCES_MAX {
            self.warn("QuestionnaireResponse", "More resources are not made.");
        }
    }
}

fn asks_otherwise(element: &Value) -> bool {
    let own = NOT_FOLLOWED
        .iter()
        .any(|url| find_extension(element, url).is_some());
    own || items(&element["item"]).any(asks_otherwise)
}

/// What the names of the resources of an answer are drawn from, so that the same answer gives the
/// same Bundle.
fn seed_of(answer: &Value) -> blake3::Hash {
    blake3::hash(answer.to_string().as_bytes())
}

fn entry(seed: &blake3::Hash, n: usize, made: Made) -> Value {
    let kind = made.resource["resourceType"].as_str().unwrap_or_default();
    let mut request = match made.resource["id"].as_str() {
        Some(id) => json!({ "method": "PUT", "url": format!("{kind}/{id}") }),
        None => json!({ "method": "POST", "url": kind }),
    };
    if let Some(condition) = made.if_none_exist {
        request["ifNoneExist"] = condition.into();
    }
    json!({ "fullUrl": urn(seed, n), "resource": made.resource, "request": request })
}

/// A UUID of the eighth version: its bits are ours to choose.
fn urn(seed: &blake3::Hash, n: usize) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(seed.as_bytes()).update(&n.to_be_bytes());
    let hex = hasher.finalize().to_hex();
    format!(
        "urn:uuid:{}-{}-8{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..15],
        &hex[15..18],
        &hex[18..30]
    )
}
