//! From a token to a permit.
//!
//! Whatever is not let in by name is refused: there is no request without a permit. A token comes
//! in the header `Authorization` and nowhere else: addresses are written down in too many places.
//!
//! Specification: <http://hl7.org/fhir/R4/security.html#http>,
//! <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>.

use std::sync::Arc;

use axum::http::{HeaderMap, header};

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
    /// Who shows an access token that this server has given out.
    Tokens,
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
/// `Unauthenticated`; `Busy`, if a token cannot be checked.
pub(super) async fn permit(state: &State, headers: &HeaderMap) -> Result<Permit> {
    match (state.access, &state.smart) {
        (Access::Development, _) => Ok(Permit::development()),
        (Access::Tokens, Some(smart)) => smart.permit(bearer(headers)?).await,
        (Access::Tokens, None) | (Access::Closed, _) => Err(refused()),
    }
}

/// The token of a request.
///
/// # Errors
/// `Unauthenticated`, if there is not exactly one.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else {
        return Err(refused());
    };
    let text = one.to_str().map_err(|_| refused())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(refused)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token)
    } else {
        Err(refused())
    }
}

fn refused() -> Problem {
    Problem::new(
        Category::Unauthenticated,
        "login",
        "This server takes no request without a valid access token.",
    )
}
