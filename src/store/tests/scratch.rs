//! A store in memory keeps the contract of one on a file, but for lasting.

use serde_json::json;

use super::*;
use crate::store::ScratchOptions;

fn scratch() -> Store {
    Store::scratch(ScratchOptions {
        clock: Arc::new(SimulatedClock::starting_at(from_millis(1_000_000))),
        chance: Arc::new(Generator::from_seed(1)),
        reactors: Vec::new(),
    })
    .expect("a store")
}

async fn put(store: &Store, family: &str) -> Result<Stored> {
    let what = patient(family);
    let write = store.write(&ANY, move |tx| {
        Box::pin(async move { tx.put("p", what, None).await.map(|w| w.stored) })
    });
    write.await
}

#[tokio::test]
async fn all_reads_are_served_in_turn_with_the_writes() {
    let store = scratch();
    for family in ["Durand", "Martin", "Petit"] {
        put(&store, family).await.expect("a version");
    }
    let (kind, any) = (kind("Patient"), Permit::development());
    let read = store.read(&any, kind, "p").await.expect("a read");
    assert_eq!(read.map(|stored| stored.version), Some(3));
    let second = store.vread(&any, kind, "p", 2).await.expect("a read");
    let body = second.expect("a version").tree().expect("a tree");
    assert_eq!(body["name"][0]["family"], "Martin");
    let history = store.history(&any, &of_patient(2)).await;
    let history = history.expect("a read").expect("a history");
    let versions: Vec<u64> = history.versions.iter().map(|v| v.version).collect();
    assert_eq!(
        (versions, history.total, history.next.is_some()),
        (vec![3, 2], Some(3), true)
    );
    let found = store
        .search(&any, &Query::new(kind))
        .await
        .expect("a search");
    assert_eq!(found.hits.len(), 1);
    let narrow = Permit::development().within_patient("other");
    let hidden = store.read(&narrow, kind, "p").await.expect("a read");
    assert!(hidden.is_none(), "the permit does not reach it");
}

#[tokio::test]
async fn what_fails_leaves_nothing_and_jobs_are_counted() {
    let store = scratch();
    put(&store, "Durand").await.expect("a version");
    let what = patient("Martin");
    let failed: Result<()> = store
        .write(&ANY, move |tx| {
            Box::pin(async move {
                tx.put("p", what, None).await?;
                Err(Problem::fault("on purpose"))
            })
        })
        .await;
    assert!(failed.is_err());
    let read = store.read(&ANY, kind("Patient"), "p").await;
    assert_eq!(read.expect("a read").map(|stored| stored.version), Some(1));
    let job = Job {
        kind: "test",
        dedup: None,
        payload: json!({}),
        run_at: from_millis(2_000_000),
    };
    let enqueue = store.write(&ANY, move |tx| {
        Box::pin(async move { tx.enqueue(&job).await })
    });
    enqueue.await.expect("a job");
    let next = store.next_job_at(&ANY).await.expect("a look");
    assert_eq!(next, Some(from_millis(2_000_000)));
    assert_eq!(store.job_counts(&ANY).await.expect("counts"), (1, 0));
}

#[tokio::test]
async fn two_of_them_share_nothing() {
    let (one, other) = (scratch(), scratch());
    put(&one, "Durand").await.expect("a version");
    let read = other.read(&ANY, kind("Patient"), "p").await;
    assert_eq!(read.expect("a read"), None);
}
