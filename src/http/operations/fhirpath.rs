//! `$fhirpath`: an expression tried on a resource, nothing written.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Invocation, State};
use crate::{
    authoring::fhirpath::{Asked, Source, run as evaluate},
    fhir::{json::Limits, permit::Permit, reference},
    interactions::Reply,
    kernel::problem::{Problem, Result},
};

/// Gives the Parameters that tell what the expression gives.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let parameters = invocation.resource.as_ref().map(|given| given.tree());
        let (mut asked, source) = Asked::read(&invocation.query, parameters, &from_xml)?;
        if let Source::Stored(text) = source
            && let Some(local) = reference::local(&text)
        {
            let found = state.context.store.read(&permit, local.kind, &local.id);
            let found = found.await?.filter(|stored| !stored.is_deleted());
            let found = found.ok_or_else(|| Problem::not_found(format!("There is no {text}.")))?;
            asked.resource = Some(found.tree()?);
        }
        let knowledge = state.context.library.knowledge().await?;
        let now = state.context.clock.now().to_zoned(state.time_zone.clone());
        let told = evaluate(asked, knowledge, now).await?;
        Ok(Reply::Document(told.to_string().into()))
    })
}

/// A resource that was given as XML within a text.
fn from_xml(text: &str) -> Result<Value> {
    vigie_xml::from_xml(text, Limits::default().depth)
        .map_err(|fault| Problem::malformed("structure", format!("Bad XML at {fault}.")))
}
