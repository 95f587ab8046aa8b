//! Messages to people, and the channels that carry them.
//!
//! [`announce`] writes a Communication and, in the same transaction, the job that sends it;
//! [`Sender`] does that job. A message says that there is something to see and where, never what:
//! no health content, no name of a patient.
//!
//! To add a kind of message:
//!
//! 1. Add a variant to [`MessageKind`] with its code and priority.
//! 2. Write its texts, `templates/<code>/fr.txt` and `templates/<code>/en.txt`, and name them in
//!    `template.rs`. The first line is `Subject: …`; the placeholders are `{{link}}` and
//!    `{{organization}}`. Its text messages, `fr.sms.txt` and `en.sms.txt`, have no subject and
//!    must fit into one message of GSM-7, which a test counts.
//!
//! To add a channel: implement [`Channel`] in a file of `channel/`, and add it to
//! [`ChannelSettings`].
//!
//! Specification: <http://hl7.org/fhir/R4/communication.html>.

mod announce;
pub mod channel;
mod communication;
mod contact;
mod deed;
mod digest;
mod gsm;
pub mod inbound;
mod kind;
mod letter;
mod mask;
mod medium;
mod notices;
mod number;
mod postpone;
mod recipient;
mod send;
mod stop_list;
mod template;

pub use self::{
    announce::{Announcement, announce, announce_as, announce_by},
    channel::{Channel, ChannelSettings},
    digest::{DIGEST, DigestHandler},
    kind::MessageKind,
    letter::{Delivery, Letter},
    medium::Medium,
    notices::NoticesReactor,
    recipient::language,
    send::{SEND, Sender, SenderSettings, SmsSenderSettings},
    template::Language,
};
