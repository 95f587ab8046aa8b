//! `Patient/$purge`: a person is erased; `$purge-status`: how far an erasure is.
//!
//! The definition is R6's, taken to R4:
//! <http://hl7.org/fhir/6.0.0-ballot3/patient-operation-purge.html>. Asynchronous replies:
//! <http://hl7.org/fhir/R4/async.html>.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Invocation, State};
use crate::{
    erasure::{Eraser, Progress},
    fhir::{
        outcome::outcome,
        permit::{Actor, Permit},
        resource::Resource,
    },
    interactions::Reply,
    kernel::problem::{Category, Issue, Problem, Result, Severity},
    pathways::parameters::Parameters,
};

/// How long a client is kept waiting for the end, before it is told where to ask for it.
const WAIT: Duration = Duration::from_secs(5);

/// Erases a person, or counts what that would erase. Nobody and somebody erased before look alike:
/// there is nothing (more) to do.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let eraser = eraser(&state, &permit)?;
        let patient = invocation.id.unwrap_or_default();
        let parameters = invocation.resource.as_ref().map(Resource::tree);
        let asked = Parameters::read(parameters, &["dryRun"])?;
        if asked
            .values("dryRun")
            .any(|value| *value == Value::Bool(true))
        {
            return look(&eraser, &patient).await;
        }
        let record = eraser.begin(&patient).await?;
        let Some(id) = record.map(|record| record.id) else {
            return Ok(Reply::Document(told(&eraser.told(None)?)));
        };
        // A task of its own: a client that hangs up does not keep the erasure from its end.
        let working = Arc::clone(&eraser);
        let work = tokio::spawn(async move { working.complete().await });
        match tokio::time::timeout(WAIT, work).await {
            Ok(Ok(Err(problem))) => {
                tracing::warn!(reason = problem.internal, %problem, "an erasure ends later");
            }
            Ok(Err(error)) => tracing::error!(%error, "an erasure ends later"),
            Ok(Ok(Ok(_))) | Err(_) => {}
        }
        progress(&eraser, &id).await
    })
}

/// How far the erasure is that `id` names.
pub(super) fn status(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let eraser = eraser(&state, &permit)?;
        let id = invocation.query.iter().find(|(name, _)| name == "id");
        let id = id.map(|(_, id)| id.as_str()).unwrap_or_default();
        progress(&eraser, id).await
    })
}

/// Only the service as a whole erases, and asks about erasures.
fn eraser(state: &State, permit: &Permit) -> Result<Arc<Eraser>> {
    if permit.patient().is_some() && *permit.actor() != Actor::Development {
        let says = "The permit does not reach as far as an erasure.";
        return Err(Problem::new(Category::Forbidden, "forbidden", says));
    }
    let eraser = state.eraser.clone();
    eraser.ok_or_else(|| {
        let says = "Erasure needs the running server, with its ledger.";
        Problem::new(Category::NotSupported, "not-supported", says)
    })
}

async fn look(eraser: &Eraser, patient: &str) -> Result<Reply> {
    let found = eraser.look(patient).await?;
    let mut parameter: Vec<Value> = found
        .counts()
        .into_iter()
        .map(|(kind, count)| json!({ "name": kind, "valueInteger": count }))
        .collect();
    parameter.push(json!({ "name": "shared", "valueInteger": found.others.len() }));
    let parameters = json!({ "resourceType": "Parameters", "parameter": parameter });
    Ok(Reply::Document(parameters.to_string().into()))
}

async fn progress(eraser: &Eraser, id: &str) -> Result<Reply> {
    let Some(progress) = eraser.progress(id).await? else {
        return Err(Problem::not_found("There is no such erasure."));
    };
    let outcome = told(&progress);
    if progress.is_complete() {
        return Ok(Reply::Document(outcome));
    }
    Ok(Reply::Underway {
        status: format!("$purge-status?id={id}"),
        outcome,
    })
}

/// What is told of an erasure, to be kept as its certificate.
fn told(progress: &Progress) -> bytes::Bytes {
    let mut issues = Vec::new();
    let mut tell = |severity, code, text: String| {
        issues.push(Issue {
            severity,
            code,
            diagnostics: text,
            expression: None,
        });
    };
    if !progress.is_complete() {
        tell(
            Severity::Warning,
            "incomplete",
            "Nothing can be read any more; what is left on disk is being cleared.".to_owned(),
        );
    } else if let Some(record) = &progress.record {
        let erased: u64 = record.counts.values().sum();
        let id = &record.id;
        tell(
            Severity::Information,
            "success",
            format!("Erasure {id}: {erased} resources with all their versions are erased."),
        );
    } else {
        let says = "There is nothing to erase.".to_owned();
        tell(Severity::Information, "success", says);
    }
    if let Some(last) = progress.backups.last() {
        let count = progress.backups.len();
        let at = last.at;
        tell(
            Severity::Information,
            "informational",
            format!(
                "{count} backups made before, the last at {at}, hold the data until they are \
                 deleted; one that is restored is erased again before it is served."
            ),
        );
    }
    outcome(&issues).to_string().into()
}
