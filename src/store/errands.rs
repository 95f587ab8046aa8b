//! Work that is asked for now and answered later, and the versions that an export is made of.
//!
//! An export keeps references to versions and no copies: a download reads the versions themselves,
//! so that an erasure reaches every export by removing what it removes anyway.
//!
//! Specification: <http://hl7.org/fhir/R4/async.html>.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use super::{Store, Stored, Tx, facade::Reading};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit},
    kernel::problem::{Problem, Result},
};

/// What kind of work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrandKind {
    /// Resources out, as files.
    Export,
    /// Resources in, from files.
    Import,
    /// One request, answered later.
    Request,
}

impl ErrandKind {
    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Import => "import",
            Self::Request => "request",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Export, Self::Import, Self::Request];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrandState {
    /// It is not done.
    Waiting,
    /// It is done.
    Done,
    /// It cannot be done.
    Failed,
}

impl ErrandState {
    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Waiting, Self::Done, Self::Failed];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// Work that is answered later.
#[derive(Debug, Clone, PartialEq)]
pub struct Errand {
    /// By which it is asked after.
    pub id: String,
    /// What kind of work it is.
    pub kind: ErrandKind,
    /// Who asked.
    pub asker: String,
    /// How far it is.
    pub state: ErrandState,
    /// What was asked.
    pub request: Value,
    /// Where to go on.
    pub progress: Value,
    /// What came of it; `null` while it waits.
    pub result: Value,
    /// When it was asked.
    pub created: Timestamp,
    /// When it is forgotten.
    pub expires: Timestamp,
}

/// Which resources an export takes next.
#[derive(Debug, Clone)]
pub struct Listing<'a> {
    /// The export.
    pub errand: &'a str,
    /// The file that they stand in.
    pub part: i64,
    /// Their type.
    pub kind: ResourceType,
    /// The key after which it goes on.
    pub after: i64,
    /// Most resources that are looked at.
    pub limit: u32,
    /// Only what has changed at or after this instant.
    pub since: Option<Timestamp>,
    /// As they stood at this instant.
    pub until: Timestamp,
    /// Only what is in a patient's compartment.
    pub in_compartment: bool,
    /// Only what is in the compartments of these patients.
    pub patients: Option<&'a [String]>,
    /// Only these resources.
    pub keys: Option<&'a [i64]>,
    /// Those that were deleted, instead of those that stand.
    pub deleted: bool,
}

/// What a [`Listing`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The last key that was looked at; none if there is nothing more.
    pub last: Option<i64>,
    /// Resources that were added.
    pub added: u64,
}

/// Rows of errands, on one connection.
pub(super) trait Errands: Send {
    /// Writes an errand, in the place of an earlier one of its id.
    fn keep_errand<'a>(&'a mut self, errand: &'a Errand) -> BoxFuture<'a, Result<()>>;

    /// The errand of an id.
    fn errand<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<Option<Errand>>>;

    /// All of them, without what came of them.
    fn errands(&mut self) -> BoxFuture<'_, Result<Vec<Errand>>>;

    /// Removes an errand and all that belongs to it.
    fn forget_errand<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Adds what a listing finds, and the permit reaches, to an export.
    fn list<'a>(
        &'a mut self,
        permit: &'a Permit,
        listing: &'a Listing<'a>,
    ) -> BoxFuture<'a, Result<Listed>>;

    /// How many lines each file of an export has.
    fn parts<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<Vec<(i64, u64)>>>;
}

impl Tx {
    /// Writes an errand, in the place of an earlier one of its id.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn keep_errand(&mut self, errand: &Errand) -> Result<()> {
        self.session().keep_errand(errand).await
    }

    /// The errand of an id.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn errand(&mut self, id: &str) -> Result<Option<Errand>> {
        self.session().errand(id).await
    }

    /// All errands, without what came of them.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn errands(&mut self) -> Result<Vec<Errand>> {
        self.session().errands().await
    }

    /// Removes an errand and all that belongs to it.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn forget_errand(&mut self, id: &str) -> Result<()> {
        self.session().forget_errand(id).await
    }

    /// Adds what a listing finds, and the permit reaches, to an export.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn list(&mut self, listing: &Listing<'_>) -> Result<Listed> {
        let (session, permit) = self.reading_as();
        session.list(permit, listing).await
    }

    /// How many lines each file of an export has, by the file's number.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn errand_parts(&mut self, id: &str) -> Result<Vec<(i64, u64)>> {
        self.session().parts(id).await
    }

    /// Removes every errand that may hold something of somebody who is erased: what was asked about
    /// single people or by their properties, every answer that is kept, and what names one of
    /// `ids`.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn forget_errands_about(&mut self, ids: &HashSet<String>) -> Result<()> {
        for errand in self.errands().await? {
            if may_hold(&errand, ids) {
                self.forget_errand(&errand.id).await?;
            }
        }
        Ok(())
    }
}

/// Whether an errand may hold something of somebody who is erased. An import that waits is left:
/// it is a client's word that comes after the erasure.
fn may_hold(errand: &Errand, ids: &HashSet<String>) -> bool {
    let is_over = errand.state != ErrandState::Waiting;
    match errand.kind {
        ErrandKind::Export => {
            let by_property = errand.request["filters"]
                .as_array()
                .is_some_and(|filters| !filters.is_empty());
            errand.request["patients"].is_array() || by_property
        }
        // Answers, and the faults of lines, may quote anybody.
        ErrandKind::Import | ErrandKind::Request => is_over || names(&errand.request, ids),
    }
}

fn names(value: &Value, ids: &HashSet<String>) -> bool {
    match value {
        Value::String(text) => ids.iter().any(|id| text.contains(id.as_str())),
        Value::Array(list) => list.iter().any(|one| names(one, ids)),
        Value::Object(members) => members.values().any(|one| names(one, ids)),
        _ => false,
    }
}

impl Store {
    /// The versions that a file of an export is made of, after the key `after`, as far as the
    /// permit reaches them now.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn errand_lines(
        &self,
        permit: &Permit,
        (errand, part): (&str, i64),
        after: i64,
        limit: u32,
    ) -> Result<Vec<Stored>> {
        match self.reading() {
            Reading::Pool(readers) => {
                readers
                    .errand_lines(permit, (errand, part), after, limit)
                    .await
            }
            Reading::Turn => Err(Problem::fault("a store in memory has no exports")),
        }
    }
}
