//! From a token to a permit.
//!
//! Whatever is not let in by name is refused: there is no request without a permit.
//! Specification: <http://hl7.org/fhir/R4/security.html#http>.

use std::sync::Arc;

use axum::http::HeaderMap;

use super::state::State;
use crate::{
    fhir::permit::Permit,
    kernel::problem::{Category, Problem, Result},
};

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody who reaches the server: it listens on loopback only (`--insecure-no-auth`).
    Development,
    /// Nobody, as no way to check a token is set up.
    Closed,
}

/// The permit that a request was let in with before, when it was kept to be served later.
///
/// Only this server itself can put it beside a request: nothing that a client sends becomes one.
#[derive(Debug, Clone)]
pub(super) struct Renewed(pub(super) Permit);

/// The permit of who is not known: it reaches nothing.
pub(super) fn nobody() -> Permit {
    Permit::login(Arc::default(), Vec::new())
}

/// The permit of a request.
///
/// In development mode a token is accepted and not looked at, so that clients need no change.
///
/// # Errors
/// `Unauthenticated`.
pub(super) async fn permit(state: &State, headers: &HeaderMap) -> Result<Permit> {
    let _ = headers;
    match state.access {
        Access::Development => Ok(Permit::development()),
        Access::Closed => Err(Problem::new(
            Category::Unauthenticated,
            "login",
            "This server takes no request without a valid access token.",
        )),
    }
}
