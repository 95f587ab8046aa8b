//! The end of the agency's data: the holds are lifted, the rest of the script is played, and what
//! is due to be erased is; then the files are searched for what may be left.

use std::{path::Path, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Method;
use jiff::SignedDuration;
use serde_json::Value;

use super::{
    canary::{self, Seen},
    enrol,
    people::{Pathway, Person},
    play::{CONNECTIONS, Played},
};
use crate::kernel::problem::Result;

/// By then the days of grace of the last follow-up are over, and so is a day on which the
/// retention of somebody was looked at and found to be held.
const GRACE: SignedDuration = SignedDuration::from_hours(24 * 6);

/// What the erasure came to.
#[derive(Debug, Clone)]
pub struct Erased {
    /// People whose data was to go.
    pub people: usize,
    /// Of them, those that the server still has.
    pub left: u64,
    /// Of them, those whose address a file still holds, and what was searched.
    pub seen: Seen,
    /// People whose data is kept.
    pub kept: usize,
    /// Of them, those whose address was found: what shows that the search finds.
    pub kept_found: usize,
    /// Figures that the erasure has changed.
    pub figures_changed: usize,
    /// How long it took, the rest of the script included.
    pub took: Duration,
}

impl Erased {
    /// What is not as it must be.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.left > 0 || !self.seen.found.is_empty() {
            let found = self.seen.found.len();
            faults.push(format!(
                "{} people are left, traces of {found} in the files",
                self.left
            ));
        }
        if self.kept_found != self.kept {
            faults.push(format!(
                "{} of {} kept are found in the files",
                self.kept_found, self.kept
            ));
        }
        if self.figures_changed > 0 {
            faults.push(format!("{} figures have changed", self.figures_changed));
        }
        faults
    }
}

/// Plays on to the end, and beyond the days of grace.
///
/// # Errors
/// The first thing that the server refuses, or a file that cannot be read.
pub async fn erase(played: &mut Played, database: &Path) -> Result<Erased> {
    let started = std::time::Instant::now();
    lift_holds(played).await?;
    played.on(None).await?;
    let before = figures(played).await?;
    played.move_clock(played.end + GRACE).await?;
    let after = figures(played).await?;
    let agency = |person: &&Person| person.pathway != Pathway::Medical;
    let gone: Vec<String> = addresses(played.people.iter().filter(agency));
    let kept: Vec<String> = addresses(played.people.iter().filter(|p| !agency(p)));
    let left = played
        .client
        .count("/Patient?organization=Organization/ars-auvergne-rhone-alpes")
        .await?;
    Ok(Erased {
        people: gone.len(),
        left,
        seen: canary::search(database, &gone)?,
        kept: kept.len(),
        kept_found: canary::search(database, &kept)?.found.len(),
        figures_changed: differences(&before, &after),
        took: started.elapsed(),
    })
}

fn addresses<'a>(people: impl Iterator<Item = &'a Person>) -> Vec<String> {
    people.map(Person::email).collect()
}

async fn lift_holds(played: &Played) -> Result<()> {
    let people = played.people.iter().zip(&played.followed);
    let held = people.filter_map(|(person, followed)| {
        let agency = person.pathway != Pathway::Medical;
        Some((person, followed.as_ref().filter(|_| agency)?))
    });
    stream::iter(held)
        .map(|(person, followed)| async move {
            let mut patient = enrol::patient(person, false);
            patient["id"] = followed.patient.trim_start_matches("Patient/").into();
            let path = format!("/{}", followed.patient);
            let client = &played.client;
            client.send_tree(Method::PUT, &path, &patient).await
        })
        .buffer_unordered(CONNECTIONS)
        .try_for_each(|_| async { Ok(()) })
        .await
}

/// The figures of everybody, as the server tells them.
async fn figures(played: &Played) -> Result<Value> {
    let path = "/Measure/follow-up-figures/$evaluate-measure\
                ?periodStart=2020-05-01&periodEnd=2020-06-30";
    played.client.get(path).await
}

/// Groups of two MeasureReports that are not the same.
fn differences(before: &Value, after: &Value) -> usize {
    let groups = |report: &Value| report["group"].as_array().cloned().unwrap_or_default();
    let (before, after) = (groups(before), groups(after));
    let same = before.iter().zip(&after).filter(|(a, b)| a == b).count();
    before.len().max(after.len()).max(1) - same
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_that_are_missing_or_differ_count() {
        let report = |counts: &[u32]| {
            let groups: Vec<Value> = counts.iter().map(|n| json!({ "count": n })).collect();
            json!({ "group": groups })
        };
        assert_eq!(differences(&report(&[1, 2]), &report(&[1, 2])), 0);
        assert_eq!(differences(&report(&[1, 2]), &report(&[1, 3])), 1);
        assert_eq!(differences(&report(&[1, 2]), &report(&[1])), 1);
        // No figure at all shows nothing.
        assert_eq!(differences(&report(&[]), &report(&[])), 1);
    }

    #[test]
    fn whatever_is_left_is_a_fault() {
        let done = Erased {
            people: 2,
            left: 0,
            seen: Seen::default(),
            kept: 1,
            kept_found: 1,
            figures_changed: 0,
            took: Duration::ZERO,
        };
        assert!(done.faults().is_empty());
        let mut traces = done.clone();
        traces.seen.found.insert(0);
        for faulty in [
            Erased {
                left: 1,
                ..done.clone()
            },
            Erased {
                kept_found: 0,
                ..done.clone()
            },
            Erased {
                figures_changed: 1,
                ..done
            },
            traces,
        ] {
            assert_eq!(faulty.faults().len(), 1, "{faulty:?}");
        }
    }
}
