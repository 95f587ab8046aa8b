//! A request of a browser: its cookie, its form, and what shows that the form is ours.
//!
//! A form counts only if the browser says that it comes from this origin, where it says anything
//! (`Origin`, `Sec-Fetch-Site`), and if it carries the token that belongs to the browser's cookie.
//!
//! Specification: <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis>,
//! <https://www.w3.org/TR/fetch-metadata/>.

use std::net::{IpAddr, Ipv4Addr};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header},
};
use http_body_util::{BodyExt as _, Limited};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    erasure::ledger::hex,
    http::{
        pages::{self, Language},
        peer::Peer,
        state::State,
    },
    kernel::{
        phi::Phi,
        problem::{Category, Problem, Result},
    },
    people::{
        People,
        device::{DEVICE_LIFE, Whence},
    },
};

/// Most bytes of a form.
const FORM_BYTES_MAX: usize = 16 << 10;

/// Most characters of a cookie's value that is looked at.
const COOKIE_CHARS_MAX: usize = 128;

/// Most characters of the id of what a login was begun for.
const REQUEST_CHARS_MAX: usize = 128;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a browser has sent.
pub struct Browser {
    /// Which language its person reads.
    pub language: Language,
    /// Where it is.
    pub address: IpAddr,
    /// The path, for what is named in it.
    pub path: String,
    cookie: Option<Phi<String>>,
    /// What it was given when somebody logged in with it; empty, if nothing.
    device: Phi<String>,
    /// A cookie that it is given with the answer, as it had none.
    fresh: Option<Phi<String>>,
    pairs: Vec<(String, Phi<String>)>,
    token: String,
}

impl Browser {
    /// Reads a request; a form that is not ours is refused here, before anybody looks at it.
    pub(in crate::http) async fn read(
        people: &People,
        state: &State,
        request: Request,
    ) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let cookie = cookie(state, &parts.headers);
        let device = value_of(&parts.headers, device_name(state)).unwrap_or_default();
        let is_form = parts.method == Method::POST;
        let text = if is_form {
            check_source(state, &parts.headers)?;
            read_form(&parts.headers, body).await?
        } else {
            parts.uri.query().unwrap_or_default().to_owned()
        };
        let pairs = form_urlencoded::parse(text.as_bytes())
            .map(|(name, value)| (name.into_owned(), Phi::new(value.into_owned())))
            .collect();
        let fresh = cookie.is_none().then(|| people.anonymous());
        let held = cookie.as_ref().or(fresh.as_ref());
        let token = people.form_token(held.map_or("", String::as_str))?;
        let browser = Self {
            language: pages::language(&parts.headers),
            address: Peer::of(&parts.extensions)
                .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.address),
            path: parts.uri.path().to_owned(),
            cookie: cookie.map(Phi::new),
            device: Phi::new(device),
            fresh: fresh.map(Phi::new),
            pairs,
            token,
        };
        if is_form {
            browser.check_token()?;
        }
        Ok(browser)
    }

    fn check_token(&self) -> Result<()> {
        // Whoever has no cookie has been given no form.
        let is_ours = self.cookie.is_some() && same(self.text("csrf"), &self.token);
        if is_ours { Ok(()) } else { Err(not_ours()) }
    }

    /// A field of the form, or of the query; empty, if it is absent.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        let pair = self.pairs.iter().find(|(own, _)| own == name);
        pair.map_or("", |(_, value)| value.reveal().as_str())
    }

    /// All fields of a name, such as boxes that are ticked.
    pub fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        let named = self.pairs.iter().filter(move |(own, _)| own == name);
        named.map(|(_, value)| value.reveal().as_str())
    }

    /// A field that nobody else may learn.
    #[must_use]
    pub fn secret(&self, name: &str) -> Phi<String> {
        Phi::new(self.text(name).to_owned())
    }

    /// The cookie that it came with.
    #[must_use]
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_ref().map(|cookie| cookie.reveal().as_str())
    }

    /// Where somebody comes from who logs in with it.
    #[must_use]
    pub fn whence(&self) -> Whence {
        Whence {
            address: self.address,
            device: self.device.clone(),
        }
    }

    /// What each form of its pages carries as `csrf`.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The id of what the login was begun for; empty, if it is none.
    #[must_use]
    pub fn request(&self) -> &str {
        let id = self.text("request");
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_one = id.len() <= REQUEST_CHARS_MAX && id.chars().all(plain);
        if is_one { id } else { "" }
    }

    /// Where the login ends.
    #[must_use]
    pub fn next(&self) -> String {
        match self.request() {
            "" => "/auth/account".to_owned(),
            id => format!("/auth/continue/{id}"),
        }
    }

    /// A page for it, with the token and the request that its forms carry.
    pub(super) fn page(&self, state: &State, name: &str, context: Value) -> Response<Body> {
        self.page_to(state, (name, context), None)
    }

    /// The same, whose forms may end at an origin of somebody else's.
    pub(super) fn page_to(
        &self,
        state: &State,
        (name, mut context): (&str, Value),
        target: Option<String>,
    ) -> Response<Body> {
        context["csrf"] = json!(self.token);
        context["request"] = json!(self.request());
        if context.get("wrong").is_none() {
            context["wrong"] = json!("");
        }
        let mut response = pages::page_to(name, context, self.language, target.as_deref());
        if let Some(fresh) = &self.fresh {
            set_cookie(state, &mut response, fresh.reveal());
        }
        response
    }
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn same(one: &str, two: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), two.as_bytes()).is_ok()
}

fn not_ours() -> Problem {
    let text = "The form does not come from a page of this server.";
    Problem::new(Category::Forbidden, "forbidden", text)
}

/// Refuses a form that the browser says comes from elsewhere.
///
/// # Errors
/// `Forbidden`.
pub fn check_source(state: &State, headers: &HeaderMap) -> Result<()> {
    let told = |name| {
        headers
            .get(name)
            .map(|value: &HeaderValue| value.as_bytes())
    };
    let site = told(FETCH_SITE).is_none_or(|site| site == b"same-origin");
    let origin = told(header::ORIGIN)
        .is_none_or(|origin| origin == origin_of(&state.context.base).as_bytes());
    if site && origin {
        Ok(())
    } else {
        Err(not_ours())
    }
}

/// Refuses a form of somebody who has logged in, unless it is ours: what serves forms elsewhere
/// asks this before anything else.
///
/// # Errors
/// `Forbidden`.
pub fn check_form(state: &State, headers: &HeaderMap, (wanted, shown): (&str, &str)) -> Result<()> {
    check_source(state, headers)?;
    if same(wanted, shown) {
        Ok(())
    } else {
        Err(not_ours())
    }
}

/// The origin of a URL: `https://host:port`.
#[must_use]
pub fn origin_of(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let end = url[after..].find('/').map_or(url.len(), |at| after + at);
    &url[..end]
}

/// What the cookie is called: with the prefix that keeps it to this host and to TLS, where there is
/// TLS.
fn cookie_name(state: &State) -> &'static str {
    if is_secure(state) {
        "__Host-vigie"
    } else {
        "vigie"
    }
}

/// What the cookie is called by which a browser is known that somebody has logged in with.
fn device_name(state: &State) -> &'static str {
    if is_secure(state) {
        "__Host-vigie-device"
    } else {
        "vigie-device"
    }
}

fn is_secure(state: &State) -> bool {
    state.context.base.starts_with("https://")
}

/// The value of the session's cookie, if the browser has one.
#[must_use]
pub fn cookie(state: &State, headers: &HeaderMap) -> Option<String> {
    value_of(headers, cookie_name(state))
}

/// The value of a cookie.
fn value_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).into_iter();
    let pairs = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (own, value) = pair.trim().split_once('=')?;
        (own == name && !value.is_empty() && value.len() <= COOKIE_CHARS_MAX).then_some(value)
    });
    let value = values.next()?.to_owned();
    // Two of one name: somebody has planted one.
    values.next().is_none().then_some(value)
}

/// Gives the browser a cookie.
pub(super) fn set_cookie(state: &State, response: &mut Response<Body>, value: &str) {
    let secure = if is_secure(state) { "; Secure" } else { "" };
    let name = cookie_name(state);
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}");
    if let Ok(mut text) = HeaderValue::from_str(&text) {
        text.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, text);
    }
}

/// Gives the browser a cookie by which it is known the next time; it is sent from our own pages only.
pub(super) fn set_device(state: &State, response: &mut Response<Body>, value: &str) {
    let secure = if is_secure(state) { "; Secure" } else { "" };
    let (name, life) = (device_name(state), DEVICE_LIFE.as_secs());
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}");
    if let Ok(mut text) = HeaderValue::from_str(&text) {
        text.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, text);
    }
}

/// Takes the cookie of the session away, and whatever else the browser has kept. That somebody has
/// logged in with it stays known: who has left is still no stranger.
pub(super) fn clear(state: &State, response: &mut Response<Body>) {
    let secure = if is_secure(state) { "; Secure" } else { "" };
    let name = cookie_name(state);
    let text = format!("{name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}");
    let headers = response.headers_mut();
    if let Ok(text) = HeaderValue::from_str(&text) {
        headers.insert(header::SET_COOKIE, text);
    }
    let all = HeaderValue::from_static("\"cache\", \"storage\"");
    headers.insert(HeaderName::from_static("clear-site-data"), all);
}

/// Says when another try is looked at, where one was not.
pub(super) fn come_again(response: &mut Response<Body>, wait: Option<SignedDuration>) {
    let seconds = wait.map(|wait| wait.as_secs().saturating_add(1));
    if let Some(seconds) = seconds {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// Sends the browser on, by a GET.
#[must_use]
pub fn see_other(to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    pages::guard(headers, None);
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(header::LOCATION, to);
    }
    response
}

async fn read_form(headers: &HeaderMap, body: Body) -> Result<String> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = kind
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    if !kind
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    {
        let text = "The body is no form.";
        return Err(Problem::new(
            Category::UnsupportedMediaType,
            "not-supported",
            text,
        ));
    }
    let read = Limited::new(body, FORM_BYTES_MAX).collect().await;
    let bytes = read
        .map_err(|_| Problem::new(Category::TooLarge, "too-long", "The form is too long."))?
        .to_bytes();
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Problem::malformed("value", "The form is not UTF-8."))
}

/// A name of a session that is no secret.
#[must_use]
pub fn session_name(hash: &[u8]) -> String {
    hex(hash)
}
