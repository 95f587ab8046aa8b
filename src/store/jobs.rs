//! Durable jobs as the store keeps them; `queue` gives them meaning.

use jiff::Timestamp;
use serde_json::Value;

/// Work to be done later, written in the transaction of its cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Which handler runs it, such as `notify.send`.
    pub kind: &'static str,
    /// While a job of this kind with this key waits, a second is not added; the earlier `run_at` wins.
    pub dedup: Option<String>,
    /// What the handler needs; references rather than content.
    pub payload: Value,
    /// Not before this instant.
    pub run_at: Timestamp,
}

/// A job lent to one worker until its lease passes.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedJob {
    /// The row.
    pub id: i64,
    /// Which handler runs it.
    pub kind: String,
    /// What the handler needs.
    pub payload: Value,
    /// When it was due.
    pub run_at: Timestamp,
    /// Runs before this one.
    pub attempts: u32,
    /// Proof of the lease: a worker whose lease has passed is refused.
    pub fence: i64,
}
