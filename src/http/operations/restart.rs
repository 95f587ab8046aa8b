//! `CarePlan/$restart`: a new exposure begins the days anew.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Invocation, State};
use crate::{
    fhir::{permit::Permit, resource::Resource},
    interactions::Reply,
    kernel::problem::Result,
    pathways::restart::{Restart, restart},
};

/// Gives the CarePlan that replaces the old one.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let plan = invocation.id.as_deref().unwrap_or_default();
        let parameters = invocation.resource.as_ref().map(Resource::tree);
        let asked = Restart::read(plan, parameters)?;
        let plan = restart(&state.context.store, &permit, asked).await?;
        Ok(Reply::Version(plan))
    })
}
