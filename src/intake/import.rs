//! The import of a table: its rows are kept, taken in one by one, and told of in a Task.
//!
//! A crash loses nothing: rows wait in the database, each is settled in the transaction that takes
//! it in, and a job goes on with those that wait.

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture, stream};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    answer, encoding, enrol,
    fault::{Fault, refusal},
    person::{self, Setting},
    progress::{self, Counts, REJECTIONS_MAX},
    response,
    sheet::Sheet,
};
use crate::{
    care::kind,
    fhir::{
        permit::{Actor, Permit},
        reference,
        resource::Resource,
    },
    kernel::problem::{Category, Problem, Result},
    queue::{Failure, Handler},
    store::{
        ImportRow, Job, LeasedJob, Prepared, RowState, Store, Stored, Tx,
        witness::{Act, Deed, asked_by, asker},
    },
};

/// The kind of the job.
pub const KIND: &str = "intake.import";

/// Most rows that are taken in while the client waits.
pub const AT_ONCE_MAX: usize = 50;

/// Rows between two looks at how far the import is.
const CHUNK: u32 = 100;

/// Rows that are on their way to the writer at the same time; it takes them in their order.
const UNDER_WAY: usize = 16;

/// Most rows of a table that is taken in with the rights of who brings it: all of them while they
/// wait, as nobody's rights outlive their request.
pub const BOUNDED_MAX: usize = 500;

/// When the job looks after an import that is done while the client waits: only should the
/// server have died meanwhile is anything left for it.
const RESCUE_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// What a table is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// People to be followed.
    People,
    /// Answers given on paper.
    Answers,
}

impl Subject {
    const fn code(self) -> &'static str {
        match self {
            Self::People => "import-people",
            Self::Answers => "import-answers",
        }
    }
}

/// What an import is asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the table is of.
    pub subject: Subject,
    /// The table.
    pub table: Bytes,
    /// What is said once for all rows.
    pub defaults: Map<String, Value>,
    /// The zone of people whose zone is not told.
    pub zone: TimeZone,
    /// The present instant.
    pub now: Timestamp,
    /// Whether the client does not wait.
    pub later: bool,
}

/// An import that has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its Task.
    pub task: Stored,
    /// Whether every row is settled.
    pub done: bool,
}

/// Begins an import, and ends it too where the table is small.
///
/// Who is not allowed everything takes in what they could write themselves, and meets only whom they
/// know; the rows and the Task about them are the server's.
///
/// # Errors
/// `Invalid`, with every fault of the table as a whole: then nothing is kept of it. `TooLarge`, if it
/// has more than [`BOUNDED_MAX`] rows and the caller is bounded.
pub async fn begin(store: &Store, permit: &Permit, request: Request) -> Result<Begun> {
    let rows = read(store, permit, &request).await?;
    let bounded = permit.grants().is_some();
    if bounded && rows.len() > BOUNDED_MAX {
        let says = format!("At most {BOUNDED_MAX} rows are taken in at a time.");
        return Err(Problem::new(Category::TooLarge, "too-costly", says));
    }
    let at_once = bounded || !request.later && rows.len() <= AT_ONCE_MAX;
    store.watched()?;
    let code = request.subject.code();
    let asker = asker(permit.actor());
    let service = permit.acting(KIND);
    let task = store
        .write(&service, move |tx| {
            Box::pin(async move { keep(tx, (code, asker), &rows, (at_once, bounded)).await })
        })
        .await?;
    if !at_once {
        return Ok(Begun { task, done: false });
    }
    let work = Work {
        store,
        permit,
        service: &service,
        asker: permit.actor().clone(),
        import: &task.id,
        subject: request.subject,
        rejects: false,
    };
    while !work.advance().await? {}
    let found = store.read(&service, kind("Task")?, &task.id).await?;
    let task = found.ok_or_else(|| Problem::fault("the Task of an import is gone"))?;
    Ok(Begun { task, done: true })
}

/// The rows of a table; those with faults are rejected already.
async fn read(store: &Store, permit: &Permit, request: &Request) -> Result<Vec<ImportRow>> {
    let text = encoding::text(&request.table).map_err(|fault| refusal(&[fault]))?;
    let setting = Setting {
        defaults: request.defaults.clone(),
        zone: request.zone.clone(),
        now: request.now,
    };
    let read: Vec<(u64, Result<Value, Vec<Fault>>)> = match request.subject {
        Subject::People => {
            let sheet = Sheet::read(&text, person::COLUMNS, |_| false).map_err(|f| refusal(&f))?;
            person::check(&sheet, &setting).map_err(|fault| refusal(&[fault]))?;
            let one = |row| person::read(&sheet, row, &setting);
            sheet.rows.iter().map(|row| (row.line, one(row))).collect()
        }
        Subject::Answers => {
            let form = response::form(store, permit, &request.defaults).await?;
            let is_item = |title: &str| form.has(title);
            let sheet = Sheet::read(&text, answer::COLUMNS, is_item).map_err(|f| refusal(&f))?;
            let one = |row| answer::read(&sheet, row, &setting, &form);
            sheet.rows.iter().map(|row| (row.line, one(row))).collect()
        }
    };
    Ok(read
        .into_iter()
        .map(|(line, row)| import_row(line, row))
        .collect())
}

fn import_row(line: u64, read: Result<Value, Vec<Fault>>) -> ImportRow {
    let (state, content, faults) = match read {
        Ok(content) => (RowState::Waiting, content.to_string(), String::new()),
        Err(faults) => (RowState::Rejected, String::new(), told(&faults)),
    };
    ImportRow {
        line,
        state,
        content,
        faults,
    }
}

fn told(faults: &[Fault]) -> String {
    let pairs = faults.iter().map(|f| json!([f.column, f.reason]));
    Value::Array(pairs.collect()).to_string()
}

/// What [`told`] has written.
fn retold(row: &ImportRow) -> Vec<Fault> {
    let pairs: Vec<(String, String)> = serde_json::from_str(&row.faults).unwrap_or_default();
    let fault = |(column, reason): (String, String)| Fault::new(row.line, &column, reason);
    pairs.into_iter().map(fault).collect()
}

async fn keep(
    tx: &mut Tx,
    (code, asker): (&str, Value),
    rows: &[ImportRow],
    (at_once, bounded): (bool, bool),
) -> Result<Stored> {
    let id = tx.new_id();
    for row in rows {
        tx.keep_import_row(&id, row).await?;
    }
    let mut task = progress::begun(code, tx.now());
    let count = |state| rows.iter().filter(|row| row.state == state).count() as u64;
    let counts = Counts {
        waiting: count(RowState::Waiting),
        rejected: count(RowState::Rejected),
        ..Counts::default()
    };
    // Rows that were refused at once are told of by the first look, which also ends the import.
    progress::tell(&mut task, counts, &[], tx.now());
    task["status"] = "in-progress".into();
    let prepared = Prepared::new(Resource::trusted(task)?);
    let stored = tx.create(&id, prepared).await?;
    let wait = if at_once {
        RESCUE_AFTER
    } else {
        SignedDuration::ZERO
    };
    let run_at = tx.now().saturating_add(wait).unwrap_or(tx.now());
    tx.enqueue(&job((&id, asker), bounded, run_at)).await?;
    Ok(stored)
}

/// `rejects`: what still waits is refused, as whose right it was to bring it has gone.
/// `asker`: who has brought it, for the record of accesses.
fn job((import, asker): (&str, Value), rejects: bool, run_at: Timestamp) -> Job {
    Job {
        kind: KIND,
        dedup: Some(import.to_owned()),
        payload: json!({ "task": import, "rejects": rejects, "asker": asker }),
        run_at,
    }
}

/// An import under way.
struct Work<'a> {
    store: &'a Store,
    /// With which rows are taken in.
    permit: &'a Permit,
    /// With which it is told how far it is.
    service: &'a Permit,
    /// Who has brought it.
    asker: Actor,
    import: &'a str,
    subject: Subject,
    /// Whether what waits is refused.
    rejects: bool,
}

impl Work<'_> {
    /// Takes in the next rows and tells how far it is; whether nothing waits any more.
    async fn advance(&self) -> Result<bool> {
        let rows = self
            .store
            .import_rows(self.service, self.import, RowState::Waiting, CHUNK)
            .await?;
        // In their order: of two rows about one person the first is taken in.
        let mut outcomes =
            stream::iter(rows.into_iter().map(|row| self.take(row))).buffered(UNDER_WAY);
        let (mut patients, mut failed) = (Vec::new(), None);
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(patient) => patients.extend(patient),
                Err(problem) => {
                    failed = Some(problem);
                    break;
                }
            }
        }
        if !patients.is_empty() {
            self.store.saw(Deed {
                act: Act::TakenIn,
                actor: self.asker.clone(),
                entity: Some(("Task", self.import.to_owned())),
                detail: format!("{} rows", patients.len()),
                patients,
                is_done: true,
            });
        }
        match failed {
            Some(problem) => Err(problem),
            None => self.tell().await,
        }
    }

    /// Takes one row in, or refuses it: each is one transaction. Gives the patient whom it was about.
    async fn take(&self, row: ImportRow) -> Result<Option<String>> {
        let line = row.line;
        if self.rejects {
            let says = "The import broke off before this row: bring it again.";
            return self
                .reject(line, &Problem::invalid("incomplete", says))
                .await
                .map(|()| None);
        }
        let (import, subject, content) = (self.import.to_owned(), self.subject, row.content);
        let taken = self
            .store
            .write(self.permit, move |tx| {
                Box::pin(async move {
                    // Another may have taken it in meanwhile: a request, and the job after it.
                    let waits = (RowState::Waiting, RowState::Created);
                    if !tx.settle_import_row(&import, line, waits, "").await? {
                        return Ok(None);
                    }
                    let row: Value = serde_json::from_str(&content).map_err(Problem::fault)?;
                    let (state, patient) = match subject {
                        Subject::People => enrol::take(tx, line, &row).await?,
                        Subject::Answers => response::take(tx, line, &row).await?,
                    };
                    let moves = (RowState::Created, state);
                    tx.settle_import_row(&import, line, moves, "").await?;
                    let local = reference::local(&patient);
                    Ok(local.map(|local| local.id))
                })
            })
            .await;
        match taken {
            Ok(patient) => Ok(patient),
            Err(problem) if is_passing(problem.category) => Err(problem),
            Err(problem) => self.reject(line, &problem).await.map(|()| None),
        }
    }

    async fn reject(&self, line: u64, problem: &Problem) -> Result<()> {
        let (import, faults) = (self.import.to_owned(), told(&faults_of(line, problem)));
        self.store
            .write(self.service, move |tx| {
                Box::pin(async move {
                    let moves = (RowState::Waiting, RowState::Rejected);
                    tx.settle_import_row(&import, line, moves, &faults).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Tells in the Task how far it is; at the end the rows are forgotten in the same commit.
    async fn tell(&self) -> Result<bool> {
        let counted = self.store.import_counts(self.service, self.import).await?;
        if counted.is_empty() {
            return Ok(true);
        }
        let counts = Counts::of(&counted);
        // Listed once, at the end: each version of the Task would hold the list again.
        let listed = if counts.waiting == 0 {
            REJECTIONS_MAX
        } else {
            0
        };
        let rejected = self
            .store
            .import_rows(self.service, self.import, RowState::Rejected, listed)
            .await?;
        let faults: Vec<Fault> = rejected.iter().flat_map(retold).collect();
        let import = self.import.to_owned();
        self.store
            .write(self.service, move |tx| {
                Box::pin(async move { update(tx, &import, counts, &faults).await })
            })
            .await?;
        Ok(counts.waiting == 0)
    }
}

/// What may go by, unlike what a row holds: such a row stays waiting.
const fn is_passing(category: Category) -> bool {
    matches!(
        category,
        Category::Fault | Category::Busy | Category::TooManyRequests
    )
}

/// The faults of a row, from why its transaction was refused.
fn faults_of(line: u64, problem: &Problem) -> Vec<Fault> {
    let column = |place: &Option<String>| {
        let start = format!("line[{line}].");
        let inner = place
            .as_deref()
            .and_then(|place| place.strip_prefix(&start));
        inner.unwrap_or_default().to_owned()
    };
    let issues = problem.issues.iter();
    issues
        .map(|issue| Fault::new(line, &column(&issue.expression), &issue.diagnostics))
        .collect()
}

async fn update(tx: &mut Tx, import: &str, counts: Counts, faults: &[Fault]) -> Result<()> {
    let found = tx.read(kind("Task")?, import).await?;
    if let Some(stored) = found.filter(|stored| !stored.is_deleted()) {
        let mut task = stored.tree()?;
        progress::tell(&mut task, counts, faults, tx.now());
        let prepared = Prepared::new(Resource::trusted(task)?);
        tx.put(import, prepared, Some(stored.version)).await?;
    }
    if counts.waiting == 0 {
        tx.forget_import(import).await?;
    }
    Ok(())
}

/// Runs [`KIND`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportHandler;

impl ImportHandler {
    async fn go_on(store: &Store, job: &LeasedJob) -> Result<()> {
        store.watched()?;
        let permit = Permit::system(KIND);
        let import = job.payload["task"].as_str().unwrap_or_default();
        let found = store.read(&permit, kind("Task")?, import).await?;
        let task = found.map_or(Ok(Value::Null), |stored| stored.tree())?;
        let subject = if task["code"]["coding"][0]["code"] == Subject::Answers.code() {
            Subject::Answers
        } else {
            Subject::People
        };
        let work = Work {
            store,
            permit: &permit,
            service: &permit,
            asker: asked_by(&job.payload["asker"], KIND),
            import,
            subject,
            rejects: job.payload["rejects"] == true,
        };
        let done = work.advance().await?;
        let asker = job.payload["asker"].clone();
        let next = self::job((import, asker), work.rejects, job.run_at);
        let leased = job.clone();
        store
            .write(&permit, move |tx| {
                Box::pin(async move {
                    tx.finish_job(&leased).await?;
                    if done {
                        return Ok(());
                    }
                    let run_at = tx.now();
                    tx.enqueue(&Job { run_at, ..next }).await
                })
            })
            .await
    }
}

impl Handler for ImportHandler {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// One at a time: rows of two tables about one person are taken in one after the other.
    fn concurrency(&self) -> usize {
        1
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { Self::go_on(store, job).await.map_err(Failure::from) })
    }
}
