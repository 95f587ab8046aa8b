//! A person's own page: their sessions, the programs that they have let in, another password, another
//! authenticator.

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::browser::{Browser, see_other};
use crate::{
    fhir::date,
    http::{accounts::login::enrolment, pages, state::State},
    kernel::problem::Result,
    people::{People, invite::Taken, renew::has_authenticator},
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
    let sessions = sessions.iter().map(|one| {
        let mut shown = since(one.created);
        shown["own"] = json!(one.hash == login.hash);
        shown
    });
    let sessions: Vec<Value> = sessions.collect();
    let programs = match &state.smart {
        Some(smart) => smart.programs(&account.id).await?,
        None => Vec::new(),
    };
    let programs = programs.iter().map(|one| {
        let mut shown = since(one.since);
        shown["id"] = json!(one.id);
        shown["name"] = json!(one.name);
        shown["lasts"] = json!(one.lasts);
        shown
    });
    let programs: Vec<Value> = programs.collect();
    let text = |key: &str| match key {
        "" => String::new(),
        key => pages::text(key, browser.language).to_owned(),
    };
    let given = json!({
        "name": people.name(account).await?,
        "sessions": sessions,
        "programs": programs,
        "has_password": !account.password.reveal().is_empty(),
        "has_authenticator": has_authenticator(account),
        "done": text(says.0),
        "wrong": text(says.1),
    });
    Ok(browser.page(state, "account", given))
}

/// An instant, as machines and as people read it.
fn since(at: jiff::Timestamp) -> Value {
    let shown = at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    json!({ "instant": date::instant(at), "since": shown })
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
        // The session goes on, as one of the account as it is now.
        let of = who(people, &browser).await?.unwrap_or(of);
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

/// `POST /auth/authenticator`: another one is to be enrolled, by who knows the password.
pub(super) fn begin_authenticator<'a>(
    people: &'a People,
    state: &'a State,
    browser: Browser,
) -> Page<'a> {
    Box::pin(async move {
        let Some(of) = who(people, &browser).await? else {
            return Ok(see_other("/auth/login"));
        };
        let present = browser.secret("present");
        if !people.begin_authenticator((&of.0, &of.1), &present).await? {
            let mut response = page(people, state, &browser, (&of, ("", "link_not_them"))).await?;
            *response.status_mut() = StatusCode::FORBIDDEN;
            return Ok(response);
        }
        ask_code(people, state, &browser, "").await
    })
}

/// The page with the secret that is being enrolled; the own page, where none is.
async fn ask_code(
    people: &People,
    state: &State,
    browser: &Browser,
    wrong: &str,
) -> Result<Response<Body>> {
    let Some((login, account)) = who(people, browser).await? else {
        return Ok(see_other("/auth/login"));
    };
    let Some(secret) = people.pending_authenticator((&login, &account))? else {
        return Ok(see_other("/auth/account"));
    };
    let asks = ("enrol_other", "/auth/authenticator/code", wrong);
    let given = enrolment(browser, (&account, secret.reveal()), asks);
    Ok(browser.page(state, "enrol", given))
}

/// `POST /auth/authenticator/code`: the code of the new one.
pub(super) fn take_authenticator<'a>(
    people: &'a People,
    state: &'a State,
    browser: Browser,
) -> Page<'a> {
    Box::pin(async move {
        let Some(of) = who(people, &browser).await? else {
            return Ok(see_other("/auth/login"));
        };
        let code = browser.secret("code");
        let taken = people
            .take_authenticator((&of.0, &of.1), code.reveal())
            .await?;
        if let Some(spares) = taken {
            let given = json!({ "codes": spares, "next": "/auth/account" });
            return Ok(pages::page("spares", given, browser.language));
        }
        let wrong = pages::text("second_wrong", browser.language);
        let mut response = ask_code(people, state, &browser, wrong).await?;
        if response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        Ok(response)
    })
}
