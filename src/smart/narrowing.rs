//! Scopes that are narrowed by a search (`?category=…`): whether the search can be made.

use super::{
    refusal::{Fault, Granted, Refusal},
    scopes::{self, Wish},
};

/// That each narrowing is a search that this server understands: what is not would grant nothing,
/// and the client would never know.
///
/// # Errors
/// `InvalidScope`.
pub(super) fn check(wishes: &[Wish]) -> Granted<()> {
    if scopes::resources(wishes).all(|scope| scope.narrowing().is_some()) {
        return Ok(());
    }
    Err(Refusal::new(
        Fault::InvalidScope,
        "A scope is narrowed by what is no search of this server.",
    ))
}
