//! Room: what hangs or is bounded holds nothing else up; serving in real time.

use super::*;

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
        // One batch is in hand; another worker could have the rest.
        let other = bench.runner(&quick, RunnerLimits::default());
        let mut crew = Crew::default();
        crew.waiting.extend(other.lease(Vec::new()).await.unwrap());
        assert_eq!(crew.waiting.len(), 5);
        other.give_back(&mut crew).await;
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
async fn a_kind_with_little_room_is_served_without_pause() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (_folder, store) = open_store(Arc::clone(&clock)).await;
    let narrow = Arc::new(Scripted {
        concurrency: 1,
        ..Scripted::of("test.play", Play::Finish)
    });
    let now = clock.now().as_millisecond();
    enqueue_at(&store, "test.play", now, &[0; 5]).await;
    let limits = RunnerLimits {
        batch: 1,
        ..RunnerLimits::default()
    };
    let chance = Arc::new(Generator::from_seed(5));
    let handlers = vec![Arc::clone(&narrow) as Arc<dyn Handler>];
    let runner = Runner::new(store, clock, chance, handlers, limits);
    let shutdown = CancellationToken::new();
    let done = async {
        while narrow.seen().len() < 5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        shutdown.cancel();
    };
    let both = async { tokio::join!(runner.serve(shutdown.clone()), done) };
    tokio::time::timeout(POLL_INTERVAL / 2, both)
        .await
        .expect("no poll is waited for");
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
