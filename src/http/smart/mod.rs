//! The endpoints of the authorization server.
//!
//! - `discovery`: what others are told: `.well-known/…`, the public keys.
//! - `token`: `/auth/token`, `/auth/introspect`, `/auth/revoke`.
//! - `authorize`: `/auth/authorize`, and the pages that follow it; `words` says scopes in words.
//! - `launch`: `/auth/launch` and `/auth/userinfo`, for who shows an access token.
//! - `logout`: `/auth/end_session`, for programs that want somebody to log out.
//!
//! A refusal is JSON as OAuth has it, not an OperationOutcome; no answer is kept by anybody.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/>.

mod answer;
mod authorize;
mod discovery;
mod launch;
mod logout;
mod token;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Response, StatusCode},
};

use super::state::State;
use crate::smart::refusal::{Fault, Refusal};

/// Most bytes of what is sent to an endpoint.
const BODY_MAX: usize = 64 << 10;

/// All paths, where tokens are given out at all.
pub(super) fn routes(state: &Arc<State>) -> Router {
    let Some(smart) = &state.smart else {
        return Router::new();
    };
    Router::new()
        .merge(discovery::routes(smart))
        .merge(token::routes(smart))
        .merge(launch::routes(smart))
        .merge(authorize::routes(state, smart))
        .merge(logout::routes(state, smart))
}

/// What a program is told whose form is too large, or did not come to its end.
pub(super) fn unread(status: StatusCode) -> Response<Body> {
    let refusal = Refusal::new(
        Fault::InvalidRequest,
        "The form is too large, or was not sent to its end.",
    );
    let mut response = answer::refusal(&refusal);
    *response.status_mut() = status;
    response
}
