//! The writing connection.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::{
    insert::{delete_rows, insert_rows},
    jobs,
    rows::{problem, stored_from_row, version_hash},
    search,
};
use crate::{
    fhir::{
        definitions::ResourceType, permit::Permit, search::query::Query, search::rows::IndexRows,
    },
    kernel::problem::{Problem, Result},
    store::{Job, LeasedJob, Page, Stored, session::Session},
};

/// The one connection that writes.
pub struct SqliteSession {
    connection: SqliteConnection,
}

impl SqliteSession {
    pub(super) const fn new(connection: SqliteConnection) -> Self {
        Self { connection }
    }

    async fn run(&mut self, sql: &'static str) -> Result<()> {
        sqlx::query(sql)
            .execute(&mut self.connection)
            .await
            .map_err(problem)?;
        Ok(())
    }

    async fn insert_version(&mut self, row: &Stored, rows: &IndexRows) -> Result<i64> {
        let body = row.body.as_deref().unwrap_or_default();
        let key: i64 = sqlx::query(
            "insert into resource (type, id, version, updated, deleted, hash, body) \
             values (?, ?, ?, ?, 0, ?, ?) returning key",
        )
        .bind(row.kind.name())
        .bind(row.id.as_str())
        .bind(signed(row.version)?)
        .bind(row.updated.as_millisecond())
        .bind(&version_hash(row.kind, &row.id, row.version, body)[..])
        .bind(body)
        .fetch_one(&mut self.connection)
        .await
        .and_then(|inserted| inserted.try_get(0))
        .map_err(problem)?;
        insert_rows(&mut self.connection, key, rows).await?;
        self.note_change(key, row.version).await?;
        Ok(key)
    }

    async fn supersede_version(&mut self, row: &Stored, rows: &IndexRows) -> Result<()> {
        sqlx::query(
            "insert into version (key, version, updated, deleted, hash, body) \
             select key, version, updated, deleted, hash, body from resource where key = ?",
        )
        .bind(row.key)
        .execute(&mut self.connection)
        .await
        .map_err(problem)?;
        let body = row.body.as_deref().unwrap_or_default();
        sqlx::query(
            "update resource set version = ?, updated = ?, deleted = ?, hash = ?, body = ? \
             where key = ?",
        )
        .bind(signed(row.version)?)
        .bind(row.updated.as_millisecond())
        .bind(row.is_deleted())
        .bind(&version_hash(row.kind, &row.id, row.version, body)[..])
        .bind(body)
        .bind(row.key)
        .execute(&mut self.connection)
        .await
        .map_err(problem)?;
        // A deletion keeps its compartments: who could see the resource may see that it is gone.
        if row.is_deleted() {
            delete_rows(&mut self.connection, row.key, false).await?;
        } else {
            delete_rows(&mut self.connection, row.key, true).await?;
            insert_rows(&mut self.connection, row.key, rows).await?;
        }
        self.note_change(row.key, row.version).await
    }

    async fn note_change(&mut self, key: i64, version: u64) -> Result<()> {
        sqlx::query("insert into change (key, version) values (?, ?)")
            .bind(key)
            .bind(signed(version)?)
            .execute(&mut self.connection)
            .await
            .map_err(problem)?;
        Ok(())
    }
}

fn signed(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(Problem::fault)
}

impl Session for SqliteSession {
    fn begin(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run("begin immediate"))
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run("commit"))
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run("rollback"))
    }

    fn begin_part(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run("savepoint part"))
    }

    fn keep_part(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.run("release part"))
    }

    fn undo_part(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.run("rollback to part").await?;
            self.run("release part").await
        })
    }

    fn current<'a>(
        &'a mut self,
        kind: ResourceType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Stored>>> {
        Box::pin(async move {
            sqlx::query(super::readers::CURRENT)
                .bind(kind.name())
                .bind(id)
                .fetch_optional(&mut self.connection)
                .await
                .map_err(problem)?
                .as_ref()
                .map(stored_from_row)
                .transpose()
        })
    }

    fn patients(&mut self, key: i64) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(super::readers::patients(&mut self.connection, key))
    }

    fn insert<'a>(
        &'a mut self,
        row: &'a Stored,
        rows: &'a IndexRows,
    ) -> BoxFuture<'a, Result<i64>> {
        Box::pin(self.insert_version(row, rows))
    }

    fn supersede<'a>(
        &'a mut self,
        row: &'a Stored,
        rows: &'a IndexRows,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.supersede_version(row, rows))
    }

    fn search<'a>(
        &'a mut self,
        permit: &'a Permit,
        query: &'a Query,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(search::search(&mut self.connection, permit, query))
    }

    fn enqueue<'a>(&'a mut self, job: &'a Job) -> BoxFuture<'a, Result<()>> {
        Box::pin(jobs::enqueue(&mut self.connection, job))
    }

    fn lease<'a>(
        &'a mut self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
        except: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<LeasedJob>>> {
        Box::pin(jobs::lease(&mut self.connection, now, until, limit, except))
    }

    fn finish<'a>(&'a mut self, job: &'a LeasedJob) -> BoxFuture<'a, Result<bool>> {
        Box::pin(jobs::finish(&mut self.connection, job))
    }

    fn postpone<'a>(
        &'a mut self,
        job: &'a LeasedJob,
        at: Timestamp,
        error: &'a str,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(jobs::postpone(&mut self.connection, job, at, error))
    }

    fn release<'a>(&'a mut self, job: &'a LeasedJob) -> BoxFuture<'a, Result<bool>> {
        Box::pin(jobs::release(&mut self.connection, job))
    }

    fn release_all(&mut self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(jobs::release_all(&mut self.connection))
    }

    fn bury<'a>(&'a mut self, job: &'a LeasedJob, error: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(jobs::bury(&mut self.connection, job, error))
    }
}
