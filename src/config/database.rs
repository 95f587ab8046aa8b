//! `[database]`: where resources are kept.

use std::path::PathBuf;

use serde::Deserialize;

use super::findings::Findings;

/// Where resources are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `database.url`.
    pub url: String,
    /// `database.readers`.
    pub readers: u32,
}

impl Database {
    /// The file of an SQLite database.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let path = self.url.strip_prefix("sqlite:").unwrap_or(&self.url);
        PathBuf::from(path.strip_prefix("//").unwrap_or(path))
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        findings.within("database.readers", self.readers, 1..=64);
        let scheme = self.url.split(':').next().unwrap_or_default();
        match scheme {
            "sqlite" if self.path().as_os_str().is_empty() => {
                findings.refuse("database.url", "After sqlite: a path is due.");
            }
            "sqlite" => {}
            "postgres" | "postgresql" => findings.refuse(
                "database.url",
                "PostgreSQL is not in this version; give sqlite:PATH.",
            ),
            _ => findings.refuse("database.url", "Give sqlite:PATH."),
        }
    }
}
