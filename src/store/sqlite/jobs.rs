//! The table `job`.

use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql, params};
use serde_json::Value;

use super::rows::fault;
use crate::{
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::{Job, LeasedJob},
};

const LEASE: &str = "update job set leased_until = ?1, fence = fence + 1 where id in ( \
         select id from job \
         where state = 'waiting' and run_at <= ?2 \
           and (leased_until is null or leased_until <= ?2) \
           and kind not in (select value from json_each(?4)) \
         order by run_at, id limit ?3) \
     returning id, kind, payload, run_at, attempts, fence";

/// Runs a statement; gives the number of rows that it has changed.
fn run(connection: &Connection, sql: &'static str, values: &[&dyn ToSql]) -> Result<usize> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement.execute(values).map_err(fault)
}

/// Adds a job; where one of the same kind and key waits, the earlier instant wins.
pub(super) fn enqueue(connection: &Connection, job: &Job) -> Result<()> {
    run(
        connection,
        "insert into job (kind, dedup, payload, run_at) values (?, ?, ?, ?) \
         on conflict (kind, dedup) where dedup is not null and state = 'waiting' \
         do update set run_at = min(run_at, excluded.run_at)",
        params![
            job.kind,
            job.dedup.as_deref(),
            job.payload.to_string(),
            job.run_at.as_millisecond()
        ],
    )?;
    Ok(())
}

/// Lends due jobs that nobody holds, in the order in which they are due.
pub(super) fn lease(
    connection: &Connection,
    now: Timestamp,
    until: Timestamp,
    limit: u32,
    except: &[String],
) -> Result<Vec<LeasedJob>> {
    let mut statement = connection.prepare_cached(LEASE).map_err(fault)?;
    let (now, until) = (now.as_millisecond(), until.as_millisecond());
    let except = Value::from(except).to_string();
    let mut rows = statement
        .query(params![until, now, limit, except])
        .map_err(fault)?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        jobs.push(leased_from_row(row)?);
    }
    // `returning` gives no order of its own.
    jobs.sort_by_key(|job| (job.run_at, job.id));
    Ok(jobs)
}

fn leased_from_row(row: &Row<'_>) -> Result<LeasedJob> {
    let payload = row.get_ref(2).map_err(fault)?;
    let payload = payload.as_str().map_err(Problem::fault)?;
    Ok(LeasedJob {
        id: row.get(0).map_err(fault)?,
        kind: row.get(1).map_err(fault)?,
        payload: serde_json::from_str(payload).map_err(Problem::fault)?,
        run_at: from_millis(row.get(3).map_err(fault)?),
        attempts: row.get(4).map_err(fault)?,
        fence: row.get(5).map_err(fault)?,
    })
}

/// Removes a job that has done its work.
pub(super) fn finish(connection: &Connection, job: &LeasedJob) -> Result<bool> {
    let done = run(
        connection,
        "delete from job where id = ? and fence = ? and state = 'waiting'",
        params![job.id, job.fence],
    )?;
    Ok(done == 1)
}

/// Gives a job back for a later run.
pub(super) fn postpone(
    connection: &Connection,
    job: &LeasedJob,
    at: Timestamp,
    error: &str,
) -> Result<bool> {
    let done = run(
        connection,
        "update job set run_at = ?, leased_until = null, attempts = attempts + 1, last_error = ? \
         where id = ? and fence = ? and state = 'waiting'",
        params![at.as_millisecond(), error, job.id, job.fence],
    )?;
    Ok(done == 1)
}

/// Gives a job back unrun.
pub(super) fn release(connection: &Connection, job: &LeasedJob) -> Result<bool> {
    let done = run(
        connection,
        "update job set leased_until = null where id = ? and fence = ? and state = 'waiting'",
        params![job.id, job.fence],
    )?;
    Ok(done == 1)
}

/// Ends all leases.
pub(super) fn release_all(connection: &Connection) -> Result<u64> {
    let done = run(
        connection,
        "update job set leased_until = null where state = 'waiting' and leased_until is not null",
        params![],
    )?;
    u64::try_from(done).map_err(Problem::fault)
}

/// Marks a job as dead; it stays for the operator to see.
pub(super) fn bury(connection: &Connection, job: &LeasedJob, error: &str) -> Result<bool> {
    let done = run(
        connection,
        "update job set state = 'dead', leased_until = null, attempts = attempts + 1, \
         last_error = ? where id = ? and fence = ? and state = 'waiting'",
        params![error, job.id, job.fence],
    )?;
    Ok(done == 1)
}
