//! Definitions read in the thread that asks.

use futures_util::future::BoxFuture;
use rusqlite::{Connection, Row, params};

use super::{
    rows::{fault, stored_from_row},
    session::SqliteSession,
};
use crate::{
    fhir::definitions::ResourceType,
    kernel::problem::{Problem, Result},
    store::{
        IndexedParameter, Loaded, Stored,
        definitions::{Defining, Known},
    },
};

const STANDING: &str = "select r.key, r.version from resource r indexed by resource_live \
     where r.type = ? and r.deleted = 0 order by r.key";

const BY_KEY: &str = "select r.key, r.type, r.id, r.version, r.updated, r.deleted, r.hash, r.body \
     from resource r where r.key = ?";

const PARAMETERS: &str = "select param, rules, ready from parameter";

/// What stands of these types; all statements must see one state, that of a transaction.
pub(super) fn loaded(
    connection: &Connection,
    kinds: &[ResourceType],
    known: &Known,
) -> Result<Loaded> {
    let mut loaded = Loaded {
        parameters: parameters(connection)?,
        ..Loaded::default()
    };
    let mut statement = connection.prepare_cached(STANDING).map_err(fault)?;
    for kind in kinds {
        let rows = statement
            .query_map([kind.name()], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(fault)?;
        for row in rows {
            let (key, version): (i64, i64) = row.map_err(fault)?;
            let version = u64::try_from(version).map_err(Problem::fault)?;
            loaded.standing.push((key, version));
        }
    }
    loaded.standing.sort_unstable();
    for (key, version) in &loaded.standing {
        if known.get(key) != Some(version) {
            loaded.fresh.push(by_key(connection, *key)?);
        }
    }
    Ok(loaded)
}

fn by_key(connection: &Connection, key: i64) -> Result<Stored> {
    let mut statement = connection.prepare_cached(BY_KEY).map_err(fault)?;
    statement
        .query_row(params![key], |row| Ok(stored_from_row(row)))
        .map_err(fault)?
}

fn parameters(connection: &Connection) -> Result<Vec<IndexedParameter>> {
    let mut statement = connection.prepare_cached(PARAMETERS).map_err(fault)?;
    let rows = statement.query_map([], indexed).map_err(fault)?;
    rows.map(|row| row.map_err(fault)).collect()
}

/// Number, rules and whether they are ready.
pub(super) fn indexed(row: &Row<'_>) -> rusqlite::Result<IndexedParameter> {
    Ok(IndexedParameter {
        param: row.get(0)?,
        rules: row.get(1)?,
        ready: row.get(2)?,
    })
}

impl Defining for SqliteSession {
    fn loaded<'a>(
        &'a mut self,
        kinds: &'a [ResourceType],
        known: &'a Known,
    ) -> BoxFuture<'a, Result<Loaded>> {
        Box::pin(async move { loaded(&self.connection, kinds, known) })
    }
}
