//! The writing connection.

use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{
    about,
    bounded::{CONDITION_TIME_MAX, Watch, is_clients},
    counters, history, imports,
    insert::delete_rows,
    jobs, labels, lookups,
    reach::{self, Standing, Versions},
    rows::{fault, version_hash},
    search,
    writing::WritingConnection,
};
use crate::{
    fhir::{
        about::About,
        definitions::ResourceType,
        permit::{Bounds, Concern, Permit, Reach},
        scope::Action,
        search::query::Query,
        search::rows::IndexRows,
    },
    kernel::problem::{Problem, Result},
    store::{
        Count, Excerpt, History, HistoryOf, ImportRow, Job, LeasedJob, Page, RowState, Stored,
        session::Session,
    },
};

/// The one connection that writes.
///
/// Its statements run in the thread that polls: no future of it ever waits.
pub struct SqliteSession {
    pub(super) connection: WritingConnection,
    /// The database file, to be scrubbed.
    pub(super) path: PathBuf,
    /// SQLite's `data_version`, which changes when another connection has written.
    data_version: Option<i64>,
}

impl SqliteSession {
    pub(super) fn new(connection: Connection, path: &Path) -> Self {
        Self {
            connection: WritingConnection::new(connection),
            path: path.to_owned(),
            data_version: None,
        }
    }

    fn run(&self, sql: &'static str) -> Result<()> {
        let connection = self.connection.without_rows();
        let mut statement = connection.prepare_cached(sql).map_err(fault)?;
        statement.execute([]).map_err(fault)?;
        Ok(())
    }

    fn note_data_version(&mut self) -> Result<bool> {
        let mut statement = self
            .connection
            .without_rows()
            .prepare_cached("pragma data_version")
            .map_err(fault)?;
        let now: i64 = statement.query_row([], |row| row.get(0)).map_err(fault)?;
        let before = self.data_version.replace(now);
        Ok(before.is_some_and(|before| before != now))
    }

    /// Opens a part. SQLite gives a transaction up on its own where the disk is full or fails;
    /// a savepoint would then be a transaction of its own, and durable before its group.
    fn open_part(&self) -> Result<()> {
        if self.connection.without_rows().is_autocommit() {
            return Err(Problem::fault("the group's transaction is gone"));
        }
        self.run("savepoint part")
    }

    /// Keeps a part, and then writes the rows that wait: see [`WritingConnection`].
    fn close_part(&self) -> Result<()> {
        if let Some(problem) = self.connection.failure() {
            self.leave_part()?;
            return Err(problem);
        }
        self.run("release part")?;
        self.connection.settle().inspect_err(|_| {
            // Half a resource may not be committed: the whole group is given up, and each of its
            // requests is told so.
            let _ = self.give_up();
        })
    }

    fn leave_part(&self) -> Result<()> {
        self.connection.forget();
        self.run("rollback to part")?;
        self.run("release part")
    }

    /// The connection, for the question whether a permit reaches something: where it reaches
    /// everything, no index row is read.
    fn reaching(&self, permit: &Permit, (kind, action): (ResourceType, Action)) -> &Connection {
        let bounds = permit.bounds(Some(kind), &[action]);
        let is_free = permit.patient().is_none() && permit.concern().is_none();
        if is_free && matches!(bounds, Bounds::All) {
            return self.connection.without_rows();
        }
        &self.connection
    }

    fn give_up(&self) -> Result<()> {
        self.connection.forget();
        if self.connection.without_rows().is_autocommit() {
            return Ok(());
        }
        self.run("rollback")
    }

    fn insert_version(&self, row: &Stored, rows: &IndexRows) -> Result<i64> {
        let body = row.body.as_deref().unwrap_or_default();
        let hash = version_hash(row.kind, &row.id, row.version, body);
        let mut statement = self
            .connection
            .without_rows()
            .prepare_cached(
                "insert into resource (type, id, version, updated, deleted, hash, body) \
                 values (?, ?, ?, ?, 0, ?, ?)",
            )
            .map_err(fault)?;
        let (version, updated) = (signed(row.version)?, row.updated.as_millisecond());
        statement
            .execute(params![
                row.kind.name(),
                row.id,
                version,
                updated,
                hash,
                body
            ])
            .map_err(fault)?;
        let key = self.connection.without_rows().last_insert_rowid();
        self.connection.take(key, rows, true)?;
        self.note_change(key, row)?;
        Ok(key)
    }

    fn supersede_version(&self, current: &Stored, row: &Stored, rows: &IndexRows) -> Result<()> {
        self.keep_version(current)?;
        let body = row.body.as_deref().unwrap_or_default();
        let hash = version_hash(row.kind, &row.id, row.version, body);
        let mut statement = self
            .connection
            .without_rows()
            .prepare_cached(
                "update resource set version = ?, updated = ?, deleted = ?, hash = ?, body = ? \
                 where key = ?",
            )
            .map_err(fault)?;
        let (version, updated) = (signed(row.version)?, row.updated.as_millisecond());
        statement
            .execute(params![
                version,
                updated,
                row.is_deleted(),
                hash,
                body,
                row.key
            ])
            .map_err(fault)?;
        if row.is_deleted() {
            delete_rows(&self.connection, row.key)?;
        } else {
            self.connection.take(row.key, rows, false)?;
        }
        self.note_change(row.key, row)
    }

    /// Copies a version to where the superseded ones are. It is at hand, read and compared with
    /// its hash in this transaction; copied by SQLite it would be read again.
    fn keep_version(&self, row: &Stored) -> Result<()> {
        let body = row.body.as_deref().unwrap_or_default();
        let hash = version_hash(row.kind, &row.id, row.version, body);
        let mut statement = self
            .connection
            .without_rows()
            .prepare_cached(
                "insert into version (key, version, updated, deleted, hash, body) \
                 values (?, ?, ?, ?, ?, ?)",
            )
            .map_err(fault)?;
        let (version, updated) = (signed(row.version)?, row.updated.as_millisecond());
        statement
            .execute(params![
                row.key,
                version,
                updated,
                row.is_deleted(),
                hash,
                body
            ])
            .map_err(fault)?;
        Ok(())
    }

    fn note_change(&self, key: i64, row: &Stored) -> Result<()> {
        let mut statement = self
            .connection
            .without_rows()
            .prepare_cached("insert into change (key, version, type, at) values (?, ?, ?, ?)")
            .map_err(fault)?;
        let (version, at) = (signed(row.version)?, row.updated.as_millisecond());
        statement
            .execute(params![key, version, row.kind.name(), at])
            .map_err(fault)?;
        Ok(())
    }
}

fn signed(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(Problem::fault)
}

impl Session for SqliteSession {
    fn begin(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.run("begin immediate") })
    }

    fn others_wrote(&mut self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move { self.note_data_version() })
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.connection.settle()?;
            self.run("commit")
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.give_up() })
    }

    fn begin_part(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.open_part() })
    }

    fn keep_part(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.close_part() })
    }

    fn undo_part(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.leave_part() })
    }

    fn current<'a>(
        &'a mut self,
        kind: ResourceType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Stored>>> {
        Box::pin(async move { lookups::current(self.connection.without_rows(), kind, id) })
    }

    fn reaches<'a>(
        &'a mut self,
        permit: &'a Permit,
        (kind, key): (ResourceType, i64),
        action: Action,
    ) -> BoxFuture<'a, Result<bool>> {
        let versions = Versions::Current;
        let standing = Standing {
            kind,
            key,
            versions,
        };
        Box::pin(async move {
            let connection = self.reaching(permit, (kind, action));
            reach::reaches(connection, permit, standing, &[action])
        })
    }

    fn admitting<'a>(
        &'a mut self,
        permit: &'a Permit,
        what: (ResourceType, Action),
        about: (&'a About, Option<&'a str>),
    ) -> BoxFuture<'a, Result<Vec<usize>>> {
        Box::pin(async move { reach::admitting(self.reaching(permit, what), permit, what, about) })
    }

    fn admitted<'a>(
        &'a mut self,
        permit: &'a Permit,
        what: (ResourceType, Action),
        admitting: (&'a [usize], i64),
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(
            async move { reach::admitted(self.reaching(permit, what), permit, what, admitting) },
        )
    }

    fn custodians<'a>(&'a mut self, seeds: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move { about::custodians(&self.connection, seeds) })
    }

    fn belonging<'a>(&'a mut self, custodians: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move { about::belonging(&self.connection, custodians) })
    }

    fn reaches_whom<'a>(
        &'a mut self,
        reach: &'a Reach,
        whom: &'a str,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { reach::reaches_whom(&self.connection, reach, whom) })
    }

    fn whom<'a>(
        &'a mut self,
        (kind, id): (ResourceType, &'a str),
        former: bool,
    ) -> BoxFuture<'a, Result<Option<Vec<String>>>> {
        Box::pin(async move {
            let found = lookups::current(self.connection.without_rows(), kind, id)?;
            let whom = found.map(|stored| reach::whom(&self.connection, stored.key, former));
            whom.transpose()
        })
    }

    fn concerns<'a>(
        &'a mut self,
        concern: &'a Concern,
        patient: &'a str,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { reach::concerns(&self.connection, concern, patient) })
    }

    fn version<'a>(
        &'a mut self,
        permit: &'a Permit,
        target: (ResourceType, &'a str),
        version: u64,
    ) -> BoxFuture<'a, Result<Option<Stored>>> {
        Box::pin(async move { lookups::version(&self.connection, permit, target, version) })
    }

    fn history<'a>(
        &'a mut self,
        permit: &'a Permit,
        excerpt: &'a Excerpt,
    ) -> BoxFuture<'a, Result<Option<History>>> {
        Box::pin(async move {
            let newest = match &excerpt.of {
                HistoryOf::Instance(kind, id) => {
                    let how = (&[Action::Read][..], Versions::Current);
                    match lookups::reachable(&self.connection, permit, (*kind, id), how)? {
                        None => return Ok(None),
                        found => found,
                    }
                }
                _ => None,
            };
            history::page(&mut self.connection, permit, excerpt, newest.as_ref())
                .await
                .map(Some)
        })
    }

    fn labelled<'a>(
        &'a mut self,
        permit: &'a Permit,
        kinds: &'a [ResourceType],
    ) -> BoxFuture<'a, Result<Vec<Stored>>> {
        Box::pin(labels::labelled(&mut self.connection, permit, kinds))
    }

    fn next_job_at(&mut self) -> BoxFuture<'_, Result<Option<Timestamp>>> {
        Box::pin(async move { lookups::next_job_at(&self.connection) })
    }

    fn job_counts(&mut self) -> BoxFuture<'_, Result<(u64, u64)>> {
        Box::pin(async move { lookups::job_counts(&self.connection) })
    }

    fn insert<'a>(
        &'a mut self,
        row: &'a Stored,
        rows: &'a IndexRows,
    ) -> BoxFuture<'a, Result<i64>> {
        Box::pin(async move { self.insert_version(row, rows) })
    }

    fn supersede<'a>(
        &'a mut self,
        current: &'a Stored,
        row: &'a Stored,
        rows: &'a IndexRows,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.supersede_version(current, row, rows) })
    }

    fn search<'a>(
        &'a mut self,
        permit: &'a Permit,
        query: &'a Query,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move {
            // Rows that wait are written first: only what is read may be interrupted.
            self.connection.settle()?;
            let handle = self.connection.without_rows().get_interrupt_handle();
            let watch = is_clients(permit).then(|| Watch::over(handle, CONDITION_TIME_MAX));
            let found = search::search(&mut self.connection, permit, query).await;
            drop(watch);
            found
        })
    }

    fn enqueue<'a>(&'a mut self, job: &'a Job) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { jobs::enqueue(self.connection.without_rows(), job) })
    }

    fn lease<'a>(
        &'a mut self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
        except: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<LeasedJob>>> {
        Box::pin(
            async move { jobs::lease(self.connection.without_rows(), now, until, limit, except) },
        )
    }

    fn finish<'a>(&'a mut self, job: &'a LeasedJob) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { jobs::finish(self.connection.without_rows(), job) })
    }

    fn postpone<'a>(
        &'a mut self,
        job: &'a LeasedJob,
        at: Timestamp,
        error: &'a str,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { jobs::postpone(self.connection.without_rows(), job, at, error) })
    }

    fn release<'a>(&'a mut self, job: &'a LeasedJob) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { jobs::release(self.connection.without_rows(), job) })
    }

    fn release_all(&mut self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async move { jobs::release_all(self.connection.without_rows()) })
    }

    fn bury<'a>(&'a mut self, job: &'a LeasedJob, error: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { jobs::bury(self.connection.without_rows(), job, error) })
    }

    fn count<'a>(&'a mut self, count: &'a Count) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { counters::add(self.connection.without_rows(), count) })
    }

    fn counts(&mut self) -> BoxFuture<'_, Result<Vec<Count>>> {
        Box::pin(async move { counters::all(&self.connection) })
    }

    fn keep_import_row<'a>(
        &'a mut self,
        import: &'a str,
        row: &'a ImportRow,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { imports::keep(&self.connection, import, row) })
    }

    fn settle_import_row<'a>(
        &'a mut self,
        import: &'a str,
        from: RowState,
        row: &'a ImportRow,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { imports::settle(&self.connection, import, from, row) })
    }

    fn forget_import<'a>(&'a mut self, import: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { imports::forget(&self.connection, import) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_opens_once_the_transaction_is_gone() {
        let session = SqliteSession::new(Connection::open_in_memory().unwrap(), Path::new(""));
        session.run("begin immediate").unwrap();
        session.open_part().unwrap();
        session.run("rollback").unwrap();
        assert!(session.open_part().is_err());
        assert!(session.give_up().is_ok());
    }
}
