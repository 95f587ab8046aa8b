//! `[queue]`: durable jobs.

use jiff::SignedDuration;
use serde::Deserialize;

use super::findings::Findings;

/// Durable jobs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// `queue.workers`.
    pub workers: u16,
    /// `queue.batch`.
    pub batch: u32,
    /// `queue.lease_seconds`.
    pub lease_seconds: u32,
}

impl Queue {
    /// For how long a job is lent.
    #[must_use]
    pub fn lease(&self) -> SignedDuration {
        SignedDuration::from_secs(self.lease_seconds.into())
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        findings.within("queue.workers", self.workers, 1..=256);
        findings.within("queue.batch", self.batch, 1..=10_000);
        findings.within("queue.lease_seconds", self.lease_seconds, 5..=3_600);
    }
}
