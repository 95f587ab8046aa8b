//! `Patient/$everything`: the patient's own copy; `Encounter/$everything`.
//!
//! Of a type, it is all that is about the one patient whom the caller may see; who may see
//! everybody names a patient, or exports.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Invocation, State};
use crate::{
    fhir::permit::Permit,
    interactions::{
        Reply,
        everything::{Wanted, everything},
    },
    kernel::problem::{Category, Problem, Result},
};

/// Gives a page of the searchset.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let kind = invocation.kind;
        let kind = kind.ok_or_else(|| Problem::fault("the operation has no type"))?;
        let launched = permit.holder().and_then(|login| login.patient.as_deref());
        let own = permit.patient().or(launched);
        let own = own.filter(|_| kind.name() == "Patient");
        let id = invocation.id.as_deref().or(own).ok_or_else(|| {
            Problem::new(
                Category::NotSupported,
                "too-costly",
                "Name one: [type]/[id]/$everything. All of them at once are for $export.",
            )
        })?;
        let id = id.to_owned();
        let mut pairs = invocation.query;
        if let Some(parameters) = &invocation.resource {
            pairs.extend(given(parameters.tree()));
        }
        let wanted = Wanted::read(&pairs)?;
        everything(&state.context, &permit, (kind, &id), &wanted).await
    })
}

/// The parameters of a body, as a query has them.
fn given(parameters: &Value) -> Vec<(String, String)> {
    let parts = parameters["parameter"].as_array().into_iter().flatten();
    parts
        .filter_map(|part| {
            let value = crate::pathways::parameters::value_of(part)?;
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            Some((part["name"].as_str()?.to_owned(), text))
        })
        .collect()
}
