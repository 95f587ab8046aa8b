//! What the other layers hold of the store.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::{
    Excerpt, History, LeasedJob, Page, Reactor, Stored, Tx,
    sqlite::{self, Readers},
    witness::Stand,
    writer::{Told, Writer},
};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, search::query::Query},
    kernel::{chance::Chance, clock::Clock, problem::Result},
};

/// What a store is opened with.
pub struct StoreOptions {
    /// The database file; it is made if absent.
    pub path: PathBuf,
    /// Connections that read at the same time.
    pub readers: u32,
    /// The time of each version.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub chance: Arc<dyn Chance>,
    /// Who sees each change in its transaction, in this order.
    pub reactors: Vec<Arc<dyn Reactor>>,
}

/// What a scratch store is opened with: there is no place to keep anything in.
pub struct ScratchOptions {
    /// The time of each version.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub chance: Arc<dyn Chance>,
    /// Who sees each change in its transaction, in this order.
    pub reactors: Vec<Arc<dyn Reactor>>,
}

/// Where a store reads.
#[derive(Clone)]
pub(super) enum Reading {
    /// On connections of their own, beside the writer.
    Pool(Readers),
    /// On the writer's connection, in turn with the writes: a scratch store has no other.
    Turn,
}

/// The store; clones share it.
#[derive(Clone)]
pub struct Store {
    reading: Reading,
    writer: Writer,
    jobs: Arc<Notify>,
    stamp: Arc<AtomicU64>,
    stand: Stand,
}

impl Store {
    /// Opens the database, migrates it, and starts its writer.
    ///
    /// # Errors
    /// `Fault`, if the file cannot be opened or is of a newer Vigie.
    pub async fn open(options: StoreOptions) -> Result<Self> {
        let session = sqlite::open_session(&options.path).await?;
        let readers = Readers::open(&options.path, options.readers).await?;
        let tx = Tx::new(Box::new(session), options.clock, options.chance);
        Self::start(Reading::Pool(readers), tx, options.reactors)
    }

    /// A store in memory, empty and with all its rules, that is gone with its last clone.
    ///
    /// What it acknowledges is durable nowhere: it is for trying something out, never for
    /// keeping it. It cannot be opened on a file.
    ///
    /// # Errors
    /// `Fault`, if there is no memory or no thread for it.
    pub fn scratch(options: ScratchOptions) -> Result<Self> {
        let session = sqlite::open_scratch_session()?;
        let tx = Tx::new(Box::new(session), options.clock, options.chance);
        Self::start(Reading::Turn, tx, options.reactors)
    }

    fn start(reading: Reading, tx: Tx, reactors: Vec<Arc<dyn Reactor>>) -> Result<Self> {
        let (jobs, stamp) = (Arc::new(Notify::new()), Arc::default());
        let told = Told {
            jobs: Arc::clone(&jobs),
            stamp: Arc::clone(&stamp),
        };
        Ok(Self {
            reading,
            writer: Writer::start(tx, reactors.into(), told)?,
            jobs,
            stamp,
            stand: Stand::default(),
        })
    }

    pub(super) fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Acquire)
    }

    /// Where who is told of deeds stands.
    pub(super) const fn stand(&self) -> &Stand {
        &self.stand
    }

    /// Where it reads.
    pub(super) const fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The current version, a deletion included; none if there is none or the permit does not
    /// reach it.
    ///
    /// # Errors
    /// `Fault`, if the stored version does not match its hash.
    pub async fn read(
        &self,
        permit: &Permit,
        kind: ResourceType,
        id: &str,
    ) -> Result<Option<Stored>> {
        match &self.reading {
            Reading::Pool(readers) => readers.current(permit, kind, id),
            Reading::Turn => {
                let id = id.to_owned();
                self.write(permit, move |tx| {
                    Box::pin(async move { tx.read(kind, &id).await })
                })
                .await
            }
        }
    }

    /// One version, current or not.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn vread(
        &self,
        permit: &Permit,
        kind: ResourceType,
        id: &str,
        version: u64,
    ) -> Result<Option<Stored>> {
        match &self.reading {
            Reading::Pool(readers) => readers.version(permit, (kind, id), version),
            Reading::Turn => {
                let id = id.to_owned();
                self.write(permit, move |tx| {
                    Box::pin(async move { tx.vread((kind, &id), version).await })
                })
                .await
            }
        }
    }

    /// A page of versions, newest first; none if they are those of one resource, and it never
    /// existed or the permit does not reach it.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn history(&self, permit: &Permit, excerpt: &Excerpt) -> Result<Option<History>> {
        match &self.reading {
            Reading::Pool(readers) => readers.history(permit, excerpt).await,
            Reading::Turn => {
                let excerpt = excerpt.clone();
                self.write(permit, move |tx| {
                    Box::pin(async move { tx.history(&excerpt).await })
                })
                .await
            }
        }
    }

    /// Searches what is durable.
    ///
    /// # Errors
    /// As the query asks too much, or the database fails.
    pub async fn search(&self, permit: &Permit, query: &Query) -> Result<Page> {
        match &self.reading {
            Reading::Pool(readers) => readers.search(permit, query).await,
            Reading::Turn => {
                let query = query.clone();
                self.write(permit, move |tx| {
                    Box::pin(async move { tx.search(&query).await })
                })
                .await
            }
        }
    }

    /// Runs `work` in a transaction and answers once it is durable.
    ///
    /// What `work` writes, and what reactors add, stands or falls as a whole.
    ///
    /// # Errors
    /// Those of `work` and of reactors; `Busy` if too many writes wait.
    pub async fn write<T, F>(&self, permit: &Permit, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
    {
        self.writer.write(permit.clone(), work).await
    }

    /// Lends up to `limit` due jobs for `lease`, none of the kinds `except`.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn lease_jobs(
        &self,
        permit: &Permit,
        lease: SignedDuration,
        limit: u32,
        except: Vec<String>,
    ) -> Result<Vec<LeasedJob>> {
        self.write(permit, move |tx| {
            Box::pin(async move {
                let until = tx.now().saturating_add(lease).unwrap_or(Timestamp::MAX);
                tx.lease_jobs(until, limit, &except).await
            })
        })
        .await
    }

    /// Ends all leases, those of workers that died; gives their number.
    ///
    /// It is for the start of a process that is the only one to run jobs of this database. Should
    /// another be alive all the same, what it has in hand is refused and run again.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn release_all_jobs(&self, permit: &Permit) -> Result<u64> {
        self.write(permit, |tx| Box::pin(tx.release_all_jobs()))
            .await
    }

    /// Returns once a commit has added jobs that no earlier call was told of.
    ///
    /// One waiter is told of each commit. It may be told for nothing; it is never left untold.
    pub async fn jobs_enqueued(&self) {
        self.jobs.notified().await;
    }

    /// When the next waiting job is due, if there is one.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn next_job_at(&self, permit: &Permit) -> Result<Option<Timestamp>> {
        match &self.reading {
            Reading::Pool(readers) => readers.next_job_at().await,
            Reading::Turn => self.write(permit, |tx| Box::pin(tx.next_job_at())).await,
        }
    }

    /// Jobs by state: waiting and dead.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn job_counts(&self, permit: &Permit) -> Result<(u64, u64)> {
        match &self.reading {
            Reading::Pool(readers) => readers.job_counts().await,
            Reading::Turn => self.write(permit, |tx| Box::pin(tx.job_counts())).await,
        }
    }

    /// Clears from the database file, its WAL included, what deleted rows have left there.
    ///
    /// Writes go on between its runs.
    ///
    /// # Errors
    /// `Busy`, where a reader holds on to an older state; it is to be asked for again.
    pub async fn scrub(&self, _permit: &Permit) -> Result<()> {
        let mut from = Some(0);
        while let Some(page) = from {
            from = self.writer.scrub(page).await?;
        }
        Ok(())
    }
}
