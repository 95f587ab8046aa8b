//! What is sent to a person about their account: codes, invitations, ways back in.
//!
//! A job carries it, so that whoever asks waits for no mail server, and learns from no delay whether
//! there was anybody to write to. What the job carries is encrypted: it opens an account.

use std::sync::{Arc, OnceLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{People, login::CODE_LIFE};
use crate::{
    kernel::{
        phi::Phi,
        problem::{Problem, Result},
    },
    notify::{Letter, MessageKind, Sender},
    queue::{Failure, Handler},
    store::{Account, AccountState, Job, LeasedJob, Store},
};

/// The kind of this job.
pub const TELL: &str = "people.tell";

/// Letters on their way at once: a mail server that hangs delays nothing but letters.
const CONCURRENCY: usize = 8;

impl People {
    /// The job that tells somebody something that only they may learn.
    pub(super) fn telling(
        &self,
        account: &str,
        kind: MessageKind,
        value: &Phi<String>,
    ) -> Result<Job> {
        let clear = value.reveal().as_bytes();
        let sealed = self
            .key
            .seal(&owner(account), clear, self.chance.as_ref())?;
        Ok(Job {
            kind: TELL,
            dedup: None,
            payload: json!({
                "account": account,
                "kind": kind.code(),
                "sealed": STANDARD.encode(sealed),
            }),
            run_at: self.now(),
        })
    }
}

/// For whom the value of a letter is encrypted.
fn owner(account: &str) -> String {
    format!("letter/{account}")
}

/// Sends what is told about accounts.
pub struct TellHandler {
    people: OnceLock<Arc<People>>,
    sender: Sender,
}

impl TellHandler {
    /// Sends through `sender`, once it knows the people ([`TellHandler::attach`]).
    #[must_use]
    pub const fn new(sender: Sender) -> Self {
        Self {
            people: OnceLock::new(),
            sender,
        }
    }

    /// Tells whose letters they are; later calls change nothing.
    pub fn attach(&self, people: Arc<People>) {
        let _ = self.people.set(people);
    }

    async fn tell(&self, store: &Store, job: &LeasedJob) -> Result<(), Failure> {
        let text = |name: &str| job.payload[name].as_str().unwrap_or_default();
        let kind = MessageKind::coded(text("kind"))
            .ok_or_else(|| Failure::fail("the letter has no known kind"))?;
        let people = self
            .people
            .get()
            .ok_or_else(|| Failure::retry("nobody is known yet"))?;
        let account = people.account(text("account")).await?;
        if let Some(account) = account.filter(|account| is_wanted(account, kind))
            && !is_over(kind, job.run_at, people.now())
        {
            let value = value(people, &account, &job.payload["sealed"])?;
            let letter = Letter {
                id: Letter::id(&account.id, job.id),
                kind,
                person: account.fhir_user.clone(),
                value,
            };
            self.sender.tell(store, &letter).await?;
        }
        finish(store, job).await?;
        Ok(())
    }
}

fn value(people: &People, account: &Account, sealed: &Value) -> Result<Phi<String>> {
    let sealed = STANDARD.decode(sealed.as_str().unwrap_or_default());
    let sealed = sealed.map_err(Problem::fault)?;
    let clear = people.key.unseal(&owner(&account.id), &sealed)?;
    String::from_utf8(clear)
        .map(Phi::new)
        .map_err(Problem::fault)
}

/// Whether the letter still has somebody to say something to.
fn is_wanted(account: &Account, kind: MessageKind) -> bool {
    match kind {
        MessageKind::Invitation => account.state == AccountState::Invited,
        _ => account.state == AccountState::Active,
    }
}

/// Whether what it says is good no more.
fn is_over(kind: MessageKind, asked: Timestamp, now: Timestamp) -> bool {
    let life = match kind {
        MessageKind::LoginCode => CODE_LIFE,
        MessageKind::Recovery => super::invite::RECOVERY_LIFE,
        _ => SignedDuration::MAX,
    };
    now.duration_since(asked) >= life
}

async fn finish(store: &Store, job: &LeasedJob) -> Result<()> {
    let job = job.clone();
    store
        .write(&super::PERMIT, move |tx| {
            Box::pin(async move { tx.finish_job(&job).await })
        })
        .await
}

impl Handler for TellHandler {
    fn kind(&self) -> &'static str {
        TELL
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.tell(store, job))
    }
}
