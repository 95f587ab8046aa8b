//! Erasure: of a person (`Patient/$purge`), or of a follow-up whose time to be kept is over.
//!
//! Reading order: [`crate::fhir::belonging`] (pure: what is a person's own), [`strip`] (pure: what others say of
//! them), [`find`] and [`erase`] (one transaction), [`complete`] (to the end: messages' files, the
//! bytes in the database file, the ledger), [`retention`] (who is erased when), [`late`] (what
//! comes afterwards), [`ledger`] and [`replay`] (after a backup has been restored).
//!
//! What holds of an erasure:
//!
//! - from its first commit on nothing of the person can be read, and what is left is durable work;
//! - each step may be repeated, so that a crash at any instant only delays the end;
//! - its record names nobody: the ledger has HMACs, instants and counts by type;
//! - figures stay as they were: what they lose is added to counters before ([`crate::figures`]).
//!
//! Specification: <http://hl7.org/fhir/6.0.0-ballot3/patient-operation-purge.html>, taken to R4.

pub mod backups;
pub mod complete;
pub mod erase;
pub mod find;
pub mod instant;
pub mod late;
pub mod ledger;
pub mod replay;
pub mod retention;
pub mod seal;
pub mod strip;

use std::path::{Path, PathBuf};

pub use self::{
    complete::{CompleteHandler, Eraser, Progress},
    late::LateReactor,
    retention::{RetentionHandler, RetentionReactor},
    seal::Seal,
};

/// A file beside the database: its name and one more ending.
#[must_use]
pub fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}
