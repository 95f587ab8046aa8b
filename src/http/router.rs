//! What is served where: one table.
//!
//! The axum router and the CapabilityStatement are both made from it, so that neither can say
//! what the other does not do.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, Method, Response, Uri},
    routing::{MethodFilter, on},
};
use jiff::Timestamp;

use super::{
    accounts, audit, bulk, clock, cors,
    fhir::{self, Body, Run},
    health, later,
    negotiate::{self, Wanted},
    openapi,
    operations::{self, OPERATIONS, Operation},
    pages, reply, shield, smart, sms,
    state::State,
};
use crate::{
    fhir::{scope::Action, search::parameters::Parameters},
    interactions::{
        capabilities::{Interaction as I, Offer, OfferedOperation},
        gate::{
            CONDITIONAL_DELETE, CONDITIONAL_PATCH, CONDITIONAL_UPDATE, CREATE, DELETE, Needs,
            PATCH, READ, SEARCH, UPDATE,
        },
    },
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
    pub serves: &'static [I],
    /// What it needs of a permit.
    pub needs: Needs,
    /// What body it takes.
    pub body: Body,
    /// The function that serves it.
    pub run: Run,
}

/// What is served below [`BASE_PATH`], operations apart.
pub static ROUTES: &[Route] = &[
    // The whole system.
    get("/metadata", &[I::Capabilities], OPEN, fhir::capabilities),
    post("", BUNDLES, WITHIN, fhir::bundle),
    post("/", BUNDLES, WITHIN, fhir::bundle),
    get("", &[I::SearchSystem], WITHIN, fhir::search_system),
    get("/", &[I::SearchSystem], WITHIN, fhir::search_system),
    form("/_search", &[I::SearchSystem], WITHIN, fhir::search_system),
    get(
        "/_history",
        &[I::HistoryOfSystem],
        WITHIN,
        fhir::history_of_many,
    ),
    // A type.
    get(
        "/{type}/_history",
        &[I::HistoryOfType],
        on_type(SEARCH),
        fhir::history_of_many,
    ),
    get("/{type}", &[I::SearchType], on_type(SEARCH), fhir::search),
    post("/{type}", &[I::Create], on_type(CREATE), fhir::create),
    form(
        "/{type}/_search",
        &[I::SearchType],
        on_type(SEARCH),
        fhir::search,
    ),
    put(
        "/{type}",
        &[I::ConditionalUpdate],
        on_type(CONDITIONAL_UPDATE),
        fhir::conditional_update,
    ),
    delete(
        "/{type}",
        &[I::ConditionalDelete],
        on_type(CONDITIONAL_DELETE),
        fhir::conditional_delete,
    ),
    patch(
        "/{type}",
        &[I::ConditionalPatch],
        on_type(CONDITIONAL_PATCH),
        fhir::conditional_patch,
    ),
    // An instance.
    get("/{type}/{id}", &[I::Read], on_type(READ), fhir::read),
    put("/{type}/{id}", &[I::Update], on_type(UPDATE), fhir::update),
    patch("/{type}/{id}", &[I::Patch], on_type(PATCH), fhir::patch),
    delete("/{type}/{id}", &[I::Delete], on_type(DELETE), fhir::delete),
    get(
        "/{type}/{id}/{member}",
        &[],
        WITHIN,
        fhir::search_compartment,
    ),
    form(
        "/{type}/{id}/{member}/_search",
        &[],
        WITHIN,
        fhir::search_compartment,
    ),
    form(
        "/{type}/{id}/_search",
        &[],
        WITHIN,
        fhir::search_compartment,
    ),
    get(
        "/{type}/{id}/_history",
        &[I::History],
        on_type(READ),
        fhir::history,
    ),
    get(
        "/{type}/{id}/_history/{version}",
        &[I::Vread],
        on_type(READ),
        fhir::vread,
    ),
];

const OPEN: Needs = Needs::Nothing;
const WITHIN: Needs = Needs::Within;
const BUNDLES: Interactions = &[I::Batch, I::Transaction];

const fn on_type(actions: &'static [Action]) -> Needs {
    Needs::Actions(actions)
}

type Interactions = &'static [I];

const fn get(path: &'static str, serves: Interactions, needs: Needs, run: Run) -> Route {
    route(Method::GET, path, Body::None, (serves, needs, run))
}

const fn post(path: &'static str, serves: Interactions, needs: Needs, run: Run) -> Route {
    route(Method::POST, path, Body::Json, (serves, needs, run))
}

const fn form(path: &'static str, serves: Interactions, needs: Needs, run: Run) -> Route {
    route(Method::POST, path, Body::Form, (serves, needs, run))
}

const fn put(path: &'static str, serves: Interactions, needs: Needs, run: Run) -> Route {
    route(Method::PUT, path, Body::Json, (serves, needs, run))
}

const fn patch(path: &'static str, serves: Interactions, needs: Needs, run: Run) -> Route {
    route(Method::PATCH, path, Body::Patch, (serves, needs, run))
}

const fn delete(path: &'static str, serves: Interactions, needs: Needs, run: Run) -> Route {
    route(Method::DELETE, path, Body::None, (serves, needs, run))
}

const fn route(
    verb: Method,
    path: &'static str,
    body: Body,
    (serves, needs, run): (Interactions, Needs, Run),
) -> Route {
    Route {
        verb,
        path,
        serves,
        needs,
        body,
        run,
    }
}

/// The router of a whole server.
pub fn router(state: Arc<State>) -> Router {
    router_with(state, OPERATIONS)
}

/// The same, with other operations than the server's own.
pub(super) fn router_with(state: Arc<State>, operations: &'static [Operation]) -> Router {
    let mut router = Router::new()
        .merge(health::routes(&state))
        .merge(clock::routes(&state))
        .merge(sms::routes(&state))
        .merge(audit::door(&state, smart::routes(&state)))
        .merge(audit::door(&state, accounts::routes(&state)))
        .merge(pages::routes())
        .merge(bulk::routes(&state))
        .merge(openapi::routes(&state, operations));
    for route in ROUTES {
        router = add(router, &state, fhir::Endpoint::of_route(route));
    }
    for endpoint in operations.iter().flat_map(Operation::endpoints) {
        router = add(router, &state, endpoint);
    }
    let origins = match &state.smart {
        Some(smart) => (state.origins.clone()).with_registered(Arc::clone(smart) as _),
        None => state.origins.clone(),
    };
    let (unknown, wrong_verb) = (state.clone(), state);
    let router = router
        .fallback(move |uri: Uri, headers: HeaderMap| {
            let state = unknown.clone();
            let problem = Problem::not_found("Nothing is served at this path.");
            async move { refuse(&state, (&uri, &headers), problem).await }
        })
        .method_not_allowed_fallback(move |verb: Method, uri: Uri, headers: HeaderMap| {
            let state = wrong_verb.clone();
            async move {
                // The router adds which verbs are offered.
                if verb == Method::OPTIONS {
                    return reply::options();
                }
                refuse(&state, (&uri, &headers), wrong_verb_problem()).await
            }
        });
    shield::cover(cors::open(router, origins))
}

/// What the tables offer, for the CapabilityStatement.
pub(super) fn offer(base: &str, since: Timestamp) -> Offer {
    Offer {
        base: base.to_owned(),
        since,
        door: None,
        parameters: Arc::clone(Parameters::core()),
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

fn add(router: Router, state: &Arc<State>, endpoint: fhir::Endpoint) -> Router {
    let Ok(filter) = MethodFilter::try_from(endpoint.verb.clone()) else {
        return router;
    };
    let path = format!("{BASE_PATH}{}", endpoint.path);
    let (state, endpoint) = (state.clone(), Arc::new(endpoint));
    let serve = move |request: Request| {
        let (state, endpoint) = (state.clone(), endpoint.clone());
        async move {
            if later::is_wanted(&endpoint, request.headers()) {
                later::begin(state, request).await
            } else {
                fhir::dispatch(state, endpoint, request).await
            }
        }
    };
    router.route(&path, on(filter, serve))
}

async fn refuse(
    state: &State,
    (uri, headers): (&Uri, &HeaderMap),
    problem: Problem,
) -> Response<axum::body::Body> {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let problem = operations::unknown(last).unwrap_or(problem);
    let response = reply::problem(&problem, &state.request_id());
    negotiate::give(response, &Wanted::read(headers, uri.query())).await
}

fn wrong_verb_problem() -> Problem {
    Problem::new(
        Category::MethodNotAllowed,
        "not-supported",
        "The verb is not offered at this path; the header Allow lists those that are.",
    )
}
