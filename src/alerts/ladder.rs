//! Who is told of an alert that nobody takes, and when: pure.
//!
//! Each step passes the alert to the next rank of the team, then to those on call. After that an
//! urgent alert is told again to everybody told so far, at intervals that double; a simple one
//! rests.

use jiff::{SignedDuration, Timestamp};

use super::rule::Level;
use crate::care::team::Team;

/// Longest interval between two repeats of an urgent alert, unless its deadline is longer.
pub const REPEAT_MINUTES_MAX: u64 = 240;

/// The way that one alert goes through a team.
#[derive(Debug, Clone)]
pub struct Ladder<'a> {
    level: Level,
    since: Timestamp,
    minutes: u32,
    team: &'a Team,
    /// Who is told at once, and then at each step but the repeats.
    rungs: Vec<Vec<String>>,
}

impl<'a> Ladder<'a> {
    /// The way of an alert that was raised at `since` and must be acknowledged within `minutes`.
    #[must_use]
    pub fn new(level: Level, since: Timestamp, minutes: u32, team: &'a Team) -> Self {
        let mut rungs = team.ranks.clone();
        let known = |one: &String| team.ranks.iter().any(|rank| rank.contains(one));
        let mut on_call = team.on_call.clone();
        on_call.retain(|one| !known(one));
        if level == Level::Urgent && !team.cover.covers(since) {
            match rungs.first_mut() {
                Some(first) => first.append(&mut on_call),
                None => rungs.push(std::mem::take(&mut on_call)),
            }
        }
        if !on_call.is_empty() {
            rungs.push(on_call);
        }
        Self {
            level,
            since,
            minutes,
            team,
            rungs,
        }
    }

    /// Who is told at once.
    #[must_use]
    pub fn at_once(&self) -> &[String] {
        self.rungs.first().map_or(&[], Vec::as_slice)
    }

    /// Who is told at step `step`, from 1; none where that step does not happen.
    #[must_use]
    pub fn audience(&self, step: u32) -> Option<Vec<String>> {
        if self.level == Level::Info || self.rungs.is_empty() {
            return None;
        }
        match self.rungs.get(step as usize) {
            Some(rung) => Some(rung.clone()),
            None if self.level == Level::Urgent => {
                Some(self.rungs.iter().flatten().cloned().collect())
            }
            None => None,
        }
    }

    /// Whether step `step` tells only those who have been told before.
    #[must_use]
    pub fn is_repeat(&self, step: u32) -> bool {
        step as usize >= self.rungs.len()
    }

    /// When step `step` happens, if nobody has acknowledged by then; none if never.
    #[must_use]
    pub fn due(&self, step: u32) -> Option<Timestamp> {
        match self.level {
            Level::Info => None,
            Level::Simple => self
                .team
                .cover
                .after(self.since, self.minutes.checked_mul(step)?),
            Level::Urgent => {
                let minutes = i64::try_from(self.minutes_until(step)).ok()?;
                let elapsed = SignedDuration::from_secs(minutes.checked_mul(60)?);
                self.since.checked_add(elapsed).ok()
            }
        }
    }

    /// Minutes from the raise of an urgent alert to a step.
    fn minutes_until(&self, step: u32) -> u64 {
        let within = u64::from(self.minutes);
        let rungs = self.rungs.len().saturating_sub(1) as u64;
        let step = u64::from(step);
        let mut minutes = within.saturating_mul(step.min(rungs));
        let mut repeats = step.saturating_sub(rungs);
        let most = REPEAT_MINUTES_MAX.max(within);
        let mut interval = within;
        while repeats > 0 && interval < most {
            minutes = minutes.saturating_add(interval);
            interval = interval.saturating_mul(2).min(most);
            repeats -= 1;
        }
        minutes.saturating_add(most.saturating_mul(repeats))
    }
}

#[cfg(test)]
mod tests;
