//! The door by which data leave for good: rows, earlier versions, jobs, and the record of it.
//!
//! Which rows those are is decided above, in `erasure`; here is only what touches them.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{Store, Stored, Tx, facade::Reading};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, scope::Action},
    kernel::problem::Result,
};

/// One erasure, under way or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRecord {
    /// Its own id.
    pub id: String,
    /// `Patient` for a person, `CarePlan` for one follow-up.
    pub scope: String,
    /// What stands for whom it is about, and does not tell.
    pub subject: Vec<u8>,
    /// When it began.
    pub begun: Timestamp,
    /// The id, until the rows are gone.
    pub target: Option<String>,
    /// Ids of erased messages, until their files are gone.
    pub messages: Vec<String>,
    /// Not complete before this instant, as a worker may still hold a message.
    pub not_before: Timestamp,
    /// Resources erased, by type.
    pub counts: BTreeMap<String, u64>,
    /// When nothing was left.
    pub ended: Option<Timestamp>,
}

/// What became of the jobs that named something erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DroppedJobs {
    /// How many there were.
    pub count: u64,
    /// Until when a worker may still have one of them in hand.
    pub leased_until: Option<Timestamp>,
}

/// What erasure needs of a connection; see [`super::session::Session`].
pub(super) trait Erasing: Send {
    /// Current versions, deletions included, of what refers or once referred to a resource, or is
    /// in its compartment; at most `limit`.
    fn referring<'a>(
        &'a mut self,
        kind: ResourceType,
        id: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Stored>>>;

    /// The superseded versions of a resource, newest first.
    fn earlier<'a>(&'a mut self, current: &'a Stored) -> BoxFuture<'a, Result<Vec<Stored>>>;

    /// Removes every row of a resource.
    fn expunge<'a>(&'a mut self, stored: &'a Stored) -> BoxFuture<'a, Result<()>>;

    /// Removes what others' rows still say of a patient who is erased.
    fn forget_patient<'a>(&'a mut self, patient: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Writes a superseded version anew, under its own number.
    fn amend<'a>(&'a mut self, version: &'a Stored) -> BoxFuture<'a, Result<()>>;

    /// Removes a superseded version.
    fn drop_version<'a>(&'a mut self, version: &'a Stored) -> BoxFuture<'a, Result<()>>;

    /// Removes the jobs whose key or payload names one of `ids`, but those of the kinds `except`.
    fn drop_jobs<'a>(
        &'a mut self,
        ids: &'a HashSet<String>,
        except: &'a [&'a str],
    ) -> BoxFuture<'a, Result<DroppedJobs>>;

    /// Removes the waiting job of this kind and key.
    fn cancel<'a>(&'a mut self, kind: &'a str, dedup: &'a str) -> BoxFuture<'a, Result<()>>;

    /// When the waiting job of this kind and key is due.
    fn waits<'a>(
        &'a mut self,
        kind: &'a str,
        dedup: &'a str,
    ) -> BoxFuture<'a, Result<Option<Timestamp>>>;

    /// Writes the record of an erasure, in the place of an earlier one of its id.
    fn note_erasure<'a>(&'a mut self, record: &'a ErasureRecord) -> BoxFuture<'a, Result<()>>;

    /// The records of erasures, or only those that have not ended.
    fn erasures(&mut self, open: bool) -> BoxFuture<'_, Result<Vec<ErasureRecord>>>;

    /// Whether there is a record about a subject.
    fn is_erased<'a>(&'a mut self, subject: &'a [u8]) -> BoxFuture<'a, Result<bool>>;

    /// The ids of all resources of a type, deleted ones included.
    fn ids(&mut self, kind: ResourceType) -> BoxFuture<'_, Result<Vec<String>>>;

    /// Clears what deleted rows have left in a run of pages that begins at `from`; gives where to
    /// go on. Outside a transaction.
    fn scrub(&mut self, from: u64) -> BoxFuture<'_, Result<Option<u64>>>;
}

impl Tx {
    /// Current versions, deletions included, of what refers or once referred to a resource, or is
    /// in its compartment; at most `limit`.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn referring(
        &mut self,
        kind: ResourceType,
        id: &str,
        limit: u32,
    ) -> Result<Vec<Stored>> {
        self.session().referring(kind, id, limit).await
    }

    /// The superseded versions of a resource, newest first.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn earlier_versions(&mut self, current: &Stored) -> Result<Vec<Stored>> {
        self.session().earlier(current).await
    }

    /// Removes a resource for good: its versions, its index rows, its changes. No reactor sees it.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn expunge(&mut self, stored: &Stored) -> Result<()> {
        self.session().expunge(stored).await
    }

    /// Removes what rows of others, deleted or amended, still say of a patient who is erased: that
    /// they were about them, or put them into somebody's care.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn forget_patient(&mut self, patient: &str) -> Result<()> {
        self.session().forget_patient(patient).await
    }

    /// Writes a superseded version anew: what it said of somebody erased is taken out.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn amend_version(&mut self, version: &Stored) -> Result<()> {
        self.session().amend(version).await
    }

    /// Removes one superseded version for good.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn drop_version(&mut self, version: &Stored) -> Result<()> {
        self.session().drop_version(version).await
    }

    /// Removes the jobs whose key or payload names one of `ids`, but those of the kinds `except`.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn drop_jobs(
        &mut self,
        ids: &HashSet<String>,
        except: &[&str],
    ) -> Result<DroppedJobs> {
        self.session().drop_jobs(ids, except).await
    }

    /// Removes the waiting job of this kind and key, if there is one.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn cancel_job(&mut self, kind: &str, dedup: &str) -> Result<()> {
        self.session().cancel(kind, dedup).await
    }

    /// When the waiting job of this kind and key is due, if there is one.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn job_due(&mut self, kind: &str, dedup: &str) -> Result<Option<Timestamp>> {
        self.session().waits(kind, dedup).await
    }

    /// Writes the record of an erasure, in the place of an earlier one of its id.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn note_erasure(&mut self, record: &ErasureRecord) -> Result<()> {
        self.session().note_erasure(record).await
    }

    /// The records of erasures, or only those that have not ended, in their order.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn erasures(&mut self, open: bool) -> Result<Vec<ErasureRecord>> {
        self.session().erasures(open).await
    }

    /// Whether there is a record of an erasure about a subject.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn is_erased(&mut self, subject: &[u8]) -> Result<bool> {
        self.session().is_erased(subject).await
    }

    /// The ids of all resources of a type, deleted ones included.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn ids(&mut self, kind: ResourceType) -> Result<Vec<String>> {
        self.session().ids(kind).await
    }
}

impl Store {
    /// Current versions that together have every label (profile, tag, security label) that resources
    /// of these types have.
    ///
    /// # Errors
    /// `TooLarge`, if there are more labels than [`super::LABELS_MAX`].
    pub async fn labelled(&self, permit: &Permit, kinds: Vec<ResourceType>) -> Result<Vec<Stored>> {
        match self.reading() {
            Reading::Pool(readers) => readers.labelled(permit, &kinds).await,
            Reading::Turn => {
                self.write(permit, move |tx| {
                    Box::pin(async move { tx.labelled(&kinds).await })
                })
                .await
            }
        }
    }

    /// Current versions of a resource and of what refers to it or is in its compartment, if it is a
    /// Patient, in the order of creation, after the key `after`, as far as the permit reaches them.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn about(
        &self,
        permit: &Permit,
        (kind, id): (ResourceType, &str),
        after: i64,
        limit: u32,
    ) -> Result<Vec<Stored>> {
        match self.reading() {
            Reading::Pool(readers) => readers.about(permit, (kind, id), after, limit).await,
            Reading::Turn => {
                let id = id.to_owned();
                let all = self.write(permit, move |tx| {
                    Box::pin(async move {
                        let mut reached = Vec::new();
                        for stored in tx.referring(kind, &id, u32::MAX).await? {
                            if tx.reaches(&stored, Action::Search).await? {
                                reached.push(stored);
                            }
                        }
                        Ok(reached)
                    })
                });
                let mut found = all.await?;
                found.retain(|stored| !stored.is_deleted() && stored.key > after);
                found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                Ok(found)
            }
        }
    }
}
