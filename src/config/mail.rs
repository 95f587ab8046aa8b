//! `[mail]`: what carries messages.

use std::{fs, net::IpAddr, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{findings::Findings, secret::Secret};
use crate::kernel::problem::{Problem, Result};

/// What carries messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `mail.channel`.
    pub channel: Channel,
    /// `mail.from`.
    pub from: String,
    /// `mail.organization`.
    pub organization: String,
    /// `mail.public_url`.
    pub public_url: String,
    /// `mail.language`.
    pub language: Language,
    /// `mail.directory`.
    pub directory: PathBuf,
    /// `mail.host`.
    pub host: String,
    /// `mail.port`.
    pub port: u16,
    /// `mail.tls`.
    pub tls: Tls,
    /// `mail.user`; empty for none.
    pub user: String,
    /// `mail.password`, or what `mail.password_file` holds.
    pub password: Secret,
    /// `mail.password_file`; empty for none.
    pub password_file: PathBuf,
    /// `mail.timeout_seconds`.
    pub timeout_seconds: u32,
    /// `mail.connections`.
    pub connections: u32,
}

/// `mail.channel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Messages are kept by the process.
    Memory,
    /// One file for each message.
    File,
    /// A mail server.
    Smtp,
}

/// `mail.language`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// French.
    Fr,
    /// English.
    En,
}

/// `mail.tls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Asked for after the greeting, and required.
    Starttls,
    /// From the first byte.
    Implicit,
    /// None: only to a server on this machine.
    None,
}

impl Mail {
    /// How long one message may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.into())
    }

    /// Takes the password from its file, if there is one.
    ///
    /// # Errors
    /// `Invalid` at `mail.password_file`, if it cannot be read or a password is given as well.
    pub(super) fn resolve_password(&mut self) -> Result<()> {
        if self.password_file.as_os_str().is_empty() {
            return Ok(());
        }
        let refuse = |reason: String| Problem::invalid("value", reason).at("mail.password_file");
        if !self.password.reveal().is_empty() {
            return Err(refuse("Give it or mail.password, not both.".to_owned()));
        }
        let text = fs::read_to_string(&self.password_file)
            .map_err(|e| refuse(format!("{}: {e}", self.password_file.display())))?;
        self.password = Secret::new(text.trim_end_matches(['\r', '\n']));
        Ok(())
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        findings.within("mail.port", self.port, 1..=u16::MAX);
        findings.within("mail.timeout_seconds", self.timeout_seconds, 1..=300);
        findings.within("mail.connections", self.connections, 1..=64);
        if !self.from.contains('@') {
            findings.refuse("mail.from", "It holds no e-mail address.");
        }
        if self.channel == Channel::File && self.directory.as_os_str().is_empty() {
            findings.refuse("mail.directory", "The file channel needs a folder.");
        }
        if self.channel == Channel::Smtp && self.host.is_empty() {
            findings.refuse("mail.host", "The SMTP channel needs a server.");
        }
        if self.channel == Channel::Smtp && self.tls == Tls::None && !is_this_machine(&self.host) {
            findings.refuse(
                "mail.tls",
                "Without TLS, mail.host is a loopback address or localhost.",
            );
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
