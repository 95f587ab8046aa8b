//! `PlanDefinition/$apply`: enrolment.
//!
//! Specification: <http://hl7.org/fhir/R4/plandefinition-operation-apply.html>.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Invocation, State};
use crate::{
    fhir::permit::Permit,
    interactions::Reply,
    kernel::problem::{Problem, Result},
    pathways::{self, apply::Enrolment},
};

/// Gives the CarePlan, whether made now or running already.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let Some(parameters) = &invocation.resource else {
            return Err(Problem::malformed(
                "required",
                "`$apply` takes a Parameters resource.",
            ));
        };
        let enrolment = Enrolment::read(
            invocation.id.as_deref(),
            parameters.tree(),
            &state.time_zone,
        )?;
        let enrolled = pathways::apply::apply(&state.context.store, &permit, enrolment).await?;
        Ok(Reply::Version(enrolled.care_plan))
    })
}
