//! The job that sends one message.
//!
//! The intent is written before the call (the Communication in `preparation`, and this job), the
//! outcome after it, in one commit with the end of the job. A crash between the two sends the
//! message again, under the same Message-ID; it is never forgotten.

mod ways;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{
    Language, Medium, MessageKind,
    channel::{self, Channel, Message, Rejection},
    communication::{communication_type, is_waiting, kind},
    contact, deed, digest,
    mask::mask,
    number, postpone,
    recipient::{self, Address},
    stop_list,
    template::{self, Values},
};
use crate::{
    fhir::{
        canonical::{DELIVERY_FAILURE, SMS_NUMBER},
        date,
        permit::Permit,
        reference,
        resource::Resource,
    },
    kernel::{
        clock::Clock,
        problem::{Category, Problem, Result},
    },
    queue::{Failure, Handler},
    store::{LeasedJob, Prepared, Store, Tx},
};

/// The kind of this job; its payload is `{"communication": "<id>"}`.
pub const SEND: &str = "notify.send";

/// Most messages on their way at once: fewer than [`RunnerLimits`](crate::queue::RunnerLimits)
/// lets jobs run, so that a mail server that hangs delays nothing but mail.
const CONCURRENCY: usize = 24;

/// The right under which messages are read, resolved and marked.
pub(super) static PERMIT: Permit = Permit::system(SEND);

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

/// What text messages have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsSenderSettings {
    /// Whom the recipient sees as the sender: a name or a number, as the gateway allows.
    pub from: String,
    /// The name that signs the texts.
    pub organization: String,
}

/// Sends messages: mails through one channel, and text messages through another, if there is one.
pub struct Sender {
    channel: Arc<dyn Channel>,
    sms: Option<(Arc<dyn Channel>, SmsSenderSettings)>,
    clock: Arc<dyn Clock>,
    settings: SenderSettings,
}

/// How a message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    Sent(Trace),
    /// It has nothing to say any more.
    Stopped,
    NotDone(Undelivered),
    /// There is nobody at this address.
    Unreachable(Address),
}

/// What is kept of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trace {
    medium: Medium,
    /// Which text, in which version.
    template: String,
    /// The fingerprint of the number that a text message went to.
    number: Option<String>,
}

/// Why a message was not delivered; a code of [`DELIVERY_FAILURE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// The recipient has no address that can be written to.
    NoAddress,
    /// The other side has refused it for good.
    Refused,
    /// There is nobody at this address.
    UnknownAddress,
    /// The only way is by text message, and the person wants none.
    OptedOut,
    /// It was taken over, and then could not be brought to the recipient.
    NotDelivered,
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
            Self::UnknownAddress => "unknown-address",
            Self::OptedOut => "opted-out",
            Self::NotDelivered => "not-delivered",
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
            sms: None,
            clock,
            settings,
        })
    }

    /// The same, with a channel for text messages.
    ///
    /// # Errors
    /// `Invalid`, if a text would take more than one message.
    pub fn with_sms(
        mut self,
        channel: Arc<dyn Channel>,
        settings: SmsSenderSettings,
    ) -> Result<Self> {
        template::check_text_messages(&settings.organization, &self.settings.public_url)?;
        self.sms = Some((channel, settings));
        Ok(self)
    }

    async fn send(&self, store: &Store, job: &LeasedJob) -> Result<(), Failure> {
        let id = communication_id(job)?;
        let Some(tree) = waiting(store, id).await? else {
            return Ok(finish(store, job).await?);
        };
        if is_stale(store, &tree).await? {
            return Ok(conclude(store, job, Ending::Stopped).await?);
        }
        if postpone::puts_off(store, job, &tree, self.clock.now()).await? {
            return Ok(());
        }
        let letter = match self.compose(store, id, &tree).await? {
            Ok(letter) => letter,
            Err(why) => {
                tracing::warn!(
                    communication = id,
                    why = why.code(),
                    "no address to write to"
                );
                return Ok(conclude(store, job, Ending::NotDone(why)).await?);
            }
        };
        let message = &letter.message;
        let (channel, to) = (letter.channel.name(), mask(message.to.reveal()));
        // A record that cannot be written holds no alert up: it is told of this once it can.
        let ending = match letter.channel.send(message).await {
            Ok(_) => {
                tracing::debug!(communication = id, kind = %message.kind, channel, to, "sent");
                Ending::Sent(letter.trace)
            }
            Err(Rejection::Transient { error, after }) => {
                return Err(Failure::Retry {
                    error: format!("{channel} to {to}: {error}"),
                    after,
                });
            }
            Err(Rejection::Permanent { error }) => {
                tracing::warn!(communication = id, kind = %message.kind, channel, to, error, "refused");
                Ending::NotDone(Undelivered::Refused)
            }
            Err(Rejection::Unreachable { error }) => {
                tracing::warn!(communication = id, kind = %message.kind, channel, to, error, "nobody there");
                Ending::Unreachable(letter.address)
            }
        };
        let is_done = matches!(ending, Ending::Sent(_));
        store.saw(deed::message((id, &tree), message.kind, (channel, is_done)));
        Ok(conclude(store, job, ending).await?)
    }

    /// The message that a Communication stands for, and how it goes; or why it cannot go.
    async fn compose(
        &self,
        store: &Store,
        id: &str,
        tree: &Value,
    ) -> Result<Result<Letter<'_>, Undelivered>, Failure> {
        let now = self.clock.now();
        let kind =
            kind(tree).ok_or_else(|| Failure::fail("the Communication has no known kind"))?;
        let target = tree.pointer("/recipient/0/reference");
        let target = target.and_then(Value::as_str).unwrap_or_default();
        let media = self.media(tree);
        let recipient = recipient::find(store, &PERMIT, target, (&media, now)).await?;
        let address = match reachable(store, recipient.addresses).await? {
            Ok(address) => address,
            Err(why) => return Ok(Err(why)),
        };
        let language = tree
            .get("language")
            .and_then(Value::as_str)
            .and_then(Language::tagged)
            .or(recipient.language)
            .unwrap_or(self.settings.language);
        let link = format!("{}/t/{id}", self.settings.public_url.trim_end_matches('/'));
        let (channel, from, organization) = self.way(address.medium);
        let values = Values {
            link: &link,
            organization,
            counts: &digest::words(tree, language),
        };
        let text = template::render(kind, language, address.medium, values)?;
        let trace = Trace {
            medium: address.medium,
            template: text.template,
            number: (address.medium == Medium::Sms)
                .then(|| number::fingerprint(address.value.reveal())),
        };
        let message = Message {
            id: id.to_owned(),
            kind,
            to: address.value.clone(),
            from: from.to_owned(),
            subject: text.subject,
            text: text.body,
            language,
            at: now,
        };
        Ok(Ok(Letter {
            message,
            channel,
            address,
            trace,
        }))
    }

    /// The media that a Communication may go by and that there are channels for.
    fn media(&self, communication: &Value) -> Vec<Medium> {
        let mut media = Medium::of(communication);
        if media.is_empty() {
            media.push(Medium::Email);
        }
        media.retain(|medium| *medium == Medium::Email || self.sms.is_some());
        media
    }
}

/// A message and how it goes.
struct Letter<'a> {
    message: Message,
    channel: &'a Arc<dyn Channel>,
    address: Address,
    trace: Trace,
}

/// The first address that does not stand on the list of those who want no text messages.
pub(super) async fn reachable(
    store: &Store,
    addresses: Vec<Address>,
) -> Result<Result<Address, Undelivered>> {
    let mut why = Undelivered::NoAddress;
    for address in addresses {
        let is_text = address.medium == Medium::Sms;
        if is_text && stop_list::holds(store, &PERMIT, address.value.reveal()).await? {
            why = Undelivered::OptedOut;
        } else {
            return Ok(Ok(address));
        }
    }
    Ok(Err(why))
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

pub(super) fn communication_id(job: &LeasedJob) -> Result<&str, Failure> {
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
        let (job, ending) = (job.clone(), ending.clone());
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
    let why = match &ending {
        Ending::Sent(_) | Ending::Stopped => None,
        Ending::NotDone(why) => Some(*why),
        Ending::Unreachable(address) => {
            end_address(tx, address).await?;
            Some(Undelivered::UnknownAddress)
        }
    };
    if let Ok(id) = communication_id(&job) {
        mark(tx, id, ending).await?;
    }
    match why {
        None => tx.finish_job(&job).await,
        // Buried rather than finished: the operator sees it among the dead.
        Some(why) => tx.bury_job(&job, why.code()).await,
    }
}

/// Ends a contact point where there is nobody, so that the next message takes another.
pub(super) async fn end_address(tx: &mut Tx, address: &Address) -> Result<()> {
    let Some(local) = reference::local(&address.holder) else {
        return Ok(());
    };
    let found = tx.read(local.kind, &local.id).await?;
    let Some(stored) = found.filter(|stored| !stored.is_deleted()) else {
        return Ok(());
    };
    let mut tree = stored.tree()?;
    if contact::end(&mut tree, address.medium, address.value.reveal(), tx.now()) {
        let prepared = Prepared::new(Resource::trusted(tree)?);
        tx.put(&local.id, prepared, Some(stored.version)).await?;
    }
    Ok(())
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
        Ending::Sent(trace) => {
            tree["status"] = json!("completed");
            tree["sent"] = json!(date::instant(tx.now()));
            tree["medium"] = Medium::concepts(&[trace.medium]);
            tree["instantiatesUri"] = json!([trace.template]);
            if let Some(number) = trace.number {
                tree["identifier"] = json!([{ "system": SMS_NUMBER, "value": number }]);
            }
        }
        Ending::Stopped => tree["status"] = json!("stopped"),
        Ending::NotDone(why) => not_done(&mut tree, why),
        Ending::Unreachable(_) => not_done(&mut tree, Undelivered::UnknownAddress),
    }
    let prepared = Prepared::new(Resource::trusted(tree)?);
    tx.put(id, prepared, Some(stored.version)).await?;
    Ok(())
}

/// Says of a Communication that it was not delivered, and why.
pub(super) fn not_done(tree: &mut Value, why: Undelivered) {
    tree["status"] = json!("not-done");
    tree["statusReason"] = json!({
        "coding": [{ "system": DELIVERY_FAILURE, "code": why.code() }]
    });
}

#[cfg(test)]
mod tests;
