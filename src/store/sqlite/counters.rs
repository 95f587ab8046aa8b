//! The table `counter`.

use rusqlite::{Connection, params};

use super::rows::{Row, fault, required};
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

/// The counters that are not zero.
pub(super) fn all(connection: &Connection) -> Result<Vec<Count>> {
    let mut statement = connection.prepare_cached(ALL).map_err(fault)?;
    let rows = statement
        .query_map([], |row| Ok(read(row)))
        .map_err(fault)?;
    rows.map(|row| row.map_err(fault)?).collect()
}

/// A row of [`ALL`].
pub(super) fn read(row: &dyn Row) -> Result<Count> {
    let text = |at| required(row.text(at)?).map(str::to_owned);
    Ok(Count {
        name: text(0)?,
        pathway: text(1)?,
        establishment: text(2)?,
        month: text(3)?,
        value: required(row.int(4)?)?,
    })
}
