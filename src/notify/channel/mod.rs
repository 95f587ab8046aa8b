//! What carries a message: e-mail and text messages; files and memory for demonstrations and
//! tests.

mod email;
mod file;
mod memory;
mod sms;

use std::{path::PathBuf, sync::Arc};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use lettre::{
    Message as Mail,
    message::{Mailbox, header},
};

pub use self::{
    email::{Email, EmailSettings, Password, Security},
    file::File,
    memory::Memory,
    sms::{Sms, SmsSettings},
};
use super::{Language, MessageKind};
use crate::kernel::{
    phi::Phi,
    problem::{Category, Problem, Result},
};

/// The end of what stands for all messages whose ids begin so. No id of a resource holds it.
pub const ALL: char = '_';

/// A message ready to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The key that makes a second delivery recognisable: the Communication's id, or that of a
    /// [`Letter`](super::Letter).
    pub id: String,
    /// What kind of message, for counting and logs.
    pub kind: MessageKind,
    /// The recipient's address.
    pub to: Phi<String>,
    /// The sender: `address@domain` or `Name <address@domain>`.
    pub from: String,
    /// One line.
    pub subject: String,
    /// The body: plain text.
    pub text: String,
    /// The language of subject and body.
    pub language: Language,
    /// The instant of this try.
    pub at: Timestamp,
}

/// The other side has taken the message over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted;

/// The other side has not; texts are free of addresses and of health information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Another try may help.
    Transient {
        /// What went wrong, such as `SMTP 450`.
        error: String,
        /// Not before this much later, where the other side has said so.
        after: Option<SignedDuration>,
    },
    /// No try of the same message can help.
    Permanent {
        /// What went wrong, such as `SMTP 550`.
        error: String,
    },
    /// There is nobody at this address: no message to it can help.
    Unreachable {
        /// What went wrong, such as `SMTP 550 5.1.1`.
        error: String,
    },
}

impl Rejection {
    /// Another try may help, at the time of the schedule.
    pub fn transient(error: impl Into<String>) -> Self {
        Self::Transient {
            error: error.into(),
            after: None,
        }
    }

    /// There is nobody at this address.
    pub fn unreachable(error: impl Into<String>) -> Self {
        Self::Unreachable {
            error: error.into(),
        }
    }

    /// No try of the same message can help.
    pub fn permanent(error: impl Into<String>) -> Self {
        Self::Permanent {
            error: error.into(),
        }
    }
}

/// Carries messages.
pub trait Channel: Send + Sync {
    /// A name for logs.
    fn name(&self) -> &'static str;

    /// Hands one message over. It may be called again with the same [`Message::id`], after a
    /// crash or a lost reply.
    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Accepted, Rejection>>;

    /// Removes what the channel itself keeps of the messages of these ids, where one that ends in
    /// [`ALL`] stands for all that begin with it; nothing, unless it keeps them. They may be gone
    /// already.
    fn forget<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<()>> {
        let _ = ids;
        Box::pin(async { Ok(()) })
    }
}

/// Which channel to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelSettings {
    /// E-mail over SMTP.
    Email(EmailSettings),
    /// Text messages over a gateway.
    Sms(SmsSettings),
    /// One `.eml` file for each message.
    File {
        /// The folder; it is made if absent.
        folder: PathBuf,
    },
    /// The latest messages in memory, and counts of all.
    Memory {
        /// How many messages are kept.
        capacity: usize,
    },
}

impl ChannelSettings {
    /// Opens the channel.
    ///
    /// # Errors
    /// `Invalid`, if the settings allow no safe way to send; `Fault`, if a folder cannot be made.
    pub fn open(&self) -> Result<Arc<dyn Channel>> {
        Ok(match self {
            Self::Email(settings) => Arc::new(Email::open(settings)?),
            Self::Sms(settings) => Arc::new(Sms::open(settings)?),
            Self::File { folder } => Arc::new(File::open(folder.clone())?),
            Self::Memory { capacity } => Arc::new(Memory::new(*capacity)),
        })
    }
}

/// Checks a sender as settings give it.
///
/// # Errors
/// `Invalid`, if it is not `address@domain` or `Name <address@domain>`.
pub fn check_sender(from: &str) -> Result<()> {
    match from.parse::<Mailbox>() {
        Ok(_) => Ok(()),
        Err(e) => Err(Problem::new(
            Category::Invalid,
            "value",
            format!("The sender is neither address@domain nor Name <address@domain>: {e}."),
        )),
    }
}

/// The message as RFC 5322 has it; the same id gives the same Message-ID.
fn mail(message: &Message) -> Result<Mail, Rejection> {
    // A sender that cannot be read is the operator's to repair: the message waits for it.
    let from: Mailbox = (message.from.parse())
        .map_err(|_| Rejection::transient("the sender of the settings is not an address"))?;
    let to = (message.to.reveal().parse())
        .map_err(|_| Rejection::permanent("the recipient's address cannot be read"))?;
    let id = format!("<{}@{}>", message.id, from.email.domain());
    Mail::builder()
        .message_id(Some(id))
        .date(message.at.into())
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(message.subject.clone())
        // RFC 3834: other machines do not answer this one.
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw("Content-Language", message.language.code()))
        .header(header::ContentType::TEXT_PLAIN)
        .body(message.text.clone())
        .map_err(|_| Rejection::permanent("the message cannot be put into RFC 5322 form"))
}

fn raw(name: &'static str, value: &str) -> header::HeaderValue {
    let name = header::HeaderName::new_from_ascii_str(name);
    header::HeaderValue::new(name, value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::from_millis;

    /// A message to nobody in particular.
    pub(super) fn message(id: &str) -> Message {
        Message {
            id: id.into(),
            kind: MessageKind::Reminder,
            to: Phi::new("anne@example.org".into()),
            from: "Suivi à domicile <suivi@vigie.example>".into(),
            subject: "Réponse reçue".into(),
            text: "Bonjour,\n\nvoilà.\n".into(),
            language: Language::Fr,
            at: from_millis(1_800_000_000_000),
        }
    }

    fn formatted(message: &Message) -> String {
        String::from_utf8(mail(message).unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_mail_says_who_when_and_what_and_that_a_machine_wrote_it() {
        let text = formatted(&message("c-1"));
        for line in [
            "Message-ID: <c-1@vigie.example>\r\n",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n",
            "To: anne@example.org\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Language: fr\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(text.is_ascii(), "encoded for servers of any age");
    }

    #[test]
    fn an_address_cannot_bring_headers_along() {
        for to in ["a@example.org\r\nBcc: b@example.org", "a@b@c", "Durand", ""] {
            let bad = Message {
                to: Phi::new(to.into()),
                ..message("c-1")
            };
            let refused = mail(&bad).unwrap_err();
            assert!(matches!(refused, Rejection::Permanent { .. }), "{to}");
        }
        let bad = Message {
            subject: "Réponse\r\nBcc: b@example.org".into(),
            ..message("c-1")
        };
        assert!(!formatted(&bad).contains("\r\nBcc"));
    }

    #[test]
    fn a_message_in_a_log_shows_no_address() {
        assert!(!format!("{:?}", message("c-1")).contains("anne"));
    }

    #[test]
    fn a_sender_is_checked_before_it_is_used() {
        check_sender("Vigie <vigie@example.org>").unwrap();
        check_sender("vigie@example.org").unwrap();
        assert!(check_sender("vigie").is_err());
    }
}
