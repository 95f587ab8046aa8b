//! What must be found after a restart.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use super::writers::{BUNDLES, Bundle, Journal, Write, version_of};
use crate::harness::Client;

/// Entries asked for at once; more than a bundle of the test has.
const PAGE: usize = 200;

/// Counts over all cycles, and every fault in words.
#[derive(Debug, Default)]
pub struct Tally {
    writes: usize,
    pub lost: usize,
    bundles: usize,
    acknowledged: usize,
    absent: usize,
    halves: usize,
    pub answers: usize,
    pub alerts: usize,
    pub missing: usize,
    pub doubled: usize,
    pub faults: Vec<String>,
}

impl Tally {
    /// Whether the run was a test at all: each kind was written and found.
    pub const fn has_seen_everything(&self) -> bool {
        self.writes > 0 && self.acknowledged > 0 && self.alerts > 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} writes and {} answers acknowledged, {} lost; {} bundles sent, {} acknowledged, \
             {} absent, {} half-written; {} alerts, {} missing, {} doubled",
            self.writes,
            self.answers,
            self.lost,
            self.bundles,
            self.acknowledged,
            self.absent,
            self.halves,
            self.alerts,
            self.missing,
            self.doubled
        )
    }
}

/// Looks up everything that one cycle wrote.
pub fn verify(client: &mut Client, journal: &Journal, tally: &mut Tally) {
    tally.faults.extend(journal.refusals.iter().cloned());
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    for write in &journal.writes {
        verify_version(client, write, tally);
        let known = newest.entry(&write.path).or_default();
        *known = write.version.max(*known);
    }
    for (path, version) in newest {
        verify_current(client, path, version, tally);
    }
    for bundle in &journal.bundles {
        verify_bundle(client, bundle, tally);
    }
}

fn verify_version(client: &mut Client, write: &Write, tally: &mut Tally) {
    tally.writes += 1;
    let path = format!("{}/_history/{}", write.path, write.version);
    let read = client.get(&path);
    if read.status != 200 || read.body != write.body || write.body.is_empty() {
        tally.lost += 1;
        tally.faults.push(format!(
            "{path} was acknowledged as {} and is now {} {}",
            String::from_utf8_lossy(&write.body),
            read.status,
            read.text()
        ));
    }
}

/// The current version is the last acknowledged one, or one that was in flight behind it.
fn verify_current(client: &mut Client, path: &str, version: u64, tally: &mut Tally) {
    let read = client.get(path);
    if read.status != 200 || version_of(&read) < version {
        tally.lost += 1;
        let found = read.header("etag").unwrap_or("none").to_owned();
        tally.faults.push(format!(
            "{path} has gone back from version {version} to {found}"
        ));
    }
}

fn verify_bundle(client: &mut Client, bundle: &Bundle, tally: &mut Tally) {
    tally.bundles += 1;
    tally.acknowledged += usize::from(bundle.acknowledged);
    let patients = found(client, "Patient", &bundle.tag);
    let observations = found(client, "Observation", &bundle.tag);
    let counts = (patients.len(), observations.len());
    let absent = counts == (0, 0);
    let whole = counts == (1, bundle.observations)
        && observations.iter().all(|one| {
            let subject = one["subject"]["reference"].as_str().unwrap_or_default();
            Some(subject.trim_start_matches("Patient/")) == patients[0]["id"].as_str()
        });
    tally.absent += usize::from(absent);
    if absent && bundle.acknowledged {
        tally.lost += 1;
        tally.faults.push(format!(
            "bundle {} was acknowledged and is gone",
            bundle.tag
        ));
    } else if !absent && !whole {
        tally.halves += 1;
        tally.faults.push(format!(
            "bundle {} of 1 + {} stands as {counts:?}",
            bundle.tag, bundle.observations
        ));
    }
}

/// The resources of one type that carry the bundle's identifier, each read by its id as well.
fn found(client: &mut Client, kind: &str, tag: &str) -> Vec<Value> {
    let path = format!("{kind}?identifier={BUNDLES}%7C{tag}&_count={PAGE}");
    let page = client.get(&path).expect(200).json();
    let entries = page["entry"].as_array().cloned().unwrap_or_default();
    entries
        .into_iter()
        .map(|entry| entry["resource"].clone())
        .collect()
}
