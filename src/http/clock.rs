//! `GET` and `PUT /clock`: the simulated clock, where there is one.
//!
//! The body is a JSON string with an instant, such as `"2026-03-01T08:00:00Z"`. A server whose
//! clock is the machine's answers 404.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Response, StatusCode},
    routing::get,
};
use jiff::Timestamp;

use super::{
    auth, reply,
    state::{ClockControl, State},
};
use crate::{
    fhir::date,
    kernel::problem::{Problem, Result},
};

/// Both verbs.
pub(super) fn routes(state: &Arc<State>) -> Router {
    let (shown, moved) = (state.clone(), state.clone());
    let methods = get(move |headers: HeaderMap| {
        let state = shown.clone();
        async move { respond(&state, control(&state, &headers).await.map(|_| ())) }
    })
    .put(move |headers: HeaderMap, body: Bytes| {
        let state = moved.clone();
        async move { respond(&state, advance(&state, &headers, &body).await) }
    });
    Router::new().route("/clock", methods)
}

async fn control<'s>(state: &'s State, headers: &HeaderMap) -> Result<&'s Arc<dyn ClockControl>> {
    auth::permit(state, headers).await?;
    state
        .simulated
        .as_ref()
        .ok_or_else(|| Problem::not_found("The clock is the machine's own."))
}

async fn advance(state: &State, headers: &HeaderMap, body: &Bytes) -> Result<()> {
    let control = control(state, headers).await?;
    let to: String = serde_json::from_slice(body).map_err(|_| not_an_instant())?;
    let to: Timestamp = to.parse().map_err(|_| not_an_instant())?;
    control.advance(to).await
}

fn not_an_instant() -> Problem {
    Problem::malformed(
        "value",
        "The body must be a JSON string with an instant, such as \"2026-03-01T08:00:00Z\".",
    )
}

fn respond(state: &State, outcome: Result<()>) -> Response<Body> {
    match outcome {
        Ok(()) => {
            let now = format!("\"{}\"", date::instant(state.context.clock.now()));
            reply::json(StatusCode::OK, now.into())
        }
        Err(problem) => reply::problem(&problem, &state.request_id()),
    }
}
