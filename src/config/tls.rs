//! `[server.tls]`: the server's own certificate.

use std::path::PathBuf;

use serde::Deserialize;

use super::findings::Findings;

/// The server's own certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// `server.tls.certificate`; empty for none.
    pub certificate: PathBuf,
    /// `server.tls.key`; empty for none.
    pub key: PathBuf,
}

impl ServerTls {
    /// Whether the server speaks TLS itself.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        if self.is_on() == self.key.as_os_str().is_empty() {
            let says = "A certificate and its key are given together, or neither.";
            findings.refuse("server.tls.key", says);
        }
    }
}
