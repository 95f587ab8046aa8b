//! Ids that the server gives: UUID version 7 (RFC 9562, section 5.7), so that
//! new rows land side by side in an index.

use jiff::Timestamp;
use uuid::Builder;

use super::chance::Chance;

/// A new id: the instant in its first 48 bits, chance in the rest.
#[must_use]
pub fn new_id(now: Timestamp, chance: &dyn Chance) -> String {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let mut random = [0u8; 10];
    random[..8].copy_from_slice(&chance.draw().to_le_bytes());
    random[8..].copy_from_slice(&chance.draw().to_le_bytes()[..2]);
    Builder::from_unix_timestamp_millis(millis, &random)
        .into_uuid()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{chance::Generator, clock::from_millis};

    #[test]
    fn ids_sort_by_time_and_are_version_7() {
        let chance = Generator::from_seed(1);
        let early = new_id(from_millis(1_000), &chance);
        let late = new_id(from_millis(2_000), &chance);
        assert!(early < late);
        assert_eq!(early.as_bytes()[14], b'7');
    }
}
