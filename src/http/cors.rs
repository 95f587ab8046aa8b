//! Pages of other origins that may call this server (CORS).
//!
//! What says what the server is (its metadata, the documents below `.well-known`, its public keys)
//! is for any page. The FHIR endpoint and the token endpoint are for pages of the origins that
//! the operator names, and of registered clients. All else (login, consent, the clock) is for
//! nobody's pages but the server's own.
//!
//! Credentials of the browser's own, such as cookies, are never offered: whoever calls shows a
//! token. What a browser lets a page see of an answer beside its body is listed here.
//!
//! Specification: <https://fetch.spec.whatwg.org/#http-cors-protocol>,
//! <http://hl7.org/fhir/R4/security.html#cors>,
//! <https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-cross-origin-resource-sharing-cors-support>.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, Response, StatusCode, header},
    middleware::{self, Next},
};

use futures_util::future::BoxFuture;

use super::router::BASE_PATH;
use crate::smart::Smart;

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

const ANYBODY: HeaderValue = HeaderValue::from_static("*");

/// Paths below `/auth` that programs call; the others there are pages for people.
const CALLED: [&str; 6] = [
    "token",
    "introspect",
    "revoke",
    "userinfo",
    "register",
    "launch",
];

/// Knows whose pages registered clients are.
pub trait KnownOrigins: Send + Sync {
    /// Whether a client is registered with exactly this origin.
    fn knows<'a>(&'a self, origin: &'a str) -> BoxFuture<'a, bool>;
}

impl KnownOrigins for Smart {
    fn knows<'a>(&'a self, origin: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            // Who cannot be looked up is not known.
            self.is_client_origin(origin).unwrap_or_else(|problem| {
                let reason = problem.internal;
                tracing::error!(reason, "the origins of clients cannot be read");
                false
            })
        })
    }
}

/// The origins whose pages may call.
#[derive(Clone, Default)]
pub struct Origins {
    any: bool,
    named: Vec<HeaderValue>,
    registered: Option<Arc<dyn KnownOrigins>>,
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origins")
            .field("any", &self.any)
            .field("named", &self.named)
            .finish_non_exhaustive()
    }
}

/// Whose pages a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Anybody's: what it tells is public.
    Anybody,
    /// Those of origins that are named or registered.
    Known,
    /// The server's own.
    Own,
}

impl Origins {
    /// Reads origins, separated by spaces; `*` is any.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let origins: Vec<&str> = text.split_whitespace().collect();
        Self {
            any: origins.contains(&"*"),
            named: origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok())
                .collect(),
            registered: None,
        }
    }

    /// The same, with the origins of registered clients.
    #[must_use]
    pub fn with_registered(mut self, registered: Arc<dyn KnownOrigins>) -> Self {
        self.registered = Some(registered);
        self
    }

    /// What is said to this origin, if its pages may call.
    async fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.any {
            return Some(ANYBODY);
        }
        let is_known = self.named.contains(origin) || self.is_registered(origin).await;
        is_known.then(|| origin.clone())
    }

    async fn is_registered(&self, origin: &HeaderValue) -> bool {
        // `null` is what a sandboxed frame of anybody calls itself.
        match (&self.registered, origin.to_str()) {
            (Some(registered), Ok(origin)) if origin != "null" => registered.knows(origin).await,
            _ => false,
        }
    }
}

fn audience(path: &str) -> Audience {
    let below = |path: &str| match path {
        "/metadata" => Audience::Anybody,
        path if path.starts_with("/.well-known/") => Audience::Anybody,
        _ => Audience::Known,
    };
    match (path.strip_prefix(BASE_PATH), path.strip_prefix("/auth/")) {
        (Some(inner), _) if inner.is_empty() || inner.starts_with('/') => below(inner),
        (_, Some("jwks" | "style.json")) => Audience::Anybody,
        (_, Some(inner)) if CALLED.contains(&inner) => Audience::Known,
        _ if path.starts_with("/.well-known/") => Audience::Anybody,
        _ => Audience::Own,
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
    let audience = audience(request.uri().path());
    let allowed = match (audience, request.headers().get(header::ORIGIN)) {
        (Audience::Anybody, _) => Some(ANYBODY),
        (Audience::Known, Some(origin)) => origins.allowed(origin).await,
        (Audience::Known, None) | (Audience::Own, _) => None,
    };
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
    if audience == Audience::Known {
        // Caches keep the answers to different origins apart.
        headers.append(header::VARY, HeaderValue::from(header::ORIGIN));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_audience() {
        for (path, expected) in [
            ("/fhir/metadata", Audience::Anybody),
            ("/fhir/.well-known/smart-configuration", Audience::Anybody),
            ("/.well-known/openid-configuration", Audience::Anybody),
            ("/auth/jwks", Audience::Anybody),
            ("/fhir", Audience::Known),
            ("/fhir/Patient/1", Audience::Known),
            ("/fhir/metadata/", Audience::Known),
            ("/auth/token", Audience::Known),
            ("/auth/introspect", Audience::Known),
            ("/auth/launch", Audience::Known),
            ("/auth/authorize", Audience::Own),
            ("/auth/login", Audience::Own),
            ("/auth/token/x", Audience::Own),
            ("/fhirx", Audience::Own),
            ("/clock", Audience::Own),
            ("/", Audience::Own),
        ] {
            assert_eq!(audience(path), expected, "{path}");
        }
    }

    struct Registered;

    impl KnownOrigins for Registered {
        fn knows<'a>(&'a self, origin: &'a str) -> BoxFuture<'a, bool> {
            // As wrong as a register can be.
            let known = origin == "https://app.example" || origin == "null";
            Box::pin(async move { known })
        }
    }

    #[tokio::test]
    async fn an_origin_is_known_by_its_whole_name() {
        let origins = Origins::read("https://named.example").with_registered(Arc::new(Registered));
        for known in ["https://named.example", "https://app.example"] {
            let origin = HeaderValue::from_static(known);
            assert_eq!(origins.allowed(&origin).await.unwrap(), known);
        }
        for foreign in [
            "null",
            "*",
            "",
            "http://named.example",
            "https://named.example:8443",
            "https://named.example.evil.example",
            "https://evil.example/https://named.example",
            "https://NAMED.example",
        ] {
            let origin = HeaderValue::from_static(foreign);
            assert_eq!(origins.allowed(&origin).await, None, "{foreign}");
        }
    }
}
