//! `PlanDefinition/$simulate`: a follow-up played from end to end, nothing written.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Invocation, State};
use crate::{
    fhir::permit::Permit,
    interactions::Reply,
    kernel::problem::{Problem, Result},
};

/// Gives the Parameters that tell what would happen.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let Some(parameters) = &invocation.resource else {
            return Err(Problem::malformed(
                "required",
                "`$simulate` takes a Parameters resource.",
            ));
        };
        let context = &state.context;
        let outcome = state.simulator.simulate(
            (&context.store, &permit),
            (invocation.id.as_deref(), parameters.tree()),
            (&state.time_zone, context.clock.now()),
        );
        Ok(Reply::Document(outcome.await?.to_string().into()))
    })
}
