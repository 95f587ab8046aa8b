//! Answers of the endpoints.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::{Value, json};

use crate::smart::refusal::{Fault, Refusal};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// When who was sent away for lack of room may come again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

/// JSON that nobody keeps.
pub(super) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// JSON that everybody may read, and keep for some minutes.
pub(super) fn public(value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    let minutes = HeaderValue::from_static("public, max-age=300");
    headers.insert(header::CACHE_CONTROL, minutes);
    response
}

/// A refusal as JSON.
pub(super) fn refusal(refusal: &Refusal) -> Response<Body> {
    if let Some(reason) = &refusal.internal {
        tracing::warn!(
            code = refusal.fault.code(),
            reason,
            "a request for a token was refused"
        );
    }
    let status = match refusal.fault {
        Fault::InvalidClient | Fault::TokenMissing | Fault::InvalidToken => {
            StatusCode::UNAUTHORIZED
        }
        Fault::AccessDenied | Fault::InsufficientScope => StatusCode::FORBIDDEN,
        Fault::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Fault::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Fault::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = json(
        status,
        &json!({ "error": refusal.fault.code(), "error_description": refusal.description }),
    );
    let headers = response.headers_mut();
    if let Some(way) = challenge(refusal.fault) {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(way));
    }
    match refusal.fault {
        Fault::TemporarilyUnavailable => {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        Fault::TooManyRequests => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(refusal.wait));
        }
        _ => {}
    }
    response
}

/// The way to be let in that is told with a refusal, for who has tried none or another.
const fn challenge(fault: Fault) -> Option<&'static str> {
    match fault {
        Fault::InvalidClient => Some("Basic realm=\"vigie\", charset=\"UTF-8\""),
        Fault::TokenMissing => Some("Bearer realm=\"vigie\""),
        Fault::InvalidToken => Some("Bearer realm=\"vigie\", error=\"invalid_token\""),
        Fault::InsufficientScope => Some("Bearer realm=\"vigie\", error=\"insufficient_scope\""),
        _ => None,
    }
}
