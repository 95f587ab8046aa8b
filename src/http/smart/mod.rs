//! The endpoints of the authorization server.
//!
//! - `discovery`: what others are told: `.well-known/…`, the public keys.
//! - `token`: `/auth/token`, `/auth/introspect`, `/auth/revoke`.
//! - `authorize`: `/auth/authorize`, and the pages that follow it; `words` says scopes in words.
//! - `launch`: `/auth/launch` and `/auth/userinfo`, for who shows an access token.
//!
//! A refusal is JSON as OAuth has it, not an OperationOutcome; no answer is kept by anybody.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/>.

mod answer;
mod authorize;
mod discovery;
mod launch;
mod token;
mod words;

use std::sync::Arc;

use axum::Router;

use super::state::State;

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
}
