//! The table `import_row`.

use rusqlite::{Connection, ToSql, params};
use sqlx::{Row, sqlite::SqliteRow};

use super::rows::{fault, problem};
use crate::{
    kernel::problem::{Problem, Result},
    store::{ImportRow, RowState},
};

/// The rows of an import in a state.
pub(super) const ROWS: &str = "select line, state, content, faults from import_row \
     where import = ? and state = ? order by line limit ? + 0";

/// How many rows of an import are in each state.
pub(super) const COUNTS: &str =
    "select state, count(*) from import_row where import = ? group by state";

fn run(connection: &Connection, sql: &'static str, values: &[&dyn ToSql]) -> Result<usize> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement.execute(values).map_err(fault)
}

fn signed(line: u64) -> Result<i64> {
    i64::try_from(line).map_err(Problem::fault)
}

/// Adds a row.
pub(super) fn keep(connection: &Connection, import: &str, row: &ImportRow) -> Result<()> {
    run(
        connection,
        "insert into import_row (import, line, state, content, faults) values (?, ?, ?, ?, ?)",
        params![
            import,
            signed(row.line)?,
            row.state.name(),
            row.content,
            row.faults
        ],
    )?;
    Ok(())
}

/// Replaces a row that is in the state `from`; `false` if it is in another.
pub(super) fn settle(
    connection: &Connection,
    import: &str,
    from: RowState,
    row: &ImportRow,
) -> Result<bool> {
    let settled = run(
        connection,
        "update import_row set state = ?, content = ?, faults = ? \
         where import = ? and line = ? and state = ?",
        params![
            row.state.name(),
            row.content,
            row.faults,
            import,
            signed(row.line)?,
            from.name(),
        ],
    )?;
    Ok(settled == 1)
}

/// Deletes the rows of an import.
pub(super) fn forget(connection: &Connection, import: &str) -> Result<()> {
    run(
        connection,
        "delete from import_row where import = ?",
        params![import],
    )?;
    Ok(())
}

/// A row of [`ROWS`].
pub(super) fn read(row: &SqliteRow) -> Result<ImportRow> {
    let (line, state): (i64, String) = (
        row.try_get(0).map_err(problem)?,
        row.try_get(1).map_err(problem)?,
    );
    Ok(ImportRow {
        line: line.unsigned_abs(),
        state: named(&state)?,
        content: row.try_get(2).map_err(problem)?,
        faults: row.try_get(3).map_err(problem)?,
    })
}

/// A row of [`COUNTS`].
pub(super) fn read_count(row: &SqliteRow) -> Result<(RowState, u64)> {
    let (state, count): (String, i64) = (
        row.try_get(0).map_err(problem)?,
        row.try_get(1).map_err(problem)?,
    );
    Ok((named(&state)?, count.unsigned_abs()))
}

fn named(state: &str) -> Result<RowState> {
    RowState::named(state).ok_or_else(|| Problem::fault("a row of an import in no known state"))
}
