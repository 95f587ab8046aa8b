//! `[mail]`: what carries messages.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

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
    /// `mail.authority_file`; empty for none.
    pub authority_file: PathBuf,
    /// What `mail.authority_file` holds.
    #[serde(skip)]
    pub authority: Option<String>,
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

    /// Reads the files that keys name: the password and the authority's certificate.
    ///
    /// # Errors
    /// `Invalid` at the key, if its file cannot be read or a password is given twice.
    pub(super) fn read_files(&mut self) -> Result<()> {
        self.authority = read_named("mail.authority_file", &self.authority_file)?;
        self.password = read_secret("mail.password", &self.password, &self.password_file)?;
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

/// The secret of `key`, or what the file of `{key}_file` holds.
///
/// # Errors
/// `Invalid` at the key of the file, if it cannot be read or the secret is given twice.
pub(super) fn read_secret(key: &str, given: &Secret, file: &Path) -> Result<Secret> {
    let file_key = format!("{key}_file");
    let Some(text) = read_named(&file_key, file)? else {
        return Ok(given.clone());
    };
    if !given.reveal().is_empty() {
        let reason = format!("Give it or {key}, not both.");
        return Err(Problem::invalid("value", reason).at(file_key));
    }
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// The text of the file that `key` names, if it names one.
pub(super) fn read_named(key: &str, path: &Path) -> Result<Option<String>> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    fs::read_to_string(path)
        .map(Some)
        .map_err(|e| Problem::invalid("value", format!("{}: {e}", path.display())).at(key))
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
