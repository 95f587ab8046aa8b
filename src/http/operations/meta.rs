//! `$meta`, `$meta-add` and `$meta-delete`.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Invocation, State};
use crate::{
    fhir::permit::Permit,
    interactions::{
        Reply,
        meta::{self, Change},
    },
    kernel::problem::{Problem, Result},
};

/// Tells labels: of a resource, of a type, of all.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        match (invocation.kind, invocation.id) {
            (Some(kind), Some(id)) => meta::of_instance(&state.context, &permit, (kind, &id)).await,
            (kind, _) => meta::in_use(&state.context, &permit, kind).await,
        }
    })
}

/// Adds labels to a resource.
pub(super) fn add(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    relabel(state, permit, invocation, Change::Add)
}

/// Takes labels away from a resource.
pub(super) fn delete(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    relabel(state, permit, invocation, Change::Delete)
}

fn relabel(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
    verb: Change,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let target = invocation.kind.zip(invocation.id.as_deref());
        let target = target.ok_or_else(|| Problem::fault("the operation has no instance"))?;
        let parameters = invocation.resource.as_ref().map(|body| body.tree());
        meta::relabel(&state.context, &permit, target, (verb, parameters)).await
    })
}
