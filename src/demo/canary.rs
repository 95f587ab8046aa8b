//! Whether anything is left of somebody in the files of a database, in any form that a file may
//! hold it in.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use aho_corasick::AhoCorasick;
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::kernel::problem::{Problem, Result};

/// Bytes that are read at once.
const CHUNK: usize = 8 << 20;

/// What a search has seen.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Files that were read.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Which of the texts were found.
    pub found: BTreeSet<usize>,
}

/// Looks for texts in all files that belong to a database: in UTF-8, in capitals, in UTF-16 of
/// both orders, in base64 at each of three places, in hexadecimal digits of both cases.
///
/// # Errors
/// `Fault`, if a file cannot be read.
pub fn search(database: &Path, texts: &[String]) -> Result<Seen> {
    let mut owners = Vec::new();
    let mut patterns = Vec::new();
    for (owner, text) in texts.iter().enumerate() {
        for form in forms(text) {
            owners.push(owner);
            patterns.push(form);
        }
    }
    let longest = patterns.iter().map(Vec::len).max().unwrap_or(1);
    let searcher = AhoCorasick::new(&patterns).map_err(|e| Problem::fault(e.to_string()))?;
    let mut seen = Seen::default();
    for path in files(database)? {
        let mut file = File::open(&path).map_err(|e| unread(&path, &e))?;
        seen.files += 1;
        // The end of one piece stands before the next: a text may lie across.
        let mut piece = Vec::new();
        loop {
            piece.drain(..piece.len().saturating_sub(longest - 1));
            let limit = u64::try_from(CHUNK).unwrap_or(u64::MAX);
            let mut part = Read::by_ref(&mut file).take(limit);
            let read = part
                .read_to_end(&mut piece)
                .map_err(|e| unread(&path, &e))?;
            if read == 0 {
                break;
            }
            seen.bytes += u64::try_from(read).unwrap_or(0);
            let found = searcher.find_overlapping_iter(&piece);
            seen.found
                .extend(found.filter_map(|hit| owners.get(hit.pattern().as_usize())));
        }
    }
    Ok(seen)
}

fn unread(path: &Path, error: &std::io::Error) -> Problem {
    Problem::fault(format!("{}: {error}", path.display()))
}

/// The database and what stands beside it under its name.
fn files(database: &Path) -> Result<Vec<PathBuf>> {
    let folder = database.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let name = database.file_name().unwrap_or_default().to_string_lossy();
    let entries = fs::read_dir(folder).map_err(|e| unread(folder, &e))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| unread(folder, &e))?.path();
        let own = path.file_name().unwrap_or_default().to_string_lossy();
        if own.starts_with(&*name) && path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

fn forms(text: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![text.as_bytes().to_vec(), text.to_uppercase().into_bytes()];
    let wide: Vec<u16> = text.encode_utf16().collect();
    forms.push(wide.iter().flat_map(|unit| unit.to_le_bytes()).collect());
    forms.push(wide.iter().flat_map(|unit| unit.to_be_bytes()).collect());
    for before in 0..3 {
        let padded = [&vec![0; before][..], text.as_bytes()].concat();
        let digits = STANDARD.encode(&padded).into_bytes();
        // Only digits whose six bits are all of the text.
        let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        forms.push(digits[first..last].to_vec());
    }
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hex.to_uppercase().into_bytes());
    forms.push(hex.into_bytes());
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_every_form_and_in_files_of_the_database_only() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("vigie.db");
        let texts = ["personne-0001@example.org", "personne-0002@example.org"].map(str::to_owned);
        fs::write(folder.path().join("other"), &texts[0]).unwrap();
        fs::write(&database, "personne-0003@example.org").unwrap();
        let seen = |bytes: &[u8]| {
            fs::write(folder.path().join("vigie.db-wal"), bytes).unwrap();
            search(&database, &texts).unwrap()
        };
        assert!(seen(b"").found.is_empty());
        for form in forms(&texts[1]) {
            let bytes = [b"xyz", &form[..], b"="].concat();
            assert_eq!(seen(&bytes).found, BTreeSet::from([1]));
        }
        let encoded = STANDARD.encode(format!("to: {} ", texts[1]));
        assert_eq!(seen(encoded.as_bytes()).found, BTreeSet::from([1]));
        let across = [&vec![b'p'; CHUNK - 7][..], texts[0].as_bytes()].concat();
        let found = seen(&across);
        assert_eq!((found.found, found.files), (BTreeSet::from([0]), 2));
    }
}
