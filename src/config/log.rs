//! `[log]`: what is logged, and how.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::findings::Findings;

/// What is logged, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `log.filter`.
    pub filter: String,
    /// `log.format`.
    pub format: Format,
}

/// `log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A line for people.
    Text,
    /// A JSON object for machines.
    Json,
}

impl Log {
    pub(super) fn check(&self, findings: &mut Findings) {
        if let Err(error) = EnvFilter::try_new(&self.filter) {
            findings.refuse("log.filter", error.to_string());
        }
    }
}
