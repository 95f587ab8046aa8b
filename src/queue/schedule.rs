//! When a failed job is tried again.

use jiff::SignedDuration;

/// How far from the planned delay a retry may fall, in either direction, in thousandths.
///
/// Jobs that failed together, as when a mail server restarts, do not come back together.
const JITTER_PER_MILLE: i128 = 200;

/// Delays between tries, from the first failure on; when they are used up, the job dies, unless
/// the schedule has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    delays: &'static [SignedDuration],
    endless: bool,
}

impl Schedule {
    /// Nine tries over some 45 hours: soon at first, as most faults pass in minutes; then long
    /// enough for somebody to repair a mail server.
    pub const USUAL: Self = Self::new(&[
        SignedDuration::from_secs(30),
        SignedDuration::from_mins(2),
        SignedDuration::from_mins(10),
        SignedDuration::from_mins(30),
        SignedDuration::from_hours(2),
        SignedDuration::from_hours(6),
        SignedDuration::from_hours(12),
        SignedDuration::from_hours(24),
    ]);

    /// For what must not be left undone, as somebody is watched over by it: soon at first, and
    /// then every hour for as long as it takes, whatever has gone wrong.
    pub const ENDLESS: Self = Self {
        delays: &[
            SignedDuration::from_secs(30),
            SignedDuration::from_mins(2),
            SignedDuration::from_mins(10),
            SignedDuration::from_mins(30),
            SignedDuration::from_hours(1),
        ],
        endless: true,
    };

    /// A schedule of these delays; the first try is immediate and not among them.
    #[must_use]
    pub const fn new(delays: &'static [SignedDuration]) -> Self {
        Self {
            delays,
            endless: false,
        }
    }

    /// The delay after a failure that `failures` others came before, spread by `chance` (64
    /// random bits); none once the tries are used up.
    #[must_use]
    pub fn delay(self, failures: u32, chance: u64) -> Option<SignedDuration> {
        let after_last = self.delays.last().filter(|_| self.endless);
        let next = self.delays.get(usize::try_from(failures).ok()?);
        Some(spread(*next.or(after_last)?, chance))
    }

    /// Whether a job is tried until it succeeds, even where no try seems to help.
    #[must_use]
    pub const fn is_endless(self) -> bool {
        self.endless
    }

    /// The delay after a failure that must not be the last: the longest of the schedule.
    #[must_use]
    pub fn longest(self, chance: u64) -> SignedDuration {
        let planned = self.delays.iter().max().copied();
        spread(planned.unwrap_or(SignedDuration::from_hours(1)), chance)
    }
}

/// `planned`, moved by up to [`JITTER_PER_MILLE`] in either direction.
fn spread(planned: SignedDuration, chance: u64) -> SignedDuration {
    let millis = planned.as_millis();
    let reach = millis * JITTER_PER_MILLE / 1_000;
    // `chance` scaled to 0..=2*reach; the top of the product is far below 2^127.
    let offset = (i128::from(chance) * (2 * reach + 1)) >> 64;
    let moved = i64::try_from(millis - reach + offset).unwrap_or(i64::MAX);
    SignedDuration::from_millis(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::chance::{Chance, Generator};

    const MINUTE: Schedule = Schedule::new(&[SignedDuration::from_secs(60)]);

    #[test]
    fn a_delay_reaches_both_ends_of_the_jitter_and_nothing_beyond() {
        assert_eq!(MINUTE.delay(0, 0), Some(SignedDuration::from_secs(48)));
        assert_eq!(
            MINUTE.delay(0, u64::MAX),
            Some(SignedDuration::from_secs(72))
        );
        let chance = Generator::from_seed(11);
        let delays: Vec<_> = (0..1_000)
            .filter_map(|_| MINUTE.delay(0, chance.draw()))
            .collect();
        let bounds = SignedDuration::from_secs(48)..=SignedDuration::from_secs(72);
        assert!(delays.iter().all(|delay| bounds.contains(delay)));
        let middle = SignedDuration::from_secs(60);
        assert!(delays.iter().filter(|delay| **delay < middle).count() > 400);
        assert!(delays.iter().filter(|delay| **delay > middle).count() > 400);
    }

    #[test]
    fn tries_are_used_up() {
        assert_eq!(MINUTE.delay(1, 0), None);
        assert!(Schedule::USUAL.delay(7, 0).is_some());
        assert_eq!(Schedule::USUAL.delay(8, 0), None);
        assert_eq!(Schedule::new(&[]).delay(0, 0), None);
    }

    #[test]
    fn without_an_end_the_last_delay_goes_on() {
        assert!(Schedule::ENDLESS.is_endless() && !Schedule::USUAL.is_endless());
        let hour = SignedDuration::from_hours(1);
        for failures in [4, 5, 1_000, u32::MAX] {
            let delay = Schedule::ENDLESS.delay(failures, 0);
            assert_eq!(delay, Some(hour * 8 / 10), "{failures}");
        }
    }

    #[test]
    fn the_usual_delays_grow() {
        let grows = Schedule::USUAL
            .delays
            .windows(2)
            .all(|pair| pair[0] < pair[1]);
        assert!(grows);
        assert_eq!(
            Schedule::USUAL.longest(0),
            SignedDuration::from_hours(24) * 8 / 10
        );
    }
}
