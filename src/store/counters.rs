//! Counters: numbers that stay when those who were counted have been erased.

use super::{Store, Tx, facade::Reading};
use crate::{fhir::permit::Permit, kernel::problem::Result};

/// A number of one thing, on one pathway, at one establishment, in one month.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count {
    /// What is counted, such as `started` or `alert/urgent/U2`.
    pub name: String,
    /// The pathway's canonical URL, without its version; empty if none.
    pub pathway: String,
    /// `Organization/{id}`; empty if none.
    pub establishment: String,
    /// Such as `2020-05`.
    pub month: String,
    /// How many; negative where something was counted elsewhere since.
    pub value: i64,
}

impl Tx {
    /// Adds to a counter.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn count(&mut self, count: &Count) -> Result<()> {
        self.session().count(count).await
    }

    async fn counts(&mut self) -> Result<Vec<Count>> {
        self.session().counts().await
    }
}

impl Store {
    /// The counters that are not zero, in the order of their names.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn counts(&self, permit: &Permit) -> Result<Vec<Count>> {
        match self.reading() {
            Reading::Pool(readers) => readers.counts().await,
            Reading::Turn => self.write(permit, |tx| Box::pin(tx.counts())).await,
        }
    }
}
