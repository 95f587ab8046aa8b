//! Rows to values, and database errors to problems, of either driver.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::bounded::too_costly;
use crate::{
    fhir::definitions::ResourceType,
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::Stored,
};

/// One row of an answer; a cell is none where it is null.
pub(super) trait Row {
    /// An integer.
    fn int(&self, at: usize) -> Result<Option<i64>>;
    /// A real.
    fn real(&self, at: usize) -> Result<Option<f64>>;
    /// A text.
    fn text(&self, at: usize) -> Result<Option<&str>>;
    /// Bytes.
    fn blob(&self, at: usize) -> Result<Option<&[u8]>>;
}

impl Row for sqlx::sqlite::SqliteRow {
    fn int(&self, at: usize) -> Result<Option<i64>> {
        sqlx::Row::try_get(self, at).map_err(problem)
    }

    fn real(&self, at: usize) -> Result<Option<f64>> {
        sqlx::Row::try_get(self, at).map_err(problem)
    }

    fn text(&self, at: usize) -> Result<Option<&str>> {
        sqlx::Row::try_get(self, at).map_err(problem)
    }

    fn blob(&self, at: usize) -> Result<Option<&[u8]>> {
        sqlx::Row::try_get(self, at).map_err(problem)
    }
}

impl Row for rusqlite::Row<'_> {
    fn int(&self, at: usize) -> Result<Option<i64>> {
        let cell = self.get_ref(at).map_err(fault)?;
        cell.as_i64_or_null().map_err(Problem::fault)
    }

    fn real(&self, at: usize) -> Result<Option<f64>> {
        let cell = self.get_ref(at).map_err(fault)?;
        cell.as_f64_or_null().map_err(Problem::fault)
    }

    fn text(&self, at: usize) -> Result<Option<&str>> {
        let cell = self.get_ref(at).map_err(fault)?;
        cell.as_str_or_null().map_err(Problem::fault)
    }

    fn blob(&self, at: usize) -> Result<Option<&[u8]>> {
        let cell = self.get_ref(at).map_err(fault)?;
        cell.as_blob_or_null().map_err(Problem::fault)
    }
}

/// The value of a cell that is never null.
pub(super) fn required<T>(cell: Option<T>) -> Result<T> {
    cell.ok_or_else(|| Problem::fault("a column has no value"))
}

/// The columns that [`stored_from_row`] reads, of a table or alias `r`.
pub(super) const STORED_COLUMNS: &str =
    "r.key, r.type, r.id, r.version, r.updated, r.deleted, r.hash, r.body";

/// Bytes of the hash kept with each version.
const HASH_BYTES: usize = 16;

/// The hash of a version: over its identity and its body, so that neither a flipped bit nor a
/// swapped row goes unnoticed.
pub(super) fn version_hash(
    kind: ResourceType,
    id: &str,
    version: u64,
    body: &[u8],
) -> [u8; HASH_BYTES] {
    let mut hasher = Xxh3::new();
    hasher.update(kind.name().as_bytes());
    hasher.update(&[0]);
    hasher.update(id.as_bytes());
    hasher.update(&[0]);
    hasher.update(&version.to_le_bytes());
    hasher.update(body);
    hasher.digest128().to_le_bytes()
}

/// Reads [`STORED_COLUMNS`] and compares the hash.
pub(super) fn stored_from_row(row: &dyn Row) -> Result<Stored> {
    let name = required(row.text(1)?)?;
    let kind = ResourceType::named(name)
        .ok_or_else(|| Problem::fault(format!("a row has the unknown type {name}")))?;
    let id = required(row.text(2)?)?;
    let version = u64::try_from(required(row.int(3)?)?).map_err(Problem::fault)?;
    let deleted = required(row.int(5)?)? != 0;
    let hash = required(row.blob(6)?)?;
    let body = required(row.blob(7)?)?;
    if hash != version_hash(kind, id, version, body) {
        tracing::error!(%kind, %id, version, "a stored version does not match its hash");
        return Err(Problem::fault("a stored version does not match its hash"));
    }
    Ok(Stored {
        key: required(row.int(0)?)?,
        kind,
        id: id.to_owned(),
        version,
        updated: from_millis(required(row.int(4)?)?),
        body: (!deleted).then(|| Bytes::copy_from_slice(body)),
    })
}

/// A database error as a problem: contention is ours to wait out, the rest is a fault.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is an argument of map_err"
)]
pub(super) fn problem(error: sqlx::Error) -> Problem {
    match &error {
        sqlx::Error::PoolTimedOut => Problem::busy("Too many reads are waiting; come again."),
        sqlx::Error::Database(of) if matches!(of.code().as_deref(), Some("5" | "517" | "13")) => {
            no_room(error.to_string())
        }
        _ => Problem::fault(format!("the database failed: {error}")),
    }
}

/// As [`problem`], for the other driver.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is an argument of map_err"
)]
pub(super) fn fault(error: rusqlite::Error) -> Problem {
    use rusqlite::ErrorCode::{DatabaseBusy, DiskFull, OperationInterrupted};
    match error.sqlite_error_code() {
        Some(OperationInterrupted) => too_costly(),
        Some(DatabaseBusy | DiskFull) => no_room(error.to_string()),
        _ => Problem::fault(format!("the database failed: {error}")),
    }
}

fn no_room(reason: String) -> Problem {
    let mut busy = Problem::busy("The database has no room at the moment; come again.");
    busy.internal = Some(reason);
    busy
}
