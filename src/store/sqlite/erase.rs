//! Rows removed for good, and the table `erasure`.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};
use serde_json::Value;

use super::{
    pages,
    rows::{fault, stored_from_row, version_hash},
    session::SqliteSession,
};
use crate::{
    fhir::definitions::ResourceType,
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::{DroppedJobs, ErasureRecord, Stored, erase::Erasing},
};

const REFERRING: &str = "select r.key, r.type, r.id, r.version, r.updated, r.deleted, r.hash, r.body \
     from resource r where r.key in ( \
         select key from compartment where ?1 = 'Patient' and patient = ?2 \
         union select key from reference where target_id = ?2 and target_type = ?1 \
         union select key from former where target_id = ?2 and target_type = ?1 \
         union select a.key from about a join resource b on b.key = a.key \
             where ?1 = 'Patient' and a.whom = ?2 and b.type = 'Binary' \
         union select a.key from about_former a join resource b on b.key = a.key \
             where ?1 = 'Patient' and a.whom = ?2 and b.type = 'Binary' \
         union select key from resource where type = ?1 and id = ?2) \
     order by r.key limit ?3";

const EARLIER: &str = "select r.key, r.type, r.id, v.version, v.updated, v.deleted, v.hash, v.body \
     from resource r join version v on v.key = r.key where r.key = ? order by v.version desc";

/// Every table whose rows belong to a resource; `resource` itself comes last.
const OWN_ROWS: [&str; 17] = [
    "delete from errand_line where key = ?",
    "delete from token where key = ?",
    "delete from string where key = ?",
    "delete from date where key = ?",
    "delete from number where key = ?",
    "delete from reference where key = ?",
    "delete from uri where key = ?",
    "delete from word where key = ?",
    "delete from composite where key = ?",
    "delete from compartment where key = ?",
    "delete from about where key = ?",
    "delete from about_former where key = ?",
    "delete from custody where key = ?",
    "delete from former where key = ?",
    "delete from version where key = ?",
    "delete from change where key = ?",
    "delete from resource where key = ?",
];

/// Shorter ids may be a client's own, such as `1`, and then say nothing by themselves.
const TELLING_ID_CHARS: usize = 16;

const ERASURE: &str = "select id, scope, subject, begun, target, messages, not_before, counts, \
     ended from erasure";

fn run(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement.execute(values).map_err(fault)
}

fn versions(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<Stored>> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let mut rows = statement.query(values).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(stored_from_row(row)?);
    }
    Ok(found)
}

fn expunge(connection: &Connection, stored: &Stored) -> Result<()> {
    for sql in OWN_ROWS {
        run(connection, sql, params![stored.key])?;
    }
    // What others once referred to is gone: nobody will look for it again.
    let sql = "delete from former where target_id = ? and target_type = ?";
    run(connection, sql, params![stored.id, stored.kind.name()]).map(|_| ())
}

/// What is left of a patient where permits are looked up, once nothing that stands is about them.
const PATIENT_ROWS: [&str; 3] = [
    "delete from about_former where whom = ?",
    "delete from custody where patient = ?",
    "delete from about where whom = ? \
     and key in (select key from resource where deleted <> 0)",
];

fn signed(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(Problem::fault)
}

fn amend(connection: &Connection, version: &Stored) -> Result<()> {
    let body = version.body.as_deref().unwrap_or_default();
    let hash = version_hash(version.kind, &version.id, version.version, body);
    let sql = "update version set body = ?, hash = ? where key = ? and version = ?";
    let number = signed(version.version)?;
    run(connection, sql, params![body, hash, version.key, number]).map(|_| ())
}

fn drop_version(connection: &Connection, version: &Stored) -> Result<()> {
    let number = signed(version.version)?;
    for sql in [
        "delete from version where key = ? and version = ?",
        "delete from change where key = ? and version = ?",
        "delete from errand_line where key = ? and version = ?",
    ] {
        run(connection, sql, params![version.key, number])?;
    }
    Ok(())
}

fn drop_jobs(
    connection: &Connection,
    ids: &HashSet<String>,
    except: &[&str],
) -> Result<DroppedJobs> {
    let mut named = Vec::new();
    let mut dropped = DroppedJobs::default();
    let sql = "select id, kind, dedup, payload, leased_until from job";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        let kind: String = row.get(1).map_err(fault)?;
        let dedup: Option<String> = row.get(2).map_err(fault)?;
        let payload: String = row.get(3).map_err(fault)?;
        let payload: Value = serde_json::from_str(&payload).map_err(Problem::fault)?;
        let key = dedup.as_deref().unwrap_or_default();
        if except.contains(&kind.as_str()) || !(names(ids, key) || payload_names(ids, &payload)) {
            continue;
        }
        named.push(row.get::<_, i64>(0).map_err(fault)?);
        let lease: Option<i64> = row.get(4).map_err(fault)?;
        dropped.leased_until = dropped.leased_until.max(lease.map(from_millis));
    }
    for id in &named {
        run(connection, "delete from job where id = ?", params![id])?;
    }
    dropped.count = named.len() as u64;
    Ok(dropped)
}

/// Whether a text is or begins with `Type/id` of something erased, or its id where that is long
/// enough to be nobody else's.
fn names(ids: &HashSet<String>, text: &str) -> bool {
    if ids.contains(text) {
        return true;
    }
    let is_separator = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.';
    let mut parts = text.split(is_separator);
    parts.any(|part| part.len() >= TELLING_ID_CHARS && ids.contains(part))
}

fn payload_names(ids: &HashSet<String>, payload: &Value) -> bool {
    match payload {
        Value::String(text) => names(ids, text),
        Value::Array(items) => items.iter().any(|item| payload_names(ids, item)),
        Value::Object(members) => members.iter().any(|(name, value)| {
            let named = value
                .as_str()
                .is_some_and(|id| ids.contains(&typed(name, id)));
            named || payload_names(ids, value)
        }),
        _ => false,
    }
}

/// `task` and `1` are `Task/1`, as payloads are written.
fn typed(name: &str, id: &str) -> String {
    if name == "plan" {
        return format!("CarePlan/{id}");
    }
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    format!("{}{}/{id}", first.unwrap_or_default(), letters.as_str())
}

fn note_erasure(connection: &Connection, record: &ErasureRecord) -> Result<()> {
    let messages =
        (!record.messages.is_empty()).then(|| Value::from(record.messages.clone()).to_string());
    let counts = serde_json::to_string(&record.counts).map_err(Problem::fault)?;
    run(
        connection,
        "insert or replace into erasure \
         (id, scope, subject, begun, target, messages, not_before, counts, ended) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            record.id,
            record.scope,
            record.subject,
            record.begun.as_millisecond(),
            record.target,
            messages,
            record.not_before.as_millisecond(),
            counts,
            record.ended.map(Timestamp::as_millisecond),
        ],
    )
    .map(|_| ())
}

fn record(row: &Row<'_>) -> Result<ErasureRecord> {
    let messages: Option<String> = row.get(5).map_err(fault)?;
    let messages = messages.map(|text| serde_json::from_str(&text)).transpose();
    let counts: String = row.get(7).map_err(fault)?;
    let counts: BTreeMap<String, u64> = serde_json::from_str(&counts).map_err(Problem::fault)?;
    let ended: Option<i64> = row.get(8).map_err(fault)?;
    Ok(ErasureRecord {
        id: row.get(0).map_err(fault)?,
        scope: row.get(1).map_err(fault)?,
        subject: row.get(2).map_err(fault)?,
        begun: from_millis(row.get(3).map_err(fault)?),
        target: row.get(4).map_err(fault)?,
        messages: messages.map_err(Problem::fault)?.unwrap_or_default(),
        not_before: from_millis(row.get(6).map_err(fault)?),
        counts,
        ended: ended.map(from_millis),
    })
}

pub(super) fn erasures(connection: &Connection, open: bool) -> Result<Vec<ErasureRecord>> {
    let sql = if open {
        format!("{ERASURE} where ended is null order by begun, id")
    } else {
        format!("{ERASURE} order by begun, id")
    };
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(record(row)?);
    }
    Ok(found)
}

fn one<T: rusqlite::types::FromSql>(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let found = statement.query_row(values, |row| row.get(0));
    found.optional().map_err(fault)
}

fn ids(connection: &Connection, kind: ResourceType) -> Result<Vec<String>> {
    let sql = "select id from resource where type = ?";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let found = statement
        .query_map([kind.name()], |row| row.get(0))
        .map_err(fault)?;
    found.map(|id| id.map_err(fault)).collect()
}

impl Erasing for SqliteSession {
    fn referring<'a>(
        &'a mut self,
        kind: ResourceType,
        id: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Stored>>> {
        Box::pin(async move {
            let values = params![kind.name(), id, limit];
            versions(&self.connection, REFERRING, values)
        })
    }

    fn earlier<'a>(&'a mut self, current: &'a Stored) -> BoxFuture<'a, Result<Vec<Stored>>> {
        Box::pin(async move { versions(&self.connection, EARLIER, params![current.key]) })
    }

    fn expunge<'a>(&'a mut self, stored: &'a Stored) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { expunge(&self.connection, stored) })
    }

    fn forget_patient<'a>(&'a mut self, patient: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for sql in PATIENT_ROWS {
                run(&self.connection, sql, params![patient])?;
            }
            Ok(())
        })
    }

    fn amend<'a>(&'a mut self, version: &'a Stored) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { amend(&self.connection, version) })
    }

    fn drop_version<'a>(&'a mut self, version: &'a Stored) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { drop_version(&self.connection, version) })
    }

    fn drop_jobs<'a>(
        &'a mut self,
        ids: &'a HashSet<String>,
        except: &'a [&'a str],
    ) -> BoxFuture<'a, Result<DroppedJobs>> {
        Box::pin(async move { drop_jobs(&self.connection, ids, except) })
    }

    fn cancel<'a>(&'a mut self, kind: &'a str, dedup: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let sql = "delete from job where kind = ? and dedup = ? and state = 'waiting'";
            run(&self.connection, sql, params![kind, dedup]).map(|_| ())
        })
    }

    fn waits<'a>(
        &'a mut self,
        kind: &'a str,
        dedup: &'a str,
    ) -> BoxFuture<'a, Result<Option<Timestamp>>> {
        Box::pin(async move {
            let sql = "select run_at from job where kind = ? and dedup = ? and state = 'waiting'";
            let millis: Option<i64> = one(&self.connection, sql, params![kind, dedup])?;
            Ok(millis.map(from_millis))
        })
    }

    fn note_erasure<'a>(&'a mut self, record: &'a ErasureRecord) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { note_erasure(&self.connection, record) })
    }

    fn erasures(&mut self, open: bool) -> BoxFuture<'_, Result<Vec<ErasureRecord>>> {
        Box::pin(async move { erasures(&self.connection, open) })
    }

    fn is_erased<'a>(&'a mut self, subject: &'a [u8]) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let sql = "select 1 from erasure where subject = ? limit 1";
            let found: Option<i64> = one(self.connection.without_rows(), sql, params![subject])?;
            Ok(found.is_some())
        })
    }

    fn ids(&mut self, kind: ResourceType) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async move { ids(&self.connection, kind) })
    }

    fn scrub(&mut self, from: u64) -> BoxFuture<'_, Result<Option<u64>>> {
        Box::pin(async move { pages::scrub(&self.connection, &self.path, from) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_named_by_reference_by_type_or_by_an_id_that_is_nobody_elses() {
        let long = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
        let ids: HashSet<String> = ["Task/1", "1", long, "Task/x"].map(str::to_owned).into();
        assert!(names(&ids, "Task/1") && names(&ids, &format!("{long}/second")));
        assert!(payload_names(&ids, &json!({ "task": "1" })));
        assert!(payload_names(
            &ids,
            &json!({ "about": [{ "reference": "Task/x" }] })
        ));
        assert!(payload_names(&ids, &json!({ "anything": long })));
        assert!(!payload_names(
            &ids,
            &json!({ "communication": "2", "n": 1, "x": "Task/11" })
        ));
        assert!(!payload_names(&ids, &json!({ "communication": "x" })));
    }
}
