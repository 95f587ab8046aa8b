//! Pages for people in a browser: plain HTML, one style sheet, no script.
//!
//! A page is a template of `templates/` in the frame of `layout.html`; what it says is in `texts/`,
//! once for each language. To add one: the template, a line in `TEMPLATES`, and its texts in both
//! files: `NAME_title`, and whatever the template asks of `t`. Everything that is not a template's
//! own text is escaped.
//!
//! Specification: <https://www.w3.org/TR/CSP3/>.

use std::{str::FromStr, sync::LazyLock};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
    routing::get,
};
use minijinja::{
    Environment, UndefinedBehavior,
    value::{Serde, Value as Given},
};
use serde_json::{Map, Value, json};

pub mod picture;

pub use crate::notify::Language;

/// The templates, by their names.
const TEMPLATES: &[(&str, &str)] = &[
    ("layout.html", include_str!("templates/layout.html")),
    ("login.html", include_str!("templates/login.html")),
    ("second.html", include_str!("templates/second.html")),
    ("enrol.html", include_str!("templates/enrol.html")),
    ("spares.html", include_str!("templates/spares.html")),
    ("account.html", include_str!("templates/account.html")),
    ("consent.html", include_str!("templates/consent.html")),
    ("choose.html", include_str!("templates/choose.html")),
    ("leave.html", include_str!("templates/leave.html")),
    ("link.html", include_str!("templates/link.html")),
    ("recover.html", include_str!("templates/recover.html")),
    ("notice.html", include_str!("templates/notice.html")),
];

/// The style sheet, the same for all pages.
const STYLE: &str = include_str!("style.css");

/// Where it is served.
const STYLE_PATH: &str = "/auth/style.css";

static FRENCH: LazyLock<Map<String, Value>> =
    LazyLock::new(|| texts(include_str!("texts/fr.json")));
static ENGLISH: LazyLock<Map<String, Value>> =
    LazyLock::new(|| texts(include_str!("texts/en.json")));

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // What a template asks for and nobody gives is a fault, not an empty place.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in TEMPLATES {
        if let Err(error) = environment.add_template(name, source) {
            tracing::error!(name, %error, "a template is not understood");
        }
    }
    environment
});

fn texts(source: &str) -> Map<String, Value> {
    serde_json::from_str(source).unwrap_or_default()
}

/// What all texts of a language are.
fn catalogue(language: Language) -> &'static Map<String, Value> {
    match language {
        Language::Fr => &FRENCH,
        Language::En => &ENGLISH,
    }
}

/// One text of a language; its key, where there is none.
#[must_use]
pub fn text(key: &str, language: Language) -> &str {
    catalogue(language)
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or(key)
}

/// The language that a browser prefers among those of the pages; French, where it prefers none.
#[must_use]
pub fn language(headers: &HeaderMap) -> Language {
    let wanted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let mut best = (0.0_f32, Language::Fr);
    for part in wanted.unwrap_or_default().split(',').take(32) {
        let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
        let weight = weight
            .trim()
            .strip_prefix("q=")
            .map_or(Ok(0.0), f32::from_str);
        let language = match tag.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("fr") => Language::Fr,
            Some("en") => Language::En,
            _ => continue,
        };
        if let Ok(weight) = weight
            && weight > best.0
        {
            best = (weight, language);
        }
    }
    best.1
}

/// A page with the status 200: a template's name without its ending, and what it asks for (texts,
/// truths and lists of them).
#[must_use]
pub fn page(name: &str, context: Value, language: Language) -> Response<Body> {
    page_to(name, context, language, None)
}

/// The same, whose forms may end at an origin of somebody else's, such as that of a client to which
/// the answer redirects: browsers hold redirects to `form-action` too.
#[must_use]
pub fn page_to(
    name: &str,
    context: Value,
    language: Language,
    target: Option<&str>,
) -> Response<Body> {
    let html = match render(name, context, language) {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(name, %error, "a page cannot be made");
            return answer(StatusCode::INTERNAL_SERVER_ERROR, String::new(), None);
        }
    };
    answer(StatusCode::OK, html, target)
}

/// A page that says one thing, by the keys of its texts, with a status.
#[must_use]
pub fn notice(status: StatusCode, says: &str, language: Language) -> Response<Body> {
    let context = json!({ "says": text(says, language), "to": "" });
    let mut response = page("notice", context, language);
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    response
}

fn render(name: &str, context: Value, language: Language) -> Result<String, minijinja::Error> {
    let mut context = match context {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let title = text(&format!("{name}_title"), language).to_owned();
    let is_wrong = context.get("wrong").is_some_and(|wrong| wrong != "");
    // Read aloud first, and seen among many: that something is wrong.
    let wrong = if is_wrong {
        text("wrong", language)
    } else {
        ""
    };
    let head = format!("{wrong}{title}");
    context.insert("t".to_owned(), Value::Object(catalogue(language).clone()));
    let inner = ENVIRONMENT.get_template(&format!("{name}.html"))?;
    let inner = inner.render(Given::from(Serde(&context)))?;
    let frame = minijinja::context! {
        content => Given::from_safe_string(inner),
        head => head,
        title => title,
        style => STYLE_PATH,
        lang => language.code(),
    };
    ENVIRONMENT.get_template("layout.html")?.render(frame)
}

fn answer(status: StatusCode, html: String, target: Option<&str>) -> Response<Body> {
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, html);
    guard(headers, target);
    response
}

/// The headers of every page, and of every answer to a form: nothing is loaded from elsewhere, nobody
/// frames it, nothing keeps it, and nobody learns where the browser comes from.
pub fn guard(headers: &mut HeaderMap, target: Option<&str>) {
    let is_origin = |text: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]".contains(c);
        text.chars().all(plain)
    };
    let target = target.filter(is_origin).map(|origin| format!(" {origin}"));
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self'{}; base-uri 'none'; \
         frame-ancestors 'none'",
        target.unwrap_or_default()
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Under `no-referrer` a browser would send a form with `Origin: null`.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The style sheet.
pub(super) fn routes() -> Router {
    Router::new().route(
        STYLE_PATH,
        get(async || {
            let mut response = Response::new(Body::from(STYLE));
            let headers = response.headers_mut();
            let css = HeaderValue::from_static("text/css; charset=utf-8");
            headers.insert(header::CONTENT_TYPE, css);
            let nosniff = HeaderValue::from_static("nosniff");
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
            let hour = HeaderValue::from_static("public, max-age=3600");
            headers.insert(header::CACHE_CONTROL, hour);
            response
        }),
    )
}

#[cfg(test)]
mod tests;
