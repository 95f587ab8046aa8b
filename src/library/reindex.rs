//! Rows extracted anew, in the background: run by run of resources, each in a commit of its own
//! that also keeps the place reached.

use jiff::Timestamp;
use serde_json::json;

use super::reactor;
use crate::{
    fhir::{
        definitions::{ResourceType, definitions},
        permit::Permit,
    },
    kernel::problem::Result,
    store::{Job, LeasedJob, Reindex, Store, Tx},
};

/// The kind of the job.
pub const KIND: &str = "library.reindex";

/// Resources of one run: the writer is held for some ten milliseconds.
pub const RUN_MAX: u32 = 200;

/// Runs of one job, so that it ends within its lease; another goes on.
pub const RUNS_PER_JOB_MAX: u32 = 100;

static PERMIT: Permit = Permit::system(KIND);

/// The job; one waits at most.
#[must_use]
pub fn job(now: Timestamp) -> Job {
    Job {
        kind: KIND,
        dedup: Some("index".to_owned()),
        payload: json!({}),
        run_at: now,
    }
}

/// Begins to index anew where another version of the program has indexed this database; whether
/// there is something to do.
///
/// # Errors
/// As a write.
pub async fn begin_if_outdated(store: &Store) -> Result<bool> {
    store
        .write(&PERMIT, |tx| {
            Box::pin(async move {
                let begun = tx
                    .reindex_if_outdated(&definitions().resource_types)
                    .await?;
                // What this program makes of the definitions may differ as well.
                let parameters = tx.parameters().await?;
                reactor::settle(tx, &parameters).await?;
                if begun {
                    tx.enqueue(&job(tx.now())).await?;
                }
                Ok(begun)
            })
        })
        .await
}

/// Begins to index a type anew, or all types; gives those that there is something of.
///
/// # Errors
/// As a write.
pub async fn begin(
    store: &Store,
    permit: &Permit,
    kind: Option<ResourceType>,
) -> Result<Vec<Reindex>> {
    store
        .write(permit, move |tx| {
            Box::pin(async move {
                let all = &definitions().resource_types;
                for &one in all
                    .iter()
                    .filter(|one| kind.is_none_or(|kind| kind == **one))
                {
                    tx.begin_reindex(one).await?;
                }
                tx.enqueue(&job(tx.now())).await?;
                open(tx).await
            })
        })
        .await
}

/// What is being indexed anew, and what has been.
///
/// # Errors
/// As a read.
pub async fn status(store: &Store, permit: &Permit) -> Result<Vec<Reindex>> {
    store
        .write(permit, |tx| Box::pin(async move { tx.reindexes().await }))
        .await
}

async fn open(tx: &mut Tx) -> Result<Vec<Reindex>> {
    let mut all = tx.reindexes().await?;
    all.retain(|each| each.ended.is_none());
    // Whom a Consent keeps out is known before anything lets them in.
    all.sort_by_key(|each| each.kind.name() != "Consent");
    Ok(all)
}

/// Does at most `runs` runs; says what is left.
///
/// # Errors
/// As a read or a write; what was done stays done.
pub async fn work(store: &Store, runs: u32) -> Result<Vec<Reindex>> {
    let mut left = Vec::new();
    for _ in 0..runs {
        left = store
            .write(&PERMIT, |tx| Box::pin(async move { open(tx).await }))
            .await?;
        let Some(at) = left.first().copied() else {
            break;
        };
        let run = store.to_reindex(&PERMIT, &at, RUN_MAX).await?;
        store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.reindex(&at, run).await })
            })
            .await?;
    }
    Ok(left)
}

/// Does a leased job's share, and leaves the rest to another one.
///
/// # Errors
/// As [`work`], and if the lease has passed.
pub async fn run(store: &Store, leased: &LeasedJob) -> Result<()> {
    work(store, RUNS_PER_JOB_MAX).await?;
    let leased = leased.clone();
    store
        .write(&PERMIT, move |tx| {
            Box::pin(async move {
                tx.finish_job(&leased).await?;
                // One that was begun meanwhile found this job waiting, and added none.
                if open(tx).await?.is_empty() {
                    return Ok(());
                }
                tx.enqueue(&job(tx.now())).await
            })
        })
        .await
}
