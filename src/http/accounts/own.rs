//! A person's own page: their sessions, the programs that they have let in, and another password.

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::browser::{Browser, see_other};
use crate::{
    fhir::date,
    http::{pages, state::State},
    kernel::problem::Result,
    people::{People, invite::Taken},
    store::{Account, LoginSession},
};

type Page<'a> = BoxFuture<'a, Result<Response<Body>>>;

/// Who has logged in with this browser.
async fn who(people: &People, browser: &Browser) -> Result<Option<(LoginSession, Account)>> {
    match browser.cookie() {
        Some(cookie) => people.logged_in(cookie).await,
        None => Ok(None),
    }
}

async fn page(
    people: &People,
    state: &State,
    browser: &Browser,
    ((login, account), says): (&(LoginSession, Account), (&str, &str)),
) -> Result<Response<Body>> {
    let sessions = people.sessions(account).await?;
    let sessions: Vec<Value> = sessions
        .iter()
        .map(|one| json!({ "since": date::instant(one.created), "own": one.hash == login.hash }))
        .collect();
    let programs = match &state.smart {
        Some(smart) => smart.programs(&account.id).await?,
        None => Vec::new(),
    };
    let programs: Vec<Value> = programs
        .iter()
        .map(|one| {
            let since = date::instant(one.since);
            json!({ "id": one.id, "name": one.name, "since": since, "lasts": one.lasts })
        })
        .collect();
    let text = |key: &str| match key {
        "" => String::new(),
        key => pages::text(key, browser.language).to_owned(),
    };
    let given = json!({
        "name": people.name(account).await?,
        "sessions": sessions,
        "programs": programs,
        "done": text(says.0),
        "wrong": text(says.1),
    });
    Ok(browser.page(state, "account", given))
}

/// `GET /auth/account`.
pub(super) fn show<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        match who(people, &browser).await? {
            Some(of) => page(people, state, &browser, (&of, ("", ""))).await,
            None => Ok(see_other("/auth/login")),
        }
    })
}

/// `POST /auth/password`.
pub(super) fn change_password<'a>(
    people: &'a People,
    state: &'a State,
    browser: Browser,
) -> Page<'a> {
    Box::pin(async move {
        let Some(of) = who(people, &browser).await? else {
            return Ok(see_other("/auth/login"));
        };
        let passwords = (&browser.secret("present"), &browser.secret("password"));
        let (status, says) = match people.change_password((&of.0, &of.1), passwords).await? {
            Taken::Done => (StatusCode::OK, ("account_changed", "")),
            Taken::Weak(_) => (StatusCode::UNPROCESSABLE_ENTITY, ("", "link_weak")),
            Taken::NotThem | Taken::Gone => (StatusCode::FORBIDDEN, ("", "link_not_them")),
        };
        let mut response = page(people, state, &browser, (&of, says)).await?;
        *response.status_mut() = status;
        Ok(response)
    })
}

/// `POST /auth/sessions`: every session but this one ends.
pub(super) fn end_others<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        let Some(of) = who(people, &browser).await? else {
            return Ok(see_other("/auth/login"));
        };
        people.end_others(&of.0).await?;
        page(people, state, &browser, (&of, ("account_ended", ""))).await
    })
}

/// `POST /auth/programs`: a program is sent away.
pub(super) fn send_away<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        let Some(of) = who(people, &browser).await? else {
            return Ok(see_other("/auth/login"));
        };
        if let Some(smart) = &state.smart {
            smart.send_away(&of.1.id, browser.text("client")).await?;
        }
        page(people, state, &browser, (&of, ("account_sent_away", ""))).await
    })
}
