//! transaction: requests that stand or fall together.
//!
//! What can be done before the writer is: reading, checking, giving ids, rewriting links,
//! extracting index rows. Inside remains what depends on the state of the store: conditions,
//! and the resources that refer to what conditions decide.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#trules>.

mod plan;
mod run;

use self::plan::Plan;
use super::{Context, Reply, bundle::Part};
use crate::{
    fhir::permit::Permit,
    kernel::problem::{Problem, Result},
};

/// Does all parts in one transaction; the answers are in the order of the parts.
pub(super) async fn transaction(
    context: &Context,
    permit: &Permit,
    parts: Vec<Part>,
) -> Result<Vec<Reply>> {
    let count = parts.len();
    let mut plan = Plan::of(context, parts)?;
    plan.judgement = context.judgement().await?;
    let within = context.clone();
    let done = context
        .store
        .write(permit, move |tx| {
            Box::pin(async move { run::run(tx, &within, plan).await })
        })
        .await?;
    let mut replies: Vec<Option<Reply>> = vec![None; count];
    for (place, reply) in done {
        replies[place] = Some(reply);
    }
    replies
        .into_iter()
        .map(|reply| reply.ok_or_else(|| Problem::fault("an entry was not worked on")))
        .collect()
}
