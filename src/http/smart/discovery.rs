//! `.well-known/…` and `/auth/jwks`: for everybody, from every page, and always JSON.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known>.

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, get},
};
use serde_json::{Value, json};

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
        .route("/auth/style.json", document(style()))
}

/// How the server looks, for programs that want to look alike: the colours of its own pages.
///
/// Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#styling>.
fn style() -> Value {
    json!({
        "color_background": "#ffffff",
        "color_error": "#a4160b",
        "color_highlight": "#0b57a4",
        "color_modal_backdrop": "#000000",
        "color_success": "#1c6b36",
        "color_text": "#1b1b1b",
        "dim_border_radius": "4px",
        "dim_font_size": "16px",
        "dim_spacing_size": "16px",
        "font_family_body": "system-ui, sans-serif",
        "font_family_heading": "system-ui, sans-serif",
    })
}

fn document(document: Value) -> MethodRouter {
    let document = Arc::new(document);
    get(move || async move { answer::public(&document) })
}
