//! For how long who has logged in stays so: pure.

use jiff::{SignedDuration, Timestamp};

use crate::store::{Account, AccountState, LoginSession, LoginStage};

/// A session that is not used for so long has ended.
pub const IDLE_MAX: SignedDuration = SignedDuration::from_mins(30);

/// A session ends after so long, used or not.
pub const AGE_MAX: SignedDuration = SignedDuration::from_hours(12);

/// Who has shown a password has so long for the second factor.
pub const SECOND_MAX: SignedDuration = SignedDuration::from_mins(10);

/// How often the use of a session is written down.
pub const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Whether a session is one of its account, and not over.
#[must_use]
pub fn is_alive(session: &LoginSession, account: &Account, now: Timestamp) -> bool {
    let age = now.duration_since(session.created);
    let idle = now.duration_since(session.seen);
    let in_time = match session.stage {
        LoginStage::Password => age < SECOND_MAX,
        LoginStage::Full => age < AGE_MAX && idle < IDLE_MAX,
    };
    in_time
        && account.state == AccountState::Active
        && account.id == session.account
        && account.generation == session.generation
}

/// Whether its use is to be written down.
#[must_use]
pub fn is_to_note(session: &LoginSession, now: Timestamp) -> bool {
    now.duration_since(session.seen) >= SEEN_EVERY
}
