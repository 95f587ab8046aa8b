//! `/auth/end_session`: a program asks that somebody logs out; a page asks whether they want to.
//!
//! Specification: <https://openid.net/specs/openid-connect-rpinitiated-1_0.html>.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, RawQuery},
    http::{HeaderMap, Response, StatusCode},
    routing::get,
};
use serde_json::json;

use super::{
    BODY_MAX,
    authorize::{Server, refused, told},
    token::is_form,
};
use crate::{
    http::{
        accounts::{self, browser::see_other},
        pages,
        state::State,
    },
    smart::{Smart, form::Fields, logout::Leaving, refusal::Granted},
};

const PATH: &str = "/auth/end_session";

pub(super) fn routes(state: &Arc<State>, smart: &Arc<Smart>) -> Router {
    let server = || (Arc::clone(state), Arc::clone(smart));
    let (by_get, by_post) = (server(), server());
    let asked = get(move |RawQuery(query): RawQuery, headers: HeaderMap| {
        let server = by_get.clone();
        async move { ask(&server, &headers, query.unwrap_or_default().as_bytes()).await }
    })
    .post(move |headers: HeaderMap, body: Bytes| {
        let server = by_post.clone();
        async move {
            if is_form(&headers) {
                lead(&server, &headers, &body).await
            } else {
                let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                told(&headers, status, "notice_client")
            }
        }
    });
    Router::new()
        .route(PATH, asked)
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

/// Leads a browser that another page has made post to the same by a GET: only with that does it
/// send its cookie.
async fn lead((_, smart): &Server, headers: &HeaderMap, text: &[u8]) -> Response<Body> {
    match read(smart, text).await {
        Ok(leaving) => see_other(&format!("{PATH}?{}", leaving.query())),
        Err(refusal) => refused(&refusal, "notice_client", pages::language(headers)),
    }
}

async fn read(smart: &Smart, text: &[u8]) -> Granted<Leaving> {
    smart.leaving(&Fields::read(text)?).await
}

/// Asks who has logged in; who has not goes on.
async fn ask((state, smart): &Server, headers: &HeaderMap, text: &[u8]) -> Response<Body> {
    let language = pages::language(headers);
    let leaving = match read(smart, text).await {
        Ok(leaving) => leaving,
        Err(refusal) => return refused(&refusal, "notice_client", language),
    };
    let signed_in = match accounts::session(state, headers).await {
        Ok(signed_in) => signed_in,
        Err(problem) => return accounts::refused(state, &problem, language),
    };
    match (signed_in, leaving.address()) {
        (Some(signed_in), _) => {
            let target = leaving.target();
            let Leaving { client, to, state } = leaving;
            let (id, name) = client.map_or_else(Default::default, |one| (one.id, one.name));
            let given = json!({
                "csrf": signed_in.csrf,
                "client": name,
                "client_id": id,
                "to": to.unwrap_or_default(),
                "state": state.unwrap_or_default(),
            });
            pages::page_to("leave", given, language, target.as_deref())
        }
        (None, Some(address)) => see_other(&address),
        (None, None) => pages::notice(StatusCode::OK, "notice_out", language),
    }
}
