//! What the tests of this layer share: requests through the router, without a socket.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, Response, StatusCode},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;

use super::{
    Access, State,
    operations::{OPERATIONS, Operation},
    router::router_with,
    state::RequestLimits,
};
use crate::interactions::testing::Bench;

/// A whole server over an empty database.
pub struct Site {
    /// The router.
    pub router: Router,
    /// The database; its folder lives as long.
    _bench: Bench,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A header as text; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Fails unless the answer is an OperationOutcome with this status and issue code.
    #[track_caller]
    pub fn assert_outcome(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.body);
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert_eq!(outcome["issue"][0]["code"], code, "{outcome}");
    }
}

impl Site {
    /// In development mode, with the usual limits.
    pub async fn open() -> Self {
        Self::with(|state| state).await
    }

    /// With a state of the test's own.
    pub async fn with(change: impl FnOnce(State) -> State) -> Self {
        let bench = Bench::open().await;
        let state = State::new(
            bench.context.clone(),
            Access::Development,
            RequestLimits::default(),
        );
        let state = Arc::new(change(state));
        Self::over(bench, state, OPERATIONS)
    }

    /// With operations of the test's own.
    pub async fn offering(operations: &'static [Operation]) -> Self {
        let bench = Bench::open().await;
        let context = bench.context.clone();
        let state = State::new(context, Access::Development, RequestLimits::default());
        Self::over(bench, Arc::new(state), operations)
    }

    fn over(bench: Bench, state: Arc<State>, operations: &'static [Operation]) -> Self {
        Self {
            router: router_with(state, operations),
            _bench: bench,
        }
    }

    /// Sends a request of any shape.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let service = TowerToHyperService::new(self.router.clone());
        read(service.call(request).await.unwrap()).await
    }

    /// A request with headers and a body.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], "").await
    }

    /// POST of a resource.
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.request(Method::POST, path, JSON, body).await
    }

    /// PUT of a resource.
    pub async fn put(&self, path: &str, body: &str) -> Answer {
        self.request(Method::PUT, path, JSON, body).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, &[], "").await
    }
}

/// The header of a resource.
pub const JSON: &[(&str, &str)] = &[("content-type", "application/fhir+json")];

/// Reads an answer to its end.
pub async fn read(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}
