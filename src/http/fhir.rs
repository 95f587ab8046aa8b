//! From a request to an interaction and back: path, query, headers and body, read once.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html>.

mod interactions;

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    RequestExt as _,
    extract::{RawPathParams, Request},
    http::{HeaderMap, HeaderName, Method, Response, header, request::Parts},
};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http_body_util::{BodyExt, LengthLimitError, Limited};

pub use self::interactions::{
    bundle, capabilities, conditional_delete, conditional_patch, conditional_update, create,
    delete, history, history_of_many, patch, read, search, search_compartment, search_system,
    update, vread,
};
use super::{
    audit, auth, binary,
    negotiate::{self, BodyFormat, Preference, Wanted},
    operations::{self, Operation},
    reply,
    router::Route,
    state::State,
};
use crate::{
    fhir::{
        definitions::ResourceType, json, permit::Permit, resource::Resource,
        search::query::Handling, validate,
    },
    interactions::{
        Reply, VersionTag,
        advice::{self, Advice},
        gate::{self, Needs},
        pairs,
        patch::PatchFormat,
    },
    kernel::problem::{Category, Problem, Result},
};

const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");

/// What body a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// None; one that is sent is not read.
    None,
    /// A resource, in JSON by the time that it is read.
    Json,
    /// A resource, or nothing.
    OptionalJson,
    /// A resource, or nothing; whether it is right is for the operation to say.
    UnjudgedJson,
    /// A resource, or a table as CSV.
    JsonOrCsv,
    /// A form, or nothing.
    Form,
    /// What a Binary is to hold.
    Content,
    /// A patch: Parameters, or a JSON Patch.
    Patch,
    /// Not looked at: the route refuses.
    Any,
}

/// The answer of an interaction, to come.
pub type Outcome = BoxFuture<'static, Result<Reply>>;

/// What serves a route.
pub type Run = fn(Call) -> Outcome;

/// What serves an endpoint.
#[derive(Debug, Clone, Copy)]
pub enum Serve {
    /// A line of the router table: what it needs, and who does it.
    Interaction(Needs, Run),
    /// A line of the operations table.
    Operation(&'static Operation),
}

/// A verb at a path, as requests reach it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The verb.
    pub verb: Method,
    /// The path below the service base URL, such as `/{type}/{id}`.
    pub path: String,
    /// The type, where the path spells it out.
    pub kind: Option<&'static str>,
    /// What body it takes.
    pub body: Body,
    /// Whether it can answer with CSV.
    pub csv: bool,
    /// What serves it.
    pub serve: Serve,
}

impl Endpoint {
    /// The endpoint of a line of the router table.
    #[must_use]
    pub fn of_route(route: &Route) -> Self {
        Self {
            verb: route.verb.clone(),
            path: route.path.to_owned(),
            kind: None,
            body: route.body,
            csv: false,
            serve: Serve::Interaction(route.needs, route.run),
        }
    }

    /// The permit of a request; where nothing is needed nobody is asked who they are.
    async fn permit(&self, state: &State, request: &mut Request) -> Result<Permit> {
        let renewed = request.extensions_mut().remove::<auth::Renewed>();
        match (self.serve, renewed) {
            (Serve::Interaction(Needs::Nothing, _), _) => Ok(auth::nobody()),
            (_, Some(renewed)) => Ok(renewed.0),
            _ => auth::permit(state, request.headers()).await,
        }
    }

    /// Holds a call to what its line needs.
    fn hold(&self, call: &Call) -> Result<()> {
        match self.serve {
            Serve::Interaction(needs, _) => gate::line(&call.permit, needs, call.kind),
            Serve::Operation(operation) => operations::allowed(&call.permit, operation, call.kind),
        }
    }
}

/// A request, its parts read.
pub struct Call {
    /// What every request shares.
    pub state: Arc<State>,
    /// Who asks.
    pub permit: Permit,
    /// `{type}`, if the path has one.
    pub kind: Option<ResourceType>,
    /// `{id}`.
    pub id: Option<String>,
    /// `{version}`.
    pub version: Option<String>,
    /// `{member}`: what is searched in a compartment.
    pub member: Option<String>,
    /// The query and, for a form, the body; `_format` and `_pretty` left out.
    pub query: Pairs,
    /// All headers.
    pub headers: HeaderMap,
    /// What the client prefers.
    pub preference: Preference,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// The type; every path that needs one has it.
    fn kind(&self) -> Result<ResourceType> {
        self.kind
            .ok_or_else(|| Problem::fault("the route has no type"))
    }

    /// Type and id; every path that needs them has them.
    fn target(&self) -> Result<(ResourceType, &str)> {
        let id = self
            .id
            .as_deref()
            .ok_or_else(|| Problem::fault("the route has no id"))?;
        Ok((self.kind()?, id))
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    const fn handling(&self) -> Handling {
        if self.preference.strict {
            Handling::Strict
        } else {
            Handling::Lenient
        }
    }

    fn if_match(&self) -> Option<VersionTag> {
        self.header(header::IF_MATCH).map(VersionTag::read)
    }
}

/// Serves one request: whatever happens, there is an answer.
pub(super) async fn dispatch(
    state: Arc<State>,
    endpoint: Arc<Endpoint>,
    request: Request,
) -> Response<axum::body::Body> {
    let preference = Preference::read(request.headers());
    let wanted = Wanted::read(request.headers(), request.uri().query());
    let mut hook = match audit::Hook::begin(&state, &endpoint, request.extensions()) {
        Ok(hook) => hook,
        Err(problem) => {
            let refusal = reply::problem(&problem, &state.request_id());
            return negotiate::give(refusal, &wanted).await;
        }
    };
    let form = (preference, &wanted);
    let work = answer(state.clone(), &endpoint, form, request, &mut hook);
    // A fault in one request must not take the connection, and the others on it, down.
    let outcome = AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Problem::fault("a panic while a request was served")));
    let number = outcome.is_err().then(|| state.request_id());
    let response = respond(&state, outcome, preference, number.as_deref());
    let recorded = hook.conclude(&state, response.status(), number).await;
    let response = match recorded {
        Ok(()) => response,
        Err(problem) => reply::problem(&problem, &state.request_id()),
    };
    let response = negotiate::give(response, &wanted).await;
    // The route and not the URL: ids and queries are health information.
    tracing::debug!(
        verb = %endpoint.verb,
        route = endpoint.path,
        status = response.status().as_u16(),
        "answered"
    );
    response
}

/// What an interaction came to as a response, in JSON.
fn respond(
    state: &State,
    outcome: Result<Answer>,
    preference: Preference,
    number: Option<&str>,
) -> Response<axum::body::Body> {
    match outcome {
        Ok(Answer {
            reply: Reply::Version(stored),
            as_content: true,
            ..
        }) => match binary::response(&stored) {
            Some(response) => reply::content(response, &stored),
            None => reply::reply(
                Reply::Version(stored),
                None,
                preference.returns,
                &state.context.base,
            ),
        },
        Ok(Answer {
            reply: done,
            advice,
            ..
        }) => {
            let base = &state.context.base;
            reply::reply(done, advice.as_ref(), preference.returns, base)
        }
        Err(problem) => reply::problem(&problem, number.unwrap_or_default()),
    }
}

/// What an interaction came to, and how it is to be told.
struct Answer {
    reply: Reply,
    advice: Option<Advice>,
    /// Whether a Binary is given as what it holds.
    as_content: bool,
}

async fn answer(
    state: Arc<State>,
    endpoint: &Endpoint,
    (preference, wanted): (Preference, &Wanted),
    mut request: Request,
    hook: &mut audit::Hook,
) -> Result<Answer> {
    let permit = endpoint.permit(&state, &mut request).await?;
    hook.by(&permit);
    let path: RawPathParams = request
        .extract_parts()
        .await
        .map_err(|_| Problem::malformed("value", "The path is not percent-encoded UTF-8."))?;
    let (parts, body) = request.into_parts();
    // A percent sequence that is none would otherwise be taken as written.
    pairs::decode(parts.uri.path())?;
    let (query, format) = query(parts.uri.query())?;
    let csv = endpoint.csv && negotiate::wants_csv(&parts.headers, format.as_deref());
    let mut call = Call {
        state: state.clone(),
        permit,
        kind: None,
        id: None,
        version: None,
        member: None,
        query,
        headers: HeaderMap::new(),
        preference,
        body: Bytes::new(),
    };
    read_path(&mut call, &path, endpoint.kind)?;
    hook.asks(&call);
    endpoint.hold(&call)?;
    let as_content = binary::is_binary(call.kind)
        && endpoint.verb == Method::GET
        && binary::is_content_wanted(&parts.headers, format.as_deref());
    if !csv && !as_content {
        wanted.check()?;
    }
    bring(&mut call, endpoint, &parts, body).await?;
    call.headers = parts.headers;
    hook.brings(&call, endpoint);
    let reply = match endpoint.serve {
        Serve::Interaction(_, run) => run(call).await,
        Serve::Operation(operation) => run_operation(operation, call, (csv, endpoint.body)).await,
    }?;
    hook.comes_to(&state, &reply).await;
    let advice = advice::of(&state.context, &reply).await;
    Ok(Answer {
        reply,
        advice,
        as_content,
    })
}

/// Reads the body: of a form, more of the query; else what is to be stored or to be known.
async fn bring(
    call: &mut Call,
    endpoint: &Endpoint,
    parts: &Parts,
    body: axum::body::Body,
) -> Result<()> {
    let given = match endpoint.body {
        Body::Json if binary::is_binary(call.kind) && binary::is_content(&parts.headers) => {
            Body::Content
        }
        given => given,
    };
    let mut body = read_body(&call.state, given, parts, body).await?;
    if given == Body::Content {
        body = binary::wrap(&parts.headers, call.id.as_deref(), &body)?;
    }
    if endpoint.body == Body::Form {
        let text = std::str::from_utf8(&body)
            .map_err(|_| Problem::malformed("value", "The form is not UTF-8."))?;
        call.query.extend(pairs::read(text)?);
    } else {
        call.body = body;
    }
    Ok(())
}

/// Names and values of a query.
type Pairs = Vec<(String, String)>;

/// The query without what concerns the answer's form, and `_format`.
fn query(text: Option<&str>) -> Result<(Pairs, Option<String>)> {
    let Some(text) = text else {
        return Ok((Vec::new(), None));
    };
    let mut query = pairs::read(text)?;
    let mut format = None;
    query.retain_mut(|(name, value)| match name.as_str() {
        "_format" => {
            format = Some(std::mem::take(value));
            false
        }
        "_pretty" => false,
        _ => true,
    });
    Ok((query, format))
}

fn read_path(call: &mut Call, path: &RawPathParams, kind: Option<&'static str>) -> Result<()> {
    call.kind = kind.map(named).transpose()?;
    for (name, value) in path {
        // `[base]/$name` and `[type]/$name` have the shape of a type and of an instance.
        if let Some(problem) = operations::unknown(value) {
            return Err(problem);
        }
        match name {
            "type" => call.kind = Some(named(value)?),
            "id" => call.id = Some(value.to_owned()),
            "version" => call.version = Some(value.to_owned()),
            "member" => call.member = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(())
}

fn named(name: &str) -> Result<ResourceType> {
    ResourceType::named(name).ok_or_else(|| {
        // The name comes from the client: cut it, as it may be long.
        let shown: String = name.chars().take(64).collect();
        Problem::not_found(format!("R4 has no resource type '{shown}'."))
    })
}

async fn read_body(
    state: &State,
    wanted: Body,
    parts: &Parts,
    body: axum::body::Body,
) -> Result<Bytes> {
    let format = match wanted {
        Body::None | Body::Any => return Ok(Bytes::new()),
        Body::JsonOrCsv if negotiate::is_csv(&parts.headers) => BodyFormat::Csv,
        Body::Patch if negotiate::patch_format(&parts.headers) != PatchFormat::Any => {
            BodyFormat::JsonPatch
        }
        Body::Json | Body::OptionalJson | Body::UnjudgedJson => BodyFormat::Resource,
        Body::JsonOrCsv | Body::Patch => BodyFormat::Resource,
        Body::Form => BodyFormat::Form,
        Body::Content => BodyFormat::Content,
    };
    if matches!(wanted, Body::Json | Body::Patch)
        || parts.headers.contains_key(header::CONTENT_TYPE)
    {
        negotiate::check_content(&parts.headers, format)?;
    }
    let limit = state.limits.body_bytes_max;
    let declared = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout(state.limits.body_read_timeout, collected).await {
        Err(_) => Err(Problem::malformed(
            "timeout",
            "The body did not arrive in time.",
        )),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(Problem::malformed(
            "incomplete",
            "The body broke off before its end.",
        )),
        Ok(Ok(collected)) if format == BodyFormat::Resource => {
            let depth = state.context.limits.json.depth;
            negotiate::body_to_json(&parts.headers, collected.to_bytes(), depth).await
        }
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        Category::TooLarge,
        "too-long",
        format!("The body is longer than {limit} bytes."),
    )
}

async fn run_operation(
    operation: &'static Operation,
    call: Call,
    (csv, body): (bool, Body),
) -> Result<Reply> {
    let table = negotiate::is_csv(&call.headers).then(|| call.body.clone());
    let resource = if call.body.is_empty() || table.is_some() {
        None
    } else {
        let limits = &call.state.context.limits.json;
        Some(match body {
            Body::UnjudgedJson => Resource::trusted(json::parse(&call.body, limits)?)?,
            _ => validate::read(&call.body, limits)?,
        })
    };
    let invocation = operations::Invocation {
        kind: call.kind,
        id: call.id,
        query: call.query,
        resource,
        table,
        csv,
        respond_async: call.preference.respond_async,
    };
    operations::perform(operation, (call.state, call.permit), invocation).await
}
