//! `/healthz`: the process lives. `/readyz`: the store answers, and accesses can be recorded.

use std::sync::Arc;

use axum::{Router, http::StatusCode, routing::get};

use super::state::State;
use crate::fhir::permit::Permit;

/// Both paths.
pub(super) fn routes(state: &Arc<State>) -> Router {
    let state = state.clone();
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(move || ready(state.clone())))
}

async fn ready(state: Arc<State>) -> (StatusCode, &'static str) {
    if state.audit.as_ref().is_some_and(|log| log.ready().is_err()) {
        let says = "accesses cannot be recorded\n";
        return (StatusCode::SERVICE_UNAVAILABLE, says);
    }
    let permit = Permit::system("http.readyz");
    match state.context.store.job_counts(&permit).await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(problem) => {
            tracing::warn!(reason = problem.internal, "the store does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            )
        }
    }
}
