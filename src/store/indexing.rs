//! How far the index is: what `library` needs to have rows extracted anew.
//!
//! One mechanism serves every cause: a parameter that is defined, changed or withdrawn, a new
//! version of the program's own rules, an operator's wish. A type is walked in the order of keys;
//! each resource's rows are made again and compared with those that are there, and the place
//! reached is kept in the same transaction.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{INDEX_VERSION, IndexedParameter, Prepared, Store, Stored, Tx, facade::Reading};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, resource::Resource},
    kernel::problem::{Problem, Result},
};

/// A type whose rows are extracted anew, or have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reindex {
    /// The type.
    pub kind: ResourceType,
    /// Resources up to this key have their rows.
    pub done_key: i64,
    /// The greatest key when it began.
    pub last_key: i64,
    /// Resources done.
    pub done: u64,
    /// Resources there were when it began.
    pub total: u64,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// What the index was made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexState {
    /// The version of the rules that all rows were extracted by.
    pub version: i64,
    /// The version that a re-index under way will bring.
    pub wanted: i64,
}

/// What re-indexing needs of a connection; see [`super::session::Session`].
pub(super) trait Indexing: Send {
    /// What the index was made by.
    fn index_state(&mut self) -> BoxFuture<'_, Result<IndexState>>;

    /// Says what the index was made by.
    fn note_index_state(&mut self, state: IndexState) -> BoxFuture<'_, Result<()>>;

    /// The defined parameters of a type that the index knows.
    fn indexed(&mut self, kind: ResourceType) -> BoxFuture<'_, Result<Vec<IndexedParameter>>>;

    /// The types of which the index knows defined parameters.
    fn indexed_kinds(&mut self) -> BoxFuture<'_, Result<Vec<ResourceType>>>;

    /// Says how far the index has a parameter.
    fn note_indexed<'a>(
        &'a mut self,
        kind: ResourceType,
        parameter: &'a IndexedParameter,
    ) -> BoxFuture<'a, Result<()>>;

    /// Forgets a parameter.
    fn forget_indexed(&mut self, param: i64) -> BoxFuture<'_, Result<()>>;

    /// Begins with a type, anew where it has been begun; `false` where the type has no resources.
    fn begin_reindex(&mut self, kind: ResourceType, now: Timestamp) -> BoxFuture<'_, Result<bool>>;

    /// All that is known of re-indexes, by type.
    fn reindexes(&mut self) -> BoxFuture<'_, Result<Vec<Reindex>>>;

    /// Writes how far a type is, if it is where `before` says; `false` if it was begun anew.
    fn advance_reindex<'a>(
        &'a mut self,
        before: &'a Reindex,
        after: &'a Reindex,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Resources of a type after `done_key` and up to `last_key`, at most `limit`.
    fn to_reindex<'a>(
        &'a mut self,
        of: &'a Reindex,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Stored>>>;

    /// Replaces the rows of a resource, if this is its version; `false` if it is not.
    fn reindex<'a>(
        &'a mut self,
        stored: &'a Stored,
        rows: &'a crate::fhir::search::rows::IndexRows,
    ) -> BoxFuture<'a, Result<bool>>;
}

/// The parameters that the index has, and the types that it is made anew for.
impl Tx {
    /// The defined parameters of a type that the index knows.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn indexed(&mut self, kind: ResourceType) -> Result<Vec<IndexedParameter>> {
        self.session().indexed(kind).await
    }

    /// The types of which the index knows defined parameters.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn indexed_kinds(&mut self) -> Result<Vec<ResourceType>> {
        self.session().indexed_kinds().await
    }

    /// Says how far the index has a parameter.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn note_indexed(
        &mut self,
        kind: ResourceType,
        parameter: &IndexedParameter,
    ) -> Result<()> {
        self.redefine();
        self.session().note_indexed(kind, parameter).await
    }

    /// Forgets a parameter.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn forget_indexed(&mut self, param: i64) -> Result<()> {
        self.redefine();
        self.session().forget_indexed(param).await
    }

    /// Begins to extract the rows of a type anew, or begins again; `false` where the type has no
    /// resources.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn begin_reindex(&mut self, kind: ResourceType) -> Result<bool> {
        let now = self.now();
        self.session().begin_reindex(kind, now).await
    }

    /// All that is known of re-indexes, by type.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn reindexes(&mut self) -> Result<Vec<Reindex>> {
        self.session().reindexes().await
    }

    /// Writes the rows of a run of resources that were read at `at`, and the place reached. What
    /// has been written meanwhile has its rows already; nothing is done where the type was begun
    /// anew meanwhile.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn reindex(&mut self, at: &Reindex, run: Vec<(Stored, Prepared)>) -> Result<()> {
        let mut after = *at;
        after.done += u64::try_from(run.len()).map_err(Problem::fault)?;
        after.done_key = run.last().map_or(at.last_key, |(stored, _)| stored.key);
        if run.is_empty() {
            after.ended = Some(self.now());
        }
        if !self.session().advance_reindex(at, &after).await? {
            return Ok(());
        }
        for (stored, mut prepared) in run {
            self.complete(&mut prepared).await?;
            self.share_again(&stored, &mut prepared).await?;
            self.session().reindex(&stored, &prepared.rows).await?;
        }
        if after.ended.is_some() {
            self.end_reindex(at.kind).await?;
        }
        Ok(())
    }

    /// Writes the rows of a current version anew, as they are at this instant.
    ///
    /// # Errors
    /// `Fault`, if the database fails, or what is stored cannot be read.
    pub async fn settle_rows(&mut self, stored: &Stored) -> Result<()> {
        for (stored, mut prepared) in prepare(vec![stored.clone()])? {
            self.complete(&mut prepared).await?;
            self.share_again(&stored, &mut prepared).await?;
            self.session().reindex(&stored, &prepared.rows).await?;
        }
        Ok(())
    }

    /// All resources of a type have the rows of all its parameters.
    async fn end_reindex(&mut self, kind: ResourceType) -> Result<()> {
        for parameter in self.indexed(kind).await? {
            let ready = IndexedParameter {
                ready: true,
                ..parameter
            };
            self.note_indexed(kind, &ready).await?;
        }
        let open = self.reindexes().await?;
        let state = self.session().index_state().await?;
        if open.iter().all(|each| each.ended.is_some()) && state.version != state.wanted {
            let version = state.wanted;
            let state = IndexState { version, ..state };
            self.session().note_index_state(state).await?;
        }
        Ok(())
    }

    /// Begins to index everything anew where another version of the program has indexed it;
    /// whether there is something to do.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn reindex_if_outdated(&mut self, kinds: &[ResourceType]) -> Result<bool> {
        let state = self.session().index_state().await?;
        if state.wanted == INDEX_VERSION {
            return Ok(state.version != INDEX_VERSION);
        }
        let mut begun = false;
        for kind in kinds {
            begun |= self.begin_reindex(*kind).await?;
        }
        let version = if begun { state.version } else { INDEX_VERSION };
        let wanted = INDEX_VERSION;
        let state = IndexState { version, wanted };
        self.session().note_index_state(state).await?;
        Ok(begun)
    }
}

impl Store {
    /// The next resources of a type that is indexed anew, with the rows that the program's own
    /// parameters give.
    ///
    /// # Errors
    /// `Fault`, if the database fails, or what is stored cannot be read.
    pub async fn to_reindex(
        &self,
        permit: &Permit,
        at: &Reindex,
        limit: u32,
    ) -> Result<Vec<(Stored, Prepared)>> {
        let of = *at;
        let read = match self.reading() {
            Reading::Pool(readers) => {
                let readers = readers.clone();
                let read = move || prepare(readers.to_reindex(&of, limit)?);
                // Extraction takes its time: not on a thread that serves.
                tokio::task::spawn_blocking(read).await
            }
            Reading::Turn => Ok(self
                .write(permit, move |tx| {
                    Box::pin(async move { prepare(tx.session().to_reindex(&of, limit).await?) })
                })
                .await),
        };
        read.unwrap_or_else(|e| Err(Problem::fault(e)))
    }
}

fn prepare(found: Vec<Stored>) -> Result<Vec<(Stored, Prepared)>> {
    let each = found.into_iter().map(|stored| {
        let mut prepared = Prepared::new(Resource::trusted(stored.tree()?)?);
        prepared.settle_compartments(&stored.id);
        Ok((stored, prepared))
    });
    each.collect()
}
