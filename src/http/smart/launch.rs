//! `/auth/launch` and `/auth/userinfo`, for who shows an access token; `/auth/register`, for
//! programs that register themselves.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::DefaultBodyLimit,
    http::{HeaderMap, Response, StatusCode},
    routing::{get, post},
};
use serde_json::Value;

use super::{BODY_MAX, answer};
use crate::{
    http::auth::bearer,
    smart::{
        Smart,
        refusal::{Fault, Granted, Refusal},
    },
};

pub(super) fn routes(smart: &Arc<Smart>) -> Router {
    let (launching, by_get, by_post) = (smart.clone(), smart.clone(), smart.clone());
    let launch = post(move |headers: HeaderMap, body: Bytes| {
        let smart = launching.clone();
        async move {
            match launch(&smart, &headers, &body).await {
                Ok(value) => answer::json(StatusCode::CREATED, &value),
                Err(refusal) => answer::refusal(&refusal),
            }
        }
    });
    let info = get(move |headers: HeaderMap| {
        let smart = by_get.clone();
        async move { info(&smart, &headers).await }
    })
    .post(move |headers: HeaderMap| {
        let smart = by_post.clone();
        async move { info(&smart, &headers).await }
    });
    let registering = smart.clone();
    let register = post(move |body: Bytes| {
        let smart = registering.clone();
        async move {
            let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
            match smart.register(&asked).await {
                Ok(value) => answer::json(StatusCode::CREATED, &value),
                Err(refusal) => answer::refusal(&refusal),
            }
        }
    });
    Router::new()
        .route("/auth/launch", launch)
        .route("/auth/register", register)
        .route("/auth/userinfo", info)
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

/// The access token of a request.
fn shown(headers: &HeaderMap) -> Granted<&str> {
    let missing = Refusal::new(Fault::TokenMissing, "An access token is needed.");
    bearer(headers).map_err(|_| missing)
}

async fn launch(smart: &Smart, headers: &HeaderMap, body: &[u8]) -> Granted<Value> {
    let token = shown(headers)?;
    let asked: Value = serde_json::from_slice(body)
        .map_err(|_| Refusal::new(Fault::InvalidRequest, "The body is a JSON object."))?;
    smart.prepare_launch(token, &asked).await
}

async fn info(smart: &Smart, headers: &HeaderMap) -> Response<Body> {
    let told = match shown(headers) {
        Ok(token) => smart.user_info(token).await,
        Err(refusal) => Err(refusal),
    };
    match told {
        Ok(claims) => answer::json(StatusCode::OK, &claims),
        Err(refusal) => answer::refusal(&refusal),
    }
}
