//! `POST /sms/delivery` and `POST /sms/inbound`: what the gateway of text messages tells.
//!
//! It shows that it is the gateway by a secret that it shares with this server, in `Authorization:
//! Bearer …`; without it the answer is 401, whatever else is sent. What is taken in is answered by
//! 204, whether the message or the number is known here or not.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::DefaultBodyLimit,
    http::{HeaderMap, Response, StatusCode, header},
    routing::post,
};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{reply, state::State};
use crate::{
    kernel::problem::{Category, Problem, Result},
    notify::inbound::{DeliveryReport, InboundText},
};

/// Most bytes of a body.
const BODY_MAX: usize = 16 << 10;

/// What takes a body in.
type Take = for<'a> fn(&'a State, &'a Value) -> BoxFuture<'a, Result<()>>;

/// Both paths.
pub(super) fn routes(state: &Arc<State>) -> Router {
    let route = |take: Take| {
        let state = state.clone();
        post(move |headers: HeaderMap, body: Bytes| {
            let state = state.clone();
            async move {
                match receive(&state, &headers, &body, take).await {
                    Ok(()) => no_content(),
                    Err(problem) => reply::problem(&problem, &state.request_id()),
                }
            }
        })
    };
    Router::new()
        .route("/sms/delivery", route(delivery))
        .route("/sms/inbound", route(inbound))
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

fn delivery<'a>(state: &'a State, body: &'a Value) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move { DeliveryReport::read(body)?.take(&state.context.store).await })
}

fn inbound<'a>(state: &'a State, body: &'a Value) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move { InboundText::read(body)?.take(&state.context.store).await })
}

async fn receive(state: &State, headers: &HeaderMap, body: &[u8], take: Take) -> Result<()> {
    authenticate(state, headers)?;
    let body: Value = serde_json::from_slice(body)
        .map_err(|_| Problem::malformed("structure", "The body must be a JSON object."))?;
    take(state, &body).await
}

fn authenticate(state: &State, headers: &HeaderMap) -> Result<()> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    match (&state.gateway_secret, given) {
        // Digests are compared in constant time, whatever the lengths.
        (Some(secret), Some(given)) if blake3::hash(given) == *secret => Ok(()),
        _ => Err(Problem::new(
            Category::Unauthenticated,
            "login",
            "The secret of the gateway is missing or wrong.",
        )),
    }
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
