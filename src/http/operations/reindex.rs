//! `$reindex`: the rows of a type, or of all, extracted anew in the background;
//! `$reindex-status`: how far that is, and which search parameters wait for it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Invocation, State};
use crate::{
    fhir::{
        date,
        permit::{Actor, Permit},
        search::parameters::Parameters,
    },
    interactions::Reply,
    kernel::problem::{Category, Problem, Result},
    library::reindex,
    store::Reindex,
};

/// Where it is told how far the index is.
const STATUS: &str = "$reindex-status";

/// Begins.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        check(&permit)?;
        reindex::begin(&state.context.store, &permit, invocation.kind).await?;
        Ok(Reply::Underway {
            status: STATUS.to_owned(),
            outcome: told(&state, &permit).await?.to_string().into(),
        })
    })
}

/// How far it is.
pub(super) fn status(
    state: Arc<State>,
    permit: Permit,
    _: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        check(&permit)?;
        let told = told(&state, &permit).await?;
        Ok(Reply::Document(told.to_string().into()))
    })
}

/// Only the service as a whole has an index.
fn check(permit: &Permit) -> Result<()> {
    if permit.patient().is_some() && *permit.actor() != Actor::Development {
        let says = "The permit does not reach as far as the index.";
        return Err(Problem::new(Category::Forbidden, "forbidden", says));
    }
    Ok(())
}

async fn told(state: &State, permit: &Permit) -> Result<Value> {
    let all = reindex::status(&state.context.store, permit).await?;
    let open = all.iter().any(|each| each.ended.is_none());
    let says = if open { "indexing" } else { "current" };
    let mut parameter = vec![json!({ "name": "state", "valueCode": says })];
    parameter.extend(all.iter().map(of_type));
    let knowledge = state.context.library.knowledge().await?;
    parameter.extend(of_parameters(&knowledge.parameters));
    Ok(json!({ "resourceType": "Parameters", "parameter": parameter }))
}

fn of_type(reindex: &Reindex) -> Value {
    let mut part = vec![
        json!({ "name": "type", "valueCode": reindex.kind.name() }),
        json!({ "name": "done", "valueUnsignedInt": reindex.done }),
        json!({ "name": "total", "valueUnsignedInt": reindex.total }),
        json!({ "name": "begun", "valueInstant": date::instant(reindex.begun) }),
    ];
    if let Some(ended) = reindex.ended {
        part.push(json!({ "name": "ended", "valueInstant": date::instant(ended) }));
    }
    json!({ "name": "run", "part": part })
}

/// The parameters that resources define, and whether they can be searched by.
fn of_parameters(parameters: &Parameters) -> Vec<Value> {
    let mut kinds: Vec<_> = parameters.types().collect();
    kinds.sort_unstable();
    let mut told = Vec::new();
    for kind in kinds {
        for each in parameters.defined(kind) {
            let says = if each.ready { "ready" } else { "indexing" };
            told.push(json!({ "name": "parameter", "part": [
                { "name": "type", "valueCode": kind.name() },
                { "name": "code", "valueCode": each.parameter.code },
                { "name": "definition", "valueUri": each.parameter.url },
                { "name": "state", "valueCode": says },
            ]}));
        }
    }
    told
}
