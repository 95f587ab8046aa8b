//! `GET` and `PUT /clock`: the simulated clock, where there is one.
//!
//! The body is a JSON string with an instant, such as `"2026-03-01T08:00:00Z"`. A server whose
//! clock is the machine's answers 404. Where it is simulated, the server listens on a loopback address
//! alone, and whoever reaches it may move the clock, logged in or not: that is what it is for.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Response, StatusCode},
    routing::get,
};
use jiff::Timestamp;

use super::{
    reply,
    state::{ClockControl, State},
};
use crate::{
    fhir::date,
    kernel::problem::{Problem, Result},
};

/// Both verbs.
pub(super) fn routes(state: &Arc<State>) -> Router {
    let (shown, moved) = (state.clone(), state.clone());
    let methods = get(move || {
        let state = shown.clone();
        async move { respond(&state, control(&state).map(|_| ())) }
    })
    .put(move |body: Bytes| {
        let state = moved.clone();
        async move { respond(&state, advance(&state, &body).await) }
    });
    Router::new().route("/clock", methods)
}

fn control(state: &State) -> Result<&Arc<dyn ClockControl>> {
    state
        .simulated
        .as_ref()
        .ok_or_else(|| Problem::not_found("The clock is the machine's own."))
}

async fn advance(state: &State, body: &Bytes) -> Result<()> {
    let control = control(state)?;
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
