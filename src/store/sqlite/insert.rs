//! Index rows, in and out: one statement for up to [`ROWS_MAX`] rows of a table.

use std::fmt::Write as _;

use sqlx::{
    AssertSqlSafe, SqliteConnection,
    query::Query,
    sqlite::{Sqlite, SqliteArguments},
};

use super::rows::problem;
use crate::{
    fhir::{definitions::ResourceType, search::rows::IndexRows},
    kernel::problem::Result,
};

/// Most rows of one statement; more rows take more statements. Each number of rows is a
/// statement of its own in the cache.
pub(super) const ROWS_MAX: usize = 32;

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Writes all rows of a resource.
pub(super) async fn insert_rows(
    connection: &mut SqliteConnection,
    key: i64,
    rows: &IndexRows,
) -> Result<()> {
    insert_values(connection, key, rows).await?;
    insert_links(connection, key, rows).await
}

async fn insert_values(c: &mut SqliteConnection, key: i64, rows: &IndexRows) -> Result<()> {
    into(
        c,
        "token (key, param, code, system)",
        4,
        &rows.tokens,
        |q, r| q.bind(key).bind(r.param).bind(r.code).bind(r.system),
    )
    .await?;
    into(
        c,
        "string (key, param, folded, exact)",
        4,
        &rows.strings,
        |q, r| {
            q.bind(key)
                .bind(r.param)
                .bind(r.folded.as_str())
                .bind(r.exact.as_str())
        },
    )
    .await?;
    into(
        c,
        "date (key, param, start, \"end\")",
        4,
        &rows.dates,
        |q, r| q.bind(key).bind(r.param).bind(r.start).bind(r.end),
    )
    .await?;
    into(
        c,
        "number (key, param, low, high, value, system, code)",
        7,
        &rows.numbers,
        |q, r| {
            let q = q.bind(key).bind(r.param).bind(r.low).bind(r.high);
            q.bind(r.value).bind(r.system).bind(r.code)
        },
    )
    .await
}

async fn insert_links(c: &mut SqliteConnection, key: i64, rows: &IndexRows) -> Result<()> {
    let columns = "reference (key, param, target_type, target_id)";
    into(c, columns, 4, &rows.references, |q, r| {
        let kind = r.target_type.map_or("", ResourceType::name);
        q.bind(key)
            .bind(r.param)
            .bind(kind)
            .bind(r.target_id.as_str())
    })
    .await?;
    into(c, "uri (key, param, value)", 3, &rows.uris, |q, r| {
        q.bind(key).bind(r.param).bind(r.value.as_str())
    })
    .await?;
    into(
        c,
        "composite (key, param, instance, part, code, system, low, high, text)",
        9,
        &rows.composites,
        |q, r| {
            let q = q.bind(key).bind(r.param).bind(r.instance).bind(r.part);
            let q = q.bind(r.code).bind(r.system).bind(r.low).bind(r.high);
            q.bind(r.text.as_str())
        },
    )
    .await?;
    into(
        c,
        "compartment (key, patient)",
        2,
        &rows.patients,
        |q, patient| q.bind(key).bind(patient.as_str()),
    )
    .await
}

/// Removes the rows of a resource; those of its compartments only if asked.
pub(super) async fn delete_rows(
    connection: &mut SqliteConnection,
    key: i64,
    compartments: bool,
) -> Result<()> {
    const TABLES: [&str; 8] = [
        "delete from token where key = ?",
        "delete from string where key = ?",
        "delete from date where key = ?",
        "delete from number where key = ?",
        "delete from reference where key = ?",
        "delete from uri where key = ?",
        "delete from composite where key = ?",
        "delete from compartment where key = ?",
    ];
    let tables = if compartments {
        &TABLES[..]
    } else {
        &TABLES[..7]
    };
    for table in tables.iter().copied() {
        sqlx::query(table)
            .bind(key)
            .execute(&mut *connection)
            .await
            .map_err(problem)?;
    }
    Ok(())
}

async fn into<'r, R>(
    connection: &mut SqliteConnection,
    table: &'static str,
    columns: usize,
    rows: &'r [R],
    bind: impl Fn(Statement<'r>, &'r R) -> Statement<'r>,
) -> Result<()> {
    for chunk in rows.chunks(ROWS_MAX) {
        let mut statement = sqlx::query(AssertSqlSafe(sql(table, columns, chunk.len())));
        for row in chunk {
            statement = bind(statement, row);
        }
        statement.execute(&mut *connection).await.map_err(problem)?;
    }
    Ok(())
}

fn sql(table: &str, columns: usize, rows: usize) -> String {
    let mut text = format!("insert into {table} values ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(?" } else { ",(?" });
        for _ in 1..columns {
            text.push_str(",?");
        }
        let _ = text.write_char(')');
    }
    text
}
