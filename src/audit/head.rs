//! The head: number and hash of the last row, in a second place.
//!
//! A record whose end is cut off is sound in itself; that it once was longer is known here. The
//! file has two slots of one line each, written in turn, so that a write that breaks off leaves
//! the other. A line is sealed with the key: who cannot read the key cannot write a line.

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::{
    erasure::{
        Seal,
        ledger::{hex, unhex},
    },
    kernel::problem::{Problem, Result},
    store::AuditTip,
};

/// Bytes of a slot: a sector, which a disk writes whole or not at all.
const SLOT_BYTES: usize = 512;

/// The seal of a tip; `what` is `head` or `anchor`.
///
/// # Errors
/// `Fault`, never in practice.
pub fn seal_of(seal: &Seal, what: &str, tip: &AuditTip) -> Result<Vec<u8>> {
    // No reference to a resource has a line end: a seal is no pseudonym, and none is a seal.
    seal.name(&format!("{what}\n{}\n{}", tip.seq, hex(&tip.hash)))
}

/// What a head file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// There is no file.
    Nothing,
    /// A tip, by who holds the key.
    Tip(AuditTip),
    /// No slot is sealed with the key.
    Forged,
}

/// Reads the head.
///
/// # Errors
/// `Fault`, if the file cannot be read.
pub fn read(path: &Path, seal: &Seal) -> Result<Told> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Told::Nothing),
        Err(error) => return Err(unusable(path, &error)),
    };
    Ok(latest(&bytes, seal)?.map_or(Told::Forged, |(tip, _)| Told::Tip(tip)))
}

/// The later of two slots, and which one it is.
fn latest(bytes: &[u8], seal: &Seal) -> Result<Option<(AuditTip, usize)>> {
    let mut best: Option<(AuditTip, usize)> = None;
    for (at, slot) in bytes.chunks(SLOT_BYTES).take(2).enumerate() {
        let Some(tip) = decode(slot, seal)? else {
            continue;
        };
        if best.is_none_or(|(known, _)| known.seq <= tip.seq) {
            best = Some((tip, at));
        }
    }
    Ok(best)
}

fn decode(slot: &[u8], seal: &Seal) -> Result<Option<AuditTip>> {
    let text = std::str::from_utf8(slot).unwrap_or_default();
    let mut words = text.split_whitespace();
    let (Some(seq), Some(hash), Some(sealed)) = (words.next(), words.next(), words.next()) else {
        return Ok(None);
    };
    let hash = unhex(hash).and_then(|bytes| bytes.try_into().ok());
    let (Ok(seq), Some(hash), Some(sealed)) = (seq.parse(), hash, unhex(sealed)) else {
        return Ok(None);
    };
    let tip = AuditTip { seq, hash };
    let due = seal_of(seal, "head", &tip)?;
    let is_ours = aws_lc_rs::constant_time::verify_slices_are_equal(&due, &sealed).is_ok();
    Ok(is_ours.then_some(tip))
}

/// The head file, open to be written.
pub struct Head {
    file: File,
    seal: Seal,
}

impl Head {
    /// Opens the file, which is made if absent.
    ///
    /// # Errors
    /// `Fault`, if it cannot be opened.
    pub fn open(path: &Path, seal: Seal) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| unusable(path, &error))?;
        Ok(Self { file, seal })
    }

    /// Writes a tip, unless a later one stands there. It is durable with the next [`Head::sync`].
    ///
    /// # Errors
    /// `Fault`, if the file cannot be written.
    pub fn set(&self, tip: &AuditTip) -> Result<()> {
        // Another process may add rows too, and must not put its earlier tip over a later one.
        self.file.lock().map_err(Problem::fault)?;
        let written = self.write(tip);
        self.file.unlock().map_err(Problem::fault)?;
        written
    }

    fn write(&self, tip: &AuditTip) -> Result<()> {
        let mut bytes = vec![0; 2 * SLOT_BYTES];
        let length = self.file.read_at(&mut bytes, 0).map_err(Problem::fault)?;
        let slot = match latest(&bytes[..length], &self.seal)? {
            Some((known, _)) if known.seq > tip.seq => return Ok(()),
            Some((_, at)) => 1 - at,
            None => 0,
        };
        let sealed = hex(&seal_of(&self.seal, "head", tip)?);
        let mut line = format!("{} {} {sealed}", tip.seq, hex(&tip.hash)).into_bytes();
        line.resize(SLOT_BYTES - 1, b' ');
        line.push(b'\n');
        let at = (slot * SLOT_BYTES) as u64;
        self.file.write_all_at(&line, at).map_err(Problem::fault)
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// `Fault`, if the disk fails.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(Problem::fault)
    }
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Problem {
    Problem::fault(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tip(seq: u64) -> AuditTip {
        AuditTip {
            seq,
            hash: [u8::try_from(seq % 256).unwrap(); 32],
        }
    }

    #[test]
    fn the_latest_tip_counts_and_a_torn_write_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        let seal = Seal::of(&[1; 32]).unwrap();
        assert_eq!(read(&path, &seal).unwrap(), Told::Nothing);
        let head = Head::open(&path, seal.clone()).unwrap();
        for seq in 1..=5 {
            head.set(&tip(seq)).unwrap();
            assert_eq!(read(&path, &seal).unwrap(), Told::Tip(tip(seq)));
        }
        // An earlier one does not come back.
        head.set(&tip(2)).unwrap();
        assert_eq!(read(&path, &seal).unwrap(), Told::Tip(tip(5)));
        // The last write, of 5 in the first slot, broke off.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[10..80].fill(b'0');
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path, &seal).unwrap(), Told::Tip(tip(4)));
        head.set(&tip(6)).unwrap();
        assert_eq!(read(&path, &seal).unwrap(), Told::Tip(tip(6)));
    }

    #[test]
    fn who_has_no_key_cannot_write_a_head() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        let stranger = Head::open(&path, Seal::of(&[2; 32]).unwrap()).unwrap();
        stranger.set(&tip(9)).unwrap();
        let seal = Seal::of(&[1; 32]).unwrap();
        assert_eq!(read(&path, &seal).unwrap(), Told::Forged);
    }
}
