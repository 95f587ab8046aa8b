//! Pages of other origins that may call this server (CORS); none, unless the operator names them.
//!
//! What a browser lets a page see of an answer beside its body is listed here. Credentials of the
//! browser's own, such as cookies, are not offered: whoever calls shows a token.
//!
//! Specification: <https://fetch.spec.whatwg.org/#http-cors-protocol>,
//! <http://hl7.org/fhir/R4/security.html#cors>.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, Response, StatusCode, header},
    middleware::{self, Next},
};

/// What a page may read of an answer's head.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Location, ETag, Last-Modified, Link, Location, Retry-After, X-Progress, X-Request-Id",
);

/// Verbs that a page may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// What a page may say in a request's head.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Exist, \
     If-None-Match, Prefer, X-Request-Id, X-Security-Context",
);

/// Seconds for which a browser may remember this.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins whose pages may call.
#[derive(Debug, Clone)]
pub struct Origins {
    any: bool,
    named: Vec<HeaderValue>,
}

impl Origins {
    /// Reads origins, separated by spaces; `*` is any. None, if there is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let origins: Vec<&str> = text.split_whitespace().collect();
        (!origins.is_empty()).then(|| Self {
            any: origins.contains(&"*"),
            named: origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok())
                .collect(),
        })
    }

    /// What is said to this origin, if its pages may call.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.any {
            return Some(HeaderValue::from_static("*"));
        }
        self.named.contains(origin).then(|| origin.clone())
    }
}

/// The same router, open to pages of these origins.
pub(super) fn open(router: Router, origins: Origins) -> Router {
    let origins = Arc::new(origins);
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let origins = origins.clone();
        async move { answer(&origins, request, next).await }
    }))
}

async fn answer(origins: &Origins, request: Request, next: Next) -> Response<Body> {
    let origin = request.headers().get(header::ORIGIN);
    let allowed = origin.and_then(|origin| origins.allowed(origin));
    let asks_first = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks_first && allowed.is_some() {
        preflight()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    // Caches keep the answers to different origins apart.
    headers.append(header::VARY, HeaderValue::from(header::ORIGIN));
    if let Some(allowed) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// What a browser is told before it sends what the page asked for.
fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}
