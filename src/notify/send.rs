//! The job that sends one message.
//!
//! The intent is written before the call (the Communication in `preparation`, and this job), the
//! outcome after it, in one commit with the end of the job. A crash between the two sends the
//! message again, under the same Message-ID; it is never forgotten.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Language, MessageKind,
    channel::{self, Channel, Message, Rejection},
    digest,
    mask::mask,
    notices::{self, Wish},
    recipient,
    template::{self, Values},
};
use crate::{
    fhir::{
        canonical::{DELIVERY_FAILURE, MESSAGE_KIND},
        date,
        definitions::ResourceType,
        permit::Permit,
        reference,
        resource::Resource,
    },
    kernel::{
        clock::Clock,
        problem::{Category, Problem, Result},
    },
    queue::{Failure, Handler},
    store::{Job, LeasedJob, Prepared, Store, Tx},
};

/// The kind of this job; its payload is `{"communication": "<id>"}`.
pub const SEND: &str = "notify.send";

/// The job that sends one Communication.
pub(super) fn job(communication: &str, run_at: Timestamp) -> Job {
    Job {
        kind: SEND,
        dedup: Some(communication.to_owned()),
        payload: json!({ "communication": communication }),
        run_at,
    }
}

/// Most messages on their way at once: fewer than [`RunnerLimits`](crate::queue::RunnerLimits)
/// lets jobs run, so that a mail server that hangs delays nothing but mail.
const CONCURRENCY: usize = 24;

/// The right under which messages are read, resolved and marked.
static PERMIT: Permit = Permit::system(SEND);

/// How often the outcome of a call that has been made is offered to a busy store.
///
/// What has been sent and cannot be marked is sent again, so this is worth some patience.
const MARK_TRIES: u32 = 20;

/// The pause between two offers.
const MARK_PAUSE: Duration = Duration::from_millis(100);

/// What every message has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderSettings {
    /// The sender: `address@domain` or `Name <address@domain>`.
    pub from: String,
    /// The name that signs the texts.
    pub organization: String,
    /// Where links lead: `{public_url}/t/{communication id}`.
    pub public_url: String,
    /// For recipients whose language is unknown.
    pub language: Language,
}

/// Sends messages through one channel.
pub struct Sender {
    channel: Arc<dyn Channel>,
    clock: Arc<dyn Clock>,
    settings: SenderSettings,
}

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Sent,
    /// It has nothing to say any more.
    Stopped,
    /// It waits for its recipient's digest.
    Gathered,
    NotDone(Undelivered),
}

/// Why a message was not delivered; a code of [`DELIVERY_FAILURE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undelivered {
    /// The recipient has no address that can be written to.
    NoAddress,
    /// The other side has refused it for good.
    Refused,
    /// The recipient does not wish to be told of such things.
    Muted,
    /// Every try has failed.
    Exhausted,
}

impl Undelivered {
    const fn code(self) -> &'static str {
        match self {
            Self::NoAddress => "no-address",
            Self::Refused => "refused",
            Self::Muted => "muted",
            Self::Exhausted => "exhausted",
        }
    }
}

impl Sender {
    /// A sender through `channel`.
    ///
    /// # Errors
    /// `Invalid`, if nothing could be sent with these settings: the sender is not an address, or
    /// links would lead nowhere.
    pub fn new(
        channel: Arc<dyn Channel>,
        clock: Arc<dyn Clock>,
        settings: SenderSettings,
    ) -> Result<Self> {
        channel::check_sender(&settings.from)?;
        let is_web = ["https://", "http://"]
            .iter()
            .any(|scheme| settings.public_url.starts_with(scheme));
        if !is_web {
            let why = "The public URL of links begins with https:// or http://.";
            return Err(Problem::invalid("value", why));
        }
        Ok(Self {
            channel,
            clock,
            settings,
        })
    }

    async fn send(&self, store: &Store, job: &LeasedJob) -> Result<(), Failure> {
        let id = communication_id(job)?;
        let Some(tree) = waiting(store, id).await? else {
            return Ok(finish(store, job).await?);
        };
        if is_stale(store, &tree).await? {
            return Ok(conclude(store, job, Ending::Stopped).await?);
        }
        if self.puts_off(store, job, &tree).await? {
            return Ok(());
        }
        let Some(message) = self.compose(store, id, &tree).await? else {
            tracing::warn!(communication = id, "the recipient has no address");
            return Ok(conclude(store, job, Ending::NotDone(Undelivered::NoAddress)).await?);
        };
        let (channel, to) = (self.channel.name(), mask(message.to.reveal()));
        match self.channel.send(&message).await {
            Ok(_) => {
                tracing::debug!(communication = id, kind = %message.kind, channel, to, "sent");
                Ok(conclude(store, job, Ending::Sent).await?)
            }
            Err(Rejection::Permanent { error }) => {
                tracing::warn!(communication = id, kind = %message.kind, channel, to, error, "refused");
                Ok(conclude(store, job, Ending::NotDone(Undelivered::Refused)).await?)
            }
            Err(Rejection::Transient { error, after }) => Err(Failure::Retry {
                error: format!("{channel} to {to}: {error}"),
                after,
            }),
        }
    }

    /// Whether the recipient wishes a minor notice later, gathered or never: then it is so written.
    async fn puts_off(&self, store: &Store, job: &LeasedJob, tree: &Value) -> Result<bool> {
        let recipient = tree.pointer("/recipient/0/reference");
        let (Some(kind), Some(recipient)) = (kind(tree), recipient.and_then(Value::as_str)) else {
            return Ok(false);
        };
        let priority = tree.get("priority").and_then(Value::as_str);
        if !notices::is_minor(kind, priority) {
            return Ok(false);
        }
        let wish = notices::wish_of(store, &PERMIT, (kind, recipient), self.clock.now()).await?;
        if wish == Wish::Now {
            return Ok(false);
        }
        let (job, recipient) = (job.clone(), recipient.to_owned());
        store
            .write(&PERMIT, move |tx| {
                Box::pin(put_off(tx, job, recipient, wish))
            })
            .await?;
        Ok(true)
    }

    /// The message that a Communication stands for; none without an address.
    async fn compose(
        &self,
        store: &Store,
        id: &str,
        tree: &Value,
    ) -> Result<Option<Message>, Failure> {
        let now = self.clock.now();
        let kind =
            kind(tree).ok_or_else(|| Failure::fail("the Communication has no known kind"))?;
        let target = tree.pointer("/recipient/0/reference");
        let target = target.and_then(Value::as_str).unwrap_or_default();
        let recipient = recipient::find(store, &PERMIT, target, now).await?;
        let Some(to) = recipient.address else {
            return Ok(None);
        };
        let language = tree
            .get("language")
            .and_then(Value::as_str)
            .and_then(Language::tagged)
            .or(recipient.language)
            .unwrap_or(self.settings.language);
        let link = format!("{}/t/{id}", self.settings.public_url.trim_end_matches('/'));
        let values = Values {
            link: &link,
            organization: &self.settings.organization,
            counts: &digest::words(tree, language),
        };
        let text = template::render(kind, language, values)?;
        Ok(Some(Message {
            id: id.to_owned(),
            kind,
            to,
            from: self.settings.from.clone(),
            subject: text.subject,
            text: text.body,
            language,
            at: now,
        }))
    }
}

impl Handler for Sender {
    fn kind(&self) -> &'static str {
        SEND
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.send(store, job))
    }

    fn died<'a>(&'a self, tx: &'a mut Tx, job: &'a LeasedJob) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match communication_id(job) {
                Ok(id) => mark(tx, id, Ending::NotDone(Undelivered::Exhausted)).await,
                // Without an id there is nothing to mark.
                Err(_) => Ok(()),
            }
        })
    }
}

fn communication_id(job: &LeasedJob) -> Result<&str, Failure> {
    job.payload
        .get("communication")
        .and_then(Value::as_str)
        .ok_or_else(|| Failure::fail("the payload names no Communication"))
}

/// The Communication, if it still waits to be sent: not sent, revoked or erased meanwhile.
async fn waiting(store: &Store, id: &str) -> Result<Option<Value>> {
    let found = store.read(&PERMIT, communication_type()?, id).await?;
    let tree = found.map(|stored| stored.tree()).transpose()?;
    Ok(tree.filter(is_waiting))
}

fn is_waiting(tree: &Value) -> bool {
    tree.get("status").and_then(Value::as_str) == Some("preparation")
}

/// Whether a reminder reminds of nothing any more: a mail server that was down for hours must not
/// ask for a form that has been answered, missed or called off meanwhile.
async fn is_stale(store: &Store, tree: &Value) -> Result<bool> {
    if kind(tree) != Some(MessageKind::Reminder) {
        return Ok(false);
    }
    let about = tree.pointer("/about/0/reference").and_then(Value::as_str);
    let named = about.and_then(reference::local);
    let Some(task) = named.filter(|local| local.kind.name() == "Task") else {
        return Ok(false);
    };
    let found = store.read(&PERMIT, task.kind, &task.id).await?;
    let Some(stored) = found.filter(|stored| !stored.is_deleted()) else {
        return Ok(true);
    };
    let task = stored.tree()?;
    let status = task.get("status").and_then(Value::as_str);
    Ok(!matches!(status, Some("requested" | "ready")))
}

pub(super) fn communication_type() -> Result<ResourceType> {
    ResourceType::named("Communication")
        .ok_or_else(|| Problem::fault("the definitions lack Communication"))
}

pub(super) fn kind(tree: &Value) -> Option<MessageKind> {
    let concepts = tree.get("category")?.as_array()?;
    concepts
        .iter()
        .filter_map(|concept| concept.get("coding")?.as_array())
        .flatten()
        .filter(|coding| coding.get("system").and_then(Value::as_str) == Some(MESSAGE_KIND))
        .find_map(|coding| MessageKind::coded(coding.get("code")?.as_str()?))
}

async fn finish(store: &Store, job: &LeasedJob) -> Result<()> {
    let job = job.clone();
    store
        .write(&PERMIT, move |tx| {
            Box::pin(async move { tx.finish_job(&job).await })
        })
        .await
}

/// Writes the outcome and ends the job, in one commit.
async fn conclude(store: &Store, job: &LeasedJob, ending: Ending) -> Result<()> {
    let mut tries = 1;
    loop {
        let job = job.clone();
        let written = store
            .write(&PERMIT, move |tx| Box::pin(end(tx, job, ending)))
            .await;
        match written {
            Err(problem) if problem.category == Category::Busy && tries < MARK_TRIES => {
                tries += 1;
                tokio::time::sleep(MARK_PAUSE).await;
            }
            other => return other,
        }
    }
}

async fn end(tx: &mut Tx, job: LeasedJob, ending: Ending) -> Result<()> {
    if let Ok(id) = communication_id(&job) {
        mark(tx, id, ending).await?;
    }
    match ending {
        Ending::Sent | Ending::Stopped | Ending::Gathered => tx.finish_job(&job).await,
        // Buried rather than finished: the operator sees it among the dead.
        Ending::NotDone(why) => tx.bury_job(&job, why.code()).await,
    }
}

/// Ends the job of a notice that its recipient does not wish now, and plans what they wish.
async fn put_off(tx: &mut Tx, job: LeasedJob, recipient: String, wish: Wish) -> Result<()> {
    tx.finish_job(&job).await?;
    let Ok(id) = communication_id(&job) else {
        return Ok(());
    };
    match wish {
        Wish::Now => Ok(()),
        Wish::Later(at) => tx.enqueue(&self::job(id, at)).await,
        Wish::Gather(at) => {
            mark(tx, id, Ending::Gathered).await?;
            tx.enqueue(&digest::job(&recipient, at)).await
        }
        Wish::Never => mark(tx, id, Ending::NotDone(Undelivered::Muted)).await,
    }
}

/// Writes the outcome into the Communication, unless somebody has ended it meanwhile.
async fn mark(tx: &mut Tx, id: &str, ending: Ending) -> Result<()> {
    let Some(stored) = tx.read(communication_type()?, id).await? else {
        return Ok(());
    };
    let mut tree = stored.tree()?;
    if !is_waiting(&tree) {
        return Ok(());
    }
    match ending {
        Ending::Sent => {
            tree["status"] = json!("completed");
            tree["sent"] = json!(date::instant(tx.now()));
        }
        Ending::Stopped => tree["status"] = json!("stopped"),
        Ending::Gathered => tree["status"] = json!("on-hold"),
        Ending::NotDone(why) => {
            tree["status"] = json!("not-done");
            tree["statusReason"] = json!({
                "coding": [{ "system": DELIVERY_FAILURE, "code": why.code() }]
            });
        }
    }
    let prepared = Prepared::new(Resource::trusted(tree)?);
    tx.put(id, prepared, Some(stored.version)).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
