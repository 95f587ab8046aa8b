//! Leases: what passes on, and who is refused.

use super::*;

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
async fn a_lease_that_has_passed_on_allows_nothing_and_the_new_one_all() {
    let bench = Bench::open().await;
    let runner = bench.runner(&Scripted::new(Play::Finish), RunnerLimits::default());
    bench.enqueue("test.play", &[0, 0, 0, 0]).await;
    let zombies = runner.lease(Vec::new()).await.unwrap();
    bench.clock.advance_to(zombies[0].until);
    let heirs = runner.lease(Vec::new()).await.unwrap();
    for (zombie, heir) in zombies.iter().zip(&heirs) {
        assert_eq!(zombie.job.id, heir.job.id);
        for way in 0..4 {
            let refused = end_by(&bench.store, way, &zombie.job).await.unwrap_err();
            assert_eq!(refused.category, Category::Conflict, "way {way}");
        }
    }
    for (way, heir) in (0..4).zip(&heirs) {
        end_by(&bench.store, way, &heir.job).await.unwrap();
    }
    // One finished, one buried, and two that wait.
    assert_eq!(bench.counts().await, (2, 1));
}

/// Ends a lease in one of the four ways there are.
async fn end_by(store: &Store, way: u8, job: &LeasedJob) -> Result<()> {
    let job = job.clone();
    store
        .write(&TEST, move |tx| {
            Box::pin(async move {
                match way {
                    0 => tx.finish_job(&job).await,
                    1 => tx.postpone_job(&job, job.run_at, "SMTP 450").await,
                    2 => tx.bury_job(&job, "SMTP 550").await,
                    _ => tx.release_job(&job).await,
                }
            })
        })
        .await
}
