//! Requests that are answered later (`Prefer: respond-async`): searches, histories, batches,
//! transactions, operations.
//!
//! The request is kept as it came, and a job gives it to the same router. What came of it is told as
//! R5 has it, since R4 speaks of files alone: a Bundle of type batch-response with one entry; or
//! the Bundle itself that a batch or a transaction is answered with. A read that a crash broke off
//! is made again; what may have written is not, and the client is told that nobody knows.
//!
//! Specification: <http://hl7.org/fhir/R4/async.html>, <http://hl7.org/fhir/R5/async-bundle.html>.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use axum::{
    Router,
    body::{self, Body},
    extract::Request,
    http::{HeaderMap, HeaderName, Method, Response, Uri, header},
};
use futures_util::future::BoxFuture;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::{Map, Value, json};

use super::{
    auth, bulk, fhir::Endpoint, negotiate::Preference, reply, router::BASE_PATH, state::State,
};
use crate::{
    bulk::{Renew, asker, errand},
    fhir::{outcome::outcome, permit::Permit},
    kernel::problem::{Category, Problem, Result},
    queue::{Failure, Handler},
    store::{Errand, ErrandKind, ErrandState, LeasedJob, Store, Tx},
};

/// The kind of the job.
pub const KIND: &str = "http.later";

/// How long one request may take, well within the lease of its job.
const TIME_MAX: Duration = Duration::from_secs(100);

/// Most bytes of an answer that is kept.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Headers that the request is made with again.
const KEPT: [HeaderName; 3] = [
    header::CONTENT_TYPE,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
];

/// Operations that answer later by themselves, or that tell how far another is.
const OWN_WAY: [&str; 4] = ["/$export", "/$import", "/$purge", "/$purge-status"];

/// Whether a request asks to be answered later, and may be: what reads or writes one resource is
/// answered at once all the same.
pub(super) fn is_wanted(endpoint: &Endpoint, headers: &HeaderMap) -> bool {
    if !Preference::read(headers).respond_async {
        return false;
    }
    let path = endpoint.path.as_str();
    if path.contains('$') {
        return !OWN_WAY.iter().any(|own| path.ends_with(own));
    }
    let is_read = endpoint.verb == Method::GET && (path == "/{type}" || path.ends_with("_history"));
    let is_bundle = endpoint.verb == Method::POST && (path.is_empty() || path == "/");
    is_read || is_bundle || path.ends_with("_search")
}

/// Keeps a request, and tells where to ask after it.
pub(super) async fn begin(state: Arc<State>, request: Request) -> Response<Body> {
    match keep(&state, request).await {
        Ok(errand) => bulk::begun(&state, &errand, "The request will be answered."),
        Err(problem) => reply::problem(&problem, &state.request_id()),
    }
}

async fn keep(state: &State, request: Request) -> Result<Errand> {
    let permit = auth::permit(state, request.headers()).await?;
    let (parts, body) = request.into_parts();
    let limit = state.limits.body_bytes_max;
    let read = body::to_bytes(body, limit);
    let body = tokio::time::timeout(state.limits.body_read_timeout, read)
        .await
        .map_err(|_| Problem::malformed("timeout", "The body did not arrive in time."))?
        .map_err(|_| {
            let says = format!("The body is longer than {limit} bytes, or broke off.");
            Problem::new(Category::TooLarge, "too-long", says)
        })?;
    let body = std::str::from_utf8(&body)
        .map_err(|_| Problem::malformed("value", "The body is not UTF-8."))?;
    let mut headers = Map::new();
    for name in KEPT {
        if let Some(text) = parts.headers.get(&name).and_then(|text| text.to_str().ok()) {
            headers.insert(name.as_str().to_owned(), text.into());
        }
    }
    if Preference::read(&parts.headers).strict {
        headers.insert("prefer".to_owned(), "handling=strict".into());
    }
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |whole| whole.as_str());
    let below = target.strip_prefix(BASE_PATH).unwrap_or(target);
    let kept = json!({
        "url": format!("{}{below}", state.context.base),
        "method": parts.method.as_str(),
        "target": target,
        "headers": headers,
        "body": body,
    });
    let own = permit.clone();
    state
        .context
        .store
        .write(&permit, move |tx| {
            Box::pin(async move {
                let work = (ErrandKind::Request, Some(KIND));
                errand::begin(tx, &own, work, (kept, json!({}))).await
            })
        })
        .await
}

/// What came of a request, as a Bundle.
pub(super) fn told(errand: &Errand) -> Value {
    let result = &errand.result;
    let resource = &result["resource"];
    let is_answer = resource["resourceType"] == "Bundle"
        && matches!(
            resource["type"].as_str(),
            Some("batch-response" | "transaction-response")
        );
    if is_answer {
        return resource.clone();
    }
    let mut entry = json!({ "response": result["response"] });
    if resource["resourceType"] == "OperationOutcome" {
        entry["response"]["outcome"] = resource.clone();
    } else if resource.is_object() {
        entry["resource"] = resource.clone();
    }
    json!({ "resourceType": "Bundle", "type": "batch-response", "entry": [entry] })
}

/// Runs `KIND`, once it has been told which server serves.
pub struct LaterHandler {
    /// Not held: the server itself holds the jobs, and could never end.
    server: OnceLock<Weak<State>>,
    renew: Arc<dyn Renew>,
}

impl LaterHandler {
    /// A handler that lets those who asked in again so.
    #[must_use]
    pub const fn new(renew: Arc<dyn Renew>) -> Self {
        let server = OnceLock::new();
        Self { server, renew }
    }

    /// Tells which server serves; only the first counts.
    pub fn serve_by(&self, server: &Arc<State>) {
        let _ = self.server.set(Arc::downgrade(server));
    }

    async fn go_on(&self, store: &Store, job: &LeasedJob) -> Result<()> {
        let server = self.server.get().and_then(Weak::upgrade);
        let server = server.ok_or_else(|| Problem::busy("No server serves yet."))?;
        let Some(errand) = taken(store, job).await? else {
            return conclude(store, job, None).await;
        };
        let is_safe = errand.request["method"] == "GET"
            || errand.request["target"].as_str().is_some_and(|target| {
                let path = target.split('?').next().unwrap_or_default();
                path.ends_with("_search")
            });
        let result = if errand.progress["begun"] == true && !is_safe {
            unknown()
        } else {
            note_begun(store, &errand).await?;
            let served = self.serve(server, &errand);
            tokio::time::timeout(TIME_MAX, served)
                .await
                .unwrap_or_else(|_| Err(too_long()))
                .unwrap_or_else(|problem| refused(&problem))
        };
        conclude(store, job, Some(result)).await
    }

    /// Serves a request that was kept, as whoever asked it and may still.
    async fn serve(&self, server: Arc<State>, errand: &Errand) -> Result<Value> {
        let kept = &errand.request["asker"];
        let permit = asker::again(self.renew.as_ref(), &errand.asker, kept).await?;
        serve(super::router(server), &errand.request, permit).await
    }
}

/// The errand of a job, if it still waits.
async fn taken(store: &Store, job: &LeasedJob) -> Result<Option<Errand>> {
    let id = job.payload["errand"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let permit = Permit::system(KIND);
    let found = store.write(&permit, move |tx| {
        Box::pin(async move { tx.errand(&id).await })
    });
    let found: Option<Errand> = found.await?;
    Ok(found.filter(|errand| errand.state == ErrandState::Waiting))
}

async fn note_begun(store: &Store, errand: &Errand) -> Result<()> {
    let mut begun = errand.clone();
    begun.progress = json!({ "begun": true });
    store
        .write(&Permit::system(KIND), move |tx| {
            Box::pin(async move { tx.keep_errand(&begun).await })
        })
        .await
}

/// Writes down what came of it. What was asked is not kept any longer than it is needed.
async fn conclude(store: &Store, job: &LeasedJob, result: Option<Value>) -> Result<()> {
    let leased = job.clone();
    store
        .write(&Permit::system(KIND), move |tx| {
            Box::pin(async move {
                tx.finish_job(&leased).await?;
                let id = leased.payload["errand"].as_str().unwrap_or_default();
                match (result, tx.errand(id).await?) {
                    (Some(result), Some(errand)) => end(tx, errand, result).await,
                    _ => Ok(()),
                }
            })
        })
        .await
}

async fn end(tx: &mut Tx, mut errand: Errand, result: Value) -> Result<()> {
    errand.state = ErrandState::Done;
    errand.request = json!({ "url": errand.request["url"] });
    errand.result = result;
    tx.keep_errand(&errand).await
}

/// Gives a request that was kept to the router.
async fn serve(router: Router, kept: &Value, permit: Permit) -> Result<Value> {
    let text = |name: &str| kept[name].as_str().unwrap_or_default();
    let mut request = Request::builder()
        .method(text("method"))
        .uri(text("target").parse::<Uri>().map_err(Problem::fault)?);
    for (name, value) in kept["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    let request = request
        .extension(auth::Renewed(permit))
        .body(Body::from(text("body").to_owned()))
        .map_err(Problem::fault)?;
    let service = TowerToHyperService::new(router);
    let response = match service.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let mut told = Map::new();
    told.insert("status".to_owned(), parts.status.to_string().into());
    for (name, member) in [(header::LOCATION, "location"), (header::ETAG, "etag")] {
        if let Some(text) = parts.headers.get(name).and_then(|text| text.to_str().ok()) {
            told.insert(member.to_owned(), text.into());
        }
    }
    let body = body::to_bytes(body, ANSWER_BYTES_MAX)
        .await
        .map_err(|_| too_long())?;
    let resource: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok(json!({ "response": told, "resource": resource }))
}

fn refused(problem: &Problem) -> Value {
    json!({
        "response": { "status": reply::status_line(problem.category) },
        "resource": outcome(&problem.issues),
    })
}

fn too_long() -> Problem {
    let says = "The answer took too long, or is too long: ask for less.";
    Problem::invalid("too-costly", says)
}

fn unknown() -> Value {
    let says = "The server stopped while it served this request: whether it was done is not known. \
                Look before you ask again.";
    refused(&Problem::new(Category::Fault, "incomplete", says))
}

impl Handler for LaterHandler {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// Few at a time: who waits anyway leaves room for who does not.
    fn concurrency(&self) -> usize {
        2
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.go_on(store, job).await.map_err(Failure::from) })
    }

    fn died<'a>(&'a self, tx: &'a mut Tx, job: &'a LeasedJob) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let id = job.payload["errand"].as_str().unwrap_or_default();
            match tx.errand(id).await? {
                Some(errand) => end(tx, errand, unknown()).await,
                None => Ok(()),
            }
        })
    }
}
