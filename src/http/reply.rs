//! The one place where replies and problems become status, headers and body.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#summary>,
//! <http://hl7.org/fhir/R4/http.html#Status-Codes>.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use bytes::Bytes;
use jiff::Timestamp;

use super::negotiate::{FHIR_JSON, Return};
use crate::{
    fhir::outcome::{outcome, shown},
    interactions::{Reply, advice::Advice},
    kernel::problem::{Category, Issue, Problem, Severity},
    store::Stored,
};

/// When a client that was sent away for lack of room may come again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

/// RFC 5789, section 3.1.
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The status of a category.
#[must_use]
pub const fn status(category: Category) -> StatusCode {
    match category {
        Category::Malformed => StatusCode::BAD_REQUEST,
        Category::Unauthenticated => StatusCode::UNAUTHORIZED,
        Category::Forbidden => StatusCode::FORBIDDEN,
        Category::NotFound => StatusCode::NOT_FOUND,
        Category::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Category::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Category::Conflict => StatusCode::CONFLICT,
        Category::Gone => StatusCode::GONE,
        Category::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Category::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Category::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Category::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Category::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Category::NotSupported => StatusCode::NOT_IMPLEMENTED,
        Category::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Category::Fault => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status of a category as a Bundle has it: `404 Not Found`.
#[must_use]
pub fn status_line(category: Category) -> String {
    status(category).to_string()
}

/// A problem as an OperationOutcome.
///
/// The client learns the issues; the log learns the rest, under the same request id.
#[must_use]
pub fn problem(problem: &Problem, request_id: &str) -> Response<Body> {
    if let Some(reason) = &problem.internal {
        tracing::error!(request = request_id, reason, "a request failed");
    }
    let status = status(problem.category);
    let mut response = document(status, outcome(&problem.issues).to_string().into());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    match problem.category {
        Category::Busy | Category::TooManyRequests => {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        Category::Unauthenticated => {
            headers.insert(header::WWW_AUTHENTICATE, challenge(problem));
        }
        Category::Forbidden => {
            headers.insert(header::WWW_AUTHENTICATE, INSUFFICIENT_SCOPE);
        }
        _ => {}
    }
    response
}

/// What a client is to show, and what was wrong with what it has shown, if it has shown anything
/// (RFC 6750, section 3.1).
fn challenge(problem: &Problem) -> HeaderValue {
    let is_missing = problem.issues.iter().any(|issue| issue.code == "login");
    HeaderValue::from_static(if is_missing {
        "Bearer realm=\"fhir\""
    } else {
        "Bearer realm=\"fhir\", error=\"invalid_token\""
    })
}

/// The same for a token that is good for something else.
const INSUFFICIENT_SCOPE: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"fhir\", error=\"insufficient_scope\"");

/// The relation of an answer to the advice that is to be shown at once (RFC 8288).
pub const ADVICE_RELATION: &str = "https://vigie.example/fhir/rel/advice";

/// A reply as a response; `base` is the service base URL.
#[must_use]
pub fn reply(reply: Reply, advice: Option<&Advice>, returns: Return, base: &str) -> Response<Body> {
    let mut response = plain(reply, advice, returns, base);
    if let Some(advice) = advice {
        let link = format!("<{base}/{}>; rel=\"{ADVICE_RELATION}\"", advice.reference);
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    response
}

fn plain(reply: Reply, advice: Option<&Advice>, returns: Return, base: &str) -> Response<Body> {
    match reply {
        Reply::Version(stored) => version(StatusCode::OK, stored),
        Reply::NotModified(stored) => {
            let mut response = empty(StatusCode::NOT_MODIFIED);
            tag(&mut response, &stored);
            response
        }
        Reply::Created(stored) => written((StatusCode::CREATED, stored), advice, returns, base),
        Reply::Updated(stored) | Reply::Existing(stored) => {
            written((StatusCode::OK, stored), advice, returns, base)
        }
        Reply::Deleted(stored) => deleted(stored.as_ref(), returns),
        Reply::Headed(stored) => {
            let mut response = empty(StatusCode::OK);
            if let Some(stored) = stored {
                tag(&mut response, &stored);
            }
            response
        }
        Reply::Document(bytes) => document(StatusCode::OK, bytes),
        Reply::Table(bytes, name) => table(bytes, name),
        Reply::Accepted(stored) => accepted(stored, base),
        Reply::Underway { status, outcome } => underway(&format!("{base}/{status}"), outcome),
    }
}

/// Work that goes on, and where it is told how far it is.
fn underway(status: &str, outcome: Bytes) -> Response<Body> {
    let mut response = document(StatusCode::ACCEPTED, outcome);
    let headers = response.headers_mut();
    if let Ok(status) = HeaderValue::from_str(status) {
        headers.insert(header::CONTENT_LOCATION, status);
    }
    headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
    response
}

/// A table as CSV; a browser keeps it as a file.
fn table(bytes: Bytes, name: &str) -> Response<Body> {
    let mut response = document(StatusCode::OK, bytes);
    let headers = response.headers_mut();
    let csv = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    headers.insert(header::CONTENT_TYPE, csv);
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.csv\""))
    {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// Work that goes on: where to see how far it is.
fn accepted(stored: Stored, base: &str) -> Response<Body> {
    let place = format!("{base}/{}/{}", stored.kind, stored.id);
    let mut response = version(StatusCode::ACCEPTED, stored);
    if let Ok(place) = HeaderValue::from_str(&place) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LOCATION, place);
    }
    response
}

/// A resource without a version.
pub(super) fn document(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, FHIR_JSON);
    response
}

/// What may be sent, beside the verbs that the router lists.
pub(super) fn options() -> Response<Body> {
    let mut response = empty(StatusCode::NO_CONTENT);
    let patches = HeaderValue::from_static(
        "application/json-patch+json, application/merge-patch+json, application/fhir+json, \
         application/fhir+xml",
    );
    response.headers_mut().insert(ACCEPT_PATCH, patches);
    response
}

/// What a Binary holds, with its version.
pub(super) fn content(mut response: Response<Body>, stored: &Stored) -> Response<Body> {
    tag(&mut response, stored);
    response
}

/// JSON that is no resource.
pub(super) fn json(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = document(status, bytes);
    let plain = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn version(status: StatusCode, mut stored: Stored) -> Response<Body> {
    let mut response = document(status, stored.body.take().unwrap_or_default());
    tag(&mut response, &stored);
    response
}

fn written(
    (status, stored): (StatusCode, Stored),
    advice: Option<&Advice>,
    returns: Return,
    base: &str,
) -> Response<Body> {
    let location = format!(
        "{base}/{}/{}/_history/{}",
        stored.kind, stored.id, stored.version
    );
    let mut response = match returns {
        Return::Representation => version(status, stored),
        Return::Minimal => {
            let mut response = empty(status);
            tag(&mut response, &stored);
            response
        }
        Return::OperationOutcome => {
            let mut response = done(status, "The resource is stored.", advice);
            tag(&mut response, &stored);
            response
        }
    };
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn deleted(stored: Option<&Stored>, returns: Return) -> Response<Body> {
    let mut response = match returns {
        Return::OperationOutcome => done(StatusCode::OK, "The resource is deleted.", None),
        _ => empty(StatusCode::NO_CONTENT),
    };
    if let Some(stored) = stored {
        tag(&mut response, stored);
    }
    response
}

fn done(status: StatusCode, diagnostics: &str, advice: Option<&Advice>) -> Response<Body> {
    let issue = Issue {
        severity: Severity::Information,
        code: "informational",
        diagnostics: diagnostics.to_owned(),
        expression: None,
    };
    let mut outcome = outcome(&[issue]);
    if let (Some(advice), Some(issues)) = (advice, outcome["issue"].as_array_mut()) {
        issues.push(shown(&advice.text));
    }
    document(status, outcome.to_string().into())
}

/// `ETag` and `Last-Modified`.
fn tag(response: &mut Response<Body>, stored: &Stored) {
    let headers = response.headers_mut();
    let etag = Bytes::from(format!("W/\"{}\"", stored.version));
    if let Ok(etag) = HeaderValue::from_maybe_shared(etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(modified) = http_date(stored.updated) {
        headers.insert(header::LAST_MODIFIED, modified);
    }
}

/// An instant as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
pub(super) fn http_date(at: Timestamp) -> Option<HeaderValue> {
    let text = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        .ok()?;
    HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
}

/// Reads an instant as HTTP writes it.
pub(super) fn read_http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::from_millis;

    #[test]
    fn dates_are_those_of_http() {
        let at = from_millis(784_111_777_500);
        let text = http_date(at).unwrap();
        assert_eq!(text, "Sun, 06 Nov 1994 08:49:37 GMT");
        let back = read_http_date(text.to_str().unwrap()).unwrap();
        assert_eq!(back.as_millisecond(), 784_111_777_000);
    }

    #[test]
    fn only_the_log_learns_the_reason_of_a_fault() {
        let response = problem(&Problem::fault("disk /dev/x is full"), "r-1");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()["x-request-id"], "r-1");
        let body = outcome(&Problem::fault("disk /dev/x is full").issues).to_string();
        assert!(!body.contains("disk"));
    }

    #[test]
    fn who_is_sent_away_learns_when_to_come_again() {
        let response = problem(&Problem::busy("Come again."), "r-1");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "2");
    }
}
