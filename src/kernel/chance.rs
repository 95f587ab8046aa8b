//! The only place that draws chance, so that a run can be repeated from its seed.

use std::sync::{Mutex, PoisonError};

use rand::{Rng, SeedableRng, rngs::StdRng};

/// A source of random bits.
pub trait Chance: Send + Sync {
    /// 64 random bits.
    fn draw(&self) -> u64;
}

/// Random bits from a generator; seeded by the system, or by a number for a repeatable run.
#[derive(Debug)]
pub struct Generator {
    // A short critical section without await, hence not tokio's mutex.
    state: Mutex<StdRng>,
}

impl Generator {
    /// A cryptographically strong generator, seeded from the operating system.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that draws from the system"
    )]
    pub fn from_system() -> Self {
        Self {
            state: Mutex::new(StdRng::from_rng(&mut rand::rng())),
        }
    }

    /// A generator that yields the same bits for the same seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self {
            state: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }
}

impl Chance for Generator {
    fn draw(&self) -> u64 {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bits() {
        let (a, b) = (Generator::from_seed(7), Generator::from_seed(7));
        assert_eq!([a.draw(), a.draw()], [b.draw(), b.draw()]);
        assert_ne!(
            Generator::from_seed(8).draw(),
            Generator::from_seed(7).draw()
        );
    }
}
