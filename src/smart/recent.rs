//! Permits of the last moment.
//!
//! Who asks often is not looked up each time. A permit is kept with the count of changes that the
//! database had when it was made ([`Store::access_stamp`](crate::store::Store::access_stamp)): it is
//! given again only while that count stands, whichever process writes. It is kept for no longer than
//! [`KEPT_FOR`], since time alone ends some of what it was made from.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    fhir::permit::{Permit, Reach},
    store::Digest,
};

/// How long a permit is given again.
const KEPT_FOR: SignedDuration = SignedDuration::from_secs(1);

/// Permits that are kept at most; when there would be more, all are forgotten.
const KEPT_MAX: usize = 4_096;

/// What a token was found to stand for.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub permit: Permit,
    /// When the token ends.
    pub expires: Timestamp,
    /// How the patient of the launch was found to be within reach, or not: that is asked again.
    pub launches: Vec<(Reach, bool)>,
}

struct Kept {
    found: Found,
    stamp: u64,
    made: Timestamp,
}

/// Permits of the last moment, by the digest of the token.
#[derive(Default)]
pub(super) struct Recent(Mutex<HashMap<Digest, Kept>>);

impl Recent {
    /// What a token was found to stand for, if nothing has changed since.
    pub fn get(&self, token: &Digest, stamp: u64, now: Timestamp) -> Option<Found> {
        let all = self.all();
        let kept = all.get(token)?;
        let is_recent = kept.made <= now && now.duration_since(kept.made) < KEPT_FOR;
        let stands = kept.stamp == stamp && is_recent && now < kept.found.expires;
        stands.then(|| kept.found.clone())
    }

    /// Keeps what a token was found to stand for; `stamp` was read before that.
    pub fn keep(&self, token: Digest, found: Found, (stamp, made): (u64, Timestamp)) {
        let mut all = self.all();
        if all.len() >= KEPT_MAX && !all.contains_key(&token) {
            all.clear();
        }
        all.insert(token, Kept { found, stamp, made });
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Digest, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn found(expires: i64) -> Found {
        Found {
            permit: Permit::development(),
            expires: at(expires),
            launches: Vec::new(),
        }
    }

    #[test]
    fn a_permit_is_given_again_for_a_moment_and_while_nothing_changes() {
        let recent = Recent::default();
        recent.keep([1; 32], found(10_500), (7, at(10_000)));
        assert!(recent.get(&[1; 32], 7, at(10_000)).is_some());
        assert!(recent.get(&[1; 32], 7, at(10_499)).is_some());
        for (why, token, stamp, now) in [
            ("another token", [2; 32], 7, 10_000),
            ("something has changed", [1; 32], 8, 10_000),
            ("a database that was put back", [1; 32], 6, 10_000),
            ("the token has ended", [1; 32], 7, 10_500),
            ("a clock that was put back", [1; 32], 7, 9_999),
        ] {
            assert!(recent.get(&token, stamp, at(now)).is_none(), "{why}");
        }
        recent.keep([1; 32], found(99_000), (7, at(10_000)));
        assert!(recent.get(&[1; 32], 7, at(10_999)).is_some());
        assert!(recent.get(&[1; 32], 7, at(11_000)).is_none());
    }

    #[test]
    fn no_more_are_kept_than_the_bound() {
        let recent = Recent::default();
        for n in 0..=KEPT_MAX {
            let mut token = [0; 32];
            token[..8].copy_from_slice(&n.to_le_bytes());
            recent.keep(token, found(99_000), (0, at(0)));
            assert!(recent.all().len() <= KEPT_MAX);
        }
        assert_eq!(recent.all().len(), 1);
    }
}
