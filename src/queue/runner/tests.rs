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
    store::{Job, StoreOptions, Tx},
};

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
async fn a_kind_that_hangs_leaves_room_for_the_others() {
    let bench = Bench::open().await;
    let hung = Arc::new(Scripted {
        concurrency: 2,
        ..Scripted::of("test.hung", Play::Gate)
    });
    let quick = Scripted::new(Play::Finish);
    bench
        .enqueue("test.hung", &[-9, -8, -7, -6, -5, -4, -3, -2])
        .await;
    bench.enqueue("test.play", &[-1, 0]).await;
    // The batch is smaller than the number of hung jobs that come first.
    let limits = RunnerLimits {
        batch: 3,
        concurrency: 3,
        ..RunnerLimits::default()
    };
    let mut runner = bench.runner(&quick, limits);
    runner
        .handlers
        .insert("test.hung", Arc::clone(&hung) as Arc<dyn Handler>);
    let release = async {
        while quick.seen().len() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(hung.seen(), [0, 1], "its bound holds");
        while hung.seen().len() < 8 {
            hung.gate.notify_one();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        hung.gate.notify_waiters();
        hung.gate.notify_one();
    };
    let run = tokio::time::timeout(Duration::from_secs(20), runner.run_due());
    let (ran, ()) = tokio::join!(run, release);
    assert_eq!(ran.expect("nobody waits for ever").unwrap(), 10);
    assert_eq!(hung.together_max.load(Ordering::SeqCst), 2);
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
async fn a_hanging_job_is_given_up_at_the_end_of_its_lease() {
    let bench = Bench::open().await;
    let handler = Scripted::new(Play::Hang);
    bench.enqueue("test.play", &[0]).await;
    let lease = SignedDuration::from_millis(50);
    let limits = RunnerLimits {
        lease,
        ..RunnerLimits::default()
    };
    assert_eq!(bench.runner(&handler, limits).run_due().await.unwrap(), 1);
    assert!(
        bench.next().await.unwrap() >= START + 24_000,
        "postponed as any failure"
    );
}

#[tokio::test]
async fn a_worker_whose_lease_has_passed_is_refused() {
    let bench = Bench::open().await;
    let slow = Scripted::new(Play::Gate);
    let quick = Scripted::new(Play::Finish);
    bench.enqueue("test.play", &[0]).await;
    let zombie = bench.runner(&slow, RunnerLimits::default());
    let heir = bench.runner(&quick, RunnerLimits::default());
    let overtake = async {
        while slow.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(heir.run_due().await.unwrap(), 0, "the lease still holds");
        bench
            .clock
            .advance_to(later(bench.clock.now(), RunnerLimits::default().lease));
        assert_eq!(heir.run_due().await.unwrap(), 1);
        slow.gate.notify_one();
    };
    let (ran, ()) = tokio::join!(zombie.run_due(), overtake);
    assert_eq!(ran.unwrap(), 1);
    // Both ran it; the effect stands once.
    assert_eq!((slow.seen(), quick.seen()), (vec![0], vec![0]));
    assert_eq!(bench.counts().await, (1, 0));
}

#[tokio::test]
async fn what_a_dead_process_had_in_hand_is_taken_over_at_the_start() {
    let bench = Bench::open().await;
    let handler = Scripted::new(Play::Finish);
    bench.enqueue("test.play", &[0, 0]).await;
    let dead = bench.runner(&handler, RunnerLimits::default());
    let zombie = dead.lease(Vec::new()).await.unwrap().remove(0);
    let heir = bench.runner(&handler, RunnerLimits::default());
    assert_eq!(heir.run_due().await.unwrap(), 0, "the leases still hold");
    assert_eq!(heir.recover().await.unwrap(), 2);
    assert_eq!(heir.run_due().await.unwrap(), 2);
    // Had it been alive after all, it would have been refused.
    assert!(finish(&bench.store, &zombie.job).await.is_err());
    assert_eq!(bench.counts().await, (2, 0));
}

#[tokio::test]
async fn a_job_whose_lease_passed_before_its_turn_is_left_alone() {
    let bench = Bench::open().await;
    let handler = Scripted::new(Play::Finish);
    bench.enqueue("test.play", &[0]).await;
    let runner = bench.runner(&handler, RunnerLimits::default());
    let held = runner.lease(Vec::new()).await.unwrap().pop().unwrap();
    bench.clock.advance_to(held.until);
    runner.run_job(held).await;
    assert!(handler.seen().is_empty());
    assert_eq!(runner.run_due().await.unwrap(), 1);
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

#[tokio::test]
async fn a_serving_runner_is_woken_by_a_commit_and_stops_gracefully() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (_folder, store) = open_store(Arc::clone(&clock)).await;
    let handler = Scripted::new(Play::Gate);
    let handlers = vec![Arc::clone(&handler) as Arc<dyn Handler>];
    let limits = RunnerLimits {
        concurrency: 1,
        ..RunnerLimits::default()
    };
    let chance = Arc::new(Generator::from_seed(5));
    let now = clock.now().as_millisecond();
    let runner = Runner::new(store.clone(), clock, chance, handlers, limits);
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let serving = tokio::spawn(async move { runner.serve(token).await });
    // It sleeps now, for as long as nobody tells it.
    tokio::time::sleep(Duration::from_millis(100)).await;
    enqueue_at(&store, "test.play", now, &[0, 0]).await;
    let woken = async {
        while handler.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(POLL_INTERVAL / 2, woken)
        .await
        .expect("woken by the commit");
    shutdown.cancel();
    handler.gate.notify_one();
    serving.await.unwrap();
    // The first was finished; the second, leased and not begun, is free at once.
    assert_eq!(handler.seen(), [0]);
    let next = store.next_job_at(&TEST).await.unwrap().unwrap();
    assert_eq!(next.as_millisecond(), now);
}
