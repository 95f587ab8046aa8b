//! From the first commit of an erasure to its end: what is left of the rows, the files of
//! messages, the bytes that deleted rows leave in the database file, the ledger.
//!
//! Every step may be repeated, and what is left to do stands in the table `erasure`; so whoever
//! comes next, a request, the job or the next start of the server, goes on where another ended.

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{
    backups::{self, Backup},
    beside,
    erase::{self, Target},
    find::Found,
    ledger::{Ledger, Line},
    seal::Seal,
};
use crate::{
    fhir::permit::Permit,
    kernel::{
        clock::Clock,
        problem::{Category, Result},
    },
    notify::Channel,
    queue::{Failure, Handler, Schedule},
    store::{ErasureRecord, Job, LeasedJob, Store},
};

/// The kind of the job that sees erasures to their end.
pub const KIND: &str = "erasure.complete";

/// How long the job leaves the end to whoever has begun: erasures that follow each other share
/// one passage over the database file.
const LEAVE: SignedDuration = SignedDuration::from_secs(10);

/// How often a passage is tried while readers hold on to an older state.
const SCRUB_TRIES: u32 = 20;

/// The pause between two tries.
const SCRUB_PAUSE: Duration = Duration::from_millis(100);

static PERMIT: Permit = Permit::system("erasure");

/// What an erasure needs beside an open transaction.
pub struct Eraser {
    store: Store,
    clock: Arc<dyn Clock>,
    channels: Vec<Arc<dyn Channel>>,
    seal: Seal,
    ledger: Ledger,
    backups: std::path::PathBuf,
    turn: Mutex<()>,
}

/// How far an erasure is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Its record; none where nothing was there to be erased.
    pub record: Option<ErasureRecord>,
    /// Backups made before it, which hold the data until they are rotated.
    pub backups: Vec<Backup>,
}

impl Progress {
    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.record
            .as_ref()
            .is_none_or(|record| record.ended.is_some())
    }
}

impl Eraser {
    /// An eraser over the store in the file `database`.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        channels: Vec<Arc<dyn Channel>>,
        seal: Seal,
        database: &Path,
    ) -> Self {
        Self {
            store,
            clock,
            channels,
            seal,
            ledger: Ledger::at(beside(database, "erasures")),
            backups: beside(database, "backups"),
            turn: Mutex::new(()),
        }
    }

    /// What an erasure of a person would remove.
    ///
    /// # Errors
    /// As a read.
    pub async fn look(&self, patient: &str) -> Result<Found> {
        let target = Target::person(patient)?;
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { erase::look(tx, &target).await })
            })
            .await
    }

    /// Erases a person. Once this has an answer nothing of them can be read any more, and what is
    /// left to do is durable.
    ///
    /// # Errors
    /// As a write.
    pub async fn begin(&self, patient: &str) -> Result<Option<ErasureRecord>> {
        self.erase(&Target::person(patient)?, None).await
    }

    /// One erasure, batch by batch, and its line in the ledger.
    pub(super) async fn erase(
        &self,
        target: &Target,
        id: Option<String>,
    ) -> Result<Option<ErasureRecord>> {
        loop {
            let (target, seal, id) = (target.clone(), self.seal.clone(), id.clone());
            let record = self
                .store
                .write(&PERMIT, move |tx| {
                    Box::pin(async move { erase::erase(tx, &seal, &target, id.as_deref()).await })
                })
                .await?;
            match record {
                Some(record) if record.target.is_some() => {}
                Some(record) => {
                    self.ledger.append(&[Line::of(&record)])?;
                    return Ok(Some(record));
                }
                None => return Ok(None),
            }
        }
    }

    /// Sees open erasures to their end, as far as that can be now; gives those that stay open.
    ///
    /// # Errors
    /// As a step of it; the job goes on later.
    pub async fn complete(&self) -> Result<Vec<ErasureRecord>> {
        self.complete_held(self.clock.now()).await
    }

    /// As [`Eraser::complete`], where no worker holds anything that is held until `free`.
    pub(super) async fn complete_held(&self, free: Timestamp) -> Result<Vec<ErasureRecord>> {
        let _turn = self.turn.lock().await;
        for record in self.open().await? {
            self.go_on(&record).await?;
        }
        let now = self.clock.now();
        let open = self.open().await?;
        let (ready, held): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|record| record.not_before <= free);
        if ready.is_empty() {
            return Ok(held);
        }
        let mut done = ready;
        for record in &mut done {
            for channel in &self.channels {
                channel.forget(&record.messages).await?;
            }
            record.messages.clear();
        }
        // Before the passage over the file, so that it clears these names as well.
        self.keep(done.clone()).await?;
        self.scrub().await?;
        for record in &mut done {
            record.ended = Some(now);
        }
        let lines: Vec<Line> = done.iter().map(Line::of).collect();
        self.ledger.append(&lines)?;
        self.keep(done).await?;
        Ok(held)
    }

    async fn keep(&self, records: Vec<ErasureRecord>) -> Result<()> {
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    for record in &records {
                        tx.note_erasure(record).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// The rows that an erasure has not come to, where it was cut short between two batches.
    async fn go_on(&self, record: &ErasureRecord) -> Result<()> {
        let Some(id) = &record.target else {
            return Ok(());
        };
        let target = if record.scope == "CarePlan" {
            // The CarePlan itself went first; whose it was no longer matters.
            Target::plan(id, "")?
        } else {
            Target::person(id)?
        };
        self.erase(&target, None).await.map(|_| ())
    }

    async fn open(&self) -> Result<Vec<ErasureRecord>> {
        self.store
            .write(&PERMIT, |tx| {
                Box::pin(async move { tx.erasures(true).await })
            })
            .await
    }

    async fn scrub(&self) -> Result<()> {
        for _ in 1..SCRUB_TRIES {
            match self.store.scrub(&PERMIT).await {
                Err(problem) if problem.category == Category::Busy => {
                    tokio::time::sleep(SCRUB_PAUSE).await;
                }
                other => return other,
            }
        }
        self.store.scrub(&PERMIT).await
    }

    /// How far the erasure of this id is; none where there is no such erasure.
    ///
    /// # Errors
    /// As a read.
    pub async fn progress(&self, id: &str) -> Result<Option<Progress>> {
        let all = self
            .store
            .write(&PERMIT, |tx| {
                Box::pin(async move { tx.erasures(false).await })
            })
            .await?;
        let Some(record) = all.into_iter().find(|record| record.id == id) else {
            return Ok(None);
        };
        self.told(Some(record)).map(Some)
    }

    /// A record with the backups that it does not reach.
    ///
    /// # Errors
    /// `Fault`, if the list of backups cannot be read.
    pub fn told(&self, record: Option<ErasureRecord>) -> Result<Progress> {
        let backups = match &record {
            Some(record) => backups::before(&self.backups, record.begun)?,
            None => Vec::new(),
        };
        Ok(Progress { record, backups })
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    pub(super) const fn seal(&self) -> &Seal {
        &self.seal
    }

    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// The job, written with each erasure.
pub(super) fn job(now: Timestamp) -> Job {
    Job {
        kind: KIND,
        dedup: Some("open".to_owned()),
        payload: serde_json::json!({}),
        run_at: now.saturating_add(LEAVE).unwrap_or(Timestamp::MAX),
    }
}

/// Runs [`KIND`].
pub struct CompleteHandler(pub Arc<Eraser>);

impl Handler for CompleteHandler {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn schedule(&self) -> Schedule {
        Schedule::ENDLESS
    }

    fn run<'a>(
        &'a self,
        _: &'a Store,
        leased: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.act(leased).await.map_err(Failure::from) })
    }
}

impl CompleteHandler {
    async fn act(&self, leased: &LeasedJob) -> Result<()> {
        let held = self.0.complete().await?;
        let until = held.iter().map(|record| record.not_before).min();
        let leased = leased.clone();
        self.0
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    tx.finish_job(&leased).await?;
                    // One that has been begun meanwhile found this job waiting, and added none.
                    if tx.erasures(true).await?.is_empty() {
                        return Ok(());
                    }
                    let mut next = job(tx.now());
                    next.run_at = next.run_at.max(until.unwrap_or(next.run_at));
                    tx.enqueue(&next).await
                })
            })
            .await
    }
}
