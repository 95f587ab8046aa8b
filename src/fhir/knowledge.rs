//! Everything that definitions say, as one immutable value: profiles, terminology, search
//! parameters.
//!
//! R4's own definitions are part of the program; those that somebody loads or posts are added by
//! `library`, which makes a new value whenever they change.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::{
    definitions::ResourceType, profile::Profiles, search::parameters::Parameters,
    terminology::Terminology,
};

/// The types whose resources are knowledge.
pub const SOURCES: [&str; 6] = [
    "CodeSystem",
    "ConceptMap",
    "NamingSystem",
    "SearchParameter",
    "StructureDefinition",
    "ValueSet",
];

/// Whether resources of a type are knowledge.
#[must_use]
pub fn is_source(kind: ResourceType) -> bool {
    SOURCES.contains(&kind.name())
}

/// What the definitions say at one moment.
#[derive(Debug, Clone)]
pub struct Knowledge {
    /// StructureDefinitions.
    pub profiles: Arc<Profiles>,
    /// CodeSystems, ValueSets, ConceptMaps.
    pub terminology: Arc<Terminology>,
    /// SearchParameters.
    pub parameters: Arc<Parameters>,
}

impl Knowledge {
    /// What R4 itself defines.
    #[must_use]
    pub fn core() -> &'static Arc<Self> {
        static CORE: LazyLock<Arc<Knowledge>> = LazyLock::new(|| {
            Arc::new(Knowledge {
                profiles: Arc::clone(Profiles::core()),
                terminology: Arc::clone(Terminology::core()),
                parameters: Arc::clone(Parameters::core()),
            })
        });
        &CORE
    }

    /// The type of the definition that has this canonical, where one is known.
    #[must_use]
    pub fn kind_of(&self, canonical: &str) -> Option<&'static str> {
        if self.profiles.knows(canonical) {
            return Some("StructureDefinition");
        }
        self.terminology.kind_of(canonical)
    }

    /// What R4 defines and these definitions do; of their search parameters, all are ready.
    #[must_use]
    pub fn with(loaded: &[Arc<Value>]) -> Self {
        Self {
            profiles: Arc::new(Profiles::with(loaded)),
            terminology: Arc::new(Terminology::with(loaded)),
            parameters: Arc::new(Parameters::with(loaded)),
        }
    }
}
