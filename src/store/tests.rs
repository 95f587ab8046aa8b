//! The contract of the store, on a real file.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Change, Excerpt, HistoryOf, Job, Prepared, Reactor, Store, StoreOptions, Stored, Tx};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, resource::Resource, search::query::Query},
    kernel::{
        chance::Generator,
        clock::{SimulatedClock, from_millis},
        problem::{Category, Problem, Result},
    },
};

mod access;
mod audit;
mod permits;
mod scratch;
mod tokens;

struct Bench {
    store: Store,
    clock: Arc<SimulatedClock>,
    folder: TempDir,
}

async fn bench(reactors: Vec<Arc<dyn Reactor>>) -> Bench {
    let folder = TempDir::new().expect("a folder");
    let clock = Arc::new(SimulatedClock::starting_at(from_millis(1_000_000)));
    let store = open(&folder, Arc::clone(&clock), reactors).await;
    Bench {
        store,
        clock,
        folder,
    }
}

async fn open(
    folder: &TempDir,
    clock: Arc<SimulatedClock>,
    reactors: Vec<Arc<dyn Reactor>>,
) -> Store {
    let options = StoreOptions {
        path: folder.path().join("vigie.sqlite"),
        readers: 2,
        clock,
        chance: Arc::new(Generator::from_seed(1)),
        reactors,
    };
    Store::open(options).await.expect("a store")
}

/// What asks for the history of the patient p.
fn of_patient(count: u32) -> Excerpt {
    Excerpt {
        of: HistoryOf::Instance(kind("Patient"), "p".to_owned()),
        since: None,
        at: None,
        after: None,
        count,
    }
}

fn kind(name: &str) -> ResourceType {
    ResourceType::named(name).expect("a type")
}

fn prepared(tree: Value) -> Prepared {
    Prepared::new(Resource::trusted(tree).expect("a resource"))
}

fn patient(family: &str) -> Prepared {
    prepared(json!({ "resourceType": "Patient", "name": [{ "family": family }] }))
}

static ANY: Permit = Permit::development();

impl Bench {
    async fn put(&self, id: &'static str, what: Prepared, if_match: Option<u64>) -> Result<Stored> {
        self.store
            .write(&ANY, move |tx| {
                Box::pin(async move { tx.put(id, what, if_match).await.map(|w| w.stored) })
            })
            .await
    }

    async fn read(&self, id: &str) -> Option<Stored> {
        self.store
            .read(&ANY, kind("Patient"), id)
            .await
            .expect("a read")
    }
}

#[tokio::test]
async fn versions_count_up_and_the_old_ones_stay_readable() {
    let bench = bench(vec![]).await;
    bench.put("p", patient("A"), None).await.expect("first");
    bench.clock.advance_to(from_millis(2_000_000));
    let second = bench.put("p", patient("B"), Some(1)).await.expect("second");
    assert_eq!(
        (second.version, second.updated),
        (2, from_millis(2_000_000))
    );
    let first = bench
        .store
        .vread(&ANY, kind("Patient"), "p", 1)
        .await
        .expect("read");
    assert_eq!(
        first.expect("kept").tree().expect("JSON")["name"][0]["family"],
        "A"
    );
    bench
        .store
        .write(&ANY, |tx| {
            Box::pin(async move { tx.delete(kind("Patient"), "p", None).await })
        })
        .await
        .expect("a delete");
    assert!(bench.read("p").await.expect("known").is_deleted());
    let history = bench
        .store
        .history(&ANY, &of_patient(10))
        .await
        .expect("read");
    let versions: Vec<_> = history
        .expect("known")
        .versions
        .iter()
        .map(|v| (v.version, v.is_deleted()))
        .collect();
    assert_eq!(versions, [(3, true), (2, false), (1, false)]);
}

#[tokio::test]
async fn a_stale_if_match_changes_nothing() {
    let bench = bench(vec![]).await;
    bench.put("p", patient("A"), None).await.expect("first");
    bench.put("p", patient("B"), Some(1)).await.expect("second");
    let refused = bench
        .put("p", patient("C"), Some(1))
        .await
        .expect_err("stale");
    assert_eq!(refused.category, Category::PreconditionFailed);
    assert_eq!(bench.read("p").await.expect("known").version, 2);
}

#[tokio::test]
async fn requests_of_one_group_stand_or_fall_alone() {
    let bench = bench(vec![]).await;
    let writes = (0..40u32).map(|n| {
        let store = bench.store.clone();
        async move {
            store
                .write(&ANY, move |tx| {
                    Box::pin(async move {
                        tx.put(&format!("p{n}"), patient("A"), None).await?;
                        assert!(n % 10 != 7, "a panic in the work of one request");
                        if n % 2 == 1 {
                            return Err(Problem::invalid("business-rule", "odd"));
                        }
                        Ok(n)
                    })
                })
                .await
        }
    });
    let outcomes = futures_util::future::join_all(writes).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        let stands = bench.read(&format!("p{n}")).await.is_some();
        assert_eq!(outcome.is_ok(), n % 2 == 0, "{n}");
        assert_eq!(stands, outcome.is_ok(), "{n}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let bench = bench(vec![]).await;
    let stored = bench.put("p", patient("A"), None).await.expect("a write");
    let Bench {
        store,
        clock,
        folder,
    } = bench;
    drop(store);
    let store = open(&folder, clock, vec![]).await;
    let again = store
        .read(&ANY, kind("Patient"), "p")
        .await
        .expect("a read");
    assert_eq!(again, Some(stored));
}

#[tokio::test]
async fn a_flipped_bit_is_noticed_and_not_served() {
    let bench = bench(vec![]).await;
    bench.put("p", patient("A"), None).await.expect("a write");
    let path = bench.folder.path().join("vigie.sqlite");
    let address = format!("sqlite:{}", path.display());
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&address)
        .await
        .expect("a second connection");
    sqlx::query("update resource set body = cast(replace(cast(body as text), 'A', 'B') as blob)")
        .execute(&mut other)
        .await
        .expect("a flip");
    let refused = bench
        .store
        .read(&ANY, kind("Patient"), "p")
        .await
        .expect_err("noticed");
    assert_eq!(refused.category, Category::Fault);
}

#[tokio::test]
async fn a_permit_narrowed_to_a_patient_reaches_nobody_else() {
    let bench = bench(vec![]).await;
    bench
        .put("mine", patient("A"), None)
        .await
        .expect("a write");
    bench
        .put("theirs", patient("B"), None)
        .await
        .expect("a write");
    let narrow = Permit::development().within_patient("mine");
    let read = |id: &'static str| bench.store.read(&narrow, kind("Patient"), id);
    assert!(read("mine").await.expect("a read").is_some());
    assert!(read("theirs").await.expect("a read").is_none());
    let found = bench
        .store
        .search(&narrow, &Query::new(kind("Patient")))
        .await
        .expect("search");
    assert_eq!(found.hits.len(), 1);
    let refused = bench
        .store
        .write(&narrow, |tx| {
            Box::pin(async move { tx.put("theirs", patient("C"), None).await })
        })
        .await
        .expect_err("refused");
    assert_eq!(refused.category, Category::NotFound);
    assert_eq!(bench.read("theirs").await.expect("known").version, 1);
}

/// Writes a Basic for each Patient, in the same transaction; fails on request.
struct Echo {
    seen: AtomicU32,
}

impl Reactor for Echo {
    fn name(&self) -> &'static str {
        "test.echo"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "Patient"
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.seen.fetch_add(1, Ordering::SeqCst);
            let basic = json!({ "resourceType": "Basic", "code": { "text": "echo" } });
            tx.put(&change.stored.id, prepared(basic), None).await?;
            let tree = change.stored.tree()?;
            if tree["name"][0]["family"] == "Refused" {
                return Err(Problem::invalid("business-rule", "the reactor refuses"));
            }
            Ok(())
        })
    }
}

#[tokio::test]
async fn what_a_reactor_adds_is_in_the_same_commit_or_nothing_is() {
    let echo = Arc::new(Echo {
        seen: AtomicU32::new(0),
    });
    let bench = bench(vec![Arc::clone(&echo) as Arc<dyn Reactor>]).await;
    bench.put("p", patient("A"), None).await.expect("a write");
    bench
        .put("q", patient("Refused"), None)
        .await
        .expect_err("refused");
    assert_eq!(echo.seen.load(Ordering::SeqCst), 2);
    for (id, stands) in [("p", true), ("q", false)] {
        let basic = bench
            .store
            .read(&ANY, kind("Basic"), id)
            .await
            .expect("a read");
        assert_eq!(
            (basic.is_some(), bench.read(id).await.is_some()),
            (stands, stands),
            "{id}"
        );
    }
}

fn job(dedup: Option<&str>, at: i64) -> Job {
    Job {
        kind: "test.job",
        dedup: dedup.map(str::to_owned),
        payload: json!({}),
        run_at: from_millis(at),
    }
}

#[tokio::test]
async fn a_job_is_lent_once_and_a_late_worker_is_refused() {
    let bench = bench(vec![]).await;
    for (key, at) in [("a", 900_000), ("a", 800_000), ("b", 5_000_000)] {
        bench
            .store
            .write(&ANY, move |tx| {
                Box::pin(async move { tx.enqueue(&job(Some(key), at)).await })
            })
            .await
            .expect("enqueued");
    }
    assert_eq!(
        bench.store.next_job_at(&ANY).await.expect("read"),
        Some(from_millis(800_000))
    );
    let lease = SignedDuration::from_secs(60);
    let first = bench
        .store
        .lease_jobs(&ANY, lease, 10, vec![])
        .await
        .expect("a lease");
    assert_eq!(
        first.len(),
        1,
        "one of the two of one key, and none that is not due"
    );
    assert!(
        bench
            .store
            .lease_jobs(&ANY, lease, 10, vec![])
            .await
            .expect("a lease")
            .is_empty()
    );
    bench.clock.advance_to(from_millis(1_100_000));
    let again = bench
        .store
        .lease_jobs(&ANY, lease, 10, vec![])
        .await
        .expect("a lease");
    assert_eq!(again.len(), 1, "the lease has passed");
    for (held, ok) in [(first, false), (again, true)] {
        let outcome = bench
            .store
            .write(&ANY, move |tx| {
                Box::pin(async move {
                    tx.put("zombie", patient("A"), None).await?;
                    tx.finish_job(&held[0]).await
                })
            })
            .await;
        assert_eq!(outcome.is_ok(), ok);
        assert_eq!(
            bench.read("zombie").await.is_some(),
            ok,
            "its writes fall with it"
        );
    }
    assert_eq!(bench.store.job_counts(&ANY).await.expect("read"), (1, 0));
}

fn definition(title: &str) -> Prepared {
    prepared(json!({
        "resourceType": "PlanDefinition", "url": "https://u", "version": "1",
        "status": "active", "title": title
    }))
}

/// Writes a definition, finds it by its URL, and fails on request.
async fn publish(bench: &Bench, title: &'static str, fails: bool) -> Result<String> {
    bench
        .store
        .write(&Permit::system("test"), move |tx| {
            Box::pin(async move {
                tx.put("d", definition(title), None).await?;
                let found = titled(tx).await?;
                if fails {
                    return Err(Problem::invalid("business-rule", "undone"));
                }
                Ok(found)
            })
        })
        .await
}

async fn titled(tx: &mut Tx) -> Result<String> {
    let found = tx
        .find_canonical(kind("PlanDefinition"), "https://u|1")
        .await?;
    Ok(found.expect("it is there").tree["title"]
        .as_str()
        .expect("a title")
        .to_owned())
}

#[tokio::test]
async fn a_definition_at_hand_is_the_one_that_stands() {
    let bench = bench(vec![]).await;
    let permit = Permit::system("test");
    let now = || {
        bench
            .store
            .write(&permit, |tx| Box::pin(async move { titled(tx).await }))
    };
    assert_eq!(
        publish(&bench, "first", false).await.expect("kept"),
        "first"
    );
    assert_eq!(now().await.expect("found"), "first");
    assert_eq!(
        publish(&bench, "second", false).await.expect("kept"),
        "second"
    );
    assert_eq!(
        now().await.expect("found"),
        "second",
        "a new version is seen at once"
    );
    let other = Bench {
        store: open(&bench.folder, Arc::clone(&bench.clock), vec![]).await,
        clock: Arc::clone(&bench.clock),
        folder: TempDir::new().expect("a folder"),
    };
    publish(&other, "beside", false).await.expect("kept");
    assert_eq!(
        now().await.expect("found"),
        "beside",
        "another process may write, too"
    );
    publish(&bench, "second", false).await.expect("kept");
    publish(&bench, "third", true).await.expect_err("undone");
    assert_eq!(
        now().await.expect("found"),
        "second",
        "what was undone is not remembered"
    );
}
