//! The pages from a name to a session, and out of it.

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::browser::{self, Browser, see_other};
use crate::{
    http::{
        pages::{self, picture},
        state::State,
    },
    kernel::problem::{Category, Problem, Result},
    people::{
        People, authenticator,
        federation::{Brought, Federation},
        login::{Second, Step},
    },
    smart::form::Fields,
    store::{Account, LoginSession, LoginStage},
};

type Page<'a> = BoxFuture<'a, Result<Response<Body>>>;

/// `GET /auth/login`: who has logged in already goes on, unless `again` asks for more.
pub(super) fn show<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        if browser.text("again").is_empty() && is_in(people, &browser).await? {
            return Ok(see_other(&browser.next()));
        }
        Ok(form(people, state, &browser, "").await)
    })
}

async fn is_in(people: &People, browser: &Browser) -> Result<bool> {
    match browser.cookie() {
        Some(cookie) => Ok(people.logged_in(cookie).await?.is_some()),
        None => Ok(false),
    }
}

async fn form(people: &People, state: &State, browser: &Browser, wrong: &str) -> Response<Body> {
    let federation = people.federation().map_or("", Federation::name);
    let given = json!({ "wrong": wrong, "federation": federation });
    browser.page_to(state, ("login", given), target(state, browser).await)
}

/// Where the login may end elsewhere: the origin of the client that waits for it, to which a form's
/// answer may lead without another page.
async fn target(state: &State, browser: &Browser) -> Option<String> {
    let request = Some(browser.request()).filter(|id| !id.is_empty())?;
    let target = state.smart.as_ref()?.target(request).await;
    target.ok().flatten()
}

/// `POST /auth/login`: a login and its password.
pub(super) fn enter<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        let password = browser.secret("password");
        let step = people
            .enter(browser.text("login"), &password, browser.whence())
            .await?;
        let wait = wait_of(&step);
        let wrong = match step {
            Step::Opened(cookie) => {
                leave_earlier(people, &browser).await?;
                let mut response = see_other(&second_path(&browser));
                browser::set_cookie(state, &mut response, cookie.reveal());
                return Ok(response);
            }
            Step::Wrong => (StatusCode::UNAUTHORIZED, "login_wrong"),
            Step::Wait(_) => (StatusCode::TOO_MANY_REQUESTS, "login_wait"),
        };
        let text = pages::text(wrong.1, browser.language);
        let mut response = form(people, state, &browser, text).await;
        *response.status_mut() = wrong.0;
        browser::come_again(&mut response, wait);
        Ok(response)
    })
}

/// Ends the session that a browser had before: it has another one now.
async fn leave_earlier(people: &People, browser: &Browser) -> Result<()> {
    if let Some(old) = browser.cookie()
        && let Some((login, _)) = people.at_stage(old).await?
    {
        people.leave(&login.hash).await?;
    }
    Ok(())
}

fn second_path(browser: &Browser) -> String {
    match browser.request() {
        "" => "/auth/second".to_owned(),
        id => format!("/auth/second?request={id}"),
    }
}

/// The session that waits for a second factor, and its account.
async fn waiting(people: &People, browser: &Browser) -> Result<Option<(LoginSession, Account)>> {
    let Some(cookie) = browser.cookie() else {
        return Ok(None);
    };
    let found = people.at_stage(cookie).await?;
    Ok(found.filter(|(login, _)| login.stage == LoginStage::Password))
}

/// `GET /auth/second`: what is asked beside the password.
pub(super) fn second<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        match waiting(people, &browser).await? {
            Some(of) => ask(people, state, &browser, (&of, "")).await,
            None if is_in(people, &browser).await? => Ok(see_other(&browser.next())),
            None => Ok(see_other(&super::login_path(browser.request()))),
        }
    })
}

async fn ask(
    people: &People,
    state: &State,
    browser: &Browser,
    ((login, account), wrong): (&(LoginSession, Account), &str),
) -> Result<Response<Body>> {
    let says = |key: &str| Value::from(pages::text(key, browser.language));
    let page = match people.second(login, account).await? {
        Second::Enrol(secret) => {
            let asks = ("enrol_why", "/auth/second", wrong);
            (
                "enrol",
                enrolment(browser, (account, secret.reveal()), asks),
            )
        }
        Second::Authenticator => {
            let given = json!({ "wrong": wrong, "says": says("second_app"), "sent": false });
            ("second", given)
        }
        Second::Sent => {
            let given = json!({ "wrong": wrong, "says": says("second_sent"), "sent": true });
            ("second", given)
        }
    };
    Ok(browser.page_to(state, page, target(state, browser).await))
}

/// What the page asks for by which an authenticator is enrolled: what it says, where it goes, and
/// what was wrong.
pub(super) fn enrolment(
    browser: &Browser,
    (account, secret): (&Account, &[u8]),
    (says, action, wrong): (&str, &str, &str),
) -> Value {
    let issuer = pages::text("notice_title", browser.language);
    let address = authenticator::address(secret, issuer, account.login.reveal());
    json!({
        "says": pages::text(says, browser.language),
        "action": action,
        "wrong": wrong,
        "picture": picture::of(&address),
        "secret": authenticator::typed(secret),
        "address": address,
    })
}

/// `POST /auth/second`: the code.
pub(super) fn prove<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        let Some((login, account)) = waiting(people, &browser).await? else {
            return Ok(see_other(&super::login_path(browser.request())));
        };
        let code = browser.secret("code");
        let of = (&login, &account);
        let (step, spares) = match people.second(&login, &account).await? {
            Second::Enrol(_) => people.enrol(of, code.reveal()).await?,
            _ => (
                people.prove(of, code.reveal(), browser.whence()).await?,
                Vec::new(),
            ),
        };
        let wait = wait_of(&step);
        let (status, wrong) = match step {
            Step::Opened(cookie) => {
                let mut response = if spares.is_empty() {
                    see_other(&browser.next())
                } else {
                    let given = json!({ "codes": spares, "next": browser.next() });
                    pages::page("spares", given, browser.language)
                };
                browser::set_cookie(state, &mut response, cookie.reveal());
                let device = people.remember(&account, &browser.whence()).await?;
                browser::set_device(state, &mut response, device.reveal());
                return Ok(response);
            }
            Step::Wrong => (StatusCode::UNAUTHORIZED, "second_wrong"),
            Step::Wait(_) => (StatusCode::TOO_MANY_REQUESTS, "login_wait"),
        };
        let Some(of) = waiting(people, &browser).await? else {
            return Ok(see_other(&super::login_path(browser.request())));
        };
        let text = pages::text(wrong, browser.language);
        let mut response = ask(people, state, &browser, (&of, text)).await?;
        *response.status_mut() = status;
        browser::come_again(&mut response, wait);
        Ok(response)
    })
}

/// How long who has failed too often has to wait.
const fn wait_of(step: &Step) -> Option<SignedDuration> {
    match step {
        Step::Wait(wait) => Some(*wait),
        Step::Wrong | Step::Opened(_) => None,
    }
}

/// `POST /auth/code`: another code is sent, if they have one sent.
pub(super) fn send_again<'a>(people: &'a People, _: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        if let Some((login, account)) = waiting(people, &browser).await?
            && people.second(&login, &account).await? == Second::Sent
        {
            people.send_code((&login, &account)).await?;
        }
        Ok(see_other(&second_path(&browser)))
    })
}

/// `GET /auth/federation`: off to the OpenID provider.
pub(super) fn go_away<'a>(people: &'a People, _: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        // Whoever has no cookie could not be known again: the login page gives one.
        let Some(cookie) = browser.cookie() else {
            return Ok(see_other(&super::login_path(browser.request())));
        };
        let address = people.go_away(cookie, browser.request()).await?;
        Ok(see_other(&address))
    })
}

/// `GET /auth/federation/callback`: back from there.
pub(super) fn come_back<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        let brought = Brought {
            state: browser.text("state").to_owned(),
            code: browser.text("code").to_owned(),
            issuer: browser.text("iss").to_owned(),
            cookie: browser.cookie().unwrap_or_default().to_owned(),
        };
        let (step, request) = people.come_back(brought).await?;
        let Step::Opened(cookie) = step else {
            let text = "The account is not open.";
            return Err(Problem::new(Category::Unauthenticated, "security", text));
        };
        leave_earlier(people, &browser).await?;
        let mut response = see_other(&match request.as_str() {
            "" => "/auth/account".to_owned(),
            id => format!("/auth/continue/{id}"),
        });
        browser::set_cookie(state, &mut response, cookie.reveal());
        Ok(response)
    })
}

/// Where the browser goes after a logout that a program asked for: what the form says counts as
/// little as what the program says, until it is found among its addresses.
async fn address(state: &State, browser: &Browser) -> Option<String> {
    let names = ["client_id", "post_logout_redirect_uri", "state"];
    let fields = Fields::of(names.map(|name| (name, browser.text(name))));
    let leaving = state.smart.as_ref()?.leaving(&fields).await;
    leaving.ok()?.address()
}

/// `POST /auth/logout`.
pub(super) fn leave<'a>(people: &'a People, state: &'a State, browser: Browser) -> Page<'a> {
    Box::pin(async move {
        let cookie = browser.cookie().ok_or_else(|| {
            Problem::new(Category::Forbidden, "forbidden", "Nobody has logged in.")
        })?;
        if let Some((login, _)) = people.at_stage(cookie).await? {
            people.leave(&login.hash).await?;
        }
        let mut response = match address(state, &browser).await {
            Some(address) => see_other(&address),
            None => pages::notice(StatusCode::OK, "notice_out", browser.language),
        };
        browser::clear(state, &mut response);
        Ok(response)
    })
}
