//! Rows of tables that are being taken in, so that an import goes on after a crash where it was.

use super::{Store, Tx, facade::Reading, sqlite::Readers};
use crate::{
    fhir::permit::Permit,
    kernel::problem::{Problem, Result},
};

/// What has become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowState {
    /// Nothing yet.
    Waiting,
    /// Something was written for it.
    Created,
    /// All of it was there already.
    Unchanged,
    /// It was refused, and nothing of it was written.
    Rejected,
}

impl RowState {
    /// All states.
    pub const ALL: [Self; 4] = [
        Self::Waiting,
        Self::Created,
        Self::Unchanged,
        Self::Rejected,
    ];

    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Created => "created",
            Self::Unchanged => "unchanged",
            Self::Rejected => "rejected",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A row of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// The line of the file.
    pub line: u64,
    /// What has become of it.
    pub state: RowState,
    /// What is to be taken in; empty once that is done.
    pub content: String,
    /// Why it was refused; empty if it was not.
    pub faults: String,
}

impl Tx {
    /// Keeps a row of an import.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn keep_import_row(&mut self, import: &str, row: &ImportRow) -> Result<()> {
        self.session().keep_import_row(import, row).await
    }

    /// Moves a row from one state to another and wipes what it holds; `false` if it was in another
    /// state.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn settle_import_row(
        &mut self,
        import: &str,
        line: u64,
        (from, to): (RowState, RowState),
        faults: &str,
    ) -> Result<bool> {
        let row = ImportRow {
            line,
            state: to,
            content: String::new(),
            faults: faults.to_owned(),
        };
        self.session().settle_import_row(import, from, &row).await
    }

    /// Forgets all rows of an import.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn forget_import(&mut self, import: &str) -> Result<()> {
        self.session().forget_import(import).await
    }
}

impl Store {
    /// The rows of an import in a state, by line, at most `limit`.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn import_rows(
        &self,
        _permit: &Permit,
        import: &str,
        state: RowState,
        limit: u32,
    ) -> Result<Vec<ImportRow>> {
        self.import_readers()?
            .import_rows(import, state, limit)
            .await
    }

    /// How many rows of an import are in each state.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn import_counts(
        &self,
        _permit: &Permit,
        import: &str,
    ) -> Result<Vec<(RowState, u64)>> {
        self.import_readers()?.import_counts(import).await
    }

    /// Imports belong to a store that lasts; one in memory has none.
    fn import_readers(&self) -> Result<&Readers> {
        match self.reading() {
            Reading::Pool(readers) => Ok(readers),
            Reading::Turn => Err(Problem::fault("a store in memory takes no imports")),
        }
    }
}
