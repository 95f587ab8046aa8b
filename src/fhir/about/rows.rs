//! The rows that decide who may see a resource.

use super::{SHARED, is_patient};
use crate::fhir::reference::LocalReference;

/// Rows that decide who may see a resource; sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Logical ids of patients, [`SHARED`], or a mark that begins with `@`, such as `@agency`.
    /// None: only who reaches everything sees it.
    pub whom: Vec<String>,
    /// Who has patients in their care by this resource.
    pub custody: Vec<CustodyRow>,
    /// What of it has its time. The store keeps what holds when it is written, and looks again when
    /// that changes ([`About::next_change`]).
    pub timed: Vec<TimedRow>,
    /// Resources by which it says whom it is about, beside `whom`. The store finds whom they are
    /// about when it is written; where one of them is not there, it is about nobody.
    pub through: Vec<LocalReference>,
}

impl About {
    /// Adds the rows that hold at an instant.
    pub fn settle(&mut self, at: i64) {
        let holding = self.timed.iter().filter(|timed| timed.holds(at));
        self.custody.extend(holding.map(|timed| timed.row.clone()));
        self.custody.sort_unstable();
        self.custody.dedup();
    }

    /// When rows begin or cease to hold, after an instant.
    #[must_use]
    pub fn next_change(&self, after: i64) -> Option<i64> {
        let ends =
            |timed: &TimedRow| [timed.from, timed.until.map(|until| until.saturating_add(1))];
        let edges = self.timed.iter().flat_map(ends).flatten();
        edges.filter(|edge| *edge > after).min()
    }

    /// Adds whom the resources are about by which this one says it; none for one that is not there, which
    /// is as one that is about nobody.
    pub fn share(&mut self, others: impl IntoIterator<Item = Option<Vec<String>>>) {
        for other in others {
            match other {
                Some(whom) if !whom.is_empty() => {
                    let people = whom.into_iter().filter(|one| *one != SHARED);
                    self.whom.extend(people);
                }
                _ => {
                    self.whom.clear();
                    return;
                }
            }
        }
        if !self.whom.iter().any(|one| is_patient(one)) {
            self.whom.clear();
        }
        self.whom.sort_unstable();
        self.whom.dedup();
    }
}

/// By one resource, a patient is in somebody's care, or somebody is kept out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CustodyRow {
    /// The logical id of the patient, or a mark.
    pub patient: String,
    /// Such as `Practitioner/1`, `Organization/2`, `CareTeam/3`; [`ABOVE`](super::ABOVE) may stand
    /// before it.
    pub custodian: String,
    /// 0: the patient is in their care. More: the Consent keeps them out, by its rule of this
    /// number, whatever else lets them in. Less: they are excepted from that rule.
    pub denied: i64,
}

/// A row that is there for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedRow {
    /// The first millisecond, if there is one.
    pub from: Option<i64>,
    /// The last millisecond, if there is one.
    pub until: Option<i64>,
    /// The row.
    pub row: CustodyRow,
}

impl TimedRow {
    fn holds(&self, at: i64) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at <= until)
    }
}
