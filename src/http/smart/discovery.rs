//! `.well-known/…` and `/auth/jwks`: for everybody, from every page, and always JSON.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known>.

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, get},
};
use serde_json::Value;

use super::answer;
use crate::{http::BASE_PATH, smart::Smart};

pub(super) fn routes(smart: &Arc<Smart>) -> Router {
    let configuration = format!("{BASE_PATH}/.well-known/smart-configuration");
    let keys = smart.published_keys().clone();
    let provider = smart.provider();
    Router::new()
        .route(&configuration, document(smart.configuration()))
        .route(
            "/.well-known/openid-configuration",
            document(provider.clone()),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            document(provider),
        )
        .route("/auth/jwks", document(keys))
}

fn document(document: Value) -> MethodRouter {
    let document = Arc::new(document);
    get(move || async move { answer::public(&document) })
}
