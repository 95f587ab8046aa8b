//! Rows to values, and database errors to problems.

use bytes::Bytes;
use sqlx::{Row, sqlite::SqliteRow};

use crate::{
    fhir::definitions::ResourceType,
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::Stored,
};

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
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.name().as_bytes());
    hasher.update(&[0]);
    hasher.update(id.as_bytes());
    hasher.update(&[0]);
    hasher.update(&version.to_le_bytes());
    hasher.update(body);
    let mut short = [0; HASH_BYTES];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..HASH_BYTES]);
    short
}

/// Reads [`STORED_COLUMNS`] and compares the hash.
pub(super) fn stored_from_row(row: &SqliteRow) -> Result<Stored> {
    let name: &str = row.try_get(1).map_err(problem)?;
    let kind = ResourceType::named(name)
        .ok_or_else(|| Problem::fault(format!("a row has the unknown type {name}")))?;
    let id: String = row.try_get(2).map_err(problem)?;
    let version: i64 = row.try_get(3).map_err(problem)?;
    let version = u64::try_from(version).map_err(Problem::fault)?;
    let deleted: bool = row.try_get(5).map_err(problem)?;
    let hash: &[u8] = row.try_get(6).map_err(problem)?;
    let body: &[u8] = row.try_get(7).map_err(problem)?;
    if hash != version_hash(kind, &id, version, body) {
        tracing::error!(%kind, %id, version, "a stored version does not match its hash");
        return Err(Problem::fault("a stored version does not match its hash"));
    }
    Ok(Stored {
        key: row.try_get(0).map_err(problem)?,
        kind,
        id,
        version,
        updated: from_millis(row.try_get(4).map_err(problem)?),
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
            let mut busy = Problem::busy("The database has no room at the moment; come again.");
            busy.internal = Some(error.to_string());
            busy
        }
        _ => Problem::fault(format!("the database failed: {error}")),
    }
}
