//! Messages about a person's own account: no Communication stands behind them.
//!
//! A code or a link that opens an account is nobody's but the person's: it is in no resource, and
//! nothing of it is kept once it is sent.

use super::{
    MessageKind, Sender,
    channel::{ALL, Message, Rejection},
    deed,
    mask::mask,
    recipient,
    send::{PERMIT, reachable},
    template::{self, Values},
};
use crate::{kernel::phi::Phi, kernel::problem::Result, queue::Failure, store::Store};

/// A message about an account.
#[derive(Debug, Clone)]
pub struct Letter {
    /// By which a second sending is recognised as the same.
    pub id: String,
    /// What it is about.
    pub kind: MessageKind,
    /// Whom it is for, such as `Patient/1`: their address is the one of their resource.
    pub person: String,
    /// The code or the link.
    pub value: Phi<String>,
}

impl Letter {
    /// The id of the letter of a job to an account.
    #[must_use]
    pub fn id(account: &str, job: impl std::fmt::Display) -> String {
        format!("{}{job}", Self::all_of(account))
    }

    /// What the ids of all letters to an account begin with, for
    /// [`Channel::forget`](super::Channel::forget).
    #[must_use]
    pub fn all_of(account: &str) -> String {
        format!("letter-{account}{ALL}")
    }
}

/// How a letter ended that was not to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The other side has taken it over.
    Sent,
    /// There is no address, or nobody there, or they want none.
    Nowhere,
}

impl Sender {
    /// Sends a letter.
    ///
    /// # Errors
    /// `Retry`, if another try may help.
    pub async fn tell(&self, store: &Store, letter: &Letter) -> Result<Delivery, Failure> {
        let media = self.open_media();
        let found = recipient::find(store, &PERMIT, &letter.person, (&media, self.now())).await?;
        let Ok(address) = reachable(store, found.addresses).await? else {
            tracing::warn!(kind = %letter.kind, "no address to write to");
            return Ok(Delivery::Nowhere);
        };
        let language = found.language.unwrap_or_else(|| self.language());
        let (channel, from, organization) = self.way(address.medium);
        let values = Values {
            link: letter.value.reveal(),
            organization,
            counts: "",
        };
        let text = template::render(letter.kind, language, address.medium, values)?;
        let message = Message {
            id: letter.id.clone(),
            kind: letter.kind,
            to: address.value,
            from: from.to_owned(),
            subject: text.subject,
            text: text.body,
            language,
            at: self.now(),
        };
        let (name, to) = (channel.name(), mask(message.to.reveal()));
        // What cannot be told is not done.
        store.watched()?;
        let sent = channel.send(&message).await;
        if !matches!(sent, Err(Rejection::Transient { .. })) {
            let how = (channel.name(), sent.is_ok());
            store.saw(deed::letter(&letter.person, letter.kind, how));
        }
        match sent {
            Ok(_) => Ok(Delivery::Sent),
            Err(Rejection::Transient { error, after }) => Err(Failure::Retry {
                error: format!("{name} to {to}: {error}"),
                after,
            }),
            Err(Rejection::Permanent { error } | Rejection::Unreachable { error }) => {
                tracing::warn!(kind = %letter.kind, channel = name, to, error, "refused");
                Ok(Delivery::Nowhere)
            }
        }
    }

    /// Whether a person has an address that could be written to.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn can_reach(&self, store: &Store, person: &str) -> Result<bool> {
        let media = self.open_media();
        let found = recipient::find(store, &PERMIT, person, (&media, self.now())).await?;
        Ok(reachable(store, found.addresses).await?.is_ok())
    }
}
