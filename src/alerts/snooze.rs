//! The job of one alert that is put off: when its time comes, it waits for somebody again.
//!
//! What follows from that (the team is told anew, the time to acknowledge begins) is the work of
//! [`super::triage`], which sees the Task return.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;

use super::{escalation::standing, task_state};
use crate::{
    care::kind,
    fhir::{permit::Permit, resource::Resource},
    kernel::problem::Result,
    queue::{Failure, Handler, Schedule},
    store::{Job, LeasedJob, Prepared, Store, Tx},
};

/// The kind of the job.
pub const KIND: &str = "alerts.wake";

/// The job that wakes one alert's Task.
#[must_use]
pub fn job(task: &str, run_at: Timestamp) -> Job {
    Job {
        kind: KIND,
        dedup: Some(task.to_owned()),
        payload: json!({ "task": task }),
        run_at,
    }
}

/// Runs [`KIND`].
#[derive(Debug, Clone, Copy, Default)]
pub struct SnoozeHandler;

impl Handler for SnoozeHandler {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn schedule(&self) -> Schedule {
        Schedule::ENDLESS
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let job = job.clone();
            store
                .write(&Permit::system(KIND), move |tx| {
                    Box::pin(async move { act(tx, &job).await })
                })
                .await
                .map_err(Failure::from)
        })
    }
}

async fn act(tx: &mut Tx, job: &LeasedJob) -> Result<()> {
    tx.finish_job(job).await?;
    let id = job.payload["task"].as_str().unwrap_or_default();
    let Some((stored, mut task)) = standing(tx, kind("Task")?, id).await? else {
        return Ok(());
    };
    if task["status"] != "on-hold" {
        return Ok(());
    }
    match task_state::snoozed_until(&task) {
        // It was put off for longer meanwhile.
        Some(until) if tx.now() < until => tx.enqueue(&self::job(id, until)).await,
        _ => {
            task_state::wake(&mut task);
            let prepared = Prepared::new(Resource::trusted(task)?);
            tx.put(id, prepared, Some(stored.version)).await.map(|_| ())
        }
    }
}
