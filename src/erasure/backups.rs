//! Which backups have been made, so that it can be told until when old ones hold somebody.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ledger::{append_lines, read_lines};
use crate::kernel::problem::Result;

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// When its content was read.
    #[serde(with = "super::instant")]
    pub at: Timestamp,
    /// The name of its file.
    pub file: String,
    /// The file's length.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

/// The backups made up to an instant: they hold what was erased after it.
///
/// # Errors
/// `Fault`, if the list cannot be read.
pub fn before(list: &Path, at: Timestamp) -> Result<Vec<Backup>> {
    let mut backups: Vec<Backup> = read_lines(list)?;
    backups.retain(|backup| backup.at <= at);
    Ok(backups)
}

/// Adds a backup to the list.
///
/// # Errors
/// `Fault`, if the list cannot be written.
pub fn note(list: &Path, backup: &Backup) -> Result<()> {
    append_lines(list, std::slice::from_ref(backup))
}
