//! Repeatable chance: a failing run prints its seed, and the seed gives the run again.

use std::{
    env,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A SplitMix64 generator; small, and good enough to scatter moments and choices.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From `TEST_SEED`, or from the time; the seed is printed.
    #[expect(
        clippy::disallowed_methods,
        reason = "a fresh seed for each run, unless one is given"
    )]
    pub fn announced() -> Self {
        let seed = env::var("TEST_SEED").ok().map_or_else(
            || {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                now.map_or(1, |since| since.as_secs())
            },
            |seed| seed.parse().expect("TEST_SEED is a number"),
        );
        println!("TEST_SEED={seed}");
        Self(seed)
    }

    /// A generator of its own for one of several threads.
    pub const fn fork(&self, thread: u64) -> Self {
        Self(self.0 ^ thread.wrapping_mul(0xA24B_AED4_963E_E407))
    }

    /// The next 64 bits.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// A duration between `from` and `to` milliseconds.
    pub const fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from + 1))
    }
}
