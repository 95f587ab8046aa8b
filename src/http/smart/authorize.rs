//! `/auth/authorize` and the pages that follow it, to the client's own address.
//!
//! `/auth/continue/NAME` shows what comes next for a request: the login, a patient to choose, the
//! question whether the program may. Only forms of these pages decide anything.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-authorization-code>.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, RawQuery, Request},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts},
    routing::get,
};
use serde_json::{Value, json};

use super::{BODY_MAX, token::is_form, words};
use crate::{
    http::{
        accounts::{
            self, SignedIn,
            browser::{Browser, see_other},
        },
        pages::{self, Language},
        peer::Peer,
        state::State,
    },
    kernel::problem::Result,
    smart::{
        Smart,
        flow::{Begun, Question, Said, Step, Visitor},
        form::Fields,
        refusal::{Fault, Granted, Refusal},
    },
};

/// Who serves.
pub(super) type Server = (Arc<State>, Arc<Smart>);

pub(super) fn routes(state: &Arc<State>, smart: &Arc<Smart>) -> Router {
    let server = || (Arc::clone(state), Arc::clone(smart));
    let (by_get, by_post, shown, sent) = (server(), server(), server(), server());
    let authorize = get(move |RawQuery(query): RawQuery, parts: Parts| {
        let server = by_get.clone();
        let query = Bytes::from(query.unwrap_or_default());
        async move { begin(&server, &parts, &query).await }
    })
    .post(move |parts: Parts, body: Bytes| {
        let server = by_post.clone();
        async move {
            if is_form(&parts.headers) {
                begin(&server, &parts, &body).await
            } else {
                told(
                    &parts.headers,
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "notice_client",
                )
            }
        }
    });
    let pages = get(move |Path(name): Path<String>, request: Request| {
        let server = shown.clone();
        async move { answer(&server, &name, request, false).await }
    })
    .post(move |Path(name): Path<String>, request: Request| {
        let server = sent.clone();
        async move { answer(&server, &name, request, true).await }
    });
    Router::new()
        .route("/auth/authorize", authorize)
        .route("/auth/continue/{name}", pages)
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

/// A page that says one thing.
pub(super) fn told(headers: &HeaderMap, status: StatusCode, says: &str) -> Response<Body> {
    pages::notice(status, says, pages::language(headers))
}

/// A refusal that nobody but the person can be told.
pub(super) fn refused(refusal: &Refusal, says: &str, language: Language) -> Response<Body> {
    if let Some(reason) = &refusal.internal {
        tracing::error!(reason, "a request for authorization failed");
    }
    match refusal.fault {
        Fault::ServerError => {
            pages::notice(StatusCode::INTERNAL_SERVER_ERROR, "notice_failed", language)
        }
        Fault::TemporarilyUnavailable => {
            pages::notice(StatusCode::SERVICE_UNAVAILABLE, "notice_busy", language)
        }
        Fault::TooManyRequests => {
            let mut response =
                pages::notice(StatusCode::TOO_MANY_REQUESTS, "notice_busy", language);
            let wait = HeaderValue::from(refusal.wait);
            response.headers_mut().insert(header::RETRY_AFTER, wait);
            response
        }
        _ => pages::notice(StatusCode::BAD_REQUEST, says, language),
    }
}

/// Takes a client's request.
async fn begin((_, smart): &Server, parts: &Parts, text: &[u8]) -> Response<Body> {
    let (headers, address) = (&parts.headers, Peer::of(&parts.extensions));
    let begun = match Fields::read(text) {
        Ok(fields) => smart.begin(&fields, address.map(|peer| peer.address)).await,
        Err(refusal) => Err(refusal),
    };
    match begun {
        Ok(Begun::Underway(name)) => see_other(&path(&name)),
        Ok(Begun::Refused(address)) => see_other(&address),
        Err(refusal) => refused(&refusal, "notice_client", pages::language(headers)),
    }
}

fn path(name: &str) -> String {
    format!("/auth/continue/{name}")
}

async fn answer(server: &Server, name: &str, request: Request, is_form: bool) -> Response<Body> {
    let language = pages::language(request.headers());
    let served = if is_form {
        take(server, name, request).await
    } else {
        show(server, name, request).await
    };
    match served {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => refused(&refusal, "notice_gone", language),
        Err(problem) => accounts::refused(&server.0, &problem, language),
    }
}

/// What serves a page: a problem is ours or the browser's, a refusal is that of the request.
type Served = Result<Granted<Response<Body>>>;

fn visitor(signed_in: &SignedIn) -> Visitor {
    Visitor {
        account: signed_in.account.id.clone(),
        session: signed_in.session.clone(),
        authenticated: signed_in.authenticated,
    }
}

/// `GET`: what comes next.
async fn show(server: &Server, name: &str, request: Request) -> Served {
    let (state, smart) = server;
    let headers = request.headers();
    let signed_in = accounts::session(state, headers).await?;
    let visitor = signed_in.as_ref().map(visitor);
    let step = match smart.next(name, visitor.as_ref()).await {
        Ok(step) => step,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let wanted = wanted_name(request.uri().query());
    let page = Page {
        name,
        wanted,
        language: pages::language(headers),
        csrf: signed_in.as_ref().map_or("", |one| &one.csrf),
    };
    Ok(page.of(smart, visitor.as_ref(), step).await)
}

/// The beginning of a patient's name, as the page of choice asks for it.
fn wanted_name(query: Option<&str>) -> String {
    let fields = Fields::read(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let name = fields.one("name").ok().flatten();
    name.unwrap_or_default().to_owned()
}

/// `POST`: a choice or a decision.
async fn take(server: &Server, name: &str, request: Request) -> Served {
    let (state, smart) = server;
    let signed_in = accounts::session(state, request.headers()).await?;
    let (Some(people), Some(signed_in)) = (&state.people, signed_in) else {
        return Ok(Ok(see_other(&accounts::login_path(name))));
    };
    let visitor = visitor(&signed_in);
    let browser = Browser::read(people, state, request).await?;
    let patient = browser.text("patient");
    let step = if patient.is_empty() {
        let said = Said {
            allow: browser.text("decision") == "allow",
            scopes: browser.all("scope").map(str::to_owned).collect(),
        };
        smart.decide(name, &visitor, &said).await
    } else {
        smart.choose(name, &visitor, patient).await
    };
    let step = match step {
        Ok(Step::Answer(address)) => return Ok(Ok(see_other(&address))),
        Ok(_) => return Ok(Ok(see_other(&path(name)))),
        Err(refusal) => refusal,
    };
    Ok(Err(step))
}

/// A page about a request that is underway.
struct Page<'a> {
    name: &'a str,
    wanted: String,
    language: Language,
    csrf: &'a str,
}

impl Page<'_> {
    async fn of(
        &self,
        smart: &Smart,
        visitor: Option<&Visitor>,
        step: Step,
    ) -> Granted<Response<Body>> {
        Ok(match (step, visitor) {
            (Step::Answer(address), _) => see_other(&address),
            (Step::Login, None) | (_, None) => see_other(&accounts::login_path(self.name)),
            // Who has logged in already is asked again: the client wants a newer login.
            (Step::Login, Some(_)) => {
                see_other(&format!("{}&again=1", accounts::login_path(self.name)))
            }
            (Step::Choose, Some(visitor)) => self.choice(smart, visitor).await?,
            (Step::Consent(question), Some(_)) => self.question(smart, &question).await?,
        })
    }

    async fn choice(&self, smart: &Smart, visitor: &Visitor) -> Granted<Response<Body>> {
        let found = smart.choices(&visitor.account, &self.wanted).await?;
        let patients: Vec<Value> = found
            .iter()
            .map(|one| json!({ "id": one.id, "name": one.name, "born": one.born }))
            .collect();
        let given = json!({
            "action": path(self.name),
            "csrf": self.csrf,
            "name": self.wanted,
            "patients": patients,
        });
        let target = smart.target(self.name).await?;
        Ok(pages::page_to(
            "choose",
            given,
            self.language,
            target.as_deref(),
        ))
    }

    async fn question(&self, smart: &Smart, question: &Question) -> Granted<Response<Body>> {
        let patient = match &question.patient {
            Some(id) => smart.shown(&question.person, id).await?,
            None => None,
        };
        let (patient, born) = patient.map_or_else(Default::default, |one| (one.name, one.born));
        let scopes: Vec<Value> = question
            .wishes
            .iter()
            .map(|wish| {
                let says = words::of(wish, self.language);
                json!({ "value": wish.to_string(), "says": says })
            })
            .collect();
        // Templates are given texts, and no numbers.
        let days = match smart.consent_days(&question.client) {
            0 => String::new(),
            days => days.to_string(),
        };
        let target = smart.target(self.name).await?;
        let host = target.as_deref().unwrap_or_default();
        let given = json!({
            "action": path(self.name),
            "csrf": self.csrf,
            "client": question.client.name,
            "host": host,
            "person": smart.name_of(&question.person).await?,
            "patient": patient,
            "born": born,
            "scopes": scopes,
            "days": days,
        });
        Ok(pages::page_to(
            "consent",
            given,
            self.language,
            target.as_deref(),
        ))
    }
}
