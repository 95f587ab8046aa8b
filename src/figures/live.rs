//! The numbers of a span of days: of the resources that are there, and of what is kept.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;

use super::{
    contribution::{self, Followed, Plans},
    tally::{Days, Tally},
};
use crate::{
    care::kind,
    fhir::{
        canonical::{SDC_TASK, TASK_CODE},
        permit::Permit,
        search::query::{Cursor, Query, clause::Prefix},
    },
    kernel::problem::{Category, Problem, Result},
    store::{Store, Stored},
};

/// Resources that are read at a time.
const PAGE: u32 = 1_000;

/// Most resources that one report is made of: some minutes of reading.
pub const RESOURCES_MAX: u64 = 5_000_000;

/// How often figures are computed anew because somebody was erased meanwhile.
const TRIES: u32 = 3;

/// Further than any time zone is from UTC: days are cut in each patient's own calendar.
const MARGIN: SignedDuration = SignedDuration::from_hours(48);

/// The numbers of some days.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The numbers.
    pub tally: Tally,
    /// Months that are partly in the days and of which something is kept: that is left out, as it
    /// is known by the month alone.
    pub left_out: Vec<String>,
}

/// Computes the numbers of some days.
///
/// # Errors
/// `TooLarge`, if more than [`RESOURCES_MAX`] resources would have to be read.
pub async fn figures(store: &Store, permit: &Permit, days: Days) -> Result<Figures> {
    let mut tries = 1;
    loop {
        let kept = store.counts(permit).await?;
        let mut tally = live(store, permit, days).await?;
        // Who was erased meanwhile would count twice, or not at all.
        if tries < TRIES && store.counts(permit).await? != kept {
            tries += 1;
            continue;
        }
        let left_out = tally.add_kept(&kept);
        return Ok(Figures { tally, left_out });
    }
}

async fn live(store: &Store, permit: &Permit, days: Days) -> Result<Tally> {
    let mut reading = Reading {
        store,
        permit,
        read: 0,
    };
    let span = Span::around(days);
    let mut tally = Tally::of(days);
    let mut plans = Plans::new();
    let query = Query::new(kind("CarePlan")?);
    reading
        .each(query, |stored, plan| {
            if let Some(followed) = Followed::read(&plan, stored.updated) {
                plans.insert(stored.id, followed);
            }
        })
        .await?;
    contribution::follow_ups(&mut tally, &plans);
    let reports = Query::new(kind("Task")?).token("code", Some(SDC_TASK), "complete-questionnaire");
    reading
        .each(span.narrow(reports, "window"), |_, task| {
            if contribution::is_report(&task) {
                contribution::report(&mut tally, &plans, &task);
            }
        })
        .await?;
    let answers = span.since(Query::new(kind("QuestionnaireResponse")?));
    reading
        .each(answers, |stored, response| {
            contribution::answer(&mut tally, &plans, &response, stored.updated);
        })
        .await?;
    let mut handling = HashMap::new();
    let tasks = Query::new(kind("Task")?).token("code", Some(TASK_CODE), "handle-alert");
    reading
        .each(span.narrow(tasks, "authored-on"), |_, task| {
            contribution::note_handling(&mut handling, task);
        })
        .await?;
    let flags = span.narrow(Query::new(kind("Flag")?), "date");
    reading
        .each(flags, |stored, flag| {
            if let Some(task) = handling.get(&stored.reference()) {
                contribution::alert(&mut tally, &plans, &flag, task);
            }
        })
        .await?;
    Ok(tally)
}

/// The instants that some days may touch, wherever the patients live; open at the ends of time.
struct Span {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Span {
    fn around(days: Days) -> Self {
        let utc = |day: jiff::civil::Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp());
        Self {
            from: utc(days.first).and_then(|at| at.checked_sub(MARGIN).ok()),
            to: utc(days.last).and_then(|at| at.checked_add(MARGIN).ok()),
        }
    }

    fn narrow(&self, mut query: Query, code: &str) -> Query {
        if let Some(from) = self.from {
            query = query.date(code, Prefix::Ge, from);
        }
        if let Some(to) = self.to {
            query = query.date(code, Prefix::Le, to);
        }
        query
    }

    /// What was written since; it may be about days before, but not about later ones.
    fn since(&self, query: Query) -> Query {
        match self.from {
            Some(from) => query.date("_lastUpdated", Prefix::Ge, from),
            None => query,
        }
    }
}

/// Reads searches to their end, page by page.
struct Reading<'a> {
    store: &'a Store,
    permit: &'a Permit,
    read: u64,
}

impl Reading<'_> {
    async fn each(&mut self, query: Query, mut take: impl FnMut(Stored, Value)) -> Result<()> {
        let mut query = query.limit(PAGE);
        loop {
            let page = self.store.search(self.permit, &query).await?;
            for hit in page.hits {
                self.read += 1;
                let tree = hit.stored.tree()?;
                take(hit.stored, tree);
            }
            if self.read > RESOURCES_MAX {
                return Err(Problem::new(
                    Category::TooLarge,
                    "too-costly",
                    "These figures would take too long; ask for a shorter period.",
                ));
            }
            match page.next {
                Some(next) => query.cursor = Some(Cursor::decode(&next, &query.sort)?),
                None => return Ok(()),
            }
        }
    }
}
