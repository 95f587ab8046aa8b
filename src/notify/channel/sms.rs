//! Text messages over an HTTP gateway.
//!
//! One POST a message, of `{"to", "from", "text", "reference"}`; the reference is the message's
//! own id, and goes in the header `Idempotency-Key` too: a gateway that has it already sends
//! nothing twice. Redirects are not followed: what is sent has a number in it.

use std::{fmt, net::IpAddr, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Accepted, Channel, Message, Password, Rejection};
use crate::kernel::problem::{Category, Problem, Result};

/// Most bytes of a reply that are read.
const REPLY_MAX: usize = 16 << 10;

/// Longest wait that a gateway may ask for; one that asks for more is asked sooner.
const RETRY_AFTER_MAX: i64 = 24 * 60 * 60;

/// The `error` of a reply that says that no message reaches the number.
const UNKNOWN_NUMBER: &str = "unknown-number";

/// Which gateway, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsSettings {
    /// Where messages are posted.
    pub url: String,
    /// The header `Authorization`, where the gateway asks for one.
    pub authorization: Option<Password>,
    /// How long one message may take.
    pub timeout: Duration,
}

/// Sends text messages through one gateway.
pub struct Sms {
    uri: Uri,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sms")
            .field("host", &self.uri.host())
            .finish_non_exhaustive()
    }
}

impl Sms {
    /// Prepares the connection; none is opened yet.
    ///
    /// # Errors
    /// `Invalid`, if the address is none, if numbers would leave this machine in plain text, or if
    /// the authorisation cannot be a header.
    pub fn open(settings: &SmsSettings) -> Result<Self> {
        let uri: Uri = (settings.url.parse())
            .map_err(|_| refused("The gateway's address is not an https:// address."))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(_)) => {}
            (Some("http"), Some(host)) if is_loopback(host) => {}
            _ => {
                let why = "The gateway's address begins with https://; http:// is for a loopback \
                           address only.";
                return Err(refused(why));
            }
        }
        let authorization = match &settings.authorization {
            None => None,
            Some(secret) => {
                let mut value = HeaderValue::from_str(secret.reveal())
                    .map_err(|_| refused("The gateway's authorisation cannot be a header."))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            uri,
            authorization,
            timeout: settings.timeout,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    async fn deliver(&self, message: &Message) -> Result<Accepted, Rejection> {
        let body = json!({
            "to": message.to.reveal(),
            "from": message.from,
            "text": message.text,
            "reference": message.id,
        });
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", &message.id);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|_| Rejection::permanent("SMS: the message cannot be put into a request"))?;
        let exchange = async {
            let reply = (self.client.request(request).await)
                .map_err(|_| Rejection::transient("SMS: no connection, or lost"))?;
            let (head, body) = reply.into_parts();
            // What cannot be read tells nothing; the status alone decides then.
            let body = Limited::new(body, REPLY_MAX).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            judge(head.status, &head.headers, &body)
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Rejection::transient("SMS: no reply in time")),
        }
    }
}

impl Channel for Sms {
    fn name(&self) -> &'static str {
        "sms"
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Accepted, Rejection>> {
        Box::pin(self.deliver(message))
    }
}

/// What a reply means: pure. The gateway's own words are left out: they may quote the number.
fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Accepted, Rejection> {
    let error = format!("SMS: HTTP {}", status.as_u16());
    if status.is_success() {
        return Ok(Accepted);
    }
    match status.as_u16() {
        // About us rather than about the message: settings can be repaired.
        300..=399 | 401..=403 | 405 | 407 | 408 | 411..=421 | 425..=429 | 500..=599 => {
            Err(Rejection::Transient {
                error,
                after: retry_after(headers),
            })
        }
        _ if says_unknown_number(body) => Err(Rejection::unreachable(error)),
        _ => Err(Rejection::permanent(error)),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<SignedDuration> {
    let seconds: i64 = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(SignedDuration::from_secs(seconds.clamp(0, RETRY_AFTER_MAX)))
}

fn says_unknown_number(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|body: Value| body["error"] == UNKNOWN_NUMBER)
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn refused(why: &str) -> Problem {
    Problem::new(Category::Invalid, "value", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> SmsSettings {
        SmsSettings {
            url: url.to_owned(),
            authorization: Some(Password::new("Bearer canary".to_owned())),
            timeout: Duration::from_secs(1),
        }
    }

    fn judged(status: u16, body: &str) -> Result<Accepted, Rejection> {
        let status = StatusCode::from_u16(status).expect("a status");
        judge(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn numbers_do_not_leave_this_machine_in_plain_text() {
        for url in [
            "https://sms.example/v1",
            "http://127.0.0.1:1/",
            "http://[::1]/",
            "http://localhost/x",
        ] {
            assert!(Sms::open(&settings(url)).is_ok(), "{url}");
        }
        for url in [
            "http://sms.example/",
            "ftp://localhost/",
            "sms.example",
            "",
            "https://",
        ] {
            assert!(Sms::open(&settings(url)).is_err(), "{url}");
        }
    }

    #[test]
    fn the_authorisation_is_not_printed() {
        let settings = settings("https://sms.example/");
        let opened = Sms::open(&settings).expect("opened");
        assert!(!format!("{settings:?} {opened:?}").contains("canary"));
    }

    #[test]
    fn a_reply_tells_whether_another_try_may_help() {
        assert_eq!(judged(202, ""), Ok(Accepted));
        for status in [301, 401, 403, 408, 429, 500, 502, 503] {
            let outcome = judged(status, r#"{"error":"unknown-number"}"#);
            assert!(
                matches!(outcome, Err(Rejection::Transient { .. })),
                "{status}"
            );
        }
        let error = |status| format!("SMS: HTTP {status}");
        assert_eq!(judged(400, "{}"), Err(Rejection::permanent(error(400))));
        assert_eq!(judged(422, "no"), Err(Rejection::permanent(error(422))));
        let unknown = judged(400, r#"{"error":"unknown-number"}"#);
        assert_eq!(unknown, Err(Rejection::unreachable(error(400))));
    }

    #[test]
    fn a_gateway_says_when_to_come_again_within_a_day() {
        let after = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).expect("a header"));
            retry_after(&headers)
        };
        assert_eq!(after("120"), Some(SignedDuration::from_secs(120)));
        assert_eq!(after("999999999"), Some(SignedDuration::from_hours(24)));
        assert_eq!(after("-5"), Some(SignedDuration::ZERO));
        assert_eq!(after("Fri, 15 Jan 2027 08:00:00 GMT"), None);
    }
}
