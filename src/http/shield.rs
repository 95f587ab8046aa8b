//! What every answer tells a browser, unless its handler has said something of its own: to run
//! nothing of it, to guess nothing about it, to show it in nobody's frame, to keep no copy, and to
//! tell nobody where it was.
//!
//! Specification: <https://www.w3.org/TR/CSP3/>, <https://www.rfc-editor.org/rfc/rfc6797.html>,
//! <https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header>.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, header},
    middleware,
};

/// Nothing of an answer runs, and nobody frames it.
const NOTHING: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A year, for this host alone: others of its domain are for their operators to settle.
const TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What is said where the handler has said nothing.
const SAID: [(HeaderName, HeaderValue); 6] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, NOTHING),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // What a page reads by CORS is not concerned; what it would embed is refused.
    (RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
];

/// The same router, its answers shielded.
pub(super) fn cover(router: Router) -> Router {
    router.layer(middleware::map_response(
        async |mut response: Response<Body>| {
            shield(response.headers_mut());
            response
        },
    ))
}

fn shield(headers: &mut HeaderMap) {
    for (name, value) in SAID {
        headers.entry(name).or_insert(value);
    }
}

/// Tells a browser that came encrypted to come so always.
pub(super) fn insist(headers: &mut HeaderMap) {
    headers
        .entry(header::STRICT_TRANSPORT_SECURITY)
        .or_insert(TRANSPORT_SECURITY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_handler_says_stands() {
        let mut headers = HeaderMap::new();
        let own = HeaderValue::from_static("default-src 'self'");
        headers.insert(header::CONTENT_SECURITY_POLICY, own.clone());
        shield(&mut headers);
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], own);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers.len(), SAID.len());
    }
}
