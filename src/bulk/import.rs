//! Imports: resources in, one a line of NDJSON.
//!
//! The lines are kept first ([`begin`], [`keep`], [`release`]) and then taken in one by one by a
//! job, each in a commit of its own that also wipes the line: a crash repeats nothing, and a line
//! that is refused is told of and leaves the others alone. A resource with an id is written under
//! it, any other is created.
//!
//! Specification: <https://github.com/smart-on-fhir/bulk-import/blob/master/import-manifest.md>,
//! of which the files that come with the request or stand on this server are taken; nothing is
//! fetched from elsewhere.

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture, stream};
use serde_json::{Value, json};

use super::errand;
use crate::{
    fhir::{
        outcome::outcome,
        permit::{Actor, Permit},
        validate::Judgement,
    },
    interactions::Context,
    kernel::problem::{Category, Problem, Result},
    queue::{Failure, Handler},
    store::{
        Errand, ErrandKind, ErrandState, ImportRow, LeasedJob, Prepared, RowState, Store,
        witness::{Act, Deed, asked_by, asker},
    },
};

/// The kind of the job.
pub const KIND: &str = "bulk.import";

/// Most lines of one import.
pub const LINES_MAX: u64 = 5_000_000;

/// Most refused lines whose faults are listed; all are counted.
pub const REJECTIONS_MAX: u32 = 10_000;

/// Lines that one look at the database brings.
const CHUNK: u32 = 200;

/// Lines that are on their way to the writer at the same time; it takes them in their order.
const UNDER_WAY: usize = 16;

/// Looks of one run of the job, well within its lease.
const LOOKS_A_RUN: u32 = 20;

/// Begins an import, whose lines are to come.
///
/// # Errors
/// `Forbidden`, if the permit is of one patient; `TooManyRequests`.
pub async fn begin(context: &Context, permit: &Permit, url: &str) -> Result<Errand> {
    if permit.patient().is_some() {
        let says = "The permit does not reach as far as an import.";
        return Err(Problem::new(Category::Forbidden, "forbidden", says));
    }
    let by = asker(permit.actor());
    let (own, request) = (permit.clone(), json!({ "url": url, "by": by }));
    context
        .store
        .write(permit, move |tx| {
            Box::pin(async move {
                let work = (ErrandKind::Import, None);
                errand::begin(tx, &own, work, (request, json!({}))).await
            })
        })
        .await
}

/// Keeps lines, the first of which has the number `first`; blank ones are passed over.
///
/// # Errors
/// `TooLarge`, if there are too many.
pub async fn keep(
    store: &Store,
    permit: &Permit,
    errand: &Errand,
    (first, lines): (u64, Vec<String>),
) -> Result<()> {
    if first + lines.len() as u64 > LINES_MAX {
        let says = format!("An import has at most {LINES_MAX} lines.");
        return Err(Problem::new(Category::TooLarge, "too-long", says));
    }
    let id = errand.id.clone();
    store
        .write(permit, move |tx| {
            Box::pin(async move {
                for (n, content) in lines.into_iter().enumerate() {
                    if content.trim().is_empty() {
                        continue;
                    }
                    let row = ImportRow {
                        line: first + n as u64,
                        state: RowState::Waiting,
                        content,
                        faults: String::new(),
                    };
                    tx.keep_import_row(&id, &row).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Has the lines taken in.
///
/// # Errors
/// `Fault`, if the database fails.
pub async fn release(store: &Store, permit: &Permit, errand: &Errand) -> Result<()> {
    let id = errand.id.clone();
    store
        .write(permit, move |tx| {
            Box::pin(async move {
                let now = tx.now();
                tx.enqueue(&errand::job(KIND, &id, now)).await
            })
        })
        .await
}

/// How far an import is, in words.
///
/// # Errors
/// `Fault`, if the database fails.
pub async fn progress(store: &Store, permit: &Permit, errand: &Errand) -> Result<String> {
    let counts = store.import_counts(permit, &errand.id).await?;
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    let waiting = count(&counts, RowState::Waiting);
    Ok(format!("{} of {all} lines", all - waiting))
}

fn count(counts: &[(RowState, u64)], state: RowState) -> u64 {
    let found = counts.iter().find(|(known, _)| *known == state);
    found.map_or(0, |(_, count)| *count)
}

/// The faults of the lines that were refused: an OperationOutcome a line.
///
/// # Errors
/// `Fault`, if the database fails.
pub async fn errors(store: &Store, permit: &Permit, errand: &Errand) -> Result<Bytes> {
    let rows = store
        .import_rows(permit, &errand.id, RowState::Rejected, REJECTIONS_MAX)
        .await?;
    let lines: String = rows.iter().map(|row| format!("{}\n", row.faults)).collect();
    Ok(lines.into())
}

/// Runs [`KIND`].
#[derive(Clone)]
pub struct ImportHandler {
    context: Context,
}

impl ImportHandler {
    /// A handler that writes as the interactions do.
    #[must_use]
    pub const fn new(context: Context) -> Self {
        Self { context }
    }

    async fn go_on(&self, store: &Store, job: &LeasedJob) -> Result<()> {
        // What cannot be told is not done.
        store.watched()?;
        let permit = Permit::system(KIND);
        let id = job.payload["errand"].as_str().unwrap_or_default();
        let mut told = Told::begin(store, &permit, id).await?;
        let mut done = false;
        for _ in 0..LOOKS_A_RUN {
            let rows = store
                .import_rows(&permit, id, RowState::Waiting, CHUNK)
                .await?;
            done = rows.is_empty();
            if done {
                break;
            }
            let mut taken = stream::iter(rows)
                .map(|row| self.take(store, &permit, (id, row)))
                .buffered(UNDER_WAY);
            while let Some(outcome) = taken.next().await {
                told.patients.extend(outcome?);
            }
        }
        drop(told);
        self.end_run(store, &permit, (job, done)).await
    }

    /// Takes one line in, or notes why it is refused; gives the patients whom it is about.
    async fn take(
        &self,
        store: &Store,
        permit: &Permit,
        (id, row): (&str, ImportRow),
    ) -> Result<Vec<String>> {
        let line = row.line;
        let judgement = self.context.judgement().await?;
        let stored = match self.prepared(row.content.into(), &judgement) {
            Ok((target, prepared)) => {
                let patients = prepared.patients(target.id());
                let written = write(store, permit, (id, line), (target, prepared)).await;
                written.map(|()| patients)
            }
            Err(problem) => Err(problem),
        };
        match stored {
            Ok(patients) => Ok(patients),
            Err(problem) if is_passing(problem.category) => Err(problem),
            Err(problem) => reject(store, permit, (id, line), problem)
                .await
                .map(|()| Vec::new()),
        }
    }

    /// What a line says: the id that it names, or a new one, and what is to be stored.
    fn prepared(&self, line: Bytes, judgement: &Judgement) -> Result<(Target, Prepared)> {
        let resource = judgement.read(&line, &self.context.limits.json)?;
        let target = match resource.tree()["id"].as_str() {
            Some(id) => Target::Known(id.to_owned()),
            None => Target::Fresh(self.context.new_id()),
        };
        Ok((target, Prepared::new(resource)))
    }

    async fn end_run(
        &self,
        store: &Store,
        permit: &Permit,
        (job, done): (&LeasedJob, bool),
    ) -> Result<()> {
        let leased = job.clone();
        let id = job.payload["errand"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let counts = store.import_counts(permit, &id).await?;
        store
            .write(permit, move |tx| {
                Box::pin(async move {
                    tx.finish_job(&leased).await?;
                    let Some(mut errand) = tx.errand(&id).await? else {
                        return Ok(());
                    };
                    if !done {
                        let now = tx.now();
                        return tx.enqueue(&errand::job(KIND, &id, now)).await;
                    }
                    errand.state = ErrandState::Done;
                    errand.result = json!({
                        "stored": count(&counts, RowState::Created),
                        "rejected": count(&counts, RowState::Rejected),
                    });
                    tx.keep_errand(&errand).await
                })
            })
            .await
    }
}

/// Where a resource is written.
enum Target {
    /// Under its own id.
    Known(String),
    /// Under a new one.
    Fresh(String),
}

impl Target {
    const fn id(&self) -> &str {
        match self {
            Self::Known(id) | Self::Fresh(id) => id.as_str(),
        }
    }
}

/// Whose data a run has taken in: told when it ends, however it does.
struct Told<'a> {
    store: &'a Store,
    errand: &'a str,
    asker: Actor,
    patients: Vec<String>,
}

impl<'a> Told<'a> {
    async fn begin(store: &'a Store, permit: &Permit, errand: &'a str) -> Result<Self> {
        let id = errand.to_owned();
        let found: Option<Errand> = store
            .write(permit, move |tx| {
                Box::pin(async move { tx.errand(&id).await })
            })
            .await?;
        let by = found.map_or(Value::Null, |errand| errand.request["by"].clone());
        Ok(Self {
            store,
            errand,
            asker: asked_by(&by, KIND),
            patients: Vec::new(),
        })
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if self.patients.is_empty() {
            return;
        }
        self.store.saw(Deed {
            act: Act::TakenIn,
            actor: self.asker.clone(),
            entity: None,
            patients: std::mem::take(&mut self.patients),
            is_done: true,
            detail: self.errand.to_owned(),
        });
    }
}

/// The resource and the end of its line, in one commit.
async fn write(
    store: &Store,
    permit: &Permit,
    (id, line): (&str, u64),
    (target, prepared): (Target, Prepared),
) -> Result<()> {
    let id = id.to_owned();
    store
        .write(permit, move |tx| {
            Box::pin(async move {
                let moves = (RowState::Waiting, RowState::Created);
                // It may have been called off meanwhile.
                if !tx.settle_import_row(&id, line, moves, "").await? {
                    return Ok(());
                }
                match target {
                    Target::Known(id) => tx.put(&id, prepared, None).await.map(|_| ()),
                    Target::Fresh(id) => tx.create(&id, prepared).await.map(|_| ()),
                }
            })
        })
        .await
}

async fn reject(
    store: &Store,
    permit: &Permit,
    (id, line): (&str, u64),
    problem: Problem,
) -> Result<()> {
    let told = outcome(&problem.within(&format!("line[{line}]")).issues);
    let id = id.to_owned();
    store
        .write(permit, move |tx| {
            Box::pin(async move {
                let moves = (RowState::Waiting, RowState::Rejected);
                tx.settle_import_row(&id, line, moves, &told.to_string())
                    .await
                    .map(|_| ())
            })
        })
        .await
}

/// What may go by, unlike what a line holds: such a line stays waiting.
const fn is_passing(category: Category) -> bool {
    matches!(
        category,
        Category::Fault | Category::Busy | Category::TooManyRequests
    )
}

impl Handler for ImportHandler {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// One at a time: lines of two imports about one resource are taken in one after the other.
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

    fn died<'a>(
        &'a self,
        tx: &'a mut crate::store::Tx,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let id = job.payload["errand"].as_str().unwrap_or_default();
            let Some(mut errand) = tx.errand(id).await? else {
                return Ok(());
            };
            errand.state = ErrandState::Failed;
            errand.result = outcome(&Problem::fault("an import's job died").issues);
            tx.keep_errand(&errand).await
        })
    }
}

/// The lines of the inputs that a manifest names, resolved by the caller: pure.
///
/// # Errors
/// `Malformed`, where it names none, or something that is not taken.
pub fn inputs(parameters: &Value) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    let all = parameters["parameter"].as_array().into_iter().flatten();
    for (n, parameter) in all.enumerate() {
        let place = format!("Parameters.parameter[{n}]");
        match parameter["name"].as_str().unwrap_or_default() {
            "input" => inputs.push(input(parameter).map_err(|problem| problem.at(place))?),
            "inputFormat" | "inputSource" | "storageDetail" | "mode" => {}
            _ => {
                let says = "An import has no such parameter.";
                return Err(Problem::malformed("not-supported", says).at(place));
            }
        }
    }
    if inputs.is_empty() {
        let says = "Send NDJSON, or Parameters with `input`s.";
        return Err(Problem::malformed("required", says).at("Parameters.parameter"));
    }
    Ok(inputs)
}

/// Where lines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A Binary of this server.
    Binary(String),
    /// The text itself, in base64.
    Data(String),
}

fn input(parameter: &Value) -> Result<Input> {
    for part in parameter["part"].as_array().into_iter().flatten() {
        if let Some(data) = part["resource"]["data"].as_str() {
            return Ok(Input::Data(data.to_owned()));
        }
        let members = part.as_object().into_iter().flatten();
        let mut values = members.filter(|(name, _)| name.starts_with("value"));
        let text = values.next().and_then(|(_, value)| value.as_str());
        if part["name"] == "url"
            && let Some(url) = text
        {
            let local = crate::fhir::reference::local(url);
            return match local.filter(|local| local.kind.name() == "Binary") {
                Some(local) => Ok(Input::Binary(local.id)),
                None => {
                    let says = "Files are taken from a Binary of this server (`Binary/1`), or with \
                                the request; this server fetches nothing from elsewhere.";
                    Err(Problem::malformed("not-supported", says))
                }
            };
        }
    }
    Err(Problem::malformed(
        "required",
        "An input has a `url`, or a Binary as `resource`.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_with_the_request_or_from_this_server() {
        let asked = |part: Value| {
            inputs(&json!({ "parameter": [{ "name": "input", "part": [
                { "name": "type", "valueCode": "Patient" }, part] }] }))
        };
        let url = |url: &str| json!({ "name": "url", "valueUrl": url });
        assert_eq!(asked(url("Binary/1")), Ok(vec![Input::Binary("1".into())]));
        let own =
            json!({ "name": "file", "resource": { "resourceType": "Binary", "data": "e30=" } });
        assert_eq!(asked(own), Ok(vec![Input::Data("e30=".into())]));
        for elsewhere in [
            "https://example.org/a.ndjson",
            "http://127.0.0.1/x",
            "file:///etc/passwd",
            "Patient/1",
        ] {
            assert!(asked(url(elsewhere)).is_err(), "{elsewhere}");
        }
        assert!(asked(json!({ "name": "nothing" })).is_err());
        assert!(inputs(&json!({})).is_err());
        assert!(inputs(&json!({ "parameter": [{ "name": "nonsense" }] })).is_err());
    }
}
