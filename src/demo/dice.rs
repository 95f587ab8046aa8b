//! Seeded chance for the generator: one stream for each question, so that a change to one
//! person's course leaves all others as they were.

use crate::kernel::chance::{Chance, Generator};

/// A stream of draws.
pub(super) struct Dice(Generator);

impl Dice {
    /// The stream of `purpose` for `person` on `day`, from the demo's seed.
    pub(super) fn new(seed: u64, purpose: u64, person: usize, day: u32) -> Self {
        let person = u64::try_from(person).unwrap_or(u64::MAX);
        // Odd multipliers spread neighbours over the whole range (Knuth's multiplicative hash).
        let mixed = [purpose, person, u64::from(day)]
            .into_iter()
            .fold(seed, |mixed, part| {
                (mixed ^ part.wrapping_add(0x9E37_79B9_7F4A_7C15))
                    .wrapping_mul(0xD6E8_FEB8_6659_FD93)
                    .rotate_left(29)
            });
        Self(Generator::from_seed(mixed))
    }

    /// A number from `least` to `most`, both included.
    pub(super) fn between(&self, least: i64, most: i64) -> i64 {
        let span = u64::try_from(most - least).unwrap_or(0) + 1;
        least + i64::try_from(self.0.draw() % span).unwrap_or(0)
    }

    /// True in `permille` of a thousand draws.
    pub(super) fn chance(&self, permille: i64) -> bool {
        self.between(0, 999) < permille
    }

    /// One of `choices`.
    pub(super) fn pick<T: Copy>(&self, choices: &[T]) -> Option<T> {
        let last = i64::try_from(choices.len()).ok()?.checked_sub(1)?;
        let n = usize::try_from(self.between(0, last.max(0))).ok()?;
        choices.get(n).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draws = |seed, purpose, person, day| {
            let dice = Dice::new(seed, purpose, person, day);
            [0; 4].map(|_: i32| dice.between(0, 1_000_000))
        };
        let first = draws(1, 1, 1, 1);
        assert_eq!(first, draws(1, 1, 1, 1));
        for other in [
            draws(2, 1, 1, 1),
            draws(1, 2, 1, 1),
            draws(1, 1, 2, 1),
            draws(1, 1, 1, 2),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn shares_come_out_as_asked() {
        let dice = Dice::new(7, 0, 0, 0);
        let hits = (0..10_000).filter(|_| dice.chance(250)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| (-3..=3).contains(&dice.between(-3, 3))));
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}
