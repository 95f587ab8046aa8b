//! What is recorded at the door: logins, second factors, tokens, consent.
//!
//! A layer around the pages and endpoints below `/auth/`. It reads the form as it passes, keeps of it
//! who tries to come in and what was decided, and records how that ended before anybody learns it.
//! Pages that only show something are not recorded, nor are passwords, codes and tokens.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::{self, Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
    middleware::{self, Next},
    response::IntoResponse,
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::Value;

use crate::{
    audit::{Agent, Event, Outcome, Record},
    fhir::permit::Login,
    http::{accounts::browser, peer::Peer, smart, state::State},
    people::fold,
    store::{Account, LoginSession},
};

/// Most bytes of a form or of an answer of an endpoint that are looked at.
const BYTES_MAX: usize = 64 << 10;

/// The same routes, with their events recorded; as they are, where nothing is recorded.
pub(in crate::http) fn door(state: &Arc<State>, routes: Router) -> Router {
    if state.audit.is_none() {
        return routes;
    }
    let state = state.clone();
    routes.layer(middleware::from_fn(move |request: Request, next: Next| {
        let state = state.clone();
        async move { pass(&state, request, next).await }
    }))
}

/// What is asked for at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Password,
    SecondFactor,
    Federation,
    Leave,
    Others,
    SendAway,
    Change,
    Recover,
    Join,
    Return,
    Decide,
    Token,
    Revoke,
    Introspect,
    Launch,
    Register,
}

impl Way {
    fn of(method: &Method, path: &str) -> Option<Self> {
        // The one way in that is a GET: an OpenID provider sends the browser back.
        if path == "/auth/federation/callback" {
            return Some(Self::Federation);
        }
        if method != Method::POST {
            return None;
        }
        Some(match path.strip_prefix("/auth/")? {
            "login" => Self::Password,
            "second" => Self::SecondFactor,
            "logout" => Self::Leave,
            "sessions" => Self::Others,
            "programs" => Self::SendAway,
            "password" => Self::Change,
            "recover" => Self::Recover,
            "token" => Self::Token,
            "revoke" => Self::Revoke,
            "introspect" => Self::Introspect,
            "launch" => Self::Launch,
            "register" => Self::Register,
            rest if rest.starts_with("invitation/") => Self::Join,
            rest if rest.starts_with("recovery/") => Self::Return,
            rest if rest.starts_with("continue/") => Self::Decide,
            _ => return None,
        })
    }

    /// The event, given whether it was let through. A login is one event, whose steps are told
    /// where they end it.
    const fn event(self, is_through: bool) -> Event {
        match (self, is_through) {
            (Self::Password, true) => Event::FirstFactor,
            (Self::Password, false) | (Self::SecondFactor, true) | (Self::Federation, _) => {
                Event::Login
            }
            (Self::SecondFactor, false) => Event::SecondFactor,
            (Self::Leave | Self::Others, _) => Event::Logout,
            (Self::Change | Self::Return, _) => Event::Credentials,
            (Self::Recover, _) => Event::Recovery,
            (Self::Join, _) => Event::Joining,
            (Self::Decide, _) => Event::Consent,
            (Self::Token, _) => Event::TokenIssued,
            (Self::Revoke | Self::SendAway, _) => Event::TokenRevoked,
            (Self::Introspect, _) => Event::Introspection,
            (Self::Launch, _) => Event::Launch,
            (Self::Register, _) => Event::Client,
        }
    }

    /// Whether a program calls it, and is answered as programs are.
    const fn is_endpoint(self) -> bool {
        matches!(
            self,
            Self::Token | Self::Revoke | Self::Introspect | Self::Launch | Self::Register
        )
    }
}

async fn pass(state: &State, request: Request, next: Next) -> Response<Body> {
    let way = Way::of(request.method(), request.uri().path());
    let (Some(way), Some(log)) = (way, &state.audit) else {
        return next.run(request).await;
    };
    let Ok(mut ticket) = log.begin(way.event(false)) else {
        return unrecorded();
    };
    let address = Peer::of(request.extensions()).map(|peer| peer.address);
    let (request, form) = match read(state, request).await {
        Ok(both) => both,
        Err(refusal) => {
            ticket.forget();
            return if way.is_endpoint() {
                smart::unread(refusal.status())
            } else {
                refusal
            };
        }
    };
    let headers = request.headers().clone();
    if let Some(record) = ticket.record() {
        begin(record, way, address);
    }
    let before = Visitor::of(state, &headers).await;
    let response = next.run(request).await;
    let status = response.status();
    // A redirect of who has no session to a page of login: nothing was tried.
    if way == Way::SecondFactor && before.is_none() {
        ticket.forget();
        return response;
    }
    // Whoever is nobody cannot fill the disk.
    if status.is_client_error() && !log.admits_refusal() {
        ticket.forget();
        return response;
    }
    let asking = Asking {
        way,
        form: &form,
        headers: &headers,
    };
    let (agent, response) = asking.agent(state, before, response).await;
    if let Some(record) = ticket.record() {
        conclude(record, &asking, status);
        record.agent = agent;
    }
    match ticket.conclude(Vec::new()).await {
        Ok(()) => response,
        // Nobody comes in unrecorded: the cookie or the token is not given out.
        Err(_) => unrecorded(),
    }
}

fn begin(record: &mut Record, way: Way, address: Option<IpAddr>) {
    record.is_urgent = true;
    record.address = address;
    record.tell(if way.is_endpoint() {
        "endpoint"
    } else {
        "page"
    });
}

fn conclude(record: &mut Record, asking: &Asking<'_>, status: StatusCode) {
    let outcome = Outcome::of_status(status.as_u16());
    record.event = asking.way.event(outcome == Outcome::Success);
    record.status = status.as_u16();
    record.outcome = outcome;
    for (name, known) in [
        (
            "grant_type",
            &["authorization_code", "refresh_token", "client_credentials"][..],
        ),
        ("decision", &["allow", "deny"]),
    ] {
        let value = asking.form.text(name);
        if known.contains(&value) {
            record.tell(&format!("{name}={value}"));
        }
    }
    let patient = asking.form.text("patient");
    if !patient.is_empty() {
        record.tell("patient");
        record.patients.push(patient.to_owned());
    }
}

/// The form of a request, as far as it is told.
#[derive(Debug, Default)]
struct Form(Vec<(String, String)>);

impl Form {
    /// The fields that may be looked at here; the others are not kept.
    const FIELDS: [&str; 6] = [
        "login",
        "decision",
        "patient",
        "grant_type",
        "client_id",
        "client_assertion",
    ];

    fn of(bytes: &[u8]) -> Self {
        let all = form_urlencoded::parse(bytes).into_owned();
        Self(
            all.filter(|(name, _)| Self::FIELDS.contains(&name.as_str()))
                .collect(),
        )
    }

    fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// Reads the form and puts the request together again.
async fn read(state: &State, request: Request) -> Result<(Request, Form), Response<Body>> {
    let (parts, body) = request.into_parts();
    let whole = body::to_bytes(body, BYTES_MAX);
    let whole = tokio::time::timeout(state.limits.body_read_timeout, whole).await;
    let bytes: Bytes = match whole {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
        Err(_) => return Err(StatusCode::REQUEST_TIMEOUT.into_response()),
    };
    let form = Form::of(&bytes);
    Ok((Request::from_parts(parts, Body::from(bytes)), form))
}

/// Who stands at the door with a session, complete or not.
struct Visitor {
    account: Account,
    session: String,
}

impl Visitor {
    async fn of(state: &State, headers: &HeaderMap) -> Option<Self> {
        let cookie = browser::cookie(state, headers)?;
        Self::with(state, &cookie).await
    }

    async fn with(state: &State, cookie: &str) -> Option<Self> {
        let people = state.people.as_ref()?;
        let found: Option<(LoginSession, Account)> = people.at_stage(cookie).await.ok()?;
        found.map(|(login, account)| Self {
            session: browser::session_name(&login.hash),
            account,
        })
    }

    fn agent(self) -> Agent {
        Agent::Login(Arc::new(Login {
            account: Some(self.account.id.clone()),
            fhir_user: said(&self.account.fhir_user),
            roles: self.account.role_names(),
            session: self.session,
            ..Login::default()
        }))
    }
}

/// What was asked for, by whom.
struct Asking<'a> {
    way: Way,
    form: &'a Form,
    headers: &'a HeaderMap,
}

impl Asking<'_> {
    /// Who acted, and the answer as it was.
    async fn agent(
        &self,
        state: &State,
        before: Option<Visitor>,
        response: Response<Body>,
    ) -> (Agent, Response<Body>) {
        if self.way.is_endpoint() {
            return self.program(state, response).await;
        }
        let after = match set_cookie(&response) {
            Some(cookie) => Visitor::with(state, &cookie).await,
            None => None,
        };
        let agent = match after.or(before) {
            Some(visitor) => visitor.agent(),
            None => match self.form.text("login") {
                "" => Agent::Unknown,
                login => Agent::Named(fold(login)),
            },
        };
        (agent, response)
    }

    /// The client, and whoever it was given a token for.
    async fn program(&self, state: &State, response: Response<Body>) -> (Agent, Response<Body>) {
        let claimed = self.client();
        if !response.status().is_success() {
            let agent = claimed.map_or(Agent::Unknown, Agent::Named);
            return (agent, response);
        }
        let client = Agent::Login(Arc::new(Login {
            client: claimed.unwrap_or_default(),
            ..Login::default()
        }));
        let (Way::Token, Some(smart)) = (self.way, &state.smart) else {
            return (client, response);
        };
        let (parts, body) = response.into_parts();
        let Ok(bytes) = body::to_bytes(body, BYTES_MAX).await else {
            return (client, unrecorded());
        };
        let told: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let token = told["access_token"].as_str().unwrap_or_default();
        let agent = match smart.permit(token).await {
            Ok(permit) => Agent::of(&permit),
            Err(_) => client,
        };
        (agent, Response::from_parts(parts, Body::from(bytes)))
    }

    /// The client that it says it is; whether that is true, the answer tells.
    fn client(&self) -> Option<String> {
        let basic = || {
            let text = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
            let (scheme, rest) = text.split_once(' ')?;
            if !scheme.eq_ignore_ascii_case("basic") {
                return None;
            }
            let bytes = BASE64_STANDARD.decode(rest.trim()).ok()?;
            let pair = String::from_utf8(bytes).ok()?;
            said(pair.split(':').next()?)
        };
        let assertion = || {
            let payload = self.form.text("client_assertion").split('.').nth(1)?;
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
            let claims: Value = serde_json::from_slice(&bytes).ok()?;
            said(claims["sub"].as_str()?)
        };
        said(self.form.text("client_id"))
            .or_else(basic)
            .or_else(assertion)
    }
}

/// The value of the cookie that an answer sets.
fn set_cookie(response: &Response<Body>) -> Option<String> {
    let text = response.headers().get(header::SET_COOKIE)?.to_str().ok()?;
    let (_, rest) = text.split_once('=')?;
    said(rest.split(';').next().unwrap_or_default())
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// What is said when nothing can be recorded.
fn unrecorded() -> Response<Body> {
    let says = "Nothing can be recorded at the moment; come again.\n";
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, says).into_response();
    let soon = HeaderValue::from_static("2");
    response.headers_mut().insert(header::RETRY_AFTER, soon);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_in_has_its_event() {
        for (path, through, refused) in [
            ("/auth/login", "first-factor", "login"),
            ("/auth/second", "login", "second-factor"),
            ("/auth/logout", "logout", "logout"),
            ("/auth/token", "token-issued", "token-issued"),
            ("/auth/programs", "token-revoked", "token-revoked"),
            ("/auth/continue/abc", "consent", "consent"),
            ("/auth/invitation/abc", "joining", "joining"),
            ("/auth/recovery/abc", "credentials", "credentials"),
        ] {
            let way = Way::of(&Method::POST, path).unwrap();
            assert_eq!(way.event(true).code(), through, "{path}");
            assert_eq!(way.event(false).code(), refused, "{path}");
            assert_eq!(Way::of(&Method::GET, path), None);
        }
        let back = Way::of(&Method::GET, "/auth/federation/callback").unwrap();
        assert_eq!(back.event(true).code(), "login");
        assert_eq!(Way::of(&Method::POST, "/fhir/Patient"), None);
        assert_eq!(Way::of(&Method::POST, "/auth/authorize"), None);
    }

    #[test]
    fn a_form_is_kept_without_its_secrets() {
        let form = Form::of(b"login=jean%40x.example&password=hunter2&code=123456&decision=deny");
        assert_eq!(form.text("login"), "jean@x.example");
        assert_eq!(form.text("decision"), "deny");
        let shown = format!("{form:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("123456"));
    }

    #[test]
    fn a_client_is_who_it_says_in_each_of_the_three_ways() {
        let client = |form: &[u8], authorization: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(text) = authorization {
                headers.insert(header::AUTHORIZATION, HeaderValue::from_static(text));
            }
            let asking = Asking {
                way: Way::Token,
                form: &Form::of(form),
                headers: &headers,
            };
            asking.client()
        };
        assert_eq!(client(b"client_id=app", None).as_deref(), Some("app"));
        let basic = Some("Basic YXBwOnNlY3JldA==");
        assert_eq!(client(b"", basic).as_deref(), Some("app"));
        // {"sub":"app"}
        let assertion = b"client_assertion=e30.eyJzdWIiOiJhcHAifQ.x";
        assert_eq!(client(assertion, None).as_deref(), Some("app"));
        assert_eq!(client(b"", Some("Bearer vgt_x")), None);
    }
}
