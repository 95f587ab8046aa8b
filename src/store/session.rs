//! What the store needs of one database connection.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{
    Count, Excerpt, History, ImportRow, Job, LeasedJob, Page, RowState, Stored, accounts::Accounts,
    clients::Clients, definitions::Defining, erase::Erasing, errands::Errands, indexing::Indexing,
    tokens::Tokens,
};
use crate::{
    fhir::{
        about::About,
        definitions::ResourceType,
        permit::{Concern, Permit, Reach},
        scope::Action,
        search::query::Query,
        search::rows::IndexRows,
    },
    kernel::problem::Result,
};

/// One connection with a transaction open: rows in, rows out, no rules.
pub(super) trait Session:
    Erasing + Defining + Errands + Indexing + Accounts + Clients + Tokens
{
    /// Opens the transaction that a group of requests shares.
    fn begin(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Whether somebody else has written to the database since the last call, such as
    /// `vigie load` beside a server.
    fn others_wrote(&mut self) -> BoxFuture<'_, Result<bool>>;

    /// Makes the group durable.
    fn commit(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Gives the group up, after a failed commit.
    fn rollback(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Opens one request's part of the group.
    fn begin_part(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Keeps one request's part.
    fn keep_part(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Undoes one request's part.
    fn undo_part(&mut self) -> BoxFuture<'_, Result<()>>;

    /// The current version, a deletion included.
    fn current<'a>(
        &'a mut self,
        kind: ResourceType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Stored>>>;

    /// Whether the permit reaches the resource of this type and key by this action.
    fn reaches<'a>(
        &'a mut self,
        permit: &'a Permit,
        of: (ResourceType, i64),
        action: Action,
    ) -> BoxFuture<'a, Result<bool>>;

    /// By which of its bounds the permit may write what is about these; `own` is the mark or id of
    /// a resource that is not there yet.
    fn admitting<'a>(
        &'a mut self,
        permit: &'a Permit,
        what: (ResourceType, Action),
        about: (&'a About, Option<&'a str>),
    ) -> BoxFuture<'a, Result<Vec<usize>>>;

    /// Whether one of these bounds holds of the resource of a key as it stands now.
    fn admitted<'a>(
        &'a mut self,
        permit: &'a Permit,
        what: (ResourceType, Action),
        admitting: (&'a [usize], i64),
    ) -> BoxFuture<'a, Result<bool>>;

    /// Whom somebody can act for.
    fn custodians<'a>(&'a mut self, seeds: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>>;

    /// The names of those who belong to these custodians.
    fn belonging<'a>(&'a mut self, custodians: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>>;

    /// Whether somebody is reached.
    fn reaches_whom<'a>(
        &'a mut self,
        reach: &'a Reach,
        whom: &'a str,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Whom a resource is about, and with `former` whom its earlier versions were about; none if
    /// it never was. What is deleted is about whom it was.
    fn whom<'a>(
        &'a mut self,
        of: (ResourceType, &'a str),
        former: bool,
    ) -> BoxFuture<'a, Result<Option<Vec<String>>>>;

    /// Whether a concern has a patient.
    fn concerns<'a>(
        &'a mut self,
        concern: &'a Concern,
        patient: &'a str,
    ) -> BoxFuture<'a, Result<bool>>;

    /// One version, if the permit reaches the resource.
    fn version<'a>(
        &'a mut self,
        permit: &'a Permit,
        target: (ResourceType, &'a str),
        version: u64,
    ) -> BoxFuture<'a, Result<Option<Stored>>>;

    /// A page of versions, newest first; none if they are those of one resource that the permit
    /// does not reach.
    fn history<'a>(
        &'a mut self,
        permit: &'a Permit,
        excerpt: &'a Excerpt,
    ) -> BoxFuture<'a, Result<Option<History>>>;

    /// Current versions that together have every label that resources of these types have.
    fn labelled<'a>(
        &'a mut self,
        permit: &'a Permit,
        kinds: &'a [ResourceType],
    ) -> BoxFuture<'a, Result<Vec<Stored>>>;

    /// When the next waiting job is due.
    fn next_job_at(&mut self) -> BoxFuture<'_, Result<Option<Timestamp>>>;

    /// Waiting and dead jobs.
    fn job_counts(&mut self) -> BoxFuture<'_, Result<(u64, u64)>>;

    /// Writes the first version of a resource with its rows; gives its key.
    fn insert<'a>(&'a mut self, row: &'a Stored, rows: &'a IndexRows)
    -> BoxFuture<'a, Result<i64>>;

    /// Supersedes `current`, the current version of `row.key`, and replaces its rows.
    fn supersede<'a>(
        &'a mut self,
        current: &'a Stored,
        row: &'a Stored,
        rows: &'a IndexRows,
    ) -> BoxFuture<'a, Result<()>>;

    /// Searches, the open transaction's own writes included.
    fn search<'a>(
        &'a mut self,
        permit: &'a Permit,
        query: &'a Query,
    ) -> BoxFuture<'a, Result<Page>>;

    /// Adds a job, unless one of the same kind and key waits.
    fn enqueue<'a>(&'a mut self, job: &'a Job) -> BoxFuture<'a, Result<()>>;

    /// Lends up to `limit` due jobs until `until`, none of the kinds `except`.
    fn lease<'a>(
        &'a mut self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
        except: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<LeasedJob>>>;

    /// Removes a job whose lease still holds; `false` if it does not.
    fn finish<'a>(&'a mut self, job: &'a LeasedJob) -> BoxFuture<'a, Result<bool>>;

    /// Gives a job back, to be run at `at`; `false` if the lease has passed.
    fn postpone<'a>(
        &'a mut self,
        job: &'a LeasedJob,
        at: Timestamp,
        error: &'a str,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Gives a job back unrun; `false` if the lease has passed.
    fn release<'a>(&'a mut self, job: &'a LeasedJob) -> BoxFuture<'a, Result<bool>>;

    /// Ends all leases; gives their number.
    fn release_all(&mut self) -> BoxFuture<'_, Result<u64>>;

    /// Marks a job as one that cannot succeed; `false` if the lease has passed.
    fn bury<'a>(&'a mut self, job: &'a LeasedJob, error: &'a str) -> BoxFuture<'a, Result<bool>>;

    /// Adds to a counter.
    fn count<'a>(&'a mut self, count: &'a Count) -> BoxFuture<'a, Result<()>>;

    /// The counters that are not zero.
    fn counts(&mut self) -> BoxFuture<'_, Result<Vec<Count>>>;

    /// Adds a row of an import.
    fn keep_import_row<'a>(
        &'a mut self,
        import: &'a str,
        row: &'a ImportRow,
    ) -> BoxFuture<'a, Result<()>>;

    /// Replaces a row of an import that is in the state `from`; `false` if it is in another.
    fn settle_import_row<'a>(
        &'a mut self,
        import: &'a str,
        from: RowState,
        row: &'a ImportRow,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Forgets all rows of an import.
    fn forget_import<'a>(&'a mut self, import: &'a str) -> BoxFuture<'a, Result<()>>;
}
