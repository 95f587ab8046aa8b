//! `$validate`: whether a resource is right, and what is not.
//!
//! Specification: <http://hl7.org/fhir/R4/resource-operation-validate.html>.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Invocation, State};
use crate::{
    fhir::permit::Permit,
    interactions::{Reply, validate},
    kernel::problem::Result,
};

/// Gives the OperationOutcome that lists what was found.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let body = invocation.resource.as_ref().map(|given| given.tree());
        let asked = validate::Asked::read(&invocation.query, body);
        let target = (invocation.kind, invocation.id.as_deref());
        validate::validate((&state.context, &permit), target, asked?)
            .await
            .map(|outcome: Value| Reply::Document(outcome.to_string().into()))
    })
}
