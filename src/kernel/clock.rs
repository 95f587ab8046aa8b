//! The only place that reads the time.
//!
//! Everything else takes a [`Clock`], so that fourteen days of follow-up run in
//! seconds under test.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// A source of the current instant, in whole milliseconds.
pub trait Clock: Send + Sync {
    /// The current instant, truncated to the millisecond (the precision of `meta.lastUpdated`).
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the time"
    )]
    fn now(&self) -> Timestamp {
        from_millis(Timestamp::now().as_millisecond())
    }
}

/// A clock that stands still until it is set; it never goes back.
#[derive(Debug)]
pub struct SimulatedClock {
    millis: AtomicI64,
}

impl SimulatedClock {
    /// A clock that shows `start` until it is moved.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            millis: AtomicI64::new(start.as_millisecond()),
        }
    }

    /// Moves the clock to `to`; an earlier instant than the present one changes nothing.
    pub fn advance_to(&self, to: Timestamp) {
        self.millis.fetch_max(to.as_millisecond(), Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        from_millis(self.millis.load(Ordering::SeqCst))
    }
}

/// The instant `millis` milliseconds after 1970-01-01T00:00:00Z, clamped to the representable range.
#[must_use]
pub fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_never_goes_back() {
        let clock = SimulatedClock::starting_at(from_millis(5_000));
        clock.advance_to(from_millis(9_000));
        clock.advance_to(from_millis(7_000));
        assert_eq!(clock.now().as_millisecond(), 9_000);
    }
}
