//! A course of answers drawn from the forms: the same for the same seed.
//!
//! It is made to try the rules, not to look like anybody: numbers fall around those that the
//! rules name more often than elsewhere, some answers stay from day to day, some reports are left
//! out, some come late or are not filled in to the end.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    definitions::Definitions,
    request::{Request, When, last_instant},
    script::Course,
};
use crate::{
    fhir::{date, pathway::canonical_of},
    kernel::{
        chance::{Chance, Generator},
        problem::Result,
    },
    pathways::schedule::Report,
};

mod form;
mod points;

use self::form::Filler;

/// Of a thousand reports, those left out.
const LEFT_OUT: i64 = 180;

/// Of a thousand answers, those that come soon after the report is due.
const SOON: i64 = 700;

/// Of a thousand answers, those written in time and received after the window has closed.
const RECEIVED_LATE: i64 = 40;

/// Draws of one purpose.
pub(super) struct Dice(Generator);

impl Dice {
    /// The stream of a seed and what it is for: one change leaves all other streams as they were.
    pub fn of(seed: i64, purpose: &str) -> Self {
        let hash = blake3::hash(format!("{seed}/{purpose}").as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        Self(Generator::from_seed(u64::from_le_bytes(first)))
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&self, least: i64, most: i64) -> i64 {
        let span = u64::try_from(most.saturating_sub(least)).unwrap_or(0);
        let drawn = self.0.draw() % span.saturating_add(1).max(1);
        least.saturating_add(i64::try_from(drawn).unwrap_or(0))
    }

    /// True in `permille` of a thousand draws.
    pub fn chance(&self, permille: i64) -> bool {
        self.between(0, 999) < permille
    }

    /// One of several.
    pub fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        let last = i64::try_from(of.len()).ok()?.checked_sub(1)?;
        of.get(usize::try_from(self.between(0, last)).ok()?)
    }
}

/// The answers of a course, for the reports on whose day none is scripted.
pub(super) fn course(
    seed: i64,
    request: &Request,
    definitions: &Definitions,
    course: &Course,
) -> Result<Vec<(Timestamp, Value)>> {
    let scripted: Vec<i64> = request
        .answers
        .iter()
        .map(|given| match given.when {
            When::Day(day, _) => i64::from(day),
            When::At(at) => course.follow_up.day_of(at),
        })
        .collect();
    let last = request.until.unwrap_or_else(|| last_instant(request.start));
    let points = points::of(&definitions.plan);
    let mut answers = Vec::new();
    let mut before = BTreeMap::new();
    for report in &course.reports {
        let form = definitions
            .questionnaires
            .iter()
            .find(|(canonical, _)| names(canonical, &report.questionnaire));
        let (Some((_, form)), false) = (form, scripted.contains(&i64::from(report.day))) else {
            continue;
        };
        let dice = Dice::of(seed, &report.day.to_string());
        let Some((at, authored)) = instants(&dice, report, request.start) else {
            continue;
        };
        let mut filler = Filler {
            dice,
            seed,
            date: report.date,
            points: &points,
            before: &before,
            given: BTreeMap::new(),
        };
        let items = filler.fill(&form["item"]);
        before = filler.given;
        let answer = json!({
            "resourceType": "QuestionnaireResponse",
            "questionnaire": canonical_of(form).unwrap_or_default(),
            "status": "completed",
            "authored": date::instant(authored),
            "item": items,
        });
        if at <= last {
            answers.push((at, answer));
        }
    }
    Ok(answers)
}

/// Whether a canonical, with or without version, names the form of a report.
fn names(canonical: &str, wanted: &str) -> bool {
    canonical == wanted || canonical.split('|').next() == Some(wanted)
}

/// When an answer is received and when it was written; none where the report is left out.
fn instants(dice: &Dice, report: &Report, start: Timestamp) -> Option<(Timestamp, Timestamp)> {
    if dice.chance(LEFT_OUT) {
        return None;
    }
    let last = report
        .closes
        .checked_sub(SignedDuration::from_secs(1))
        .ok()?;
    let first = report.opens.max(start);
    let soon = dice.chance(SOON);
    let late = dice.chance(RECEIVED_LATE);
    let (from, to) = if soon {
        let hours = SignedDuration::from_hours(3);
        (report.due.max(first), report.due.checked_add(hours).ok()?)
    } else {
        (first, last)
    };
    let seconds = to.min(last).as_second() - from.as_second();
    let written = SignedDuration::from_secs(dice.between(0, seconds.max(0)));
    let written = from.checked_add(written).ok()?;
    if written > last {
        return None;
    }
    let delay = SignedDuration::from_mins(dice.between(1, 600));
    let received = if late {
        report.closes.checked_add(delay).ok()?
    } else {
        written
    };
    Some((received, written))
}
