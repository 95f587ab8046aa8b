//! How far asynchronous work is, its files, and the way in for NDJSON.
//!
//! `GET [base]/_async/{id}`: 202 with `X-Progress` while it goes on, 200 with the manifest once it is
//! done; `DELETE` calls it off or forgets it. `GET [base]/_async/{id}/{file}` streams a file from the
//! database. `POST [base]/$import` takes NDJSON of any length, line by line.
//!
//! Specification: <http://hl7.org/fhir/R4/async.html>,
//! <http://hl7.org/fhir/uv/bulkdata/STU2/export.html>.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts},
    routing::{get, post},
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use http_body_util::BodyExt;
use serde_json::Value;

use super::{
    audit::{self, Given},
    auth,
    auth::Access,
    later,
    negotiate::{self, Wanted},
    operations, reply,
    router::BASE_PATH,
    state::State,
};
use crate::{
    audit::{Event, mention},
    bulk::{
        errand, export,
        import::{self, Input},
        manifest,
    },
    fhir::{definitions::ResourceType, outcome::outcome, path::decode_base64, permit::Permit},
    kernel::problem::{Category, Issue, Problem, Result, Severity},
    store::{Errand, ErrandKind, ErrandState},
};

/// Lines and bytes of an upload that are kept in one commit.
const COMMIT_LINES: usize = 500;
const COMMIT_BYTES: usize = 1 << 20;

/// When a client that asks how far something is may ask again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

const X_PROGRESS: HeaderName = HeaderName::from_static("x-progress");

const NDJSON: HeaderValue = HeaderValue::from_static("application/fhir+ndjson");

type Answer = Response<Body>;

/// All paths.
pub(super) fn routes(state: &Arc<State>) -> Router {
    let place = format!("{BASE_PATH}/{}/{{id}}", manifest::PATH);
    let (status, forget, file, import) =
        (state.clone(), state.clone(), state.clone(), state.clone());
    Router::new()
        .route(
            &place,
            get(move |parts: Parts, Path(id): Path<String>| {
                let state = status.clone();
                async move {
                    let work = look((&state, &parts.headers), &id);
                    let work = audit::around(&state, &parts, (Event::Status, &id), work);
                    told(&state, &parts, work.await).await
                }
            })
            .delete(move |parts: Parts, Path(id): Path<String>| {
                let state = forget.clone();
                async move {
                    let work = call_off((&state, &parts.headers), &id);
                    let work = audit::around(&state, &parts, (Event::Forget, &id), work);
                    told(&state, &parts, work.await).await
                }
            }),
        )
        .route(
            &format!("{place}/{{file}}"),
            get(
                move |parts: Parts, Path((id, name)): Path<(String, String)>| {
                    let state = file.clone();
                    async move {
                        let what = format!("{id}/{name}");
                        let work = download((&state, &parts), (&id, &name));
                        let work = audit::around(&state, &parts, (Event::Download, &what), work);
                        told(&state, &parts, work.await).await
                    }
                },
            ),
        )
        .route(
            &format!("{BASE_PATH}/$import"),
            post(move |request: Request| {
                let state = import.clone();
                let (parts, body) = request.into_parts();
                async move {
                    let what = (Event::Operation("$import".into()), "");
                    let work = take_in(&state, &parts, body);
                    let work = audit::around(&state, &parts, what, work);
                    told(&state, &parts, work.await).await
                }
            }),
        )
}

/// The answer, in the format that is wanted.
async fn told(state: &State, parts: &Parts, outcome: Result<Answer>) -> Answer {
    let answer = outcome.unwrap_or_else(|problem| reply::problem(&problem, &state.request_id()));
    negotiate::give(answer, &Wanted::read(&parts.headers, parts.uri.query())).await
}

/// How far it is, or what came of it.
async fn look((state, headers): (&State, &HeaderMap), id: &str) -> Result<Given> {
    let permit = auth::permit(state, headers).await?;
    let store = &state.context.store;
    let errand = errand::own(store, &permit, id).await?;
    let whence = (&*state.context.base, state.access != Access::Development);
    let manifest = match (errand.state, errand.kind) {
        (ErrandState::Waiting, kind) => {
            let progress = match kind {
                ErrandKind::Export => export::progress(&errand),
                ErrandKind::Import => import::progress(store, &permit, &errand).await?,
                ErrandKind::Request => "in progress".to_owned(),
            };
            return Ok(underway(&progress).into());
        }
        (ErrandState::Failed, _) => {
            let told = errand.result.to_string().into();
            return Ok(reply::document(StatusCode::INTERNAL_SERVER_ERROR, told).into());
        }
        (ErrandState::Done, ErrandKind::Export) => {
            let parts = errand::parts(store, &permit, id).await?;
            manifest::of_export(&errand, &parts, whence)
        }
        (ErrandState::Done, ErrandKind::Import) => manifest::of_import(&errand, whence),
        (ErrandState::Done, ErrandKind::Request) => {
            let told = later::told(&errand).to_string();
            let mut patients = Vec::new();
            mention::patients(told.as_bytes(), &mut patients);
            let answer = reply::document(StatusCode::OK, told.into());
            return Ok(Given {
                answer: kept_until(&errand, answer),
                patients,
            });
        }
    };
    let answer = reply::json(StatusCode::OK, manifest.to_string().into());
    Ok(kept_until(&errand, answer).into())
}

/// Tells until when it may be asked again.
fn kept_until(errand: &Errand, mut answer: Answer) -> Answer {
    if let Some(expires) = reply::http_date(errand.expires) {
        answer.headers_mut().insert(header::EXPIRES, expires);
    }
    answer
}

fn underway(progress: &str) -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::ACCEPTED;
    let headers = answer.headers_mut();
    headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
    if let Ok(progress) = HeaderValue::from_str(progress) {
        headers.insert(X_PROGRESS, progress);
    }
    answer
}

async fn call_off((state, headers): (&State, &HeaderMap), id: &str) -> Result<Given> {
    let permit = auth::permit(state, headers).await?;
    errand::forget(&state.context.store, &permit, id).await?;
    Ok(accepted("The asynchronous request is forgotten.").into())
}

fn accepted(says: &str) -> Answer {
    let issue = Issue {
        severity: Severity::Information,
        code: "informational",
        diagnostics: says.to_owned(),
        expression: None,
    };
    let told = outcome(&[issue]).to_string();
    reply::document(StatusCode::ACCEPTED, told.into())
}

/// A file, from the database to the client without standing in memory as a whole.
async fn download(
    (state, parts): (&Arc<State>, &Parts),
    (id, name): (&str, &str),
) -> Result<Given> {
    let permit = auth::permit(state, &parts.headers).await?;
    let errand = errand::own(&state.context.store, &permit, id).await?;
    let missing = || Problem::not_found("There is no such file.");
    if errand.state != ErrandState::Done {
        return Err(missing());
    }
    let name = name.strip_suffix(".ndjson").ok_or_else(missing)?;
    let body = match errand.kind {
        ErrandKind::Export => {
            let part = name.parse().map_err(|_| missing())?;
            let all = errand::parts(&state.context.store, &permit, id).await?;
            if !all.iter().any(|(known, _)| *known == part) {
                return Err(missing());
            }
            let what = format!("{id}/{name}.ndjson");
            let passing = audit::Passing::begin(state.clone(), (parts, &permit), &what)?;
            Body::from_stream(chunks(state.clone(), (permit, passing), (errand, part)))
        }
        ErrandKind::Import if name == "errors" => {
            Body::from(import::errors(&state.context.store, &permit, &errand).await?)
        }
        _ => return Err(missing()),
    };
    let mut answer = Response::new(body);
    answer.headers_mut().insert(header::CONTENT_TYPE, NDJSON);
    Ok(answer.into())
}

/// A failure while a file is sent breaks the answer off, so that nobody takes a part for the whole.
fn chunks(
    state: Arc<State>,
    (permit, passing): (Permit, audit::Passing),
    (errand, part): (Errand, i64),
) -> impl Stream<Item = std::result::Result<Bytes, std::io::Error>> {
    let begin = (0_i64, passing);
    stream::try_unfold(begin, move |(after, mut passing)| {
        let (state, permit, errand) = (state.clone(), permit.clone(), errand.clone());
        async move {
            let lines = export::lines(&state.context.store, &permit, (&errand, part), after).await;
            let next = lines.and_then(|lines| {
                let Some(lines) = lines else { return Ok(None) };
                passing.sees(&lines.whole)?;
                Ok(Some((lines.text, (lines.last, passing))))
            });
            next.map_err(|problem| {
                tracing::error!(reason = problem.internal, "a file of an export broke off");
                std::io::Error::other("the file broke off")
            })
        }
    })
}

/// Begins an import.
async fn take_in(state: &Arc<State>, parts: &Parts, body: Body) -> Result<Given> {
    let permit = auth::permit(state, &parts.headers).await?;
    operations::may_import(&permit)?;
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_ndjson = kind
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().ends_with("ndjson"));
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        let says = "Send the lines as they are, without Content-Encoding.";
        return Err(Problem::new(
            Category::UnsupportedMediaType,
            "not-supported",
            says,
        ));
    }
    if !is_ndjson {
        negotiate::check_content(&parts.headers, negotiate::BodyFormat::Resource)?;
    }
    let url = format!("{}/$import", state.context.base);
    let errand = import::begin(&state.context, &permit, &url).await?;
    let mut upload = Upload::of(state, &permit, &errand);
    let kept = if is_ndjson {
        upload.stream(body).await
    } else {
        upload.manifest(&parts.headers, body).await
    };
    if let Err(problem) = kept {
        errand::forget(&state.context.store, &permit, &errand.id).await?;
        return Err(problem);
    }
    import::release(&state.context.store, &permit, &errand).await?;
    Ok(begun(state, &errand, "The import is under way.").into())
}

/// The answer to what is answered later: where to ask after it.
pub(super) fn begun(state: &State, errand: &Errand, says: &str) -> Answer {
    let mut answer = accepted(says);
    let place = format!("{}/{}/{}", state.context.base, manifest::PATH, errand.id);
    if let Ok(place) = HeaderValue::from_str(&place) {
        answer.headers_mut().insert(header::CONTENT_LOCATION, place);
    }
    answer
}

/// Lines on their way into the database.
struct Upload<'a> {
    state: &'a State,
    permit: &'a Permit,
    errand: &'a Errand,
    /// The number of the first line that waits to be kept.
    first: u64,
    lines: Vec<String>,
    bytes: usize,
}

impl<'a> Upload<'a> {
    const fn of(state: &'a State, permit: &'a Permit, errand: &'a Errand) -> Self {
        Self {
            state,
            permit,
            errand,
            first: 1,
            lines: Vec::new(),
            bytes: 0,
        }
    }

    /// Lines as they arrive; only the one that is not complete stands in memory.
    async fn stream(&mut self, mut body: Body) -> Result<()> {
        let mut rest = BytesMut::new();
        let wait = self.state.limits.body_read_timeout;
        loop {
            let frame = tokio::time::timeout(wait, body.frame())
                .await
                .map_err(|_| Problem::malformed("timeout", "The lines did not arrive in time."))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|_| {
                Problem::malformed("incomplete", "The body broke off before its end.")
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            rest.extend_from_slice(&data);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = rest.split_to(end + 1);
                self.line(&line).await?;
            }
            self.check(rest.len())?;
        }
        self.line(&rest).await?;
        self.keep().await
    }

    /// The inputs that Parameters name.
    async fn manifest(&mut self, headers: &HeaderMap, body: Body) -> Result<()> {
        let limit = self.state.limits.body_bytes_max;
        let whole = axum::body::to_bytes(body, limit)
            .await
            .map_err(|_| too_long(limit))?;
        let limits = &self.state.context.limits.json;
        let whole = negotiate::body_to_json(headers, whole, limits.depth).await?;
        let tree = crate::fhir::json::parse(&whole, limits)?;
        for input in import::inputs(&tree)? {
            let data = match input {
                Input::Data(data) => data,
                Input::Binary(id) => self.binary(&id).await?,
            };
            let data: String = data.split_whitespace().collect();
            let text = decode_base64(&data)
                .ok_or_else(|| Problem::malformed("value", "An input is not base64."))?;
            for line in text.split(|byte| *byte == b'\n') {
                self.line(line).await?;
            }
        }
        self.keep().await
    }

    async fn binary(&self, id: &str) -> Result<String> {
        let kind = ResourceType::named("Binary").ok_or_else(|| Problem::fault("no Binary"))?;
        let found = self.state.context.store.read(self.permit, kind, id).await?;
        let tree = found.map_or(Ok(Value::Null), |stored| stored.tree())?;
        let data = tree["data"].as_str().map(str::to_owned);
        data.ok_or_else(|| Problem::malformed("not-found", "There is no such Binary."))
    }

    fn check(&self, length: usize) -> Result<()> {
        let limit = self.state.limits.body_bytes_max;
        if length > limit {
            return Err(too_long(limit));
        }
        Ok(())
    }

    async fn line(&mut self, line: &[u8]) -> Result<()> {
        self.check(line.len())?;
        let text = std::str::from_utf8(line)
            .map_err(|_| Problem::malformed("value", "A line is not UTF-8."))?;
        self.bytes += text.len();
        self.lines.push(text.trim().to_owned());
        if self.lines.len() >= COMMIT_LINES || self.bytes >= COMMIT_BYTES {
            self.keep().await?;
        }
        Ok(())
    }

    async fn keep(&mut self) -> Result<()> {
        let lines = std::mem::take(&mut self.lines);
        let count = lines.len() as u64;
        let store = &self.state.context.store;
        import::keep(store, self.permit, self.errand, (self.first, lines)).await?;
        self.first += count;
        self.bytes = 0;
        Ok(())
    }
}

fn too_long(limit: usize) -> Problem {
    Problem::new(
        Category::TooLarge,
        "too-long",
        format!("A line, or a body that is no NDJSON, is longer than {limit} bytes."),
    )
}
