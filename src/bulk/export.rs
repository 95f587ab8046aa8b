//! Exports: which versions they are made of, found step by step, and their files, line by line.
//!
//! A step is one type, one filter of a type, or what was deleted of a type. Each goes through the
//! keys in their order, [`LOOKED_AT`] at a time; where it stands is written in the commit that adds
//! the lines, so that a crash repeats nothing.
//!
//! Specification: <http://hl7.org/fhir/uv/bulkdata/STU2/export.html>.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Renew,
    asked::{Asked, Scope},
    asker, errand, manifest,
};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::Permit,
        scope::Action,
        search::query::{Cursor, Handling, Query},
    },
    interactions::{Context, gate, pairs, search, subset},
    kernel::problem::{Category, Problem, Result},
    queue::{Failure, Handler},
    store::{Errand, ErrandKind, ErrandState, LeasedJob, Listing, Store, Stored, Tx},
};

/// The kind of the job.
pub const KIND: &str = "bulk.export";

/// Resources that one commit looks at: few enough for other writers not to notice.
pub const LOOKED_AT: u32 = 1_000;

/// Commits of one run of the job, well within its lease.
const COMMITS_A_RUN: u32 = 100;

/// Lines of one file.
pub const FILE_LINES_MAX: u64 = 100_000;

/// Lines of one export.
pub const EXPORT_LINES_MAX: u64 = 50_000_000;

/// Where an export stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Progress {
    /// Which step.
    step: usize,
    /// The key after which the step goes on.
    after: i64,
    /// Where the search of a filter goes on.
    cursor: Option<String>,
    /// The file that is written.
    part: i64,
    /// Its lines.
    in_part: u64,
    /// Lines of all files.
    lines: u64,
    /// The files: number, type, and whether they tell what was deleted.
    files: Vec<(i64, String, bool)>,
}

/// A part of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// All of a type.
    Type(ResourceType),
    /// What a search of a type finds.
    Filter(ResourceType, String),
    /// What was deleted of a type.
    Deleted(ResourceType),
}

impl Step {
    const fn kind(&self) -> ResourceType {
        match self {
            Self::Type(kind) | Self::Filter(kind, _) | Self::Deleted(kind) => *kind,
        }
    }
}

/// The parts of an export, in their order. What was deleted is told where everybody may know of
/// it: a deletion is in no compartment any more.
fn steps(asked: &Asked) -> Vec<Step> {
    let mut steps = Vec::new();
    for kind in &asked.types {
        let filters = asked.filters.iter().filter(|(of, _)| of == kind);
        let filters: Vec<Step> = filters
            .map(|(_, query)| Step::Filter(*kind, query.clone()))
            .collect();
        if filters.is_empty() {
            steps.push(Step::Type(*kind));
        } else {
            steps.extend(filters);
        }
    }
    if asked.since.is_some() && asked.scope == Scope::System {
        steps.extend(asked.types.iter().copied().map(Step::Deleted));
    }
    steps
}

/// Writes an export down; the rest is done later.
///
/// # Errors
/// `Malformed`, where a filter is no search; `Forbidden`, if the permit is of one patient;
/// `TooManyRequests`.
pub async fn begin(context: &Context, permit: &Permit, asked: &Asked, url: &str) -> Result<Errand> {
    if permit.patient().is_some() {
        let says = "The permit does not reach as far as an export.";
        return Err(Problem::new(Category::Forbidden, "forbidden", says));
    }
    check(permit, asked)?;
    for (kind, text) in &asked.filters {
        let query =
            filter(context, *kind, text).map_err(|problem| problem.within("_typeFilter"))?;
        gate::search(permit, &query)?;
    }
    let request = asked.to_json(url);
    let own = permit.clone();
    context
        .store
        .write(permit, move |tx| {
            Box::pin(async move {
                let work = (ErrandKind::Export, Some(KIND));
                let progress = serde_json::to_value(Progress::default()).map_err(Problem::fault)?;
                errand::begin(tx, &own, work, (request, progress)).await
            })
        })
        .await
}

/// Each type that is named must be the caller's to find and to read; where none is named, those
/// that are not are left out, unless that leaves nothing.
fn check(permit: &Permit, asked: &Asked) -> Result<()> {
    let may = |kind: &ResourceType| {
        permit.allows(*kind, Action::Search) && permit.allows(*kind, Action::Read)
    };
    let mut types = asked.types.iter();
    if asked.named && types.all(may) || !asked.named && types.any(may) {
        return Ok(());
    }
    Err(gate::refusal())
}

/// The search of a filter.
fn filter(context: &Context, kind: ResourceType, text: &str) -> Result<Query> {
    let mut query = search::query(context, kind, &pairs::read(text)?, Handling::Strict)?;
    query.includes.clear();
    Ok(query.limit(LOOKED_AT))
}

/// How far an export is, in words.
#[must_use]
pub fn progress(errand: &Errand) -> String {
    let asked = Asked::from_json(&errand.request);
    let at: Progress = serde_json::from_value(errand.progress.clone()).unwrap_or_default();
    let all = steps(&asked).len();
    format!(
        "step {} of {all}, {} lines",
        (at.step + 1).min(all),
        at.lines
    )
}

/// Lines of a file.
#[derive(Debug)]
pub struct Lines {
    /// The lines.
    pub text: Bytes,
    /// The key after which the next ones are.
    pub last: i64,
    /// What they were made of, nothing left out.
    pub whole: Vec<Stored>,
}

/// The next lines of a file of an export, after the key `after`; none at the end.
///
/// # Errors
/// `Fault`, if the database fails.
pub async fn lines(
    store: &Store,
    permit: &Permit,
    (errand, part): (&Errand, i64),
    after: i64,
) -> Result<Option<Lines>> {
    /// Lines that are read at a time.
    const AT_A_TIME: u32 = 200;
    let found = store
        .errand_lines(permit, (&errand.id, part), after, AT_A_TIME)
        .await?;
    let Some(last) = found.last().map(|stored| stored.key) else {
        return Ok(None);
    };
    let asked = Asked::from_json(&errand.request);
    let mut text = Vec::new();
    for stored in &found {
        text.extend_from_slice(&line(stored, &asked)?);
        text.push(b'\n');
    }
    Ok(Some(Lines {
        text: text.into(),
        last,
        whole: found,
    }))
}

fn line(stored: &Stored, asked: &Asked) -> Result<Bytes> {
    let Some(body) = &stored.body else {
        let deletion = manifest::deletion(&stored.reference());
        return Ok(deletion.to_string().into());
    };
    if !asked.elements.is_empty() {
        let mut query = Query::new(stored.kind);
        query.elements.clone_from(&asked.elements);
        if let Some(part) = subset::of(&query, stored)? {
            return Ok(part);
        }
    }
    // A client's own line ends would part one resource into several lines; within a text of JSON
    // they can only stand as `\n`.
    if body.contains(&b'\n') || body.contains(&b'\r') {
        return Ok(stored.tree()?.to_string().into());
    }
    Ok(body.clone())
}

/// Runs [`KIND`].
#[derive(Clone)]
pub struct ExportHandler {
    context: Context,
    renew: Arc<dyn Renew>,
}

impl ExportHandler {
    /// A handler that searches as the interactions do.
    #[must_use]
    pub const fn new(context: Context, renew: Arc<dyn Renew>) -> Self {
        Self { context, renew }
    }

    async fn go_on(&self, store: &Store, job: &LeasedJob) -> Result<()> {
        let permit = Permit::system(KIND);
        let id = job.payload["errand"].as_str().unwrap_or_default();
        for _ in 0..COMMITS_A_RUN {
            let found = {
                let id = id.to_owned();
                store
                    .write(&permit, move |tx| {
                        Box::pin(async move { tx.errand(&id).await })
                    })
                    .await?
            };
            let Some(errand) = found.filter(|errand| errand.state == ErrandState::Waiting) else {
                return finish(store, job, None).await;
            };
            // What is exported is what who asked may see while it is exported.
            let kept = &errand.request["asker"];
            let own = match asker::again(self.renew.as_ref(), &errand.asker, kept).await {
                Err(refused) if refused.category == Category::Unauthenticated => {
                    refuse(store, &permit, errand, refused).await?;
                    return finish(store, job, None).await;
                }
                renewed => renewed?,
            };
            let taken = self.advance(store, &own, errand).await?;
            if taken {
                return finish(store, job, None).await;
            }
        }
        finish(store, job, Some(id.to_owned())).await
    }

    /// One commit; `true` if it was the last.
    async fn advance(&self, store: &Store, permit: &Permit, errand: Errand) -> Result<bool> {
        let asked = Asked::from_json(&errand.request);
        let at: Progress =
            serde_json::from_value(errand.progress.clone()).map_err(Problem::fault)?;
        let step = steps(&asked).get(at.step).cloned();
        let found = match &step {
            Some(Step::Filter(kind, text)) => {
                Some(self.matches(store, permit, (*kind, text), &at).await?)
            }
            _ => None,
        };
        store
            .write(permit, move |tx| {
                Box::pin(async move {
                    // It may have been called off, or erased, since it was read.
                    if tx.errand(&errand.id).await?.is_none() {
                        return Ok(true);
                    }
                    match step {
                        None => end(tx, errand, at).await.map(|()| true),
                        Some(step) => take(tx, errand, (at, &asked, &step), found)
                            .await
                            .map(|()| false),
                    }
                })
            })
            .await
    }

    /// A page of what a filter matches, and where the next begins.
    async fn matches(
        &self,
        store: &Store,
        permit: &Permit,
        (kind, text): (ResourceType, &str),
        at: &Progress,
    ) -> Result<(Vec<i64>, Option<String>)> {
        let mut query = filter(&self.context, kind, text)?;
        if let Some(cursor) = &at.cursor {
            query.cursor = Some(Cursor::decode(cursor, &query.sort)?);
        }
        let page = store.search(permit, &query).await?;
        let keys = page.hits.iter().map(|hit| hit.stored.key).collect();
        Ok((keys, page.next))
    }
}

/// Ends a run of the job; `again` names the errand that is to go on.
async fn finish(store: &Store, job: &LeasedJob, again: Option<String>) -> Result<()> {
    let leased = job.clone();
    store
        .write(&Permit::system(KIND), move |tx| {
            Box::pin(async move {
                tx.finish_job(&leased).await?;
                let Some(id) = again else { return Ok(()) };
                let now = tx.now();
                tx.enqueue(&errand::job(KIND, &id, now)).await
            })
        })
        .await
}

/// Adds what comes next of a step.
async fn take(
    tx: &mut Tx,
    mut errand: Errand,
    (mut at, asked, step): (Progress, &Asked, &Step),
    found: Option<(Vec<i64>, Option<String>)>,
) -> Result<()> {
    let deleted = matches!(step, Step::Deleted(_));
    let name = step.kind().name();
    let same_file = |(_, kind, gone): &(i64, String, bool)| kind == name && *gone == deleted;
    if at.in_part >= FILE_LINES_MAX || !at.files.last().is_some_and(same_file) {
        at.part += 1;
        at.in_part = 0;
        at.files.push((at.part, name.to_owned(), deleted));
    }
    let (keys, next) = found.map_or((None, None), |(keys, next)| (Some(keys), next));
    let is_filter = keys.is_some();
    let listing = Listing {
        errand: &errand.id,
        part: at.part,
        kind: step.kind(),
        after: if is_filter { 0 } else { at.after },
        limit: LOOKED_AT,
        since: asked.since,
        until: asked
            .until
            .map_or(errand.created, |until| until.min(errand.created)),
        in_compartment: asked.scope != Scope::System,
        patients: match &asked.scope {
            Scope::Patients(Some(ids)) => Some(ids),
            _ => None,
        },
        keys: keys.as_deref(),
        deleted,
    };
    let listed = tx.list(&listing).await?;
    at.in_part += listed.added;
    at.lines += listed.added;
    if at.lines > EXPORT_LINES_MAX {
        let says = format!("An export has at most {EXPORT_LINES_MAX} lines: ask for less.");
        return fail(tx, errand, &Problem::invalid("too-costly", says)).await;
    }
    match (is_filter, listed.last, next) {
        (true, _, Some(cursor)) => at.cursor = Some(cursor),
        (false, Some(last), _) => at.after = last,
        _ => {
            at.step += 1;
            at.after = 0;
            at.cursor = None;
        }
    }
    errand.progress = serde_json::to_value(&at).map_err(Problem::fault)?;
    tx.keep_errand(&errand).await
}

async fn end(tx: &mut Tx, mut errand: Errand, at: Progress) -> Result<()> {
    let files: Vec<Value> = at
        .files
        .into_iter()
        .map(|(part, kind, deleted)| json!({ "part": part, "type": kind, "deleted": deleted }))
        .collect();
    errand.state = ErrandState::Done;
    errand.result = json!({ "files": files });
    tx.keep_errand(&errand).await
}

/// Ends what may not go on.
async fn refuse(store: &Store, permit: &Permit, errand: Errand, problem: Problem) -> Result<()> {
    store
        .write(permit, move |tx| {
            Box::pin(async move { fail(tx, errand, &problem).await })
        })
        .await
}

async fn fail(tx: &mut Tx, mut errand: Errand, problem: &Problem) -> Result<()> {
    errand.state = ErrandState::Failed;
    errand.result = crate::fhir::outcome::outcome(&problem.issues);
    tx.keep_errand(&errand).await
}

impl Handler for ExportHandler {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// One at a time: exports wait for each other rather than crowd out what is urgent.
    fn concurrency(&self) -> usize {
        1
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
            let Some(errand) = tx.errand(id).await? else {
                return Ok(());
            };
            fail(tx, errand, &Problem::fault("an export's job died")).await
        })
    }
}

/// When an errand is forgotten, for the header `Expires`.
#[must_use]
pub const fn expires(errand: &Errand) -> Timestamp {
    errand.expires
}
