//! What is served where: one table.
//!
//! The axum router and the CapabilityStatement are both made from it, so that neither can say
//! what the other does not do.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Method, Response},
    routing::{MethodFilter, on},
};
use jiff::Timestamp;

use super::{
    clock,
    fhir::{self, Body as RequestBody, Run},
    health,
    operations::{OPERATIONS, Operation},
    reply,
    state::State,
};
use crate::{
    interactions::capabilities::{Interaction, Offer, OfferedOperation},
    kernel::problem::{Category, Problem},
};

/// The path of the service base URL.
pub const BASE_PATH: &str = "/fhir";

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Route {
    /// The HTTP verb.
    pub verb: Method,
    /// The path below [`BASE_PATH`].
    pub path: &'static str,
    /// The interactions that it serves; none for what R4 has and this server refuses by name.
    pub serves: &'static [Interaction],
    /// What body it takes.
    pub body: RequestBody,
    /// The function that serves it.
    pub run: Run,
}

/// What is served below [`BASE_PATH`], operations apart.
pub static ROUTES: &[Route] = &[
    // The whole system.
    route(
        Method::GET,
        "/metadata",
        &[Interaction::Capabilities],
        RequestBody::None,
        fhir::capabilities,
    ),
    route(
        Method::POST,
        "/",
        &[Interaction::Batch, Interaction::Transaction],
        RequestBody::Json,
        fhir::bundle,
    ),
    route(
        Method::POST,
        "",
        &[Interaction::Batch, Interaction::Transaction],
        RequestBody::Json,
        fhir::bundle,
    ),
    // A type.
    route(
        Method::POST,
        "/{type}",
        &[Interaction::Create],
        RequestBody::Json,
        fhir::create,
    ),
    route(
        Method::GET,
        "/{type}",
        &[Interaction::SearchType],
        RequestBody::None,
        fhir::search,
    ),
    route(
        Method::POST,
        "/{type}/_search",
        &[Interaction::SearchType],
        RequestBody::Form,
        fhir::search,
    ),
    route(
        Method::PUT,
        "/{type}",
        &[Interaction::ConditionalUpdate],
        RequestBody::Json,
        fhir::conditional_update,
    ),
    route(
        Method::DELETE,
        "/{type}",
        &[Interaction::ConditionalDelete],
        RequestBody::None,
        fhir::conditional_delete,
    ),
    // An instance.
    route(
        Method::GET,
        "/{type}/{id}",
        &[Interaction::Read],
        RequestBody::None,
        fhir::read,
    ),
    route(
        Method::PUT,
        "/{type}/{id}",
        &[Interaction::Update],
        RequestBody::Json,
        fhir::update,
    ),
    route(
        Method::DELETE,
        "/{type}/{id}",
        &[Interaction::Delete],
        RequestBody::None,
        fhir::delete,
    ),
    route(
        Method::GET,
        "/{type}/{id}/_history",
        &[Interaction::HistoryInstance],
        RequestBody::None,
        fhir::history,
    ),
    route(
        Method::GET,
        "/{type}/{id}/_history/{version}",
        &[Interaction::Vread],
        RequestBody::None,
        fhir::vread,
    ),
    // What R4 has and this server does not offer yet.
    route(Method::GET, "/", &[], RequestBody::None, fhir::unsupported),
    route(Method::GET, "", &[], RequestBody::None, fhir::unsupported),
    route(
        Method::GET,
        "/_history",
        &[],
        RequestBody::None,
        fhir::unsupported,
    ),
    route(
        Method::POST,
        "/_search",
        &[],
        RequestBody::Any,
        fhir::unsupported,
    ),
    route(
        Method::GET,
        "/{type}/_history",
        &[],
        RequestBody::None,
        fhir::unsupported,
    ),
    route(
        Method::PATCH,
        "/{type}",
        &[],
        RequestBody::Any,
        fhir::unsupported,
    ),
    route(
        Method::PATCH,
        "/{type}/{id}",
        &[],
        RequestBody::Any,
        fhir::unsupported,
    ),
];

const fn route(
    verb: Method,
    path: &'static str,
    serves: &'static [Interaction],
    body: RequestBody,
    run: Run,
) -> Route {
    Route {
        verb,
        path,
        serves,
        body,
        run,
    }
}

/// The router of a whole server.
#[must_use]
pub fn router(state: Arc<State>) -> Router {
    router_with(state, OPERATIONS)
}

/// The same, with other operations than the server's own.
pub(super) fn router_with(state: Arc<State>, operations: &'static [Operation]) -> Router {
    let mut router = Router::new()
        .merge(health::routes(&state))
        .merge(clock::routes(&state));
    for route in ROUTES {
        let call = fhir::Endpoint::of_route(route);
        router = add(router, &state, &format!("{BASE_PATH}{}", route.path), call);
    }
    for operation in operations {
        for (path, endpoint) in operation.endpoints() {
            router = add(router, &state, &format!("{BASE_PATH}{path}"), endpoint);
        }
    }
    let (unknown, wrong_verb) = (state.clone(), state);
    router
        .fallback(move || {
            let state = unknown.clone();
            async move {
                refuse(
                    &state,
                    Problem::not_found("Nothing is served at this path."),
                )
            }
        })
        .method_not_allowed_fallback(move || {
            let state = wrong_verb.clone();
            async move { refuse(&state, wrong_verb_problem()) }
        })
}

/// What the tables offer, for the CapabilityStatement.
pub(super) fn offer(base: &str, since: Timestamp) -> Offer {
    Offer {
        base: base.to_owned(),
        since,
        interactions: ROUTES
            .iter()
            .flat_map(|route| route.serves.iter().copied())
            .collect(),
        operations: OPERATIONS
            .iter()
            .map(|operation| OfferedOperation {
                name: operation.name,
                definition: operation.definition,
                kind: operation.kind,
            })
            .collect(),
    }
}

fn add(router: Router, state: &Arc<State>, path: &str, endpoint: fhir::Endpoint) -> Router {
    let Ok(filter) = MethodFilter::try_from(endpoint.verb.clone()) else {
        return router;
    };
    let state = state.clone();
    let serve = move |request: Request| fhir::dispatch(state.clone(), endpoint.clone(), request);
    router.route(path, on(filter, serve))
}

fn refuse(state: &State, problem: Problem) -> Response<Body> {
    reply::problem(&problem, &state.request_id())
}

fn wrong_verb_problem() -> Problem {
    Problem::new(
        Category::MethodNotAllowed,
        "not-supported",
        "The verb is not offered at this path; the header Allow lists those that are.",
    )
}
