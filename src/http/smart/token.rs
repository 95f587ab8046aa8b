//! `/auth/token`: forms in, JSON out.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc6749#section-3.2>.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, rejection::BytesRejection},
    http::{HeaderMap, Response, StatusCode, header, request::Parts},
    routing::post,
};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{BODY_MAX, answer};
use crate::{
    http::peer::Peer,
    smart::{
        Smart,
        form::Fields,
        identify::Asking,
        refusal::{Fault, Granted, Refusal},
    },
};

/// What serves a form.
type Serve = for<'a> fn(&'a Smart, &'a Asking<'a>) -> BoxFuture<'a, Granted<Value>>;

pub(super) fn routes(smart: &Arc<Smart>) -> Router {
    let route = |serve: Serve| {
        let smart = smart.clone();
        post(move |parts: Parts, body: Result<Bytes, BytesRejection>| {
            let smart = smart.clone();
            async move {
                match body {
                    Ok(body) => respond(&smart, &parts, &body, serve).await,
                    Err(unread) => super::unread(unread.status()),
                }
            }
        })
    };
    Router::new()
        .route("/auth/token", route(token))
        .route("/auth/introspect", route(introspect))
        .route("/auth/revoke", route(revoke))
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

fn token<'a>(smart: &'a Smart, asking: &'a Asking<'a>) -> BoxFuture<'a, Granted<Value>> {
    Box::pin(smart.token(asking))
}

fn introspect<'a>(smart: &'a Smart, asking: &'a Asking<'a>) -> BoxFuture<'a, Granted<Value>> {
    Box::pin(smart.introspect(asking))
}

fn revoke<'a>(smart: &'a Smart, asking: &'a Asking<'a>) -> BoxFuture<'a, Granted<Value>> {
    Box::pin(smart.revoke(asking))
}

/// Requests for tokens that are looked at together; more are sent away for a moment.
const AT_ONCE_MAX: usize = 64;

static SEATS: Semaphore = Semaphore::const_new(AT_ONCE_MAX);

async fn respond(smart: &Smart, parts: &Parts, body: &[u8], serve: Serve) -> Response<Body> {
    match serve_form(smart, parts, body, serve).await {
        Ok(value) => answer::json(StatusCode::OK, &value),
        Err(refusal) => answer::refusal(&refusal),
    }
}

async fn serve_form(smart: &Smart, parts: &Parts, body: &[u8], serve: Serve) -> Granted<Value> {
    let headers = &parts.headers;
    let _seat = SEATS.try_acquire().map_err(|_| {
        Refusal::new(
            Fault::TemporarilyUnavailable,
            "There is no room at the moment; come again.",
        )
    })?;
    if !is_form(headers) {
        return Err(Refusal::new(
            Fault::InvalidRequest,
            "The body is a form (application/x-www-form-urlencoded).",
        ));
    }
    let fields = Fields::read(body)?;
    let asking = Asking {
        fields: &fields,
        authorization: authorization(headers)?,
        address: Peer::of(&parts.extensions).map(|peer| peer.address),
    };
    serve(smart, &asking).await
}

/// Whether the body says that it is a form. A page of another origin can send one without asking,
/// but nothing is taken here that a browser adds by itself.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The header `Authorization`, if there is one.
///
/// # Errors
/// `InvalidRequest`, if there are several, or it is not text.
pub(super) fn authorization(headers: &HeaderMap) -> Granted<Option<&str>> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let unread = Refusal::new(
        Fault::InvalidRequest,
        "The header Authorization is not understood.",
    );
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => one.to_str().map(Some).map_err(|_| unread),
        (Some(_), Some(_)) => Err(unread),
    }
}
