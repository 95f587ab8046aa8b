//! Look-ups by id: a few statements, each a step or two down a tree, in the calling thread.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};

use super::{
    READER_CACHE_KIB, about, accounts, clients, connect, definitions, indexing,
    reach::{self, Standing, Versions},
    readers::{JOB_COUNTS, NEXT_JOB},
    rows::{fault, stored_from_row},
    tokens,
};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::{Permit, Reach},
        scope::Action,
    },
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::{
        Account, AccountBy, Client, Digest, Held, Known, Loaded, LoginSession, Reindex, Stored,
    },
};

/// The current version by type and id.
const CURRENT: &str = "select r.key, r.type, r.id, r.version, r.updated, r.deleted, r.hash, r.body \
     from resource r where r.type = ? and r.id = ?";

const VERSION: &str = "select r.key, r.type, r.id, v.version, v.updated, v.deleted, v.hash, v.body \
     from resource r join version v on v.key = r.key \
     where r.type = ? and r.id = ? and v.version = ?";

/// The patients of a resource.
pub(super) const PATIENTS: &str = "select patient from compartment where key = ?";

/// Connections that look up; clones share them.
///
/// Each is used by one thread at a time and for microseconds, so that a thread that waits for one
/// waits no longer than it would take to hand the work to another thread.
#[derive(Clone)]
pub(in crate::store) struct Lookups {
    connections: Arc<[Mutex<Connection>]>,
}

impl Lookups {
    /// Opens `count` connections.
    pub fn open(path: &Path, count: u32) -> Result<Self> {
        let open = || {
            let connection = connect(path, READER_CACHE_KIB)?;
            connection
                .pragma_update(None, "query_only", true)
                .map_err(fault)?;
            Ok(Mutex::new(connection))
        };
        let connections = (0..count.max(1)).map(|_| open()).collect::<Result<_>>()?;
        Ok(Self { connections })
    }

    /// A connection that is free, or the first once it is.
    fn connection(&self) -> Result<MutexGuard<'_, Connection>> {
        for connection in self.connections.iter() {
            match connection.try_lock() {
                Ok(free) => return Ok(free),
                // Statements end with the panic that poisoned it; the connection is sound.
                Err(TryLockError::Poisoned(free)) => return Ok(free.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let first = self.connections.first();
        let first = first.ok_or_else(|| Problem::fault("there are no connections"))?;
        Ok(first.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The current version, if the permit reaches it.
    pub fn current(&self, permit: &Permit, kind: ResourceType, id: &str) -> Result<Option<Stored>> {
        let how = (&[Action::Read][..], Versions::Current);
        let connection = self.connection()?;
        let _state = State::of(&connection, permit, kind)?;
        reachable(&connection, permit, (kind, id), how)
    }

    /// One version, if the permit reaches the resource.
    pub fn version(
        &self,
        permit: &Permit,
        (kind, id): (ResourceType, &str),
        version: u64,
    ) -> Result<Option<Stored>> {
        let connection = self.connection()?;
        let _state = State::of(&connection, permit, kind)?;
        self::version(&connection, permit, (kind, id), version)
    }

    /// Whom somebody can act for.
    pub fn custodians(&self, seeds: &[String]) -> Result<Vec<String>> {
        about::custodians(&*self.connection()?, seeds)
    }

    /// The names of those who belong to these custodians.
    pub fn belonging(&self, custodians: &[String]) -> Result<Vec<String>> {
        about::belonging(&*self.connection()?, custodians)
    }

    /// Whether somebody is reached.
    pub fn reaches(&self, reach: &Reach, whom: &str) -> Result<bool> {
        reach::reaches_whom(&*self.connection()?, reach, whom)
    }

    /// What stands of these types, in one state of the database.
    pub fn loaded(&self, kinds: &[ResourceType], known: &Known) -> Result<Loaded> {
        let connection = self.connection()?;
        let state = connection.unchecked_transaction().map_err(fault)?;
        definitions::loaded(&state, kinds, known)
    }

    /// The client of an id.
    pub fn client(&self, id: &str) -> Result<Option<Client>> {
        clients::one(&*self.connection()?, id)
    }

    /// All clients, by id.
    pub fn clients(&self) -> Result<Vec<Client>> {
        clients::all(&*self.connection()?)
    }

    /// Whether pages of an origin are those of a client.
    pub fn is_client_origin(&self, origin: &str) -> Result<bool> {
        clients::is_origin(&*self.connection()?, origin)
    }

    /// How many times something has changed that permits are made from.
    pub fn access_stamp(&self) -> Result<u64> {
        let connection = self.connection()?;
        let mut statement = connection
            .prepare_cached("select stamp from access_stamp where one = 1")
            .map_err(fault)?;
        let stamp: i64 = statement.query_row([], |row| row.get(0)).map_err(fault)?;
        Ok(stamp.unsigned_abs())
    }

    /// A token with all that it stands for.
    pub fn held(&self, hash: &Digest) -> Result<Option<Held>> {
        tokens::held(&*self.connection()?, hash)
    }

    /// An account.
    pub fn account(&self, by: AccountBy<'_>) -> Result<Option<Account>> {
        accounts::account(&*self.connection()?, by)
    }

    /// The session of a hash.
    pub fn login(&self, hash: &[u8]) -> Result<Option<LoginSession>> {
        accounts::login(&*self.connection()?, hash)
    }

    /// The next resources of a type that is indexed anew.
    pub fn to_reindex(&self, of: &Reindex, limit: u32) -> Result<Vec<Stored>> {
        indexing::to_reindex(&*self.connection()?, of, limit)
    }
}

/// One state of the database, while it lives: what is read and whom it is about are of one instant.
/// Otherwise a resource that goes from one patient to another meanwhile could be given, as it was,
/// to who reaches only the other.
struct State<'c>(Option<&'c Connection>);

impl<'c> State<'c> {
    /// Of who reaches everything one statement is asked, which is of one instant by itself.
    fn of(connection: &'c Connection, permit: &Permit, kind: ResourceType) -> Result<Self> {
        if permit.is_unbounded(kind, Action::Read) {
            return Ok(Self(None));
        }
        let mut begin = connection.prepare_cached("begin").map_err(fault)?;
        begin.execute([]).map_err(fault)?;
        Ok(Self(Some(connection)))
    }
}

impl Drop for State<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.0 else { return };
        let ended = connection
            .prepare_cached("rollback")
            .and_then(|mut rollback| rollback.execute([]));
        if let Err(error) = ended {
            tracing::error!(%error, "a state of the database could not be let go");
        }
    }
}

/// One version, if the permit reaches the resource.
pub(super) fn version(
    connection: &Connection,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
    version: u64,
) -> Result<Option<Stored>> {
    let how = |versions| (&[Action::Read][..], versions);
    let newest = reachable(connection, permit, (kind, id), how(Versions::Current))?;
    if newest.as_ref().is_none_or(|found| found.version == version) {
        return Ok(newest);
    }
    if reachable(connection, permit, (kind, id), how(Versions::All))?.is_none() {
        return Ok(None);
    }
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    one(connection, VERSION, params![kind.name(), id, version])
}

/// When the next waiting job is due.
pub(super) fn next_job_at(connection: &Connection) -> Result<Option<Timestamp>> {
    let mut statement = connection.prepare_cached(NEXT_JOB).map_err(fault)?;
    let millis: Option<i64> = statement.query_row([], |row| row.get(0)).map_err(fault)?;
    Ok(millis.map(from_millis))
}

/// Waiting and dead jobs.
pub(super) fn job_counts(connection: &Connection) -> Result<(u64, u64)> {
    let mut statement = connection.prepare_cached(JOB_COUNTS).map_err(fault)?;
    let counts: (i64, i64) = statement
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(fault)?;
    Ok((counts.0.unsigned_abs(), counts.1.unsigned_abs()))
}

/// The current version, a deletion included, if the permit reaches it, or these versions of the
/// resource, by one of these actions.
pub(super) fn reachable(
    connection: &Connection,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
    (actions, versions): (&[Action], Versions),
) -> Result<Option<Stored>> {
    let Some(stored) = current(connection, kind, id)? else {
        return Ok(None);
    };
    let standing = Standing {
        kind,
        key: stored.key,
        versions,
    };
    let is_reached = reach::reaches(connection, permit, standing, actions)?;
    Ok(is_reached.then_some(stored))
}

/// The current version, a deletion included.
pub(super) fn current(
    connection: &Connection,
    kind: ResourceType,
    id: &str,
) -> Result<Option<Stored>> {
    one(connection, CURRENT, params![kind.name(), id])
}

/// The patients whose compartment holds a resource.
pub(super) fn patients(connection: &Connection, key: i64) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(PATIENTS).map_err(fault)?;
    let found = statement
        .query_map([key], |row| row.get(0))
        .map_err(fault)?;
    found.map(|patient| patient.map_err(fault)).collect()
}

fn one(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Option<Stored>> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement
        .query_row(values, |row| Ok(stored_from_row(row)))
        .optional()
        .map_err(fault)?
        .transpose()
}
