//! The record of accesses: its files beside the database, and who keeps it.

use std::sync::Arc;

use super::clock::Time;
use crate::{
    audit::{Durability, Log, Settings},
    config::{self, Config},
    erasure::beside,
    kernel::{chance::Chance, problem::Result},
};

/// Where the record of a configuration is kept, and how.
#[must_use]
pub fn settings(config: &Config) -> Settings {
    let database = config.database.path();
    Settings {
        file: beside(&database, "audit"),
        head: config.audit.head(beside(&database, "audit-head")),
        key: beside(&database, "audit-key"),
        durability: match config.audit.durability {
            config::Durability::Batched => Durability::Batched,
            config::Durability::BeforeReply => Durability::BeforeReply,
        },
        retention_days: config.audit.retention_days,
        queue_max: usize::try_from(config.audit.queue_max).unwrap_or(usize::MAX),
    }
}

/// Opens the record; none, where nobody logs in and the operator does not ask for it.
pub(super) fn open(config: &Config, time: &Time, chance: &dyn Chance) -> Result<Option<Arc<Log>>> {
    if config.server.insecure_no_auth && !config.audit.development {
        return Ok(None);
    }
    Log::open(&settings(config), time.clock(), chance).map(Some)
}
