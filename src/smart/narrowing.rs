//! Scopes that are narrowed by a search (`?category=…`): whether the search can be made.

use super::{
    Smart,
    refusal::{Fault, Granted, Refusal},
    scopes::{self, Wish},
};
use crate::fhir::search::query::{Handling, Query, QueryOptions};

impl Smart {
    /// That each narrowing is a search that this server understands: what is not would grant
    /// nothing, and the client would never know.
    ///
    /// # Errors
    /// `InvalidScope`.
    pub(super) fn check_narrowings(&self, wishes: &[Wish]) -> Granted<()> {
        let options = QueryOptions {
            handling: Handling::Strict,
            ..QueryOptions::default()
        };
        for scope in scopes::resources(wishes) {
            let Some(kind) = scope.kind else { continue };
            if Query::parse(kind, &scope.narrowed, &options).is_err() {
                return Err(Refusal::new(
                    Fault::InvalidScope,
                    "A scope is narrowed by what is no search of this server.",
                ));
            }
        }
        Ok(())
    }
}
