//! A part of the record: what concerns some people and some patients, and nobody else.
//!
//! Who reads for an establishment is shown what its people did, and what was done with the data of
//! its patients. Where a row names others as well, they are left out, and it is not found by them.

use std::collections::HashSet;

use super::log::Log;
use crate::{
    kernel::problem::{Problem, Result},
    store::{AuditQuery, AuditRow, Pseudonym},
};

/// Rows that are looked at together, where a reader is shown those of some only.
const LOOKED_AT: u32 = 2_000;

/// How often for one page.
const LOOKS_MAX: u32 = 500;

/// Whose rows are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// All of them.
    Everybody,
    /// Those by these people, and those about these patients, without what they say of others.
    These(HashSet<Pseudonym>),
}

impl Whose {
    /// What is shown of a row; none, if nothing is.
    fn part(&self, mut row: AuditRow, query: &AuditQuery) -> Option<AuditRow> {
        let Self::These(known) = self else {
            return Some(row);
        };
        if row.agent.is_some_and(|agent| known.contains(&agent)) {
            return Some(row);
        }
        let before = row.patients.len();
        row.patients.retain(|patient| known.contains(patient));
        // What is about others as well says by its resource nothing that is for this reader.
        if before == 0 || row.patients.len() < before {
            row.entity = row.entity.filter(|entity| known.contains(entity));
        }
        if row.patients.is_empty() && row.entity.is_none() {
            return None;
        }
        // Found by what is not shown, it would tell it.
        let is_asked = |wanted: &Option<Vec<Pseudonym>>, has: &dyn Fn(&Pseudonym) -> bool| {
            wanted.as_ref().is_none_or(|all| all.iter().any(has))
        };
        let by_patient = is_asked(&query.patients, &|name| row.patients.contains(name));
        let by_entity = is_asked(&query.entities, &|name| row.entity.as_ref() == Some(name));
        (by_patient && by_entity).then_some(row)
    }

    /// The rows of a page.
    pub(super) fn search(&self, log: &Log, query: &AuditQuery) -> Result<Vec<AuditRow>> {
        if *self == Self::Everybody {
            return log.search(query);
        }
        let mut found = Vec::new();
        self.each(log, query, &mut |row| {
            found.push(row);
            found.len() < query.limit as usize
        })?;
        Ok(found)
    }

    pub(super) fn count(&self, log: &Log, query: &AuditQuery) -> Result<u64> {
        if *self == Self::Everybody {
            return log.count(query);
        }
        let mut count = 0;
        let all = AuditQuery {
            after: None,
            ..query.clone()
        };
        self.each(log, &all, &mut |_| {
            count += 1;
            true
        })?;
        Ok(count)
    }

    /// Gives what is shown of each row to `take`, until it wants no more.
    fn each(
        &self,
        log: &Log,
        query: &AuditQuery,
        take: &mut dyn FnMut(AuditRow) -> bool,
    ) -> Result<()> {
        let mut next = AuditQuery {
            limit: LOOKED_AT,
            ..query.clone()
        };
        for _ in 0..LOOKS_MAX {
            let rows = log.search(&next)?;
            let is_last = rows.len() < LOOKED_AT as usize;
            next.after = rows.last().map(|row| (row.at, row.seq));
            for row in rows {
                if let Some(row) = self.part(row, query)
                    && !take(row)
                {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
        Err(Problem::malformed(
            "too-costly",
            "Too much of the record is of others: ask for a shorter time, or by patient or agent.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_record_tells_nothing_of_others() {
        let [own, nurse, other, stranger, task] = [[1; 16], [2; 16], [3; 16], [4; 16], [5; 16]];
        let part = Whose::These(HashSet::from([own, nurse]));
        let row = |agent: Pseudonym, patients: &[Pseudonym]| AuditRow {
            agent: Some(agent),
            entity: Some(task),
            patients: patients.to_vec(),
            ..AuditRow::default()
        };
        let all = AuditQuery::default();
        let by_own = row(nurse, &[other]);
        assert_eq!(part.part(by_own.clone(), &all), Some(by_own));
        let about_own = row(stranger, &[own]);
        assert_eq!(part.part(about_own.clone(), &all), Some(about_own));
        let mixed = part.part(row(stranger, &[own, other]), &all).unwrap();
        assert_eq!((&mixed.patients[..], mixed.entity), (&[own][..], None));
        assert_eq!(part.part(row(stranger, &[other]), &all), None);
        assert_eq!(part.part(row(stranger, &[]), &all), None);
        // Who else was on the page is not learned by asking for them.
        let asked = AuditQuery {
            patients: Some(vec![other]),
            ..AuditQuery::default()
        };
        assert_eq!(part.part(row(stranger, &[own, other]), &asked), None);
        let everything = row(stranger, &[other]);
        assert_eq!(
            Whose::Everybody.part(everything.clone(), &all),
            Some(everything)
        );
    }
}
