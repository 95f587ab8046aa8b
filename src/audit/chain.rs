//! The chain: the hash of a row covers the row and the hash before it. Pure.
//!
//! It takes no key, so that whoever is given the rows can check them; what the chain began with and
//! ended in is sealed with the key ([`super::head`]).

use sha2::{Digest as _, Sha256};

use crate::store::{AuditRow, AuditTip, ChainHash};

/// What every hash begins with: another layout of rows will have another.
const LAYOUT: &[u8] = b"vigie audit 1";

/// The length that stands for nothing, which is not the empty text.
const NOTHING: u32 = u32::MAX;

/// The hash of a row behind the one with the hash `before`. The row's own hash does not count.
#[must_use]
pub fn hash(before: &ChainHash, row: &AuditRow) -> ChainHash {
    let mut hasher = Sha256::new();
    hasher.update(LAYOUT);
    hasher.update(before);
    hasher.update(row.seq.to_le_bytes());
    hasher.update(row.at.to_le_bytes());
    hasher.update([row.outcome]);
    hasher.update(row.status.to_le_bytes());
    let parts: [Option<&[u8]>; 13] = [
        Some(row.event.as_bytes()),
        Some(row.action.as_bytes()),
        row.kind.as_deref().map(str::as_bytes),
        row.entity.as_ref().map(<[u8; 16]>::as_slice),
        Some(row.patients.as_flattened()),
        row.agent.as_ref().map(<[u8; 16]>::as_slice),
        row.client.as_deref().map(str::as_bytes),
        row.roles.as_deref().map(str::as_bytes),
        row.session.as_deref().map(str::as_bytes),
        row.purpose.as_deref().map(str::as_bytes),
        row.address.as_deref().map(str::as_bytes),
        row.request.as_deref().map(str::as_bytes),
        row.detail.as_deref().map(str::as_bytes),
    ];
    for part in parts {
        // The length first: no two rows have the same bytes.
        let length = part.map_or(NOTHING, |part| {
            u32::try_from(part.len()).unwrap_or(NOTHING - 1)
        });
        hasher.update(length.to_le_bytes());
        hasher.update(part.unwrap_or_default());
    }
    hasher.finalize().into()
}

/// Gives rows their numbers and hashes, behind `tip`; gives the new tip.
pub fn link(mut tip: AuditTip, rows: &mut [AuditRow]) -> AuditTip {
    for row in rows {
        row.seq = tip.seq + 1;
        row.hash = hash(&tip.hash, row);
        tip = AuditTip {
            seq: row.seq,
            hash: row.hash,
        };
    }
    tip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_of_a_row_counts() {
        let row = AuditRow {
            seq: 1,
            event: "read".to_owned(),
            action: "R".to_owned(),
            ..AuditRow::default()
        };
        let some = Some("x".to_owned());
        let changes: Vec<fn(&mut AuditRow)> = vec![
            |row| row.seq = 2,
            |row| row.at = 1,
            |row| row.event = "vread".to_owned(),
            |row| row.action = "U".to_owned(),
            |row| row.outcome = 4,
            |row| row.status = 200,
            |row| row.kind = Some(String::new()),
            |row| row.entity = Some([0; 16]),
            |row| row.patients = vec![[0; 16]],
            |row| row.agent = Some([0; 16]),
            |row| row.client = Some("x".to_owned()),
            |row| row.roles = Some("x".to_owned()),
            |row| row.session = Some("x".to_owned()),
            |row| row.purpose = Some("x".to_owned()),
            |row| row.address = Some("x".to_owned()),
            |row| row.request = Some("x".to_owned()),
            |row| row.detail = Some("x".to_owned()),
        ];
        let mut hashes = vec![hash(&[0; 32], &row), hash(&[1; 32], &row)];
        for change in changes {
            let mut other = row.clone();
            change(&mut other);
            hashes.push(hash(&[0; 32], &other));
        }
        // A text does not move from one member to the next unnoticed.
        let (mut one, mut next) = (row.clone(), row);
        one.client.clone_from(&some);
        next.roles = some;
        assert_ne!(hash(&[0; 32], &one), hash(&[0; 32], &next));
        let count = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), count);
    }
}
