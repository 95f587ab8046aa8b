//! `[sms]`: what carries text messages.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{Mail, findings::Findings, mail::read_secret, secret::Secret};
use crate::kernel::problem::Result;

/// Most characters of the name that signs a text message.
const ORGANIZATION_MAX: usize = 20;
/// Most characters of the public URL, so that a text message is one.
const URL_MAX: usize = 40;
/// Fewest characters of a secret.
const SECRET_MIN: usize = 16;

/// What carries text messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// `sms.channel`.
    pub channel: SmsChannel,
    /// `sms.url`.
    pub url: String,
    /// `sms.authorization`, or what `sms.authorization_file` holds; empty for none.
    pub authorization: Secret,
    /// `sms.authorization_file`; empty for none.
    pub authorization_file: PathBuf,
    /// `sms.sender`.
    pub sender: String,
    /// `sms.organization`.
    pub organization: String,
    /// `sms.timeout_seconds`.
    pub timeout_seconds: u32,
    /// `sms.callback_secret`, or what `sms.callback_secret_file` holds; empty for none.
    pub callback_secret: Secret,
    /// `sms.callback_secret_file`; empty for none.
    pub callback_secret_file: PathBuf,
}

/// `sms.channel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmsChannel {
    /// There are no text messages.
    None,
    /// They are kept by the process.
    Memory,
    /// A gateway.
    Http,
}

impl Sms {
    /// How long one message may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.into())
    }

    /// Reads the files that keys name.
    ///
    /// # Errors
    /// `Invalid` at the key, if its file cannot be read or a secret is given twice.
    pub(super) fn read_files(&mut self) -> Result<()> {
        self.authorization = read_secret(
            "sms.authorization",
            &self.authorization,
            &self.authorization_file,
        )?;
        self.callback_secret = read_secret(
            "sms.callback_secret",
            &self.callback_secret,
            &self.callback_secret_file,
        )?;
        Ok(())
    }

    pub(super) fn check(&self, mail: &Mail, findings: &mut Findings) {
        findings.within("sms.timeout_seconds", self.timeout_seconds, 1..=300);
        let secret = self.callback_secret.reveal();
        if !secret.is_empty() && secret.chars().count() < SECRET_MIN {
            findings.refuse("sms.callback_secret", "It has at least 16 characters.");
        }
        if self.channel == SmsChannel::None {
            return;
        }
        if self.channel == SmsChannel::Http && self.url.is_empty() {
            findings.refuse("sms.url", "The HTTP channel needs a gateway.");
        }
        if !is_sender(&self.sender) {
            let says = "It is a number, or 3 to 11 letters and digits of which one is a letter.";
            findings.refuse("sms.sender", says);
        }
        let length = self.organization.chars().count();
        if length == 0 || length > ORGANIZATION_MAX {
            findings.refuse("sms.organization", "It has 1 to 20 characters.");
        }
        if mail.public_url.chars().count() > URL_MAX {
            let says = "It has at most 40 characters where text messages are sent.";
            findings.refuse("mail.public_url", says);
        }
    }
}

/// A number of 3 to 15 digits, or a name as networks show it.
fn is_sender(sender: &str) -> bool {
    let digits = sender.strip_prefix('+').unwrap_or(sender);
    let is_number = digits.bytes().all(|b| b.is_ascii_digit()) && (3..=15).contains(&digits.len());
    let is_name = sender
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b' ')
        && sender.bytes().any(|b| b.is_ascii_alphabetic())
        && (3..=11).contains(&sender.len());
    is_number || is_name
}

#[cfg(test)]
mod tests {
    use super::is_sender;

    #[test]
    fn a_sender_is_a_number_or_a_name_of_eleven() {
        for sender in ["Vigie", "Telesuivi38", "+33612345678", "38600"] {
            assert!(is_sender(sender), "{sender}");
        }
        for sender in [
            "",
            "Vi",
            "Telesuivi ARA",
            "+",
            "+33 6",
            "Santé",
            "12345678901234567",
        ] {
            assert!(!is_sender(sender), "{sender}");
        }
    }
}
