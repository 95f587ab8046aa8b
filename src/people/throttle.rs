//! How long who fails has to wait: pure.
//!
//! Failures are counted by account and address together, so that a stranger slows down only
//! themselves; by address alone, so that many accounts tried from one place cost as well; and by
//! account alone, so that one account tried from many places does. A browser with which somebody has
//! logged in before (`device`) is counted by itself, so that strangers do not slow it down. There is
//! no lock that only time or an operator ends: the longest wait has a bound. A try is counted before
//! it is looked at, so that a thousand at once are not a thousand free ones; a success takes it
//! back.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::store::Failures;

/// How waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Tries that cost no wait.
    pub free: u32,
    /// The longest wait.
    pub wait_max: SignedDuration,
}

/// For one account from one address.
pub const BY_PAIR: Pace = Pace {
    free: 5,
    wait_max: SignedDuration::from_mins(15),
};

/// For one address, whatever the account: a hospital has one for all of its people.
pub const BY_ADDRESS: Pace = Pace {
    free: 60,
    wait_max: SignedDuration::from_mins(1),
};

/// For one account, from all browsers together that are not known for it: whoever has a thousand
/// addresses guesses hardly faster than who has one.
pub const BY_ACCOUNT: Pace = Pace {
    free: 30,
    wait_max: SignedDuration::from_mins(1),
};

/// For the second factor of one account, from wherever: whoever comes so far has the password.
pub const BY_FACTOR: Pace = Pace {
    free: 10,
    wait_max: SignedDuration::from_mins(15),
};

/// For mails that somebody asks for, to one account from wherever.
pub const BY_MAIL: Pace = Pace {
    free: 3,
    wait_max: SignedDuration::from_mins(15),
};

/// After so long without a failure, all is forgiven.
pub const FORGIVEN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What is said to a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is looked at, and this is what stands until it succeeds.
    Go(Failures),
    /// It is not looked at before so much later.
    Wait(SignedDuration),
}

/// Judges one try.
#[must_use]
pub fn judge(pace: Pace, before: Option<Failures>, now: Timestamp) -> Verdict {
    let fresh = before.filter(|before| now.duration_since(before.at) < FORGIVEN_AFTER);
    if let Some(before) = fresh.filter(|before| before.until > now) {
        return Verdict::Wait(before.until.duration_since(now));
    }
    let count = fresh.map_or(0, |before| before.count).saturating_add(1);
    Verdict::Go(Failures {
        count,
        until: now.saturating_add(wait(pace, count)).unwrap_or(now),
        at: now,
    })
}

/// The wait after so many failures: one second, and then twice as long each time.
fn wait(pace: Pace, count: u32) -> SignedDuration {
    match count.checked_sub(pace.free + 1) {
        None => SignedDuration::ZERO,
        Some(beyond) => {
            let seconds = 1_i64 << beyond.min(20);
            SignedDuration::from_secs(seconds).min(pace.wait_max)
        }
    }
}

/// What counts as one address: a customer with IPv6 has a whole /64.
#[must_use]
pub fn place(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::from_millis;

    #[test]
    fn waits_grow_and_have_a_bound() {
        let mut now = from_millis(0);
        let (mut before, mut waits, mut tries) = (None, Vec::new(), 0);
        while tries < 20 {
            match judge(BY_PAIR, before, now) {
                Verdict::Go(after) => {
                    tries += 1;
                    before = Some(after);
                    waits.push(after.until.duration_since(now).as_secs());
                }
                Verdict::Wait(left) => now += left,
            }
        }
        assert_eq!(waits[..5], [0; 5]);
        assert_eq!(waits[5..12], [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(waits[19], 15 * 60);
    }

    #[test]
    fn ten_thousand_guesses_from_one_place_take_months() {
        let mut now = from_millis(0);
        let (mut before, mut tries) = (None, 0);
        while tries < 10_000 {
            match judge(BY_PAIR, before, now) {
                Verdict::Go(after) => {
                    tries += 1;
                    before = Some(after);
                }
                Verdict::Wait(left) => now += left,
            }
        }
        assert!(now.duration_since(from_millis(0)) > SignedDuration::from_hours(24 * 90));
    }

    #[test]
    fn ten_thousand_guesses_from_as_many_places_take_a_week() {
        let mut now = from_millis(0);
        let (mut before, mut tries) = (None, 0);
        while tries < 10_000 {
            match judge(BY_ACCOUNT, before, now) {
                Verdict::Go(after) => {
                    tries += 1;
                    before = Some(after);
                }
                Verdict::Wait(left) => now += left,
            }
        }
        let took = now.duration_since(from_millis(0));
        assert!(took > SignedDuration::from_hours(24 * 6), "{took}");
    }

    #[test]
    fn all_is_forgiven_after_a_day() {
        let before = Failures {
            count: 50,
            until: from_millis(0),
            at: from_millis(0),
        };
        let later = from_millis(0) + FORGIVEN_AFTER;
        let Verdict::Go(after) = judge(BY_PAIR, Some(before), later) else {
            panic!("it is looked at");
        };
        assert_eq!((after.count, after.until), (1, later));
    }

    #[test]
    fn an_address_is_a_place() {
        let place = |text: &str| place(text.parse().unwrap());
        assert_eq!(place("192.0.2.1"), "192.0.2.1");
        assert_eq!(place("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(place("2001:db8:1:2:3::4"), place("2001:db8:1:2:ffff::"));
        assert_ne!(place("2001:db8:1:2::"), place("2001:db8:1:3::"));
    }
}
