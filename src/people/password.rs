//! Passwords: Argon2id, so many at once and no more, and the same work where nobody is.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc9106>; the parameters are those that the
//! OWASP cheat sheet on password storage gives for 19 MiB.

use std::{sync::Arc, time::Duration};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;

use super::secret;
use crate::kernel::{
    chance::Chance,
    phi::Phi,
    problem::{Problem, Result},
};

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19 * 1_024;

/// Passes over it.
const PASSES: u32 = 2;

/// Hashes at the same time: what they take together is bounded by so many times the memory of one.
pub const AT_ONCE: usize = 4;

/// Who may wait for their turn; one more is sent away (503).
pub const WAITING_MAX: usize = 32;

/// How long somebody waits for their turn.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Fewest characters of a password.
pub const CHARS_MIN: usize = 12;

/// Most characters: long enough for any sentence, and no way to make us work for long.
pub const CHARS_MAX: usize = 128;

/// Fewest different characters: `aaaaaaaaaaaa` is no password.
const DIFFERENT_MIN: usize = 5;

/// Bytes of salt.
const SALT_BYTES: usize = 16;

/// Beginnings of what everybody tries first, letters and digits only.
const WORN: [&str; 14] = [
    "password",
    "passw0rd",
    "motdepasse",
    "azerty",
    "qwerty",
    "qwertz",
    "123456",
    "abcdef",
    "welcome",
    "bienvenue",
    "letmein",
    "iloveyou",
    "jetaime",
    "vigie",
];

/// Why a password will not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// Fewer characters than [`CHARS_MIN`].
    Short,
    /// More characters than [`CHARS_MAX`].
    Long,
    /// What everybody tries first, or the same few characters again and again.
    Worn,
    /// It holds the login.
    Login,
}

/// Judges a password that somebody chooses.
///
/// # Errors
/// Why it will not do.
pub fn judge(password: &str, login: &str) -> Result<(), Weakness> {
    let chars = password.chars().count();
    if chars < CHARS_MIN {
        return Err(Weakness::Short);
    }
    if chars > CHARS_MAX {
        return Err(Weakness::Long);
    }
    let lower = password.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    let plain: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    // What is worn is worn with a few digits behind it too.
    let worn = |word: &&str| plain.starts_with(*word) && plain.len() <= word.len() + 6;
    if different.len() < DIFFERENT_MIN || WORN.iter().any(worn) {
        return Err(Weakness::Worn);
    }
    let name = login.split('@').next().unwrap_or_default();
    if name.chars().count() > 3 && lower.contains(&name.to_lowercase()) {
        return Err(Weakness::Login);
    }
    Ok(())
}

/// Makes and checks hashes, [`AT_ONCE`] at a time.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// The hash of what nobody knows: it is checked where there is no account.
    nobody: Arc<str>,
    /// How many hashes were worked out: what the time of an answer is made of.
    #[cfg(test)]
    worked: Arc<std::sync::atomic::AtomicUsize>,
}

impl Passwords {
    /// As many as the bounds say.
    #[must_use]
    pub fn new(chance: &dyn Chance) -> Self {
        let nothing = secret::text(chance);
        let nobody = hash(nothing.as_bytes(), &secret::bytes::<SALT_BYTES>(chance));
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Arc::new(Semaphore::new(WAITING_MAX)),
            nobody: nobody.unwrap_or_default().into(),
            #[cfg(test)]
            worked: Arc::default(),
        }
    }

    /// How many hashes were worked out.
    #[cfg(test)]
    pub(super) fn worked(&self) -> usize {
        self.worked.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// The hash of a password, as PHC writes it.
    ///
    /// # Errors
    /// `Busy`, if too many wait for theirs.
    pub async fn hash(&self, password: &Phi<String>, chance: &dyn Chance) -> Result<String> {
        let (password, salt) = (password.clone(), secret::bytes::<SALT_BYTES>(chance));
        self.work(move || hash(password.reveal().as_bytes(), &salt))
            .await?
    }

    /// Whether a password is the one of a hash; where there is no hash, the same work is done for
    /// nothing, and the answer is no.
    ///
    /// # Errors
    /// `Busy`, if too many wait for theirs.
    pub async fn is_right(&self, password: &Phi<String>, hash: Option<&str>) -> Result<bool> {
        let is_there = hash.is_some_and(|hash| !hash.is_empty());
        let hash: Arc<str> = match hash.filter(|hash| !hash.is_empty()) {
            Some(hash) => hash.into(),
            None => Arc::clone(&self.nobody),
        };
        // Nobody can have chosen what is longer; the work is that of any other.
        let cut: String = password.reveal().chars().take(CHARS_MAX + 1).collect();
        let cut = Phi::new(cut);
        let is_same = self
            .work(move || {
                let password = cut.reveal().as_bytes();
                argon2().is_ok_and(|argon2| argon2.verify_password(password, &*hash).is_ok())
            })
            .await?;
        Ok(is_same && is_there)
    }

    /// Does work that takes memory and a processor, when it is its turn.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let busy = || Problem::busy("Too many are logging in; come again.");
        let place = Arc::clone(&self.queue).try_acquire_owned();
        let place = place.map_err(|_| busy())?;
        let turn = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| busy())?.map_err(Problem::fault)?;
        #[cfg(test)]
        self.worked
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            // The turn ends with the work, even if nobody waits for it any more.
            drop((turn, place));
            done
        });
        done.await.map_err(Problem::fault)
    }
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(Problem::fault)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8], salt: &[u8]) -> Result<String> {
    let hash = argon2()?
        .hash_password_with_salt(password, salt)
        .map_err(Problem::fault)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{chance::Generator, problem::Category};

    #[test]
    fn a_password_is_long_and_nobodys_first_guess() {
        for (password, expected) in [
            ("correct horse battery", Ok(())),
            ("un cheval blanc sur la colline", Ok(())),
            ("kJ8.vdLq02-x", Ok(())),
            ("short pass", Err(Weakness::Short)),
            ("aaaaaaaaaaaaaaa", Err(Weakness::Worn)),
            ("abababababababab", Err(Weakness::Worn)),
            ("Password12345", Err(Weakness::Worn)),
            ("Mot de passe 1!", Err(Weakness::Worn)),
            ("azerty-123456", Err(Weakness::Worn)),
            ("le chat de Durand", Err(Weakness::Login)),
        ] {
            assert_eq!(
                judge(password, "durand@example.org"),
                expected,
                "{password}"
            );
        }
        assert_eq!(judge(&"abcde".repeat(26), "x"), Err(Weakness::Long));
        assert_eq!(judge(&"éàüçñ".repeat(20), "x"), Ok(()));
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_19_mib_and_knows_its_password() {
        let chance = Generator::from_seed(1);
        let passwords = Passwords::new(&chance);
        let right = Phi::new("correct horse battery".to_owned());
        let hash = passwords.hash(&right, &chance).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_ne!(hash, passwords.hash(&right, &chance).await.unwrap());
        assert_eq!(passwords.is_right(&right, Some(&hash)).await, Ok(true));
        let wrong = Phi::new("Correct horse battery".to_owned());
        assert_eq!(passwords.is_right(&wrong, Some(&hash)).await, Ok(false));
        for none in [None, Some("")] {
            assert_eq!(passwords.is_right(&right, none).await, Ok(false));
        }
        assert_eq!(passwords.is_right(&right, Some("garbage")).await, Ok(false));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_is_bounded_in_memory_and_sent_away() {
        let passwords = Passwords::new(&Generator::from_seed(1));
        let tries: Vec<_> = (0..200)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move {
                    let password = Phi::new("x".to_owned());
                    passwords.is_right(&password, None).await
                })
            })
            .collect();
        let (mut done, mut away) = (0, 0);
        for one in tries {
            match one.await.unwrap() {
                Ok(is_right) => {
                    assert!(!is_right);
                    done += 1;
                }
                Err(problem) => {
                    assert_eq!(problem.category, Category::Busy);
                    away += 1;
                }
            }
        }
        assert!(done > 0, "somebody has had their turn");
        assert!(away > 0, "and who is too many is told so");
        assert_eq!(passwords.turns.available_permits(), AT_ONCE);
        assert_eq!(passwords.queue.available_permits(), WAITING_MAX);
    }
}
