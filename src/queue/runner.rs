//! Leases due jobs and runs them, several at a time.

use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Failure, Handler};
use crate::{
    fhir::permit::Permit,
    kernel::{
        chance::Chance,
        clock::{Clock, SimulatedClock},
        problem::{Category, Result},
    },
    store::{LeasedJob, Store},
};

/// The right under which jobs are leased, retried and buried; handlers bring their own.
static PERMIT: Permit = Permit::system("queue.run");

/// Longest sleep of [`Runner::serve`]: how late it finds a job that no commit told it of, such
/// as one whose lease has passed.
pub const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Shortest sleep of [`Runner::serve`], so that two clocks that differ a little do not make it spin.
const NAP_MIN: Duration = Duration::from_millis(5);

/// Bounds of a [`Runner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunnerLimits {
    /// How long a job is held; a worker that takes longer may be overtaken by another.
    pub lease: SignedDuration,
    /// Most jobs leased at once.
    pub batch: u32,
    /// Most jobs that run at the same time; their commits share the store's groups.
    pub concurrency: usize,
}

impl Default for RunnerLimits {
    fn default() -> Self {
        Self {
            lease: SignedDuration::from_mins(2),
            batch: 256,
            concurrency: 32,
        }
    }
}

/// Runs jobs; several may share a store.
pub struct Runner {
    store: Store,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    handlers: HashMap<&'static str, Arc<dyn Handler>>,
    limits: RunnerLimits,
}

/// A job and the end of its lease.
struct Held {
    job: LeasedJob,
    until: Timestamp,
}

/// The jobs in hand: those that run, and those leased that wait for room, in their order.
#[derive(Default)]
struct Crew<'a> {
    /// Each gives the kind of its job when it ends.
    running: FuturesUnordered<BoxFuture<'a, String>>,
    by_kind: HashMap<String, usize>,
    waiting: VecDeque<Held>,
    /// Whether the last lease left nothing due but jobs of the kinds `full`.
    drained: bool,
    /// Kinds without room at the last lease.
    full: Vec<String>,
    ran: u64,
}

/// What becomes of a job that failed.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    RetryAt(Timestamp),
    Bury,
}

impl Runner {
    /// A runner of the jobs that `handlers` do; of two for one kind the later counts.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        handlers: Vec<Arc<dyn Handler>>,
        limits: RunnerLimits,
    ) -> Self {
        let handlers = handlers
            .into_iter()
            .map(|handler| (handler.kind(), handler))
            .collect();
        Self {
            store,
            clock,
            chance,
            handlers,
            limits,
        }
    }

    /// Takes over what a process that died had in hand, rather than wait for its leases to pass;
    /// for the start of the only process that runs jobs of this database.
    ///
    /// # Errors
    /// As the store.
    pub async fn recover(&self) -> Result<u64> {
        self.store.release_all_jobs(&PERMIT).await
    }

    /// Runs jobs until none is due, those included that other jobs add meanwhile; says how many ran.
    ///
    /// # Errors
    /// As the store, once the jobs that run have ended; what a job itself meets is kept with it.
    pub async fn run_due(&self) -> Result<u64> {
        let mut crew = Crew::default();
        loop {
            let filled = self.fill(&mut crew).await;
            if let Err(problem) = filled {
                self.give_back(&mut crew).await;
                crew.finish_running().await;
                return Err(problem);
            }
            if let Some(kind) = crew.running.next().await {
                crew.ended(&kind);
            } else if self.is_any_due().await? {
                crew.drained = false;
            } else {
                return Ok(crew.ran);
            }
        }
    }

    /// Moves a simulated clock to `target` by way of each instant at which a job is due, and runs
    /// all that is due at each, retries included.
    ///
    /// # Errors
    /// As [`Runner::run_due`].
    pub async fn run_until(&self, clock: &SimulatedClock, target: Timestamp) -> Result<u64> {
        let mut ran = 0;
        while let Some(next) = self.store.next_job_at(&PERMIT).await? {
            if next > target {
                break;
            }
            clock.advance_to(next);
            ran += self.run_due().await?;
        }
        clock.advance_to(target);
        Ok(ran)
    }

    /// Runs jobs as they fall due, until `shutdown`; jobs that run by then are waited for, jobs
    /// leased and not begun are given back.
    pub async fn serve(&self, shutdown: CancellationToken) {
        let mut crew = Crew::default();
        while !shutdown.is_cancelled() {
            let nap = match self.fill(&mut crew).await {
                Ok(()) => self.nap(&mut crew).await,
                Err(problem) => {
                    tracing::error!(reason = problem.internal, %problem, "jobs cannot be leased");
                    POLL_INTERVAL
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(kind) = crew.running.next() => crew.ended(&kind),
                () = self.store.jobs_enqueued() => crew.drained = false,
                () = tokio::time::sleep(nap) => crew.drained = false,
            }
        }
        self.give_back(&mut crew).await;
        crew.finish_running().await;
    }

    /// Starts leased jobs while there is room, in their order, and leases more when none is left
    /// for which there is room.
    async fn fill<'a>(&'a self, crew: &mut Crew<'a>) -> Result<()> {
        while crew.running.len() < self.limits.concurrency {
            if let Some(held) = self.next_to_start(crew) {
                crew.start(held.job.kind.clone(), self.run_job(held));
            } else if crew.drained {
                break;
            } else {
                crew.full = self.full(crew);
                // Before the lease: a job that ends meanwhile may make room for more.
                crew.drained = true;
                let leased = crew.beside(self.lease(crew.full.clone())).await?;
                if leased.len() >= self.limits.batch as usize {
                    crew.drained = false;
                }
                crew.waiting.extend(leased);
            }
        }
        Ok(())
    }

    /// Most jobs of a kind that run at once.
    fn most(&self, kind: &str) -> usize {
        let handler = self.handlers.get(kind);
        handler.map_or(usize::MAX, |handler| handler.concurrency().max(1))
    }

    /// The kinds that have no room: more of their jobs in hand would only wait.
    fn full(&self, crew: &Crew<'_>) -> Vec<String> {
        let full = |(kind, running): &(&String, &usize)| **running >= self.most(kind);
        let kinds = crew.by_kind.iter().filter(full);
        kinds.map(|(kind, _)| kind.clone()).collect()
    }

    /// The first job in hand whose kind has room.
    fn next_to_start(&self, crew: &mut Crew<'_>) -> Option<Held> {
        let startable = |held: &Held| {
            let kind = held.job.kind.as_str();
            crew.by_kind.get(kind).copied().unwrap_or_default() < self.most(kind)
        };
        let place = crew.waiting.iter().position(startable)?;
        crew.waiting.remove(place)
    }

    async fn lease(&self, except: Vec<String>) -> Result<Vec<Held>> {
        let Self { store, limits, .. } = self;
        // Read before the writer reads it: the lease ends no earlier than is reckoned with here.
        let until = later(self.clock.now(), limits.lease);
        let jobs = store
            .lease_jobs(&PERMIT, limits.lease, limits.batch, except)
            .await?;
        Ok(jobs.into_iter().map(|job| Held { job, until }).collect())
    }

    async fn is_any_due(&self) -> Result<bool> {
        let next = self.store.next_job_at(&PERMIT).await?;
        Ok(next.is_some_and(|next| next <= self.clock.now()))
    }

    /// How long to sleep if nothing happens: until the next job is due.
    ///
    /// Where room is short, the next job may be one that waits for it; the end of another wakes
    /// the runner then.
    async fn nap(&self, crew: &mut Crew<'_>) -> Duration {
        if crew.running.len() >= self.limits.concurrency || !crew.full.is_empty() {
            return POLL_INTERVAL;
        }
        match crew.beside(self.store.next_job_at(&PERMIT)).await {
            Ok(Some(next)) => Duration::try_from(self.clock.now().duration_until(next))
                .unwrap_or_default()
                .clamp(NAP_MIN, POLL_INTERVAL),
            Ok(None) | Err(_) => POLL_INTERVAL,
        }
    }

    async fn run_job(&self, held: Held) {
        let Held { job, until } = held;
        let left = Duration::try_from(self.clock.now().duration_until(until)).unwrap_or_default();
        if left.is_zero() {
            // The lease passed while the job waited for room; whoever leases it next runs it.
            return;
        }
        let Some(handler) = self.handlers.get(job.kind.as_str()) else {
            return self.bury_unknown(job).await;
        };
        // A handler that panics must not take the runner, and with it all other jobs, down.
        let run = AssertUnwindSafe(handler.run(&self.store, &job)).catch_unwind();
        let outcome = match tokio::time::timeout(left, run).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::retry("the handler panicked")),
            Err(_) => Err(Failure::retry("the handler outlived its lease")),
        };
        if let Err(failure) = outcome {
            self.settle(Arc::clone(handler), job, failure).await;
        }
    }

    /// Writes down what becomes of a job that failed.
    async fn settle(&self, handler: Arc<dyn Handler>, job: LeasedJob, failure: Failure) {
        let (now, chance) = (self.clock.now(), self.chance.draw());
        let verdict = judge(&failure, (handler.as_ref(), &job), now, chance);
        let error = failure.error().to_owned();
        tracing::warn!(
            job = job.id,
            kind = job.kind,
            attempts = job.attempts,
            error,
            ?verdict,
            "a job failed"
        );
        let settled = match verdict {
            Verdict::RetryAt(at) => self.postpone(&job, at, error).await,
            Verdict::Bury => self.bury(handler, &job, error).await,
        };
        match settled {
            Ok(()) => {}
            Err(problem) if problem.category == Category::Conflict => {
                tracing::info!(job = job.id, kind = job.kind, "another worker has the job");
            }
            Err(problem) => {
                tracing::error!(
                    job = job.id, kind = job.kind, reason = problem.internal, %problem,
                    "the failure cannot be kept; the job runs again when its lease has passed"
                );
            }
        }
    }

    async fn postpone(&self, job: &LeasedJob, at: Timestamp, error: String) -> Result<()> {
        let job = job.clone();
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.postpone_job(&job, at, &error).await })
            })
            .await
    }

    /// Buries a job with what it leaves behind; where that cannot be written, the job lives on.
    async fn bury(&self, handler: Arc<dyn Handler>, job: &LeasedJob, error: String) -> Result<()> {
        let longest = handler.schedule().longest(self.chance.draw());
        let dead = job.clone();
        let last_words = error.clone();
        let buried = self
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    handler.died(tx, &dead).await?;
                    tx.bury_job(&dead, &last_words).await
                })
            })
            .await;
        match buried {
            Err(problem) if problem.category != Category::Conflict => {
                tracing::error!(
                    job = job.id, kind = job.kind, reason = problem.internal, %problem,
                    "the job cannot be buried with what it must leave behind; it is tried again"
                );
                let at = later(self.clock.now(), longest);
                self.postpone(job, at, error).await
            }
            other => other,
        }
    }

    /// A kind that this program does not know, as after a step back to an older one: kept where
    /// the operator sees it, and never spun on.
    async fn bury_unknown(&self, job: LeasedJob) {
        tracing::error!(
            job = job.id,
            kind = job.kind,
            "no handler knows this kind of job"
        );
        let buried = self
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let error = format!("no handler knows the kind {}", job.kind);
                    tx.bury_job(&job, &error).await
                })
            })
            .await;
        if let Err(problem) = buried {
            tracing::error!(reason = problem.internal, %problem, "nor can it be buried");
        }
    }

    /// Gives back what was leased and not begun, so that it need not wait for its lease to pass.
    async fn give_back(&self, crew: &mut Crew<'_>) {
        let jobs: Vec<LeasedJob> = crew.waiting.drain(..).map(|held| held.job).collect();
        if jobs.is_empty() {
            return;
        }
        let release = self.store.write(&PERMIT, move |tx| {
            Box::pin(async move {
                for job in &jobs {
                    match tx.release_job(job).await {
                        // Its lease has passed: somebody else sees to it.
                        Err(problem) if problem.category == Category::Conflict => {}
                        other => other?,
                    }
                }
                Ok(())
            })
        });
        if let Err(problem) = crew.beside(release).await {
            tracing::warn!(reason = problem.internal, %problem, "jobs wait for their lease to pass");
        }
    }
}

impl<'a> Crew<'a> {
    fn start(&mut self, kind: String, work: impl Future<Output = ()> + Send + 'a) {
        *self.by_kind.entry(kind.clone()).or_default() += 1;
        self.running.push(Box::pin(work.map(|()| kind)));
    }

    fn ended(&mut self, kind: &str) {
        self.ran += 1;
        if let Some(running) = self.by_kind.get_mut(kind) {
            *running = running.saturating_sub(1);
        }
        // The kind has room again; unless some of its jobs are in hand, more may be due.
        let is_kind = |other: &str| other == kind;
        if self.full.iter().any(|full| is_kind(full))
            && !self.waiting.iter().any(|held| is_kind(&held.job.kind))
        {
            self.drained = false;
        }
    }

    /// Awaits `work` while the jobs that run go on.
    async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(kind) = self.running.next() => self.ended(&kind),
            }
        }
    }

    async fn finish_running(&mut self) {
        while let Some(kind) = self.running.next().await {
            self.ended(&kind);
        }
    }
}

/// What becomes of a job that has failed once more.
fn judge(
    failure: &Failure,
    (handler, job): (&dyn Handler, &LeasedJob),
    now: Timestamp,
    chance: u64,
) -> Verdict {
    let schedule = handler.schedule();
    let after = match failure {
        Failure::Retry { after, .. } => after.unwrap_or_default(),
        // What no try can help today, another program or another hand may mend.
        Failure::Fail { .. } if schedule.is_endless() => SignedDuration::ZERO,
        Failure::Fail { .. } => return Verdict::Bury,
    };
    match schedule.delay(job.attempts, chance) {
        Some(delay) => Verdict::RetryAt(later(now, delay.max(after))),
        None => Verdict::Bury,
    }
}

fn later(now: Timestamp, delay: SignedDuration) -> Timestamp {
    now.saturating_add(delay).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
