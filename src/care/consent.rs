//! A Consent that denies something for a time begins to, and ceases to, by itself.
//!
//! Whom it keeps out is kept in rows, so that a query need not know the time. The store asks for this
//! job where rows change with time alone ([`crate::fhir::about::About::next_change`]).

use futures_util::future::BoxFuture;

use super::kind;
use crate::{
    fhir::permit::Permit,
    kernel::problem::Result,
    queue::{Failure, Handler, Schedule},
    store::{CONSENT_JOB, LeasedJob, Store, Tx},
};

/// Runs [`CONSENT_JOB`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ConsentHandler;

impl Handler for ConsentHandler {
    fn kind(&self) -> &'static str {
        CONSENT_JOB
    }

    fn schedule(&self) -> Schedule {
        Schedule::ENDLESS
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let job = job.clone();
            store
                .write(&Permit::system(CONSENT_JOB), move |tx| {
                    Box::pin(async move { act(tx, &job).await })
                })
                .await
                .map_err(Failure::from)
        })
    }
}

async fn act(tx: &mut Tx, job: &LeasedJob) -> Result<()> {
    tx.finish_job(job).await?;
    let id = job.payload["consent"].as_str().unwrap_or_default();
    match tx.read(kind("Consent")?, id).await? {
        Some(stored) if !stored.is_deleted() => tx.settle_rows(&stored).await,
        _ => Ok(()),
    }
}
