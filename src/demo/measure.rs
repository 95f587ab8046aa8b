//! How fast it went, on which disk, and in how much memory.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use crate::kernel::problem::{Problem, Result};

/// Writes whose durability is timed.
const FSYNC_SAMPLES: usize = 40;

/// What the demo cost.
#[derive(Debug, Clone)]
pub struct Performance {
    /// From the opening of the database to the last count.
    pub wall: Duration,
    /// The most memory that the process has held.
    pub peak_bytes: Option<u64>,
    /// The disk's own time to make a page durable.
    pub fsync: Duration,
    /// From POST to reply of the answers that raised alerts.
    pub alerting: Vec<Duration>,
    /// The same of all answers.
    pub all: Vec<Duration>,
}

/// How long the POST of each answer took.
#[derive(Debug, Default)]
pub struct Latencies(HashMap<String, Duration>);

impl Latencies {
    /// Notes the time of the answer `QuestionnaireResponse/{id}`.
    pub fn add(&mut self, answer: &str, took: Duration) {
        self.0.insert(answer.to_owned(), took);
    }

    /// The times of some answers, sorted; those never posted have none.
    #[must_use]
    pub fn of(&self, answers: &BTreeSet<String>) -> Vec<Duration> {
        let mut times: Vec<_> = answers
            .iter()
            .filter_map(|id| self.0.get(id).copied())
            .collect();
        times.sort_unstable();
        times
    }

    /// The times of all answers, sorted.
    #[must_use]
    pub fn all(&self) -> Vec<Duration> {
        let mut times: Vec<_> = self.0.values().copied().collect();
        times.sort_unstable();
        times
    }
}

/// The time that `permille` of a thousand sorted `times` do not exceed (nearest rank).
#[must_use]
pub fn quantile(times: &[Duration], permille: usize) -> Option<Duration> {
    let rank = (times.len() * permille).div_ceil(1_000).max(1);
    times.get(rank - 1).copied()
}

/// The median time in which the disk below `folder` makes a page durable.
///
/// # Errors
/// `Fault`, if nothing can be written there.
pub fn fsync(folder: &Path) -> Result<Duration> {
    let path = folder.join(format!(".vigie-fsync-{}", std::process::id()));
    let timed = time_syncs(&path);
    let removed = fs::remove_file(&path);
    let mut times = timed
        .and_then(|times| removed.map(|()| times))
        .map_err(Problem::fault)?;
    times.sort_unstable();
    quantile(&times, 500).ok_or_else(|| Problem::fault("no write was timed"))
}

fn time_syncs(path: &Path) -> std::io::Result<Vec<Duration>> {
    let mut file = File::create_new(path)?;
    (0..FSYNC_SAMPLES)
        .map(|_| {
            file.write_all(&[0; 4_096])?;
            let started = Instant::now();
            file.sync_data()?;
            Ok(started.elapsed())
        })
        .collect()
}

/// The most memory that this process has held (`VmHWM`), where the system tells.
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, 500), Some(Duration::from_millis(50)));
        assert_eq!(quantile(&times, 990), Some(Duration::from_millis(99)));
        assert_eq!(quantile(&times[..1], 990), Some(Duration::from_millis(1)));
        assert_eq!(quantile(&[], 500), None);
    }

    #[test]
    fn the_disk_and_the_process_are_measured() {
        let folder = tempfile::tempdir().unwrap();
        assert!(fsync(folder.path()).unwrap() > Duration::ZERO);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(peak_bytes().is_none_or(|bytes| bytes > 1 << 20));
    }
}
