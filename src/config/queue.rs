//! `[queue]`: durable jobs.

use jiff::SignedDuration;
use serde::Deserialize;

use super::findings::Findings;

/// Durable jobs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// `queue.workers`.
    pub workers: u32,
    /// `queue.lease_seconds`.
    pub lease_seconds: u32,
    /// `queue.attempts_max`.
    pub attempts_max: u32,
    /// `queue.retry_first_seconds`.
    pub retry_first_seconds: u32,
    /// `queue.retry_max_seconds`.
    pub retry_max_seconds: u32,
}

impl Queue {
    /// For how long a job is lent to a worker.
    #[must_use]
    pub fn lease(&self) -> SignedDuration {
        SignedDuration::from_secs(self.lease_seconds.into())
    }

    /// The wait before the first retry.
    #[must_use]
    pub fn retry_first(&self) -> SignedDuration {
        SignedDuration::from_secs(self.retry_first_seconds.into())
    }

    /// The longest wait between retries.
    #[must_use]
    pub fn retry_max(&self) -> SignedDuration {
        SignedDuration::from_secs(self.retry_max_seconds.into())
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        findings.within("queue.workers", self.workers, 1..=64);
        findings.within("queue.lease_seconds", self.lease_seconds, 5..=3_600);
        findings.within("queue.attempts_max", self.attempts_max, 1..=100);
        findings.within(
            "queue.retry_first_seconds",
            self.retry_first_seconds,
            1..=3_600,
        );
        findings.within(
            "queue.retry_max_seconds",
            self.retry_max_seconds,
            1..=604_800,
        );
        if self.retry_first_seconds > self.retry_max_seconds {
            findings.refuse(
                "queue.retry_first_seconds",
                "It is greater than queue.retry_max_seconds.",
            );
        }
    }
}
