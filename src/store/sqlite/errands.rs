//! The tables `errand` and `errand_line`.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};
use serde_json::Value;

use super::{
    reach::{self, Standing, Versions},
    rows::fault,
    search::{Scope, Sql},
    session::SqliteSession,
};
use crate::{
    fhir::{permit::Permit, scope::Action},
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::{Errand, ErrandKind, ErrandState, Listed, Listing, errands::Errands},
};

/// The versions of a file of an export, current or superseded.
const LINES: &str = "select r.key, r.type, r.id, l.version, \
         coalesce(v.updated, r.updated), coalesce(v.deleted, r.deleted), \
         coalesce(v.hash, r.hash), coalesce(v.body, r.body) \
     from errand_line l join resource r on r.key = l.key \
     left join version v on v.key = l.key and v.version = l.version \
     where (v.key is not null or r.version = l.version) and l.errand = ";

/// What of a file of an export the permit reaches, after a key.
pub(super) fn lines(permit: &Permit, (errand, part): (&str, i64), after: i64, limit: u32) -> Sql {
    let mut sql = Sql::new(LINES);
    sql.text(errand).push(" and l.part = ").int(part);
    sql.push(" and l.key > ").int(after);
    let scope = Scope { permit };
    scope.reached(&mut sql, "r", None, &[Action::Search]);
    scope.reached_before(&mut sql, ("r", "l"), None, &[Action::Search]);
    sql.push(" order by l.key").limit(i64::from(limit));
    sql
}

const CANDIDATES: &str = "select r.key, r.version, r.updated, r.deleted from resource r \
     where r.type = ?1 and r.key > ?2 \
         and (?3 is null or r.key in (select c.key from compartment c \
             where c.patient in (select value from json_each(?3)))) \
         and (?4 = 0 or exists (select 1 from compartment c where c.key = r.key)) \
         and (?5 is null or r.key in (select value from json_each(?5))) \
     order by r.key limit ?6 + 0";

const EARLIER: &str = "select version, updated, deleted from version \
     where key = ? and updated <= ? order by version desc limit 1";

const ALL: &str = "select id, kind, asker, state, request, progress, created, expires, \
     'null' from errand order by id";

const ONE: &str = "select id, kind, asker, state, request, progress, created, expires, \
     result from errand where id = ?";

/// Everything that belongs to an errand; the errand itself comes last.
const OWN_ROWS: [&str; 3] = [
    "delete from errand_line where errand = ?",
    "delete from import_row where import = ?",
    "delete from errand where id = ?",
];

fn run(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement.execute(values).map_err(fault)
}

fn keep(connection: &Connection, errand: &Errand) -> Result<()> {
    run(
        connection,
        "insert or replace into errand \
         (id, kind, asker, state, request, progress, result, created, expires) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            errand.id,
            errand.kind.name(),
            errand.asker,
            errand.state.name(),
            errand.request.to_string(),
            errand.progress.to_string(),
            errand.result.to_string(),
            errand.created.as_millisecond(),
            errand.expires.as_millisecond(),
        ],
    )
    .map(|_| ())
}

fn read(row: &Row<'_>) -> Result<Errand> {
    let text = |at: usize| row.get::<_, String>(at).map_err(fault);
    let json =
        |at: usize| -> Result<Value> { serde_json::from_str(&text(at)?).map_err(Problem::fault) };
    let unknown = || Problem::fault("an errand in no known state");
    Ok(Errand {
        id: text(0)?,
        kind: ErrandKind::named(&text(1)?).ok_or_else(unknown)?,
        asker: text(2)?,
        state: ErrandState::named(&text(3)?).ok_or_else(unknown)?,
        request: json(4)?,
        progress: json(5)?,
        created: from_millis(row.get(6).map_err(fault)?),
        expires: from_millis(row.get(7).map_err(fault)?),
        result: json(8)?,
    })
}

fn all(connection: &Connection) -> Result<Vec<Errand>> {
    let mut statement = connection.prepare_cached(ALL).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn one(connection: &Connection, id: &str) -> Result<Option<Errand>> {
    let mut statement = connection.prepare_cached(ONE).map_err(fault)?;
    let mut rows = statement.query([id]).map_err(fault)?;
    rows.next().map_err(fault)?.map(read).transpose()
}

/// A version: its number, its instant, whether it records a deletion.
type Version = (i64, i64, bool);

/// The version of a resource at an instant.
fn at(connection: &Connection, key: i64, current: Version, until: i64) -> Result<Option<Version>> {
    if current.1 <= until {
        return Ok(Some(current));
    }
    let mut statement = connection.prepare_cached(EARLIER).map_err(fault)?;
    statement
        .query_row(params![key, until], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(fault)
}

fn list(connection: &Connection, permit: &Permit, listing: &Listing<'_>) -> Result<Listed> {
    let patients = listing.patients.map(|ids| Value::from(ids).to_string());
    let keys = listing.keys.map(|keys| Value::from(keys).to_string());
    let mut statement = connection.prepare_cached(CANDIDATES).map_err(fault)?;
    let mut rows = statement
        .query(params![
            listing.kind.name(),
            listing.after,
            patients,
            listing.in_compartment,
            keys,
            listing.limit,
        ])
        .map_err(fault)?;
    let (mut looked, mut last, mut added) = (0, None, 0);
    let since = listing.since.map(Timestamp::as_millisecond);
    while let Some(row) = rows.next().map_err(fault)? {
        let key: i64 = row.get(0).map_err(fault)?;
        (looked, last) = (looked + 1, Some(key));
        let current = (
            row.get(1).map_err(fault)?,
            row.get(2).map_err(fault)?,
            row.get(3).map_err(fault)?,
        );
        let until = listing.until.as_millisecond();
        let Some((version, updated, deleted)) = at(connection, key, current, until)? else {
            continue;
        };
        let is_listed = deleted == listing.deleted && since.is_none_or(|since| updated >= since);
        let versions = if version == current.0 {
            Versions::Current
        } else {
            Versions::All
        };
        let standing = Standing {
            kind: listing.kind,
            key,
            versions,
        };
        if is_listed && reach::reaches(connection, permit, standing, &[Action::Search])? {
            let sql = "insert or ignore into errand_line (errand, key, version, part) \
                       values (?, ?, ?, ?)";
            let values = params![listing.errand, key, version, listing.part];
            added += run(connection, sql, values)? as u64;
        }
    }
    Ok(Listed {
        last: last.filter(|_| looked == listing.limit),
        added,
    })
}

fn parts(connection: &Connection, id: &str) -> Result<Vec<(i64, u64)>> {
    let sql = "select part, count(*) from errand_line where errand = ? group by part order by part";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let mut rows = statement.query([id]).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        let count: i64 = row.get(1).map_err(fault)?;
        found.push((row.get(0).map_err(fault)?, count.unsigned_abs()));
    }
    Ok(found)
}

impl Errands for SqliteSession {
    fn keep_errand<'a>(&'a mut self, errand: &'a Errand) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { keep(&self.connection, errand) })
    }

    fn errand<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<Option<Errand>>> {
        Box::pin(async move { one(&self.connection, id) })
    }

    fn errands(&mut self) -> BoxFuture<'_, Result<Vec<Errand>>> {
        Box::pin(async move { all(&self.connection) })
    }

    fn forget_errand<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for sql in OWN_ROWS {
                run(&self.connection, sql, params![id])?;
            }
            Ok(())
        })
    }

    fn list<'a>(
        &'a mut self,
        permit: &'a Permit,
        listing: &'a Listing<'a>,
    ) -> BoxFuture<'a, Result<Listed>> {
        Box::pin(async move { list(&self.connection, permit, listing) })
    }

    fn parts<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<Vec<(i64, u64)>>> {
        Box::pin(async move { parts(&self.connection, id) })
    }
}
