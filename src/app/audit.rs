//! The record of accesses: its files beside the database, and who keeps it.

use std::sync::Arc;

use super::clock::Time;
use crate::{
    audit::{Agent, Durability, Event, Log, Outcome, Record, Settings, log::add},
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

/// Records what a command does beside the server; nothing, where no record has been begun.
///
/// # Errors
/// `Fault`, if it cannot be recorded.
pub fn note(config: &Config, event: Event, command: &'static str) -> Result<()> {
    let settings = settings(config);
    if !settings.file.exists() {
        return Ok(());
    }
    let mut record = Record::begun(Time::of(&config.clock).clock().now(), event);
    record.agent = Agent::System(command);
    record.outcome = Outcome::Success;
    add(&settings, &record)
}

/// Opens the record; none, where nobody logs in and the operator does not ask for it.
pub(super) fn open(config: &Config, time: &Time, chance: &dyn Chance) -> Result<Option<Arc<Log>>> {
    if config.server.insecure_no_auth && !config.audit.development {
        return Ok(None);
    }
    Log::open(&settings(config), time.clock(), chance).map(Some)
}
