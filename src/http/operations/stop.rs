//! `CarePlan/$stop`: the end of a follow-up, or the wish for it.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Invocation, State};
use crate::{
    fhir::{permit::Permit, resource::Resource},
    interactions::Reply,
    kernel::problem::Result,
    pathways::stop::{Stop, stop},
};

/// Gives the CarePlan as it is now.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let plan = invocation.id.as_deref().unwrap_or_default();
        let parameters = invocation.resource.as_ref().map(Resource::tree);
        let mut asked = Stop::read(plan, parameters)?;
        if let Some(person) = permit.holder().and_then(|login| login.fhir_user.as_deref()) {
            asked = asked.asked_by(person);
        }
        let plan = stop(&state.context.store, &permit, asked).await?;
        Ok(Reply::Version(plan))
    })
}
