//! What the loaded code systems, value sets and concept maps say: pure answers.
//!
//! What cannot be told is said, not guessed: a code system that is not loaded (SNOMED CT, LOINC)
//! makes a question about its codes unanswerable, unless the value set enumerates them itself.
//! Reading order: `shelf` (how R4's own tables are read when they are asked for),
//! `code_system`, `value_set`, `filter`, `member`, `expand`.
//!
//! Specification: <http://hl7.org/fhir/R4/terminology-service.html>.

mod capabilities;
mod code_system;
mod concept_map;
mod expand;
mod filter;
mod find;
mod grammar;
mod hierarchy;
mod known;
mod member;
mod names;
mod shelf;
mod value_set;

pub mod operations;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use serde_json::Value;

pub use self::{capabilities::Served, hierarchy::Subsumption, known::Known};
use self::{code_system::CodeSystem, concept_map::ConceptMap, shelf::Shelf, value_set::ValueSet};

const CODE_SYSTEMS: &str = include_str!("../../../profiles/r4/code-systems.jsonl");
const VALUE_SETS: &str = include_str!("../../../profiles/r4/value-sets.jsonl");
const CONCEPT_MAPS: &str = include_str!("../../../profiles/r4/concept-maps.jsonl");

/// A code as an element of a resource has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coding<'a> {
    /// `Coding.system`.
    pub system: Option<&'a str>,
    /// `Coding.version`.
    pub version: Option<&'a str>,
    /// `Coding.code`.
    pub code: &'a str,
    /// `Coding.display`.
    pub display: Option<&'a str>,
}

/// Whether a value set has a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// It has.
    Member,
    /// It has not.
    NotMember,
    /// It cannot be told, and why: the value set, or a code system that it is made of, is not
    /// loaded.
    Unknown(String),
}

/// Code systems, value sets and concept maps: those of R4, and those that are loaded.
#[derive(Debug, Default)]
pub struct Terminology {
    code_systems: Shelf<CodeSystem>,
    value_sets: Shelf<ValueSet>,
    concept_maps: Shelf<ConceptMap>,
    /// URLs of what says more about a code system, by its URL.
    supplements: HashMap<Box<str>, Vec<Box<str>>>,
    /// Canonicals that stand for all codes of a code system that is loaded.
    whole: HashMap<Box<str>, Box<str>>,
    /// What stands behind: R4's own.
    base: Option<&'static Self>,
}

impl Terminology {
    /// What R4 itself defines.
    #[must_use]
    pub fn core() -> &'static Arc<Self> {
        static CORE: LazyLock<Arc<Terminology>> = LazyLock::new(|| {
            Arc::new(Terminology {
                code_systems: Shelf::embedded(CODE_SYSTEMS),
                value_sets: Shelf::embedded(VALUE_SETS),
                concept_maps: Shelf::embedded(CONCEPT_MAPS),
                ..Terminology::default()
            })
        });
        &CORE
    }

    /// What R4 defines and these CodeSystems, ValueSets, ConceptMaps and NamingSystems, and the
    /// value sets that StructureDefinitions contain; other resources are passed over.
    #[must_use]
    pub fn with(loaded: &[Arc<Value>]) -> Self {
        let mut terminology = Self {
            base: Some(Self::core()),
            ..Self::default()
        };
        for resource in loaded {
            match resource["resourceType"].as_str() {
                Some("CodeSystem") => terminology.add_code_system(resource),
                Some("ValueSet") => terminology.value_sets.add(resource),
                Some("ConceptMap") => terminology.concept_maps.add(resource),
                Some("StructureDefinition") => terminology.add_contained(resource),
                _ => {}
            }
        }
        terminology.code_systems.sort();
        terminology.value_sets.sort();
        terminology.concept_maps.sort();
        terminology
    }

    /// The value sets that a profile contains, for its own bindings.
    fn add_contained(&mut self, profile: &Value) {
        let Some(url) = profile["url"].as_str() else {
            return;
        };
        for each in profile["contained"].as_array().into_iter().flatten() {
            if let (Some("ValueSet"), Some(id)) =
                (each["resourceType"].as_str(), each["id"].as_str())
            {
                let mut set = each.clone();
                set["url"] = Value::String(format!("{url}#{id}"));
                self.value_sets.add(&Arc::new(set));
            }
        }
    }

    fn add_code_system(&mut self, resource: &Arc<Value>) {
        self.code_systems.add(resource);
        let text = |name: &str| resource[name].as_str();
        let Some(url) = text("url") else {
            return;
        };
        if let Some(whole) = text("valueSet") {
            self.whole.insert(whole.into(), url.into());
        }
        if let Some(supplemented) = text("supplements") {
            let (supplemented, _) = find::parts(supplemented);
            let urls = self.supplements.entry(supplemented.into()).or_default();
            if !urls.iter().any(|known| **known == *url) {
                urls.push(url.into());
            }
        }
    }
}
