//! Login, second factor, logout, and a person's own page: all below `/auth/`.
//!
//! - [`session`]: who has logged in, for whoever serves people.
//! - `browser`: cookies, forms, and what shows that a form is ours.
//! - `login`: the pages from a name to a session.
//! - `links`: the pages of invitations and of the way back.
//! - `own`: a person's own page: sessions, programs, password, authenticator.
//!
//! A login that was begun for something, such as the request of a client, carries its id from page
//! to page as `request`, and ends at `/auth/continue/ID`; where it ends is never taken from a URL.
//!
//! Specification: <https://pages.nist.gov/800-63-4/sp800-63b.html>.

pub mod browser;
mod links;
mod login;
mod own;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    routing::{get, post},
};
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use self::browser::Browser;
use super::{
    pages::{self, Language},
    state::State,
};
use crate::{
    erasure::ledger::hex,
    kernel::problem::{Category, Problem, Result},
    people::People,
    store::Account,
};

/// Somebody who has logged in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Their account.
    pub account: Account,
    /// When they last proved who they are.
    pub authenticated: Timestamp,
    /// How the second factor was proved: `totp`, `spare`, `code`, `federation`.
    pub factor: String,
    /// A name of the session: not the cookie, and of no use to who learns it.
    pub session: String,
    /// What each form of theirs carries as `csrf`.
    pub csrf: String,
}

/// Who has logged in with the browser of this request; none, if nobody has.
///
/// # Errors
/// `Fault`, if the database fails.
pub async fn session(state: &State, headers: &HeaderMap) -> Result<Option<SignedIn>> {
    let (Some(people), Some(cookie)) = (&state.people, browser::cookie(state, headers)) else {
        return Ok(None);
    };
    let Some((login, account)) = people.logged_in(&cookie).await? else {
        return Ok(None);
    };
    Ok(Some(SignedIn {
        account,
        authenticated: login.authenticated,
        factor: login.factor,
        session: hex(&login.hash),
        csrf: people.form_token(&cookie)?,
    }))
}

/// The address of the login page for something that waits, such as a client's request.
#[must_use]
pub fn login_path(request: &str) -> String {
    format!("/auth/login?request={request}")
}

/// What serves one page.
type Serve = for<'a> fn(&'a People, &'a State, Browser) -> BoxFuture<'a, Result<Response<Body>>>;

/// All pages of this module; none, where the server has no accounts.
pub(super) fn routes(state: &Arc<State>) -> Router {
    if state.people.is_none() {
        return Router::new();
    }
    let on = |serve: Serve| {
        let state = state.clone();
        move |request: Request| {
            let state = state.clone();
            async move { answer(&state, request, serve).await }
        }
    };
    Router::new()
        .route("/auth/login", get(on(login::show)).post(on(login::enter)))
        .route(
            "/auth/second",
            get(on(login::second)).post(on(login::prove)),
        )
        .route("/auth/federation", get(on(login::go_away)))
        .route("/auth/federation/callback", get(on(login::come_back)))
        .route("/auth/code", post(on(login::send_again)))
        .route(
            "/auth/recover",
            get(on(links::lost)).post(on(links::recover)),
        )
        .route(
            "/auth/invitation/{token}",
            get(on(links::show)).post(on(links::take)),
        )
        .route(
            "/auth/recovery/{token}",
            get(on(links::show)).post(on(links::take)),
        )
        .route("/auth/account", get(on(own::show)))
        .route("/auth/password", post(on(own::change_password)))
        .route("/auth/sessions", post(on(own::end_others)))
        .route("/auth/programs", post(on(own::send_away)))
        .route("/auth/authenticator", post(on(own::begin_authenticator)))
        .route(
            "/auth/authenticator/code",
            post(on(own::take_authenticator)),
        )
        .route("/auth/logout", post(on(login::leave)))
}

/// Serves one page: whatever happens, a person is told in their language.
async fn answer(state: &State, request: Request, serve: Serve) -> Response<Body> {
    let language = pages::language(request.headers());
    let Some(people) = &state.people else {
        return pages::notice(StatusCode::NOT_FOUND, "notice_none", language);
    };
    let served = match Browser::read(people, state, request).await {
        Ok(browser) => serve(people, state, browser).await,
        Err(problem) => Err(problem),
    };
    served.unwrap_or_else(|problem| refused(state, &problem, language))
}

/// A problem as a page.
pub(in crate::http) fn refused(
    state: &State,
    problem: &Problem,
    language: Language,
) -> Response<Body> {
    if let Some(reason) = &problem.internal {
        tracing::error!(request = state.request_id(), reason, "a page failed");
    }
    let says = match problem.category {
        Category::Busy | Category::TooManyRequests => "notice_busy",
        Category::Fault => "notice_failed",
        Category::NotFound => "notice_none",
        Category::Unauthenticated => "notice_refused",
        _ => "notice_form",
    };
    let mut response = pages::notice(super::reply::status(problem.category), says, language);
    if problem.category == Category::Busy {
        let soon = HeaderValue::from_static("2");
        response.headers_mut().insert(header::RETRY_AFTER, soon);
    }
    response
}
