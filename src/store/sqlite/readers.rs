//! The reading connections: a pool on the WAL, each statement a snapshot of what is durable.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use sqlx::{
    Row, SqliteConnection, SqlitePool, pool::PoolConnection, sqlite::Sqlite,
    sqlite::SqlitePoolOptions,
};

use super::{
    options,
    rows::{problem, stored_from_row},
    search,
};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, search::query::Query},
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::{History, Page, Stored},
};

/// How long a read waits for a connection before the client is told to come again.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The current version by type and id.
pub(super) const CURRENT: &str = "select r.key, r.type, r.id, r.version, r.updated, r.deleted, r.hash, r.body \
     from resource r where r.type = ? and r.id = ?";

const VERSION: &str = "select r.key, r.type, r.id, v.version, v.updated, v.deleted, v.hash, v.body \
     from resource r join version v on v.key = r.key \
     where r.type = ? and r.id = ? and v.version = ?";

const OLDER: &str = "select r.key, r.type, r.id, v.version, v.updated, v.deleted, v.hash, v.body \
     from resource r join version v on v.key = r.key \
     where r.key = ? and v.version < ? order by v.version desc limit ?";

/// A pool of connections that only read; clones share it.
#[derive(Clone)]
pub struct Readers {
    pool: SqlitePool,
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
        Ok(Self { pool })
    }

    async fn connection(&self) -> Result<PoolConnection<Sqlite>> {
        self.pool.acquire().await.map_err(problem)
    }

    /// The current version, if the permit reaches it.
    pub async fn current(
        &self,
        permit: &Permit,
        kind: ResourceType,
        id: &str,
    ) -> Result<Option<Stored>> {
        let mut connection = self.connection().await?;
        current(&mut connection, permit, kind, id).await
    }

    /// One version, if the permit reaches the resource.
    pub async fn version(
        &self,
        permit: &Permit,
        (kind, id): (ResourceType, &str),
        version: u64,
    ) -> Result<Option<Stored>> {
        let mut connection = self.connection().await?;
        let Some(newest) = current(&mut connection, permit, kind, id).await? else {
            return Ok(None);
        };
        if newest.version == version {
            return Ok(Some(newest));
        }
        sqlx::query(VERSION)
            .bind(kind.name())
            .bind(id)
            .bind(i64::try_from(version).unwrap_or(i64::MAX))
            .fetch_optional(&mut *connection)
            .await
            .map_err(problem)?
            .as_ref()
            .map(stored_from_row)
            .transpose()
    }

    /// A page of versions below `before`, newest first.
    pub async fn history(
        &self,
        permit: &Permit,
        (kind, id): (ResourceType, &str),
        before: Option<u64>,
        count: u32,
    ) -> Result<Option<History>> {
        let mut connection = self.connection().await?;
        let Some(newest) = current(&mut connection, permit, kind, id).await? else {
            return Ok(None);
        };
        let below = before.unwrap_or(u64::MAX);
        let rows = sqlx::query(OLDER)
            .bind(newest.key)
            // Not above the version just read: another may have been written since.
            .bind(i64::try_from(below.min(newest.version)).unwrap_or(i64::MAX))
            .bind(i64::from(count) + 1)
            .fetch_all(&mut *connection)
            .await
            .map_err(problem)?;
        let mut history = History {
            total: newest.version,
            ..History::default()
        };
        if newest.version < below {
            history.versions.push(newest);
        }
        for row in &rows {
            history.versions.push(stored_from_row(row)?);
        }
        let wanted = usize::try_from(count).map_err(Problem::fault)?;
        if history.versions.len() > wanted {
            history.versions.truncate(wanted);
            history.next = history.versions.last().map(|oldest| oldest.version);
        }
        Ok(Some(history))
    }

    /// Searches what is durable.
    pub async fn search(&self, permit: &Permit, query: &Query) -> Result<Page> {
        let mut connection = self.connection().await?;
        search::search(&mut connection, permit, query).await
    }

    /// When the next waiting job is due.
    pub async fn next_job_at(&self) -> Result<Option<Timestamp>> {
        let mut connection = self.connection().await?;
        let row = sqlx::query(
            // Two looks, each at the head of an index: the free jobs, and the end of leases.
            "select min(at) from ( \
                 select * from (select run_at as at from job \
                     where state = 'waiting' and leased_until is null \
                     order by run_at limit 1) \
                 union all \
                 select min(leased_until) from job \
                     where state = 'waiting' and leased_until is not null)",
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(problem)?;
        let millis: Option<i64> = row.try_get(0).map_err(problem)?;
        Ok(millis.map(from_millis))
    }

    /// Waiting and dead jobs.
    pub async fn job_counts(&self) -> Result<(u64, u64)> {
        let mut connection = self.connection().await?;
        let row = sqlx::query(
            "select count(*) filter (where state = 'waiting'), \
             count(*) filter (where state = 'dead') from job",
        )
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

async fn current(
    connection: &mut SqliteConnection,
    permit: &Permit,
    kind: ResourceType,
    id: &str,
) -> Result<Option<Stored>> {
    let row = sqlx::query(CURRENT)
        .bind(kind.name())
        .bind(id)
        .fetch_optional(&mut *connection)
        .await
        .map_err(problem)?;
    let Some(stored) = row.as_ref().map(stored_from_row).transpose()? else {
        return Ok(None);
    };
    match permit.patient() {
        Some(patient) => {
            let holders = patients(connection, stored.key).await?;
            Ok(holders
                .iter()
                .any(|holder| holder == patient)
                .then_some(stored))
        }
        None => Ok(Some(stored)),
    }
}

/// The patients whose compartment holds a resource.
pub(super) async fn patients(connection: &mut SqliteConnection, key: i64) -> Result<Vec<String>> {
    sqlx::query("select patient from compartment where key = ?")
        .bind(key)
        .fetch_all(connection)
        .await
        .map_err(problem)?
        .iter()
        .map(|row| row.try_get(0).map_err(problem))
        .collect()
}
