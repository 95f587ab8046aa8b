//! `CarePlan/$extend`: a follow-up goes on for some days more.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Invocation, State};
use crate::{
    fhir::{permit::Permit, resource::Resource},
    interactions::Reply,
    kernel::problem::Result,
    pathways::extend::{Extension, extend},
};

/// Gives the CarePlan with its further reports.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let plan = invocation.id.as_deref().unwrap_or_default();
        let parameters = invocation.resource.as_ref().map(Resource::tree);
        let asked = Extension::read(plan, parameters)?;
        let plan = extend(&state.context.store, &permit, asked).await?;
        Ok(Reply::Version(plan))
    })
}
