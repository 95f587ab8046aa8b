//! `QuestionnaireResponse/$judge`: which rules hold on an answer and why, nothing written.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Invocation, State};
use crate::{authoring, fhir::permit::Permit, interactions::Reply, kernel::problem::Result};

/// Gives the Parameters that tell what each rule says.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let context = &state.context;
        let parameters = invocation.resource.as_ref().map(|given| given.tree());
        let told = authoring::judge::judge(
            (&context.store, &permit),
            (invocation.id.as_deref(), parameters),
            context.clock.now(),
        );
        Ok(Reply::Document(told.await?.to_string().into()))
    })
}
