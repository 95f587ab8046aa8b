//! How far an errand is, calling it off, and its end.
//!
//! Specification: <http://hl7.org/fhir/R4/async.html#3.1.6.4>.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{ERRANDS_MAX, KEPT, asker};
use crate::{
    fhir::permit::Permit,
    kernel::problem::{Category, Problem, Result},
    queue::{Failure, Handler},
    store::{Errand, ErrandKind, ErrandState, Job, LeasedJob, Store, Tx},
};

/// The kind of the job that forgets errands.
pub const EXPIRE: &str = "bulk.expire";

/// Writes down a new errand, its job and the job that will forget it.
///
/// # Errors
/// `TooManyRequests`, if the asker has too many already.
pub async fn begin(
    tx: &mut Tx,
    permit: &Permit,
    (kind, job): (ErrandKind, Option<&'static str>),
    (mut request, progress): (Value, Value),
) -> Result<Errand> {
    let own = asker::name(permit);
    let all = tx.errands().await?;
    let kept = all.iter().filter(|errand| is_of(&errand.asker, &own));
    if kept.count() >= ERRANDS_MAX {
        let says = format!(
            "At most {ERRANDS_MAX} asynchronous requests are kept: delete one, or come again."
        );
        return Err(Problem::new(Category::TooManyRequests, "throttled", says));
    }
    let now = tx.now();
    request["asker"] = asker::kept(permit);
    let errand = Errand {
        id: tx.new_id(),
        kind,
        // The answer to a request is kept as it was made; lines are read anew by whoever asks.
        asker: match kind {
            ErrandKind::Request => asker::full_name(permit),
            ErrandKind::Export | ErrandKind::Import => own,
        },
        state: ErrandState::Waiting,
        request,
        progress,
        result: Value::Null,
        created: now,
        expires: now.saturating_add(KEPT).map_err(Problem::fault)?,
    };
    tx.keep_errand(&errand).await?;
    if let Some(job) = job {
        tx.enqueue(&self::job(job, &errand.id, now)).await?;
    }
    tx.enqueue(&self::job(EXPIRE, &errand.id, errand.expires))
        .await?;
    Ok(errand)
}

/// Whether an errand was asked by who has this name, with whatever token.
fn is_of(asker: &str, name: &str) -> bool {
    let rest = asker.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// The job of an errand.
#[must_use]
pub fn job(kind: &'static str, id: &str, run_at: jiff::Timestamp) -> Job {
    Job {
        kind,
        dedup: Some(id.to_owned()),
        payload: serde_json::json!({ "errand": id }),
        run_at,
    }
}

/// The errand of an id, if it is the caller's own and has not expired.
///
/// # Errors
/// `NotFound`: whose it is is not told.
pub async fn own(store: &Store, permit: &Permit, id: &str) -> Result<Errand> {
    let (id, own) = (
        id.to_owned(),
        [asker::name(permit), asker::full_name(permit)],
    );
    let found = store.write(permit, move |tx| {
        Box::pin(async move {
            let now = tx.now();
            let found = tx.errand(&id).await?;
            Ok(found.filter(|errand| own.contains(&errand.asker) && errand.expires > now))
        })
    });
    found.await?.ok_or_else(|| {
        Problem::not_found("There is no such asynchronous request, or it has expired.")
    })
}

/// Calls an errand off, or forgets what came of it.
///
/// # Errors
/// As [`own`].
pub async fn forget(store: &Store, permit: &Permit, id: &str) -> Result<()> {
    let errand = own(store, permit, id).await?;
    store
        .write(permit, move |tx| {
            Box::pin(async move {
                tx.forget_errand(&errand.id).await?;
                tx.cancel_job(EXPIRE, &errand.id).await
            })
        })
        .await
}

/// How many lines each file of an export has.
///
/// # Errors
/// `Fault`, if the database fails.
pub async fn parts(store: &Store, permit: &Permit, id: &str) -> Result<Vec<(i64, u64)>> {
    let id = id.to_owned();
    store
        .write(permit, move |tx| {
            Box::pin(async move { tx.errand_parts(&id).await })
        })
        .await
}

/// Runs [`EXPIRE`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ExpiryHandler;

impl Handler for ExpiryHandler {
    fn kind(&self) -> &'static str {
        EXPIRE
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let leased = job.clone();
            let done: Result<()> = store
                .write(&Permit::system(EXPIRE), move |tx| {
                    Box::pin(async move {
                        let id = leased.payload["errand"].as_str().unwrap_or_default();
                        tx.forget_errand(id).await?;
                        tx.finish_job(&leased).await
                    })
                })
                .await;
            done.map_err(Failure::from)
        })
    }
}
