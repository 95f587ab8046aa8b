//! The reading connections: a pool on the WAL, each statement a snapshot of what is durable.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use sqlx::{Row, SqlitePool, sqlite::SqlitePoolOptions};

use super::{
    bounded::{Bounded, SEARCH_TIME_MAX, Turns, within},
    counters, errands, history, imports, labels,
    lookups::Lookups,
    options,
    rows::{problem, stored_from_row},
    search::{self, Scope, Sql},
    source::Source as _,
};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::{Permit, Reach},
        scope::Action,
        search::query::Query,
    },
    kernel::{clock::from_millis, problem::Result},
    store::{
        Account, AccountBy, Count, Excerpt, History, HistoryOf, ImportRow, Known, Loaded,
        LoginSession, Page, Reindex, RowState, Stored,
    },
};

/// How long a read waits for a connection before the client is told to come again.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is there of a patient's compartment, what refers to the resource, and the resource itself.
const ABOUT: &str = "select r.key, r.type, r.id, r.version, r.updated, r.deleted, r.hash, r.body \
     from resource r where r.key > ";

/// When the next waiting job is due. Two looks, each at the head of an index: the free jobs, and
/// the end of leases.
pub(super) const NEXT_JOB: &str = "select min(at) from ( \
         select * from (select run_at as at from job \
             where state = 'waiting' and leased_until is null \
             order by run_at limit 1) \
         union all \
         select min(leased_until) from job \
             where state = 'waiting' and leased_until is not null)";

/// Waiting and dead jobs.
pub(super) const JOB_COUNTS: &str = "select count(*) filter (where state = 'waiting'), \
     count(*) filter (where state = 'dead') from job";

/// A pool of connections that only read; clones share it.
#[derive(Clone)]
pub struct Readers {
    pool: SqlitePool,
    lookups: Lookups,
    turns: Turns,
}

impl Readers {
    /// Opens `count` connections.
    pub async fn open(path: &Path, count: u32) -> Result<Self> {
        let pool = SqlitePoolOptions::new()
            .max_connections(count)
            .min_connections(count)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options(path).pragma("query_only", "on"))
            .await
            .map_err(problem)?;
        let lookups = Lookups::open(path, count)?;
        let turns = Turns::at(count);
        Ok(Self {
            pool,
            lookups,
            turns,
        })
    }

    pub(super) async fn connection(&self) -> Result<Bounded> {
        Bounded::over(self.pool.acquire().await.map_err(problem)?).await
    }

    /// The connections that look up in the calling thread.
    pub const fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// The current version, if the permit reaches it.
    pub fn current(&self, permit: &Permit, kind: ResourceType, id: &str) -> Result<Option<Stored>> {
        self.lookups.current(permit, kind, id)
    }

    /// One version, if the permit reaches the resource.
    pub fn version(
        &self,
        permit: &Permit,
        target: (ResourceType, &str),
        version: u64,
    ) -> Result<Option<Stored>> {
        self.lookups.version(permit, target, version)
    }

    /// Whom somebody can act for, read in the calling thread.
    pub fn custodians(&self, seeds: &[String]) -> Result<Vec<String>> {
        self.lookups.custodians(seeds)
    }

    /// The names of those who belong to these custodians, read in the calling thread.
    pub fn belonging(&self, custodians: &[String]) -> Result<Vec<String>> {
        self.lookups.belonging(custodians)
    }

    /// Whether somebody is reached, read in the calling thread.
    pub fn reaches(&self, reach: &Reach, whom: &str) -> Result<bool> {
        self.lookups.reaches(reach, whom)
    }

    /// What stands of these types, read in the calling thread.
    pub fn loaded(&self, kinds: &[ResourceType], known: &Known) -> Result<Loaded> {
        self.lookups.loaded(kinds, known)
    }

    /// An account, read in the calling thread.
    pub fn account(&self, by: AccountBy<'_>) -> Result<Option<Account>> {
        self.lookups.account(by)
    }

    /// The session of a hash, read in the calling thread.
    pub fn login(&self, hash: &[u8]) -> Result<Option<LoginSession>> {
        self.lookups.login(hash)
    }

    /// The next resources of a type that is indexed anew, read in the calling thread.
    pub fn to_reindex(&self, of: &Reindex, limit: u32) -> Result<Vec<Stored>> {
        self.lookups.to_reindex(of, limit)
    }

    /// A page of versions, newest first.
    pub async fn history(&self, permit: &Permit, excerpt: &Excerpt) -> Result<Option<History>> {
        let newest = match &excerpt.of {
            HistoryOf::Instance(kind, id) => match self.lookups.current(permit, *kind, id)? {
                None => return Ok(None),
                found => found,
            },
            _ => None,
        };
        let _turn = self.turns.take(permit).await?;
        let mut connection = self.connection().await?;
        let page = history::page(&mut *connection, permit, excerpt, newest.as_ref());
        within(permit, SEARCH_TIME_MAX, page).await.map(Some)
    }

    /// Searches what is durable.
    pub async fn search(&self, permit: &Permit, query: &Query) -> Result<Page> {
        let _turn = self.turns.take(permit).await?;
        let mut connection = self.connection().await?;
        let found = search::search(&mut *connection, permit, query);
        within(permit, SEARCH_TIME_MAX, found).await
    }

    /// Current versions that together have every label that resources of these types have.
    pub async fn labelled(&self, permit: &Permit, kinds: &[ResourceType]) -> Result<Vec<Stored>> {
        let _turn = self.turns.take(permit).await?;
        let mut connection = self.connection().await?;
        let found = labels::labelled(&mut *connection, permit, kinds);
        within(permit, SEARCH_TIME_MAX, found).await
    }

    /// Current versions of what names a resource, in the order of creation, after the key `after`.
    pub async fn about(
        &self,
        permit: &Permit,
        (kind, id): (ResourceType, &str),
        after: i64,
        limit: u32,
    ) -> Result<Vec<Stored>> {
        let mut sql = Sql::new(ABOUT);
        sql.int(after).push(" and r.key in (");
        if kind.name() == "Patient" {
            sql.push("select key from compartment where patient = ")
                .text(id)
                .push(" union ");
        }
        sql.push("select key from reference where target_id = ")
            .text(id);
        sql.push(" and target_type = ").text(kind.name());
        sql.push(" union select key from resource where type = ")
            .text(kind.name());
        sql.push(" and id = ").text(id).push(") and ");
        let scope = Scope { permit };
        scope.visible(&mut sql, "r", None, &[Action::Search]);
        sql.push(" order by r.key").limit(i64::from(limit));
        let mut connection = self.connection().await?;
        connection.fetch(sql, |row| stored_from_row(row)).await
    }

    /// When the next waiting job is due.
    pub async fn next_job_at(&self) -> Result<Option<Timestamp>> {
        let mut connection = self.connection().await?;
        let row = sqlx::query(NEXT_JOB)
            .fetch_one(&mut *connection)
            .await
            .map_err(problem)?;
        let millis: Option<i64> = row.try_get(0).map_err(problem)?;
        Ok(millis.map(from_millis))
    }

    /// The counters that are not zero.
    pub async fn counts(&self) -> Result<Vec<Count>> {
        let mut connection = self.connection().await?;
        let rows = sqlx::query(counters::ALL)
            .fetch_all(&mut *connection)
            .await
            .map_err(problem)?;
        rows.iter().map(|row| counters::read(row)).collect()
    }

    /// The versions that a file of an export is made of, after a key.
    pub async fn errand_lines(
        &self,
        permit: &Permit,
        file: (&str, i64),
        after: i64,
        limit: u32,
    ) -> Result<Vec<Stored>> {
        let mut connection = self.connection().await?;
        let sql = errands::lines(permit, file, after, limit);
        connection.fetch(sql, |row| stored_from_row(row)).await
    }

    /// The rows of an import in a state, by line.
    pub async fn import_rows(
        &self,
        import: &str,
        state: RowState,
        limit: u32,
    ) -> Result<Vec<ImportRow>> {
        let mut connection = self.connection().await?;
        let rows = sqlx::query(imports::ROWS)
            .bind(import)
            .bind(state.name())
            .bind(limit)
            .fetch_all(&mut *connection)
            .await
            .map_err(problem)?;
        rows.iter().map(imports::read).collect()
    }

    /// How many rows of an import are in each state.
    pub async fn import_counts(&self, import: &str) -> Result<Vec<(RowState, u64)>> {
        let mut connection = self.connection().await?;
        let rows = sqlx::query(imports::COUNTS)
            .bind(import)
            .fetch_all(&mut *connection)
            .await
            .map_err(problem)?;
        rows.iter().map(imports::read_count).collect()
    }

    /// Waiting and dead jobs.
    pub async fn job_counts(&self) -> Result<(u64, u64)> {
        let mut connection = self.connection().await?;
        let row = sqlx::query(JOB_COUNTS)
            .fetch_one(&mut *connection)
            .await
            .map_err(problem)?;
        let (waiting, dead): (i64, i64) = (
            row.try_get(0).map_err(problem)?,
            row.try_get(1).map_err(problem)?,
        );
        Ok((waiting.unsigned_abs(), dead.unsigned_abs()))
    }
}
