//! The ledger of erasures: a file beside the database, which no backup contains.
//!
//! After a backup has been restored, it tells who must be erased again. One line of JSON for each
//! erasure, without a name; a later line of the same id takes the place of the earlier one.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    kernel::problem::{Problem, Result},
    store::ErasureRecord,
};

/// One erasure, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The erasure's own id.
    pub id: String,
    /// `Patient` or `CarePlan`.
    pub scope: String,
    /// HMAC-SHA256 of `Type/id`, in hexadecimal digits.
    pub subject: String,
    /// When it began.
    #[serde(with = "super::instant")]
    pub begun: Timestamp,
    /// When nothing was left on disk.
    #[serde(
        with = "super::instant::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub ended: Option<Timestamp>,
    /// Resources erased, by type.
    pub counts: BTreeMap<String, u64>,
}

impl Line {
    /// The line of a record.
    #[must_use]
    pub fn of(record: &ErasureRecord) -> Self {
        Self {
            id: record.id.clone(),
            scope: record.scope.clone(),
            subject: hex(&record.subject),
            begun: record.begun,
            ended: record.ended,
            counts: record.counts.clone(),
        }
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes from hexadecimal digits; none if they are not such.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect()
}

/// A file of lines, each durable before it counts.
#[derive(Debug, Clone)]
pub struct Ledger {
    path: PathBuf,
}

impl Ledger {
    /// The ledger in this file, which need not be there yet.
    #[must_use]
    pub const fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// All erasures, in the order of their first lines.
    ///
    /// # Errors
    /// `Fault`, if the file cannot be read, or a line before the last one is none.
    pub fn read(&self) -> Result<Vec<Line>> {
        let mut lines: Vec<Line> = Vec::new();
        for line in read_lines::<Line>(&self.path)? {
            match lines.iter_mut().find(|known| known.id == line.id) {
                Some(known) => *known = line,
                None => lines.push(line),
            }
        }
        Ok(lines)
    }

    /// Adds lines, and answers once they are durable.
    ///
    /// # Errors
    /// `Fault`, if the file cannot be written.
    pub fn append(&self, lines: &[Line]) -> Result<()> {
        append_lines(&self.path, lines)
    }
}

/// Reads a file of JSON lines; a last line that a crash has cut short does not count.
///
/// # Errors
/// `Fault`, if the file cannot be read, or a line before the last one is none.
pub fn read_lines<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unusable(path, &error)),
    };
    let mut lines = Vec::new();
    let count = text.lines().count();
    for (n, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
    {
        match serde_json::from_str(line) {
            Ok(line) => lines.push(line),
            Err(_) if n + 1 == count && !text.ends_with('\n') => {}
            Err(error) => return Err(unusable(path, &format!("line {}: {error}", n + 1))),
        }
    }
    Ok(lines)
}

/// Adds JSON lines to a file, which is made if absent, and answers once they are durable.
///
/// # Errors
/// `Fault`, if the file cannot be written.
pub fn append_lines<T: Serialize>(path: &Path, lines: &[T]) -> Result<()> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(line).map_err(Problem::fault)?);
        text.push('\n');
    }
    let fault = |error: std::io::Error| unusable(path, &error);
    cut_half_line(path)?;
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(fault)?;
    file.write_all(text.as_bytes()).map_err(fault)?;
    file.sync_all().map_err(fault)?;
    // The file's own entry in its folder, where it is new.
    match path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(fault),
        None => Ok(()),
    }
}

/// Takes away what a crash in the middle of a line has left.
fn cut_half_line(path: &Path) -> Result<()> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(path, &error)),
    };
    if bytes.is_empty() || bytes.ends_with(b"\n") {
        return Ok(());
    }
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file| file.set_len(whole as u64))
        .map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Problem {
    Problem::fault(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str) -> Line {
        Line {
            id: id.to_owned(),
            scope: "Patient".to_owned(),
            subject: hex(&[0, 171]),
            begun: Timestamp::UNIX_EPOCH,
            ended: None,
            counts: BTreeMap::from([("Patient".to_owned(), 1)]),
        }
    }

    #[test]
    fn a_line_cut_short_does_not_count_and_does_not_harm_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("erasures");
        let ledger = Ledger::at(path.clone());
        assert_eq!(ledger.read().unwrap(), []);
        ledger.append(&[line("a"), line("b")]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(ledger.read().unwrap(), [line("a")]);
        let ended = Line {
            ended: Some(Timestamp::UNIX_EPOCH),
            ..line("a")
        };
        ledger.append(&[line("c"), ended.clone()]).unwrap();
        assert_eq!(ledger.read().unwrap(), [ended, line("c")]);
        std::fs::write(&path, "nonsense\n{}\n").unwrap();
        assert!(ledger.read().is_err());
    }

    #[test]
    fn digits_lead_back() {
        assert_eq!(unhex("00ab").unwrap(), [0, 171]);
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("xy"), None);
    }
}
