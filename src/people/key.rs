//! What encrypts and names what is secret at rest.
//!
//! The key is a file beside the database that only its owner may read; a copy of the database alone
//! tells neither the secret of an authenticator nor a code of six digits.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::secret;
use crate::kernel::{
    chance::Chance,
    problem::{Problem, Result},
};

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// A key, and those that are made of it.
pub struct Key {
    naming: [u8; KEY_BYTES],
    sealing: LessSafeKey,
}

impl Key {
    /// Reads the key, or draws one and writes it down where there is none.
    ///
    /// # Errors
    /// `Fault`, if the file cannot be read or written, or is no key.
    pub fn open(path: &Path, chance: &dyn Chance) -> Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Self::of(&bytes)
                .map_err(|_| Problem::fault(format!("{} is no key", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = secret::bytes::<KEY_BYTES>(chance);
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
                Self::of(&key)
            }
            Err(error) => Err(Problem::fault(format!("{}: {error}", path.display()))),
        }
    }

    /// The key of these bytes.
    ///
    /// # Errors
    /// `Fault`, if they are not 32.
    pub fn of(key: &[u8]) -> Result<Self> {
        let key: &[u8; KEY_BYTES] = key.try_into().map_err(Problem::fault)?;
        // One use, one key: what names is never what encrypts.
        let naming = mac(key, "naming", b"")?;
        let sealing = mac(key, "sealing", b"")?;
        let sealing = UnboundKey::new(&AES_256_GCM, &sealing).map_err(Problem::fault)?;
        Ok(Self {
            naming,
            sealing: LessSafeKey::new(sealing),
        })
    }

    /// What stands for `what`, as something of this kind: it does not tell, and nobody without the
    /// key can make it.
    ///
    /// # Errors
    /// `Fault`, never in practice: HMAC takes a key of any length.
    pub fn name(&self, kind: &str, what: &[u8]) -> Result<Vec<u8>> {
        mac(&self.naming, kind, what).map(|name| name.to_vec())
    }

    /// Encrypts; what comes out belongs to `owner`, and is opened for nobody else.
    ///
    /// # Errors
    /// `Fault`, never in practice.
    pub fn seal(&self, owner: &str, clear: &[u8], chance: &dyn Chance) -> Result<Vec<u8>> {
        let nonce = secret::bytes::<NONCE_LEN>(chance);
        let mut sealed = clear.to_vec();
        let (place, owner) = (Nonce::assume_unique_for_key(nonce), Aad::from(owner));
        self.sealing
            .seal_in_place_append_tag(place, owner, &mut sealed)
            .map_err(Problem::fault)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// What was encrypted for `owner`.
    ///
    /// # Errors
    /// `Fault`, if it was not, or was changed since.
    pub fn unseal(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let broken = || Problem::fault("a secret at rest cannot be opened with the key");
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut clear = sealed.to_vec();
        let opened = self
            .sealing
            .open_in_place(nonce, Aad::from(owner), &mut clear)
            .map_err(|_| broken())?;
        Ok(opened.to_vec())
    }
}

fn mac(key: &[u8], kind: &str, what: &[u8]) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(Problem::fault)?;
    mac.update(kind.as_bytes());
    // The kind ends here, whatever follows.
    mac.update(&[0]);
    mac.update(what);
    Ok(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::chance::Generator;

    #[test]
    fn a_key_is_drawn_once_and_only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = Key::open(&path, &Generator::from_seed(1)).unwrap();
        let again = Key::open(&path, &Generator::from_seed(2)).unwrap();
        assert_eq!(first.name("a", b"b"), again.name("a", b"b"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&path, b"short").unwrap();
        assert!(Key::open(&path, &Generator::from_seed(3)).is_err());
    }

    #[test]
    fn names_of_different_kinds_differ() {
        let key = Key::of(&[7; 32]).unwrap();
        assert_ne!(key.name("a", b"b"), key.name("ab", b""));
        assert_ne!(
            key.name("a", b"b"),
            Key::of(&[8; 32]).unwrap().name("a", b"b")
        );
    }

    #[test]
    fn what_is_sealed_opens_for_its_owner_alone_and_only_as_it_was() {
        let (key, chance) = (Key::of(&[7; 32]).unwrap(), Generator::from_seed(1));
        let sealed = key.seal("a", b"clear", &chance).unwrap();
        assert!(!sealed.windows(5).any(|part| part == b"clear"));
        assert_eq!(key.unseal("a", &sealed).unwrap(), b"clear");
        assert!(key.unseal("b", &sealed).is_err());
        assert!(Key::of(&[8; 32]).unwrap().unseal("a", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.unseal("a", &changed).is_err(), "byte {at}");
        }
        assert!(key.unseal("a", &sealed[..4]).is_err());
        assert_ne!(sealed, key.seal("a", b"clear", &chance).unwrap());
    }
}
