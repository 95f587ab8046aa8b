//! The table `counter`.

use rusqlite::{Connection, params};
use sqlx::{Row, sqlite::SqliteRow};

use super::rows::{fault, problem};
use crate::{kernel::problem::Result, store::Count};

/// The counters, zeros left out.
pub(super) const ALL: &str = "select name, pathway, establishment, month, value from counter \
     where value <> 0 order by name, pathway, establishment, month";

/// Adds to a counter, from nothing where there is none yet.
pub(super) fn add(connection: &Connection, count: &Count) -> Result<()> {
    let mut statement = connection
        .prepare_cached(
            "insert into counter (name, pathway, establishment, month, value) \
             values (?, ?, ?, ?, ?) \
             on conflict (name, pathway, establishment, month) \
             do update set value = value + excluded.value",
        )
        .map_err(fault)?;
    let Count {
        name,
        pathway,
        establishment,
        month,
        value,
    } = count;
    statement
        .execute(params![name, pathway, establishment, month, value])
        .map_err(fault)?;
    Ok(())
}

/// A row of [`ALL`].
pub(super) fn read(row: &SqliteRow) -> Result<Count> {
    Ok(Count {
        name: row.try_get(0).map_err(problem)?,
        pathway: row.try_get(1).map_err(problem)?,
        establishment: row.try_get(2).map_err(problem)?,
        month: row.try_get(3).map_err(problem)?,
        value: row.try_get(4).map_err(problem)?,
    })
}
