//! `[outbound]`: what the server may fetch from others.

use std::path::PathBuf;

use serde::Deserialize;

use super::{findings::Findings, mail::read_named, server::Server};
use crate::kernel::problem::Result;

/// What the server may fetch from others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// `outbound.inside_hosts`.
    pub inside_hosts: String,
    /// `outbound.loopback`.
    pub loopback: bool,
    /// `outbound.authority_file`; empty for none.
    pub authority_file: PathBuf,
    /// What `outbound.authority_file` holds.
    #[serde(skip)]
    pub authority: Option<String>,
}

impl Outbound {
    /// Reads the file that a key names: the authority's certificate.
    ///
    /// # Errors
    /// `Invalid` at the key, if its file cannot be read.
    pub(super) fn read_files(&mut self) -> Result<()> {
        self.authority = read_named("outbound.authority_file", &self.authority_file)?;
        Ok(())
    }

    pub(super) fn check(&self, server: &Server, findings: &mut Findings) {
        let is_odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
        if (self.inside_hosts.split_whitespace()).any(|host| host.contains(is_odd)) {
            let says = "Each is the name of a host, without scheme, port or wildcard.";
            findings.refuse("outbound.inside_hosts", says);
        }
        if self.loopback && !server.listen.ip().is_loopback() {
            let says = "Loopback may be fetched from where the server listens on a loopback \
                        address only.";
            findings.refuse("outbound.loopback", says);
        }
    }
}
