//! The store on SQLite: WAL, `synchronous=FULL`, one writing connection, several reading ones.
//!
//! Two drivers share one SQLite. sqlx hands each statement to a thread and its rows back, which
//! suits searches and migrations: they may take long, and the run-time's threads stay free. It
//! costs more than the statement itself where that takes microseconds, as those of the writer and
//! look-ups by id do; they run on rusqlite, in the thread that asks. On two cores that took a
//! create of 2 kB from 0.63 to 0.35 ms of CPU, and a read from 0.07 to 0.02 ms: from 16,600 to
//! 32,400 reads/s over 32 connections.
//!
//! Settings and their reasons: <https://www.sqlite.org/pragma.html>,
//! <https://www.sqlite.org/wal.html>.

mod about;
mod accounts;
mod audit;
mod bounded;
mod clients;
mod copy;
mod counters;
mod definitions;
mod erase;
mod errands;
mod history;
mod imports;
mod indexing;
mod insert;
mod jobs;
mod labels;
mod lookups;
mod pages;
mod reach;
mod readers;
mod rows;
mod search;
mod session;
mod source;
#[cfg(test)]
mod testing;
mod tokens;
mod writing;

use std::{path::Path, time::Duration};

use rusqlite::{Connection, config::DbConfig};
use sqlx::{
    ConnectOptions, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

pub use self::copy::{back_up, check_copy, hold_alone, known_erasures, put_in_place, stage};
#[cfg(test)]
pub use self::testing::{count_tokens, pretend_index_version, tamper};
pub(super) use self::{audit::AuditConnection, readers::Readers, session::SqliteSession};
use crate::kernel::problem::{Problem, Result};

/// How long a connection waits for a lock of another process, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements kept by a connection: those of the store are some forty, the others are
/// searches by their form.
const STATEMENTS_MAX: usize = 512;

/// Page cache of a reading connection, in KiB (negative: that is how the pragma tells KiB from
/// pages).
const READER_CACHE_KIB: &str = "-4096";

/// Page cache of the writing connection: the index pages that every write touches stay in it.
const WRITER_CACHE_KIB: &str = "-49152";

/// WAL pages after which a commit also checkpoints: 64 MiB. The pages of the indexes are written
/// again and again; the rarer the checkpoint, the fewer times each goes to the database file.
const CHECKPOINT_PAGES: &str = "16384";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_MAX)
        .pragma("cache_size", READER_CACHE_KIB)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

/// Opens the writing connection; the database is made and migrated as needed.
pub(super) async fn open_session(path: &Path) -> Result<SqliteSession> {
    let mut connection = options(path)
        .create_if_missing(true)
        .connect()
        .await
        .map_err(|e| {
            Problem::fault(format!(
                "the database {} cannot be opened: {e}",
                path.display()
            ))
        })?;
    migrate(&mut connection).await?;
    connection.close().await.map_err(rows::problem)?;
    let writing = connect(path, WRITER_CACHE_KIB)?;
    // What is deleted is overwritten with zeros, at once.
    writing
        .execute_batch("pragma secure_delete = on;")
        .map_err(rows::fault)?;
    Ok(SqliteSession::new(writing, path))
}

/// Opens the only connection of a database that lives in memory, and with the connection alone.
///
/// There is no path to give it, so that nothing that must last is ever opened like this.
pub(super) fn open_scratch_session() -> Result<SqliteSession> {
    let connection = Connection::open_in_memory().map_err(rows::fault)?;
    settle(&connection)?;
    // A rollback looks into the journal, so that savepoints hold; nothing else needs one here.
    let pragmas = "pragma journal_mode = memory; pragma synchronous = off; \
         pragma temp_store = memory;";
    connection.execute_batch(pragmas).map_err(rows::fault)?;
    for migration in MIGRATIONS.iter() {
        connection
            .execute_batch(migration.sql.as_str())
            .map_err(rows::fault)?;
    }
    Ok(SqliteSession::new(connection, Path::new("")))
}

/// What all connections of rusqlite have in common.
fn settle(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A plan holds for all values that are bound: nothing is planned anew because one changed.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(rows::fault)?;
    Ok(())
}

/// Opens a connection whose statements run in the thread that asks.
fn connect(path: &Path, cache: &str) -> Result<Connection> {
    let connection = Connection::open(path).map_err(rows::fault)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(rows::fault)?;
    settle(&connection)?;
    let pragmas = format!(
        "pragma journal_mode = wal; pragma synchronous = full; pragma temp_store = memory; \
         pragma cache_size = {cache}; pragma wal_autocheckpoint = {CHECKPOINT_PAGES};"
    );
    connection.execute_batch(&pragmas).map_err(rows::fault)?;
    Ok(connection)
}

/// Brings the schema up to date; a newer one than this program knows is refused.
async fn migrate(connection: &mut SqliteConnection) -> Result<()> {
    MIGRATIONS
        .run(&mut *connection)
        .await
        .map_err(|e| Problem::fault(format!("the database cannot be migrated: {e}")))
}
