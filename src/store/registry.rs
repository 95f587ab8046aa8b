//! The search parameters that resources define, as the one transaction sees them that writes.
//!
//! A resource is indexed by the parameters that hold in its own transaction, so that nothing slips
//! between a definition and the re-index that it begins.

use std::{collections::HashMap, sync::Arc};

use super::{Known, Stored, Tx};
use crate::{
    fhir::{
        definitions::ResourceType,
        search::{
            extract,
            parameters::{Definition, Parameters},
        },
    },
    kernel::problem::Result,
};

/// The type that defines.
const SOURCE: &str = "SearchParameter";

/// What has been read of the definitions.
#[derive(Debug, Default)]
pub(super) struct Registry {
    read: HashMap<i64, (u64, Option<Arc<Definition>>)>,
    parameters: Option<Arc<Parameters>>,
    /// Whether the present request has changed a definition; it may still be undone.
    unsettled: bool,
    /// What was read since it has.
    uncertain: Vec<i64>,
}

impl Registry {
    /// A request begins: what the one before has changed was kept or undone, and is read anew. What
    /// was read before it did is as it was, under its version.
    pub fn settle(&mut self) {
        if self.unsettled {
            for key in std::mem::take(&mut self.uncertain) {
                self.read.remove(&key);
            }
            self.parameters = None;
            self.unsettled = false;
        }
    }

    /// A resource has been written.
    pub fn note(&mut self, kind: ResourceType) {
        if kind.name() == SOURCE {
            self.parameters = None;
            self.unsettled = true;
        }
    }

    /// Nothing is certain any more.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    fn known(&self) -> Known {
        let read = self.read.iter();
        read.map(|(key, (version, _))| (*key, *version)).collect()
    }

    fn read(&mut self, stored: &Stored) -> Result<()> {
        let definition = Definition::of(&stored.tree()?).map(Arc::new);
        self.read.insert(stored.key, (stored.version, definition));
        if self.unsettled {
            self.uncertain.push(stored.key);
        }
        Ok(())
    }
}

impl Tx {
    /// The search parameters that hold in this transaction; all of them count as ready.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn parameters(&mut self) -> Result<Arc<Parameters>> {
        if let Some(known) = &self.registry.parameters {
            return Ok(Arc::clone(known));
        }
        let kinds: Vec<ResourceType> = ResourceType::named(SOURCE).into_iter().collect();
        let known = self.registry.known();
        let loaded = self.session().loaded(&kinds, &known).await?;
        for stored in &loaded.fresh {
            self.registry.read(stored)?;
        }
        let standing = loaded.standing.iter();
        let definitions: Vec<Arc<Definition>> = standing
            .filter_map(|(key, _)| self.registry.read.get(key)?.1.clone())
            .collect();
        let parameters = Arc::new(Parameters::of(&definitions, &|_, _| true));
        self.registry.parameters = Some(Arc::clone(&parameters));
        Ok(parameters)
    }

    /// Adds to what has been prepared the rows of parameters that resources define.
    pub(super) async fn complete(&mut self, prepared: &mut super::Prepared) -> Result<()> {
        let parameters = self.parameters().await?;
        let defined = parameters.defined(prepared.resource.kind());
        if !defined.is_empty() {
            extract::add_defined(prepared.resource.tree(), defined, &mut prepared.rows);
        }
        Ok(())
    }
}
