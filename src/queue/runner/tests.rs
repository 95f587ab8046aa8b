//! The runner on a real store: order, retries, deaths, zombies, and both clocks.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::{
    kernel::{chance::Generator, clock::SystemClock, clock::from_millis, problem::Problem},
    queue::Schedule,
    store::{Job, StoreOptions, Tx},
};

mod leases;
mod room;

const START: i64 = 1_800_000_000_000;

static TEST: Permit = Permit::system("test");

/// What a [`Scripted`] handler does with a job.
#[derive(Clone, Copy)]
enum Play {
    Finish,
    Retry,
    RetryAfter(SignedDuration),
    Fail,
    Panic,
    Hang,
    /// Waits for the gate, then finishes.
    Gate,
}

/// Does as its script says, and keeps the payloads that it saw and the deaths it was told of.
struct Scripted {
    kind: &'static str,
    play: Play,
    concurrency: usize,
    /// Whether its last words fail.
    mute: bool,
    schedule: Schedule,
    seen: Mutex<Vec<i64>>,
    together: AtomicUsize,
    together_max: AtomicUsize,
    gate: Notify,
}

impl Scripted {
    fn new(play: Play) -> Arc<Self> {
        Arc::new(Self::of("test.play", play))
    }

    fn of(kind: &'static str, play: Play) -> Self {
        Self {
            kind,
            play,
            concurrency: usize::MAX,
            mute: false,
            schedule: Schedule::USUAL,
            seen: Mutex::default(),
            together: AtomicUsize::new(0),
            together_max: AtomicUsize::new(0),
            gate: Notify::new(),
        }
    }

    fn seen(&self) -> Vec<i64> {
        self.seen.lock().unwrap().clone()
    }

    async fn play(&self, store: &Store, job: &LeasedJob) -> Result<(), Failure> {
        match self.play {
            Play::Finish => finish(store, job).await,
            Play::Retry => Err(Failure::retry("SMTP 450")),
            Play::RetryAfter(after) => Err(Failure::Retry {
                error: "SMTP 450".into(),
                after: Some(after),
            }),
            Play::Fail => Err(Failure::fail("SMTP 550")),
            Play::Panic => panic!("as the script says"),
            Play::Hang => std::future::pending().await,
            Play::Gate => {
                self.gate.notified().await;
                finish(store, job).await
            }
        }
    }
}

async fn finish(store: &Store, job: &LeasedJob) -> Result<(), Failure> {
    tokio::task::yield_now().await;
    let job = job.clone();
    store
        .write(&TEST, move |tx| {
            Box::pin(async move {
                // The effect whose number shows how often a job has counted.
                enqueue_marker(tx, "effect", job.id).await?;
                tx.finish_job(&job).await
            })
        })
        .await?;
    Ok(())
}

/// A job that no test runs: it lies in the store as a mark.
async fn enqueue_marker(tx: &mut Tx, kind: &'static str, n: i64) -> Result<()> {
    let run_at = Timestamp::MAX;
    let payload = json!(n);
    let dedup = None;
    tx.enqueue(&Job {
        kind,
        dedup,
        payload,
        run_at,
    })
    .await
}

impl Handler for Scripted {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn schedule(&self) -> Schedule {
        self.schedule
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.seen
                .lock()
                .unwrap()
                .push(job.payload.as_i64().unwrap());
            let together = self.together.fetch_add(1, Ordering::SeqCst) + 1;
            self.together_max.fetch_max(together, Ordering::SeqCst);
            let outcome = self.play(store, job).await;
            self.together.fetch_sub(1, Ordering::SeqCst);
            outcome
        })
    }

    fn died<'a>(&'a self, tx: &'a mut Tx, job: &'a LeasedJob) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            enqueue_marker(tx, "death", job.id).await?;
            if self.mute {
                return Err(Problem::fault("no last words"));
            }
            Ok(())
        })
    }
}

struct Bench {
    _folder: TempDir,
    store: Store,
    clock: Arc<SimulatedClock>,
}

impl Bench {
    async fn open() -> Self {
        let clock = Arc::new(SimulatedClock::starting_at(from_millis(START)));
        let (folder, store) = open_store(Arc::clone(&clock) as Arc<dyn Clock>).await;
        Self {
            _folder: folder,
            store,
            clock,
        }
    }

    fn runner(&self, handler: &Arc<Scripted>, limits: RunnerLimits) -> Runner {
        Runner::new(
            self.store.clone(),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            Arc::new(Generator::from_seed(3)),
            vec![Arc::clone(handler) as Arc<dyn Handler>],
            limits,
        )
    }

    async fn enqueue(&self, kind: &'static str, delays_ms: &[i64]) {
        enqueue_at(&self.store, kind, START, delays_ms).await;
    }

    async fn counts(&self) -> (u64, u64) {
        self.store.job_counts(&TEST).await.unwrap()
    }

    async fn next(&self) -> Option<i64> {
        let next = self.store.next_job_at(&TEST).await.unwrap();
        next.map(Timestamp::as_millisecond)
            .filter(|at| *at < Timestamp::MAX.as_millisecond())
    }
}

async fn open_store(clock: Arc<dyn Clock>) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreOptions {
        path: folder.path().join("vigie.db"),
        readers: 2,
        clock,
        chance: Arc::new(Generator::from_seed(1)),
        reactors: Vec::new(),
    })
    .await
    .unwrap();
    (folder, store)
}

/// Adds one job per delay; its payload is its place in the list.
async fn enqueue_at(store: &Store, kind: &'static str, start: i64, delays_ms: &[i64]) {
    let jobs: Vec<Job> = (0..)
        .zip(delays_ms)
        .map(|(n, delay): (i64, &i64)| Job {
            kind,
            dedup: None,
            payload: json!(n),
            run_at: from_millis(start + delay),
        })
        .collect();
    store
        .write(&TEST, move |tx| {
            Box::pin(async move {
                for job in &jobs {
                    tx.enqueue(job).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn due_jobs_run_in_order_within_the_bound_and_later_ones_wait() {
    let bench = Bench::open().await;
    let handler = Scripted::new(Play::Finish);
    bench
        .enqueue("test.play", &[-10, -30, -20, -20, 1, -40, 0])
        .await;
    let limits = RunnerLimits {
        batch: 2,
        concurrency: 3,
        ..RunnerLimits::default()
    };
    let ran = bench.runner(&handler, limits).run_due().await.unwrap();
    assert_eq!(ran, 6);
    assert_eq!(handler.seen(), [5, 1, 2, 3, 0, 6]);
    let together = handler.together_max.load(Ordering::SeqCst);
    assert!((2..=3).contains(&together), "{together} ran together");
    // One job of the future and six marks are left.
    assert_eq!(bench.counts().await, (7, 0));
}

#[tokio::test]
async fn a_failing_job_is_retried_on_schedule_and_then_dies_with_its_last_words() {
    let bench = Bench::open().await;
    let handler = Scripted::new(Play::Retry);
    bench.enqueue("test.play", &[0]).await;
    let runner = bench.runner(&handler, RunnerLimits::default());
    let planned_s = [30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400];
    for planned in planned_s {
        let failed_at = bench.clock.now().as_millisecond();
        assert_eq!(runner.run_due().await.unwrap(), 1);
        let delay = bench.next().await.unwrap() - failed_at;
        let bounds = planned * 800..=planned * 1_200;
        assert!(
            bounds.contains(&delay),
            "{delay} ms is not near {planned} s"
        );
        assert_eq!(runner.run_due().await.unwrap(), 0, "not before its time");
        bench.clock.advance_to(from_millis(failed_at + delay));
    }
    assert_eq!(runner.run_due().await.unwrap(), 1);
    // Dead, and the mark of its death waits.
    assert_eq!(bench.counts().await, (1, 1));
    assert_eq!(handler.seen().len(), planned_s.len() + 1);
    assert_eq!(runner.run_due().await.unwrap(), 0);
}

#[tokio::test]
async fn what_no_try_can_help_dies_at_once_and_a_kind_unknown_too() {
    let bench = Bench::open().await;
    let handler = Scripted::new(Play::Fail);
    bench.enqueue("test.play", &[0]).await;
    bench.enqueue("test.unheard", &[0]).await;
    let runner = bench.runner(&handler, RunnerLimits::default());
    assert_eq!(runner.run_due().await.unwrap(), 2);
    assert_eq!(bench.counts().await, (1, 2));
    assert_eq!(bench.next().await, None);
}

#[tokio::test]
async fn what_must_not_be_left_undone_is_tried_until_it_succeeds() {
    for play in [Play::Fail, Play::Retry, Play::Panic] {
        let bench = Bench::open().await;
        let handler = Arc::new(Scripted {
            schedule: Schedule::ENDLESS,
            ..Scripted::of("test.play", play)
        });
        bench.enqueue("test.play", &[0]).await;
        let runner = bench.runner(&handler, RunnerLimits::default());
        for _ in 0..20 {
            assert_eq!(runner.run_due().await.unwrap(), 1);
            let next = bench.next().await.expect("it is tried again");
            let wait = next - bench.clock.now().as_millisecond();
            assert!((1..=4_320_000).contains(&wait), "{wait} ms");
            bench.clock.advance_to(from_millis(next));
        }
        assert_eq!(bench.counts().await, (1, 0), "it waits, and has not died");
    }
}

#[tokio::test]
async fn a_death_that_cannot_be_told_is_not_a_death() {
    let bench = Bench::open().await;
    let handler = Arc::new(Scripted {
        mute: true,
        ..Scripted::of("test.play", Play::Fail)
    });
    bench.enqueue("test.play", &[0]).await;
    let runner = bench.runner(&handler, RunnerLimits::default());
    assert_eq!(runner.run_due().await.unwrap(), 1);
    // Still alone, still waiting, and not spun on.
    assert_eq!(bench.counts().await, (1, 0));
    assert!(bench.next().await.unwrap() > START + 60 * 60 * 1_000);
}

#[tokio::test]
async fn the_other_sides_wish_is_respected_and_a_panic_is_a_failure() {
    let bench = Bench::open().await;
    let hour = SignedDuration::from_hours(1);
    let patient = Scripted::new(Play::RetryAfter(hour));
    bench.enqueue("test.play", &[0]).await;
    bench
        .runner(&patient, RunnerLimits::default())
        .run_due()
        .await
        .unwrap();
    assert_eq!(bench.next().await, Some(START + 3_600_000));
    bench.clock.advance_to(from_millis(START + 3_600_000));
    let panics = Scripted::new(Play::Panic);
    bench
        .runner(&panics, RunnerLimits::default())
        .run_due()
        .await
        .unwrap();
    assert!(bench.next().await.unwrap() > START + 3_600_000);
    assert_eq!(bench.counts().await, (1, 0));
}

#[tokio::test]
async fn a_simulated_clock_stops_at_each_due_instant_and_retries_within_the_window_run() {
    let bench = Bench::open().await;
    let handler = Scripted::new(Play::Retry);
    bench.enqueue("test.play", &[60_000]).await;
    let runner = bench.runner(&handler, RunnerLimits::default());
    let target = from_millis(START + 60_000 + 36_000 + 144_000);
    // At 60 s, then after 30 s and 2 min, each give or take a fifth.
    assert_eq!(runner.run_until(&bench.clock, target).await.unwrap(), 3);
    assert_eq!(bench.clock.now(), target);
    let next = bench.next().await.unwrap();
    assert!(next > target.as_millisecond());
}
