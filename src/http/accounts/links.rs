//! The pages of links that were sent: an invitation, and the way back.
//!
//! Looking at one takes nothing and tells nothing of whose it is: mail scanners follow links too.

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use futures_util::future::BoxFuture;
use serde_json::json;

use super::browser::{self, Browser};
use crate::{
    http::{pages, state::State},
    kernel::problem::Result,
    people::{
        People,
        invite::{Link, Taken},
    },
    store::TicketKind,
};

type Page<'a> = BoxFuture<'a, Result<Response<Body>>>;

/// Most characters of a token that is looked for.
const TOKEN_CHARS_MAX: usize = 128;

/// The kind and the token of a path such as `/auth/invitation/TOKEN`.
fn named(browser: &Browser) -> (TicketKind, &str) {
    let kind = if browser.path.starts_with("/auth/invitation/") {
        TicketKind::Invitation
    } else {
        TicketKind::Recovery
    };
    let token = browser.path.rsplit('/').next().unwrap_or_default();
    (kind, token.get(..TOKEN_CHARS_MAX).unwrap_or(token))
}

fn gone(browser: &Browser) -> Response<Body> {
    pages::notice(StatusCode::NOT_FOUND, "link_gone", browser.language)
}

fn form(state: &State, browser: &Browser, (link, wrong): (&Link, &str)) -> Response<Body> {
    let says = match named(browser).0 {
        TicketKind::Invitation => "link_invited",
        _ => "link_back",
    };
    let given = json!({
        "says": pages::text(says, browser.language),
        "wrong": wrong,
        "path": browser.path,
        "birth_date": link.birth_date,
    });
    browser.page(state, "link", given)
}

/// `GET /auth/invitation/{token}`, `GET /auth/recovery/{token}`.
pub(super) fn show<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        let (kind, token) = named(&browser);
        Ok(match people.link(kind, token).await? {
            Some(link) => form(state, &browser, (&link, "")),
            None => gone(&browser),
        })
    })
}

/// `POST` to the same.
pub(super) fn take<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        let of = named(&browser);
        let password = browser.secret("password");
        let taken = people
            .take(of, browser.text("birthdate"), &password)
            .await?;
        let wrong = match taken {
            Taken::Done => {
                let language = browser.language;
                let given =
                    json!({ "says": pages::text("link_done", language), "to": "/auth/login" });
                return Ok(browser.page(state, "notice", given));
            }
            Taken::Gone => return Ok(gone(&browser)),
            Taken::NotThem => "link_not_them",
            Taken::Weak(_) => "link_weak",
        };
        let Some(link) = people.link(of.0, of.1).await? else {
            return Ok(gone(&browser));
        };
        let text = pages::text(wrong, browser.language);
        let mut response = form(state, &browser, (&link, text));
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        Ok(response)
    })
}

/// `GET /auth/recover`.
pub(super) fn lost<'a>(_: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move { Ok(browser.page(state, "recover", json!({}))) })
}

/// `POST /auth/recover`: the answer is the same, whoever has an account.
pub(super) fn recover<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        let asked = people.ask_recovery(browser.text("login"), browser.address);
        if let Some(wait) = asked.await? {
            let (status, says) = (StatusCode::TOO_MANY_REQUESTS, "login_wait");
            let mut response = pages::notice(status, says, browser.language);
            browser::come_again(&mut response, Some(wait));
            return Ok(response);
        }
        let says = pages::text("recover_done", browser.language);
        Ok(browser.page(state, "notice", json!({ "says": says, "to": "" })))
    })
}
