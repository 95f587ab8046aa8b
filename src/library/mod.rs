//! The definitions that are loaded, at hand as pure [`Knowledge`].
//!
//! The store tells when definitions have changed; whoever asks next has them read, and of them
//! only what is new. Nothing is read before somebody asks.

pub mod package;
mod reactor;
pub mod reindex;
mod shelf;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::reactor::ParameterReactor;
use self::shelf::Shelf;
use crate::{
    fhir::{
        definitions::ResourceType,
        knowledge::{Knowledge, SOURCES},
        permit::Permit,
    },
    kernel::problem::{Problem, Result},
    store::Store,
};

/// The right under which definitions are read.
static PERMIT: Permit = Permit::system("library");

/// The definitions of a store; clones share them.
#[derive(Clone)]
pub struct Library {
    store: Store,
    held: Arc<Mutex<Held>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What was read last.
struct Held {
    /// The store's stamp before it was read; none: nothing has been read.
    stamp: Option<u64>,
    shelf: Arc<Shelf>,
}

impl Library {
    /// The library of a store.
    #[must_use]
    pub fn of(store: Store) -> Self {
        Self {
            store,
            held: Arc::new(Mutex::new(Held {
                stamp: None,
                shelf: Arc::default(),
            })),
            turn: Arc::default(),
        }
    }

    /// What the definitions say now: whoever has written one finds it here.
    ///
    /// # Errors
    /// `Fault`, if the store cannot be read.
    pub async fn knowledge(&self) -> Result<Arc<Knowledge>> {
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        let _turn = self.turn.lock().await;
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        let stamp = self.store.definitions_stamp();
        let shelf = Arc::clone(&self.held().shelf);
        let loaded = self.store.loaded(&PERMIT, sources(), shelf.known());
        let loaded = loaded.await?;
        // Thousands of definitions may be parsed: not on a thread that serves.
        let work = tokio::task::spawn_blocking(move || shelf.with(&loaded));
        let shelf = work.await.map_err(Problem::fault)??;
        Ok(self.keep(stamp, shelf))
    }

    /// The same for those who cannot wait; a store in memory gives what was read last.
    ///
    /// # Errors
    /// `Fault`, if the store cannot be read.
    pub fn at_hand(&self) -> Result<Arc<Knowledge>> {
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        let stamp = self.store.definitions_stamp();
        let shelf = Arc::clone(&self.held().shelf);
        match self.store.loaded_at_once(&sources(), &shelf.known())? {
            Some(loaded) => Ok(self.keep(stamp, shelf.with(&loaded)?)),
            None => Ok(Arc::clone(&self.held().shelf.knowledge)),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was read last, if nothing has changed since.
    fn fresh(&self) -> Option<Arc<Knowledge>> {
        let held = self.held();
        let is_fresh = held.stamp == Some(self.store.definitions_stamp());
        is_fresh.then(|| Arc::clone(&held.shelf.knowledge))
    }

    /// Keeps what was read at a stamp, unless somebody has read later.
    fn keep(&self, stamp: u64, shelf: Shelf) -> Arc<Knowledge> {
        let knowledge = Arc::clone(&shelf.knowledge);
        let mut held = self.held();
        if held.stamp.is_none_or(|known| known <= stamp) {
            held.stamp = Some(stamp);
            held.shelf = Arc::new(shelf);
        }
        knowledge
    }
}

/// The types that are read.
fn sources() -> Vec<ResourceType> {
    let named = SOURCES.iter();
    named.filter_map(|name| ResourceType::named(name)).collect()
}

#[cfg(test)]
mod tests;
