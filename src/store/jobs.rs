//! Durable jobs as the store keeps them; `queue` gives them meaning.

use jiff::Timestamp;
use serde_json::Value;

use super::Tx;
use crate::kernel::problem::{Category, Problem, Result};

/// Work to be done later, written in the transaction of its cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Which handler runs it, such as `notify.send`.
    pub kind: &'static str,
    /// While a job of this kind with this key waits, a second is not added; the earlier `run_at` wins.
    pub dedup: Option<String>,
    /// What the handler needs; references rather than content.
    pub payload: Value,
    /// Not before this instant.
    pub run_at: Timestamp,
}

/// A job lent to one worker until its lease passes.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedJob {
    /// The row.
    pub id: i64,
    /// Which handler runs it.
    pub kind: String,
    /// What the handler needs.
    pub payload: Value,
    /// When it was due.
    pub run_at: Timestamp,
    /// Runs before this one.
    pub attempts: u32,
    /// Proof of the lease: a worker whose lease has passed is refused.
    pub fence: i64,
}

impl Tx {
    /// Adds a job to this transaction.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn enqueue(&mut self, job: &Job) -> Result<()> {
        self.enqueued = true;
        self.session().enqueue(job).await
    }

    /// Removes a job that has done its work; what the job wrote stands only if its lease holds.
    ///
    /// # Errors
    /// `Conflict`, if the lease has passed to another worker.
    pub async fn finish_job(&mut self, job: &LeasedJob) -> Result<()> {
        held(self.session().finish(job).await?)
    }

    /// Gives a job back for a later run.
    ///
    /// # Errors
    /// `Conflict`, if the lease has passed to another worker.
    pub async fn postpone_job(
        &mut self,
        job: &LeasedJob,
        at: Timestamp,
        error: &str,
    ) -> Result<()> {
        held(self.session().postpone(job, at, error).await?)
    }

    /// Marks a job as one that cannot succeed; it stays visible as dead.
    ///
    /// # Errors
    /// `Conflict`, if the lease has passed to another worker.
    pub async fn bury_job(&mut self, job: &LeasedJob, error: &str) -> Result<()> {
        held(self.session().bury(job, error).await?)
    }

    /// Gives a job back unrun: it is due as before, and the lease does not count as a run.
    ///
    /// # Errors
    /// `Conflict`, if the lease has passed to another worker.
    pub async fn release_job(&mut self, job: &LeasedJob) -> Result<()> {
        held(self.session().release(job).await?)
    }

    pub(super) async fn release_all_jobs(&mut self) -> Result<u64> {
        self.session().release_all().await
    }

    pub(super) async fn lease_jobs(
        &mut self,
        until: Timestamp,
        limit: u32,
        except: &[String],
    ) -> Result<Vec<LeasedJob>> {
        let now = self.now();
        self.session().lease(now, until, limit, except).await
    }

    pub(super) async fn next_job_at(&mut self) -> Result<Option<Timestamp>> {
        self.session().next_job_at().await
    }

    pub(super) async fn job_counts(&mut self) -> Result<(u64, u64)> {
        self.session().job_counts().await
    }
}

fn held(held: bool) -> Result<()> {
    if held {
        return Ok(());
    }
    Err(Problem::new(
        Category::Conflict,
        "conflict",
        "The lease of the job has passed.",
    ))
}
