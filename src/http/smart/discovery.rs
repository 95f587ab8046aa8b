//! `.well-known/…` and `/auth/jwks`: for everybody, from every page, and always JSON.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known>.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
    routing::get,
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

fn document(document: Value) -> axum::routing::MethodRouter {
    let document = Arc::new(document);
    get(move || async move { answer::public(&document) }).options(async || preflight())
}

/// What a browser is told before a page's request.
fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Content-Type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
