//! The record of accesses on SQLite: a database of its own, in WAL mode, whose commits are durable.
//!
//! Triggers refuse every change of a row and every removal behind the last beginning. They are
//! against mistakes; what is against people is the chain of hashes, which is not made here.

mod find;

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, TransactionBehavior, params};

use super::{BUSY_TIMEOUT, rows::fault};
use crate::{
    kernel::problem::{Problem, Result},
    store::{AuditAnchor, AuditRow, AuditTip, Pseudonym},
};

/// The steps to the present schema, whose version is their number.
const SCHEMA: [&str; 2] = [
    include_str!("../../../migrations/audit/0001_begin_log.sql"),
    include_str!("../../../migrations/audit/0002_name_later.sql"),
];

const COLUMNS: &str = "seq, at, event, action, outcome, status, kind, entity, patients, agent, \
     client, roles, session, purpose, address, request, detail, hash";

/// A connection to the file.
pub struct AuditConnection {
    connection: Connection,
}

impl AuditConnection {
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path).map_err(|error| unusable(path, &error))?;
        let mut file = Self { connection };
        file.settle()
            .and_then(|()| file.migrate())
            .map_err(|problem| within(path, problem))?;
        Ok(file)
    }

    pub fn open_to_read(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| unusable(path, &error))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
        let file = Self { connection };
        match file.steps_left()? {
            [] => Ok(file),
            _ => Err(unusable(
                path,
                &"an earlier version has written it; the server brings it up to date when it starts",
            )),
        }
    }

    fn settle(&self) -> Result<()> {
        self.connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
        // The tree of pseudonyms is written all over: the rarer the checkpoint, the fewer times each
        // of its pages goes to the file. 32 MiB of WAL, 32 MiB of cache.
        let pragmas = "pragma journal_mode = wal; pragma synchronous = full; \
             pragma temp_store = memory; pragma cache_size = -32768; \
             pragma wal_autocheckpoint = 8192;";
        self.connection.execute_batch(pragmas).map_err(fault)
    }

    /// The steps that have not been taken.
    fn steps_left(&self) -> Result<&'static [&'static str]> {
        let version = self
            .connection
            .query_row("pragma user_version", [], |row| number(row, 0))
            .map_err(fault)?;
        let taken = usize::try_from(version).unwrap_or(usize::MAX);
        let left = SCHEMA.get(taken..);
        left.ok_or_else(|| Problem::fault(format!("the schema has version {version}")))
    }

    fn migrate(&mut self) -> Result<()> {
        if self.steps_left()?.is_empty() {
            return Ok(());
        }
        let exclusive = "begin immediate";
        self.connection.execute_batch(exclusive).map_err(fault)?;
        // Another process may have been first.
        let taken = self.steps_left().and_then(|steps| {
            let mut each = steps.iter();
            each.try_for_each(|step| self.connection.execute_batch(step).map_err(fault))
        });
        let end = if taken.is_ok() { "commit" } else { "rollback" };
        let ended = self.connection.execute_batch(end).map_err(fault);
        taken.and(ended)
    }

    fn write(&mut self) -> Result<rusqlite::Transaction<'_>> {
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(fault)
    }

    pub fn anchors(&self) -> Result<Vec<AuditAnchor>> {
        let mut statement = self
            .connection
            .prepare_cached("select seq, hash, at, seal from anchor order by seq")
            .map_err(fault)?;
        let anchors = statement
            .query_map([], |row| {
                let tip = AuditTip {
                    seq: number(row, 0)?,
                    hash: row.get(1)?,
                };
                Ok(AuditAnchor {
                    tip,
                    at: row.get(2)?,
                    seal: row.get(3)?,
                })
            })
            .map_err(fault)?;
        anchors.collect::<Result<_, _>>().map_err(fault)
    }

    pub fn tip(&self) -> Result<AuditTip> {
        tip(&self.connection)
    }

    pub fn append(
        &mut self,
        make: &mut dyn FnMut(AuditTip) -> Result<Vec<AuditRow>>,
    ) -> Result<AuditTip> {
        let tx = self.write()?;
        let rows = make(tip(&tx)?)?;
        {
            let mut insert = tx
                .prepare_cached(
                    "insert into entry (seq, at, event, action, outcome, status, kind, entity, \
                     patients, agent, client, roles, session, purpose, address, request, detail, \
                     hash) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .map_err(fault)?;
            for row in &rows {
                insert_row(&mut insert, row)?;
            }
        }
        let end = tip(&tx)?;
        tx.commit().map_err(fault)?;
        Ok(end)
    }

    pub fn rows(&self, after: u64, limit: u32) -> Result<Vec<AuditRow>> {
        let mut statement = self
            .connection
            .prepare_cached(&format!(
                "select {COLUMNS} from entry where seq > ? order by seq limit ?"
            ))
            .map_err(fault)?;
        let rows = statement
            .query_map(params![after.cast_signed(), limit], entry)
            .map_err(fault)?;
        rows.collect::<Result<_, _>>().map_err(fault)
    }

    pub fn hold(&self) -> Result<()> {
        // The transaction takes its state with the first statement that reads.
        let text = "begin; select count(*) from anchor;";
        self.connection.execute_batch(text).map_err(fault)
    }

    pub fn named_until(&self) -> Result<u64> {
        named_until(&self.connection)
    }

    pub fn name(&mut self, limit: u32) -> Result<u64> {
        let tx = self.write()?;
        let mut until = named_until(&tx)?;
        let mut names: Vec<(Pseudonym, u64)> = Vec::new();
        {
            let mut next = tx
                .prepare_cached(&format!(
                    "select {COLUMNS} from entry where seq > ? order by seq limit ?"
                ))
                .map_err(fault)?;
            let rows = next
                .query_map(params![until.cast_signed(), limit], entry)
                .map_err(fault)?;
            for row in rows {
                let row = row.map_err(fault)?;
                names.extend(row.names().into_iter().map(|name| (name, row.seq)));
                until = row.seq;
            }
            // In the order of the tree that they go into: neighbours share a page.
            names.sort_unstable();
            let mut insert = tx
                .prepare_cached("insert or ignore into named (name, seq) values (?, ?)")
                .map_err(fault)?;
            for (name, seq) in &names {
                insert
                    .execute(params![name, seq.cast_signed()])
                    .map_err(fault)?;
            }
        }
        set_named(&tx, until)?;
        tx.commit().map_err(fault)?;
        Ok(until)
    }

    pub fn named_count(&self, after: u64) -> Result<u64> {
        let text = "select count(*) from named where seq > ?";
        self.connection
            .query_row(text, params![after.cast_signed()], |row| number(row, 0))
            .map_err(fault)
    }

    pub fn unnamed(&self, row: &AuditRow) -> Result<Vec<Pseudonym>> {
        let mut statement = self
            .connection
            .prepare_cached("select 1 from named where name = ? and seq = ?")
            .map_err(fault)?;
        let mut missing = row.names();
        let mut broken = None;
        missing.retain(
            |name| match statement.exists(params![name, row.seq.cast_signed()]) {
                Ok(known) => !known,
                Err(error) => {
                    broken = Some(fault(error));
                    true
                }
            },
        );
        broken.map_or(Ok(missing), Err)
    }

    pub fn last_before(&self, instant: i64) -> Result<Option<AuditTip>> {
        // Concurrent requests end in another order than they began in: a row is only old when
        // nothing older stands behind it.
        let first_young = "select min(seq) from entry where at >= ?";
        let first: Option<u64> = self
            .connection
            .query_row(first_young, params![instant], |row| {
                Ok(row.get::<_, Option<i64>>(0)?.map(i64::cast_unsigned))
            })
            .map_err(fault)?;
        let below = first.map_or(i64::MAX, u64::cast_signed);
        self.connection
            .query_row(
                "select seq, hash from entry where seq < ? order by seq desc limit 1",
                params![below],
                a_tip,
            )
            .optional()
            .map_err(fault)
    }

    pub fn set_anchor(&mut self, anchor: &AuditAnchor) -> Result<()> {
        let tx = self.write()?;
        let seq = anchor.tip.seq.cast_signed();
        tx.execute(
            "insert into anchor (seq, hash, at, seal) values (?, ?, ?, ?)",
            params![seq, anchor.tip.hash, anchor.at, anchor.seal],
        )
        .map_err(fault)?;
        let last: i64 = tx
            .query_row("select max(seq) from anchor", [], |row| row.get(0))
            .map_err(fault)?;
        if last != seq {
            return Err(Problem::fault("the record of accesses begins later"));
        }
        tx.commit().map_err(fault)
    }

    pub fn shorten(&mut self, limit: u32) -> Result<u64> {
        let tx = self.write()?;
        let bound: Option<i64> = tx
            .query_row(
                "select max(seq) from (select seq from entry \
                 where seq <= (select max(seq) from anchor) order by seq limit ?)",
                params![limit],
                |row| row.get(0),
            )
            .map_err(fault)?;
        let Some(bound) = bound else { return Ok(0) };
        {
            let mut gone = tx
                .prepare_cached(&format!(
                    "select {COLUMNS} from entry where seq <= ? order by seq"
                ))
                .map_err(fault)?;
            let gone: Vec<AuditRow> = gone
                .query_map(params![bound], entry)
                .map_err(fault)?
                .collect::<Result<_, _>>()
                .map_err(fault)?;
            let mut forget = tx
                .prepare_cached("delete from named where name = ? and seq = ?")
                .map_err(fault)?;
            for row in &gone {
                for name in row.names() {
                    forget
                        .execute(params![name, row.seq.cast_signed()])
                        .map_err(fault)?;
                }
            }
        }
        let count = tx
            .execute("delete from entry where seq <= ?", params![bound])
            .map_err(fault)?;
        if named_until(&tx)? < bound.cast_unsigned() {
            set_named(&tx, bound.cast_unsigned())?;
        }
        tx.commit().map_err(fault)?;
        Ok(count as u64)
    }
}

fn named_until(connection: &Connection) -> Result<u64> {
    let mut statement = connection
        .prepare_cached("select seq from naming")
        .map_err(fault)?;
    statement.query_row([], |row| number(row, 0)).map_err(fault)
}

fn set_named(connection: &Connection, until: u64) -> Result<()> {
    connection
        .execute("update naming set seq = ?", params![until.cast_signed()])
        .map(drop)
        .map_err(fault)
}

fn tip(connection: &Connection) -> Result<AuditTip> {
    for table in ["entry", "anchor"] {
        let found = connection
            .prepare_cached(&format!(
                "select seq, hash from {table} order by seq desc limit 1"
            ))
            .and_then(|mut statement| statement.query_row([], a_tip).optional())
            .map_err(fault)?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Ok(AuditTip::default())
}

fn a_tip(row: &Row<'_>) -> rusqlite::Result<AuditTip> {
    Ok(AuditTip {
        seq: number(row, 0)?,
        hash: row.get(1)?,
    })
}

fn insert_row(insert: &mut rusqlite::CachedStatement<'_>, row: &AuditRow) -> Result<()> {
    insert
        .execute(params![
            row.seq.cast_signed(),
            row.at,
            row.event,
            row.action,
            row.outcome,
            row.status,
            row.kind,
            row.entity,
            row.patients.as_flattened(),
            row.agent,
            row.client,
            row.roles,
            row.session,
            row.purpose,
            row.address,
            row.request,
            row.detail,
            row.hash,
        ])
        .map(drop)
        .map_err(fault)
}

/// A number that is never negative.
fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(i64::cast_unsigned)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    let (patients, rest) = row.get_ref(8)?.as_blob()?.as_chunks::<16>();
    let mut patients = patients.to_vec();
    if !rest.is_empty() {
        // No whole number of pseudonyms was ever written: one that nobody has makes the hash fail.
        patients.push([u8::MAX; 16]);
    }
    Ok(AuditRow {
        seq: number(row, 0)?,
        at: row.get(1)?,
        event: row.get(2)?,
        action: row.get(3)?,
        outcome: row.get(4)?,
        status: row.get(5)?,
        kind: row.get(6)?,
        entity: row.get(7)?,
        patients,
        agent: row.get(9)?,
        client: row.get(10)?,
        roles: row.get(11)?,
        session: row.get(12)?,
        purpose: row.get(13)?,
        address: row.get(14)?,
        request: row.get(15)?,
        detail: row.get(16)?,
        hash: row.get(17)?,
    })
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Problem {
    Problem::fault(format!("{}: {error}", path.display()))
}

fn within(path: &Path, problem: Problem) -> Problem {
    let reason = problem.internal.unwrap_or_default();
    unusable(path, &reason)
}
