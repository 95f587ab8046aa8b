//! The table `job`.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::rows::problem;
use crate::{
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::{Job, LeasedJob},
};

/// Adds a job; where one of the same kind and key waits, the earlier instant wins.
pub(super) async fn enqueue(connection: &mut SqliteConnection, job: &Job) -> Result<()> {
    sqlx::query(
        "insert into job (kind, dedup, payload, run_at) values (?, ?, ?, ?) \
         on conflict (kind, dedup) where dedup is not null and state = 'waiting' \
         do update set run_at = min(run_at, excluded.run_at)",
    )
    .bind(job.kind)
    .bind(job.dedup.as_deref())
    .bind(job.payload.to_string())
    .bind(job.run_at.as_millisecond())
    .execute(connection)
    .await
    .map_err(problem)?;
    Ok(())
}

/// Lends due jobs that nobody holds, in the order in which they are due.
pub(super) async fn lease(
    connection: &mut SqliteConnection,
    now: Timestamp,
    until: Timestamp,
    limit: u32,
    except: &[String],
) -> Result<Vec<LeasedJob>> {
    let rows = sqlx::query(
        "update job set leased_until = ?1, fence = fence + 1 where id in ( \
             select id from job \
             where state = 'waiting' and run_at <= ?2 \
               and (leased_until is null or leased_until <= ?2) \
               and kind not in (select value from json_each(?4)) \
             order by run_at, id limit ?3) \
         returning id, kind, payload, run_at, attempts, fence",
    )
    .bind(until.as_millisecond())
    .bind(now.as_millisecond())
    .bind(limit)
    .bind(Value::from(except).to_string())
    .fetch_all(connection)
    .await
    .map_err(problem)?;
    let mut jobs = rows
        .iter()
        .map(leased_from_row)
        .collect::<Result<Vec<_>>>()?;
    // `returning` gives no order of its own.
    jobs.sort_by_key(|job| (job.run_at, job.id));
    Ok(jobs)
}

fn leased_from_row(row: &SqliteRow) -> Result<LeasedJob> {
    let payload: &str = row.try_get(2).map_err(problem)?;
    Ok(LeasedJob {
        id: row.try_get(0).map_err(problem)?,
        kind: row.try_get(1).map_err(problem)?,
        payload: serde_json::from_str(payload).map_err(Problem::fault)?,
        run_at: from_millis(row.try_get(3).map_err(problem)?),
        attempts: row.try_get(4).map_err(problem)?,
        fence: row.try_get(5).map_err(problem)?,
    })
}

/// Removes a job that has done its work.
pub(super) async fn finish(connection: &mut SqliteConnection, job: &LeasedJob) -> Result<bool> {
    let done = sqlx::query("delete from job where id = ? and fence = ? and state = 'waiting'")
        .bind(job.id)
        .bind(job.fence)
        .execute(connection)
        .await
        .map_err(problem)?;
    Ok(done.rows_affected() == 1)
}

/// Gives a job back for a later run.
pub(super) async fn postpone(
    connection: &mut SqliteConnection,
    job: &LeasedJob,
    at: Timestamp,
    error: &str,
) -> Result<bool> {
    let done = sqlx::query(
        "update job set run_at = ?, leased_until = null, attempts = attempts + 1, last_error = ? \
         where id = ? and fence = ? and state = 'waiting'",
    )
    .bind(at.as_millisecond())
    .bind(error)
    .bind(job.id)
    .bind(job.fence)
    .execute(connection)
    .await
    .map_err(problem)?;
    Ok(done.rows_affected() == 1)
}

/// Gives a job back unrun.
pub(super) async fn release(connection: &mut SqliteConnection, job: &LeasedJob) -> Result<bool> {
    let done = sqlx::query(
        "update job set leased_until = null where id = ? and fence = ? and state = 'waiting'",
    )
    .bind(job.id)
    .bind(job.fence)
    .execute(connection)
    .await
    .map_err(problem)?;
    Ok(done.rows_affected() == 1)
}

/// Ends all leases.
pub(super) async fn release_all(connection: &mut SqliteConnection) -> Result<u64> {
    let done = sqlx::query(
        "update job set leased_until = null where state = 'waiting' and leased_until is not null",
    )
    .execute(connection)
    .await
    .map_err(problem)?;
    Ok(done.rows_affected())
}

/// Marks a job as dead; it stays for the operator to see.
pub(super) async fn bury(
    connection: &mut SqliteConnection,
    job: &LeasedJob,
    error: &str,
) -> Result<bool> {
    let done = sqlx::query(
        "update job set state = 'dead', leased_until = null, attempts = attempts + 1, \
         last_error = ? where id = ? and fence = ? and state = 'waiting'",
    )
    .bind(error)
    .bind(job.id)
    .bind(job.fence)
    .execute(connection)
    .await
    .map_err(problem)?;
    Ok(done.rows_affected() == 1)
}
