//! What stands for somebody erased: a name that only the holder of a key can compare.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::kernel::{
    chance::Chance,
    problem::{Problem, Result},
};

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// Names subjects by HMAC-SHA256; the key is a file that only its owner may read.
#[derive(Clone)]
pub struct Seal {
    /// The key, already taken in.
    keyed: Hmac<Sha256>,
}

impl Seal {
    /// Reads the key, or draws one and writes it down where there is none.
    ///
    /// # Errors
    /// `Fault`, if the file cannot be read or written, or is no key.
    pub fn open(path: &Path, chance: &dyn Chance) -> Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Self::of(&bytes)
                .ok_or_else(|| Problem::fault(format!("{} is no key", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::draw(path, chance),
            Err(error) => Err(Problem::fault(format!("{}: {error}", path.display()))),
        }
    }

    /// The seal of a key.
    #[must_use]
    pub fn of(key: &[u8]) -> Option<Self> {
        let key: [u8; KEY_BYTES] = key.try_into().ok()?;
        Some(Self {
            keyed: Hmac::new_from_slice(&key).ok()?,
        })
    }

    fn draw(path: &Path, chance: &dyn Chance) -> Result<Self> {
        let mut key = [0; KEY_BYTES];
        for eight in key.chunks_mut(8) {
            eight.copy_from_slice(&chance.draw().to_le_bytes()[..eight.len()]);
        }
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| {
                file.write_all(&key)?;
                file.sync_all()
            });
        written.map_err(|error| Problem::fault(format!("{}: {error}", path.display())))?;
        Self::of(&key).ok_or_else(|| Problem::fault("a key of another length"))
    }

    /// What stands for `Type/id`.
    ///
    /// # Errors
    /// `Fault`, never in practice: HMAC takes a key of any length.
    pub fn name(&self, reference: &str) -> Result<Vec<u8>> {
        let mut mac = self.keyed.clone();
        mac.update(reference.as_bytes());
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::chance::Generator;

    #[test]
    fn a_key_is_drawn_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = Seal::open(&path, &Generator::from_seed(1)).unwrap();
        let again = Seal::open(&path, &Generator::from_seed(2)).unwrap();
        let name = first.name("Patient/1").unwrap();
        assert_eq!(name, again.name("Patient/1").unwrap());
        assert_ne!(name, first.name("Patient/2").unwrap());
        fs::write(&path, b"short").unwrap();
        assert!(Seal::open(&path, &Generator::from_seed(3)).is_err());
    }

    /// Reckoned by another implementation.
    #[test]
    fn names_are_those_of_hmac_sha256() {
        let seal = Seal::of(&[0x0b; 32]).unwrap();
        let hex: String = seal
            .name("Hi There")
            .unwrap()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            hex,
            "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7"
        );
    }
}
