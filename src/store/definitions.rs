//! Definitions as `library` reads them: what stands, and of it what the reader does not have yet.

use std::collections::HashMap;

use futures_util::future::BoxFuture;

use super::{Store, Stored, Tx, facade::Reading};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit},
    kernel::problem::{Problem, Result},
};

/// What is loaded, in the order of creation.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Key and version of each resource that stands.
    pub standing: Vec<(i64, u64)>,
    /// Those of them that were not known under this version.
    pub fresh: Vec<Stored>,
    /// The parameters that the index has.
    pub parameters: Vec<IndexedParameter>,
}

/// A defined search parameter, as far as the index has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexedParameter {
    /// Its number.
    pub param: i64,
    /// The hash of what its rows depend on.
    pub rules: i64,
    /// Whether all resources of its type have their rows.
    pub ready: bool,
}

/// What is known already: versions by key.
pub type Known = HashMap<i64, u64>;

/// What the library needs of a connection; see [`super::session::Session`].
pub(super) trait Defining: Send {
    /// The resources of these types.
    fn loaded<'a>(
        &'a mut self,
        kinds: &'a [ResourceType],
        known: &'a Known,
    ) -> BoxFuture<'a, Result<Loaded>>;
}

impl Tx {
    /// The resources of these types, this transaction's own writes included.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn loaded(&mut self, kinds: &[ResourceType], known: &Known) -> Result<Loaded> {
        self.session().loaded(kinds, known).await
    }
}

impl Store {
    /// Grows with each commit that changes a definition, before whoever made it is answered, and
    /// soon after another process has written.
    #[must_use]
    pub fn definitions_stamp(&self) -> u64 {
        self.stamp()
    }

    /// The resources of these types that are durable.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn loaded(
        &self,
        permit: &Permit,
        kinds: Vec<ResourceType>,
        known: Known,
    ) -> Result<Loaded> {
        match self.reading() {
            Reading::Pool(readers) => {
                let readers = readers.clone();
                // Thousands of definitions may have to be read: not on a thread that serves.
                let work = move || readers.loaded(&kinds, &known);
                let done = tokio::task::spawn_blocking(work).await;
                done.unwrap_or_else(|e| Err(Problem::fault(e)))
            }
            Reading::Turn => {
                self.write(permit, move |tx| {
                    Box::pin(async move { tx.loaded(&kinds, &known).await })
                })
                .await
            }
        }
    }

    /// The same in the calling thread; none where only the writer's connection could tell.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub fn loaded_at_once(&self, kinds: &[ResourceType], known: &Known) -> Result<Option<Loaded>> {
        match self.reading() {
            Reading::Pool(readers) => readers.loaded(kinds, known).map(Some),
            Reading::Turn => Ok(None),
        }
    }
}
