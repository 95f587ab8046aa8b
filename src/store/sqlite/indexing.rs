//! The tables that tell how far the index is.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    insert::replace_rows,
    rows::{fault, stored_from_row},
    session::SqliteSession,
};
use crate::{
    fhir::{definitions::ResourceType, search::rows::IndexRows},
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::{
        IndexedParameter, Reindex, Stored,
        indexing::{IndexState, Indexing},
    },
};

const TO_REINDEX: &str = "select r.key, r.type, r.id, r.version, r.updated, r.deleted, r.hash, r.body \
     from resource r indexed by resource_live \
     where r.type = ? and r.deleted = 0 and r.key > ? and r.key <= ? order by r.key limit ? + 0";

/// How many there are, and the greatest key.
const EXTENT: &str = "select count(*), coalesce(max(key), 0) from resource indexed by resource_live \
     where type = ? and deleted = 0";

const BEGIN: &str = "insert or replace into reindex \
     (type, done_key, last_key, done, total, begun, ended) values (?, 0, ?, 0, ?, ?, null)";

const ADVANCE: &str = "update reindex set done_key = ?, done = ?, ended = ? \
     where type = ? and done_key = ? and ended is null";

const REINDEXES: &str =
    "select type, done_key, last_key, done, total, begun, ended from reindex order by type";

/// The next resources of a type that is indexed anew.
pub(super) fn to_reindex(connection: &Connection, of: &Reindex, limit: u32) -> Result<Vec<Stored>> {
    let mut statement = connection.prepare_cached(TO_REINDEX).map_err(fault)?;
    let place = params![of.kind.name(), of.done_key, of.last_key, limit];
    let rows = statement
        .query_map(place, |row| Ok(stored_from_row(row)))
        .map_err(fault)?;
    rows.map(|row| row.map_err(fault)?).collect()
}

impl SqliteSession {
    fn change(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize> {
        let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
        statement.execute(values).map_err(fault)
    }

    fn rows<T>(
        &self,
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
        let rows = statement.query_map(values, read).map_err(fault)?;
        rows.map(|row| row.map_err(fault)).collect()
    }
}

/// The columns of [`REINDEXES`]; none where the type is unknown.
fn reindex(row: &Row<'_>) -> rusqlite::Result<Option<Reindex>> {
    let count = |at| row.get(at).map(i64::unsigned_abs);
    let Some(kind) = ResourceType::named(row.get_ref(0)?.as_str()?) else {
        return Ok(None);
    };
    Ok(Some(Reindex {
        kind,
        done_key: row.get(1)?,
        last_key: row.get(2)?,
        done: count(3)?,
        total: count(4)?,
        begun: from_millis(row.get(5)?),
        ended: row.get::<_, Option<i64>>(6)?.map(from_millis),
    }))
}

impl Indexing for SqliteSession {
    fn index_state(&mut self) -> BoxFuture<'_, Result<IndexState>> {
        Box::pin(async move {
            let read = |row: &Row<'_>| {
                Ok(IndexState {
                    version: row.get(0)?,
                    wanted: row.get(1)?,
                })
            };
            let found = self.rows("select version, wanted from index_state", &[], read)?;
            let found = found.first().copied();
            found.ok_or_else(|| Problem::fault("the index has no state"))
        })
    }

    fn note_index_state(&mut self, state: IndexState) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let sql = "update index_state set version = ?, wanted = ?";
            self.change(sql, params![state.version, state.wanted])?;
            Ok(())
        })
    }

    fn indexed(&mut self, kind: ResourceType) -> BoxFuture<'_, Result<Vec<IndexedParameter>>> {
        Box::pin(async move {
            let sql = "select param, rules, ready from parameter where type = ?";
            self.rows(sql, params![kind.name()], super::definitions::indexed)
        })
    }

    fn indexed_kinds(&mut self) -> BoxFuture<'_, Result<Vec<ResourceType>>> {
        Box::pin(async move {
            let read = |row: &Row<'_>| row.get::<_, String>(0);
            let names = self.rows("select distinct type from parameter", &[], read)?;
            let named = names.iter();
            Ok(named.filter_map(|name| ResourceType::named(name)).collect())
        })
    }

    fn note_indexed<'a>(
        &'a mut self,
        kind: ResourceType,
        parameter: &'a IndexedParameter,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let sql =
                "insert or replace into parameter (param, type, rules, ready) values (?, ?, ?, ?)";
            let IndexedParameter {
                param,
                rules,
                ready,
            } = parameter;
            self.change(sql, params![param, kind.name(), rules, ready])?;
            Ok(())
        })
    }

    fn forget_indexed(&mut self, param: i64) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.change("delete from parameter where param = ?", params![param])?;
            Ok(())
        })
    }

    fn begin_reindex(&mut self, kind: ResourceType, now: Timestamp) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let extent: Vec<(i64, i64)> = self.rows(EXTENT, params![kind.name()], read)?;
            let (total, last) = extent.first().copied().unwrap_or_default();
            if total == 0 {
                self.change("delete from reindex where type = ?", params![kind.name()])?;
                return Ok(false);
            }
            self.change(
                BEGIN,
                params![kind.name(), last, total, now.as_millisecond()],
            )?;
            Ok(true)
        })
    }

    fn reindexes(&mut self) -> BoxFuture<'_, Result<Vec<Reindex>>> {
        Box::pin(async move {
            let found = self.rows(REINDEXES, &[], reindex)?;
            Ok(found.into_iter().flatten().collect())
        })
    }

    fn advance_reindex<'a>(
        &'a mut self,
        before: &'a Reindex,
        after: &'a Reindex,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let done = i64::try_from(after.done).map_err(Problem::fault)?;
            let ended = after.ended.map(Timestamp::as_millisecond);
            let (kind, at) = (before.kind.name(), before.done_key);
            let values = params![after.done_key, done, ended, kind, at];
            Ok(self.change(ADVANCE, values)? == 1)
        })
    }

    fn to_reindex<'a>(
        &'a mut self,
        of: &'a Reindex,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Stored>>> {
        Box::pin(async move { to_reindex(&self.connection, of, limit) })
    }

    fn reindex<'a>(
        &'a mut self,
        stored: &'a Stored,
        rows: &'a IndexRows,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let sql = "select version from resource where key = ? and deleted = 0";
            let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
            let version: Option<i64> = statement
                .query_row([stored.key], |row| row.get(0))
                .optional()
                .map_err(fault)?;
            let is_current = version.map(i64::unsigned_abs) == Some(stored.version);
            if is_current {
                replace_rows(&self.connection, stored.key, rows)?;
            }
            Ok(is_current)
        })
    }
}
