//! The record given out: rows in order, as they are kept.

use serde_json::{Value, json};

use super::log::Settings;
use crate::{
    erasure::ledger::hex,
    kernel::problem::Result,
    store::{AuditFile, AuditRow},
};

/// Rows that are read at once.
const BATCH: u32 = 2_000;

/// From when until when, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Not before this instant.
    pub from: Option<i64>,
    /// Before this instant.
    pub until: Option<i64>,
}

impl Span {
    fn holds(self, at: i64) -> bool {
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
    }
}

/// Gives each row of a span to `take`, in the order of their numbers.
///
/// # Errors
/// `Fault`, if the record cannot be read.
pub fn rows(settings: &Settings, span: Span, take: &mut dyn FnMut(&AuditRow)) -> Result<()> {
    let file = AuditFile::open_to_read(&settings.file)?;
    let mut after = 0;
    loop {
        let batch = file.rows(after, BATCH)?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = last.seq;
        batch
            .iter()
            .filter(|row| span.holds(row.at))
            .for_each(&mut *take);
    }
}

/// A row as JSON, with everything that its hash covers.
#[must_use]
pub fn plain(row: &AuditRow) -> Value {
    json!({
        "seq": row.seq,
        "at": row.at,
        "event": row.event,
        "action": row.action,
        "outcome": row.outcome,
        "status": row.status,
        "kind": row.kind,
        "entity": row.entity.as_ref().map(|name| hex(name)),
        "patients": row.patients.iter().map(|name| hex(name)).collect::<Vec<_>>(),
        "agent": row.agent.as_ref().map(|name| hex(name)),
        "client": row.client,
        "roles": row.roles,
        "session": row.session,
        "purpose": row.purpose,
        "address": row.address,
        "request": row.request,
        "detail": row.detail,
        "hash": hex(&row.hash),
    })
}
