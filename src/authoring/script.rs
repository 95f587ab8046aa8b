//! What happens from outside during a simulation, in the order of its instants.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::{Value, json};

use super::{
    request::{Acknowledgement, Request, Scripted, Taken, When, last_instant, outside},
    scene,
};
use crate::{
    fhir::{care_plan::FollowUp, date, pathway::Pathway, questionnaire_response::effective_time},
    kernel::problem::{Problem, Result},
    pathways::schedule::{self, Report},
};

/// How long after a report is due an answer comes that names no time.
const USUAL_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// How long before a window closes the latest such answer comes.
const LATEST: SignedDuration = SignedDuration::from_secs(1);

/// The follow-up that is simulated.
#[derive(Debug)]
pub(super) struct Course {
    pub follow_up: FollowUp,
    /// Its reports, each due when this patient is reminded.
    pub reports: Vec<Report>,
    due_time: jiff::civil::Time,
}

impl Course {
    /// Reads the CarePlan that enrolment has made.
    pub fn of(plan: &Value, pathway: &Pathway) -> Result<Self> {
        let follow_up = FollowUp::read(plan)
            .ok_or_else(|| Problem::fault("enrolment made a CarePlan that is no follow-up"))?;
        let own = Pathway {
            policy: schedule::policy_of(&follow_up, &pathway.policy),
            ..pathway.clone()
        };
        let due_time = own.policy.due_time;
        let reports = schedule::reports(&own, follow_up.first_date, &follow_up.zone);
        Ok(Self {
            follow_up,
            reports,
            due_time,
        })
    }

    /// The report of a day.
    pub fn report(&self, day: i64) -> Option<&Report> {
        self.reports.iter().find(|r| i64::from(r.day) == day)
    }

    /// When the last window closes.
    pub fn closes(&self) -> Option<Timestamp> {
        self.reports.last().map(|report| report.closes)
    }

    fn date(&self, day: u32) -> Option<Date> {
        let days = jiff::Span::new().try_days(i64::from(day) - 1).ok()?;
        self.follow_up.first_date.checked_add(days).ok()
    }

    /// When a scripted answer comes.
    fn instant(&self, when: When, start: Timestamp) -> Option<Timestamp> {
        let zone = &self.follow_up.zone;
        match when {
            When::At(at) => Some(at),
            When::Day(day, Some(time)) => {
                schedule::instant_at(self.date(day)?.to_datetime(time), zone)
            }
            When::Day(day, None) => {
                let date = self.date(day)?;
                let due = schedule::instant_at(date.to_datetime(self.due_time), zone)?;
                let midnight = jiff::civil::Time::midnight();
                let closes =
                    schedule::instant_at(date.tomorrow().ok()?.to_datetime(midnight), zone)?;
                let usual = due.checked_add(USUAL_DELAY).ok()?;
                Some(usual.min(closes.checked_sub(LATEST).ok()?).max(start))
            }
        }
    }
}

/// An answer that comes in.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// Its logical id: `answer-1`, in the order of receipt.
    pub id: String,
    /// When it comes.
    pub at: Timestamp,
    /// The day of follow-up that it is true of.
    pub day: i64,
    /// The resource.
    pub response: Value,
    /// Where it stands in the request; none if it was drawn.
    pub place: Option<String>,
}

/// Something that happens from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// An answer comes: its number.
    Answer(usize),
    /// Somebody takes the alerts of a rule.
    Take(String),
}

/// At one instant answers come before acknowledgements, each in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Answer,
    Take,
}

/// The events to come.
#[derive(Debug)]
pub(super) struct Script {
    pub answers: Vec<Answer>,
    events: BTreeMap<(Timestamp, Rank, usize), Event>,
    after_raise: Vec<(String, u32)>,
}

impl Script {
    /// The script of a request, with the answers that were drawn.
    pub fn of(request: &Request, course: &Course, drawn: Vec<(Timestamp, Value)>) -> Result<Self> {
        let mut answers = Vec::with_capacity(request.answers.len() + drawn.len());
        for given in &request.answers {
            let at = instant_of(given, course, request)?;
            answers.push((at, given.response.clone(), Some(given.place.clone())));
        }
        answers.extend(drawn.into_iter().map(|(at, answer)| (at, answer, None)));
        answers.sort_by_key(|(at, ..)| *at);
        let answers: Vec<Answer> = answers
            .into_iter()
            .enumerate()
            .map(|(n, answer)| come(n, answer, course))
            .collect();
        let mut events: BTreeMap<_, _> = answers
            .iter()
            .enumerate()
            .map(|(n, answer)| ((answer.at, Rank::Answer, n), Event::Answer(n)))
            .collect();
        let mut after_raise = Vec::new();
        for (n, Acknowledgement { rule, when, .. }) in request.acknowledgements.iter().enumerate() {
            match when {
                Taken::At(at) => {
                    events.insert((*at, Rank::Take, n), Event::Take(rule.clone()));
                }
                Taken::After(minutes) => after_raise.push((rule.clone(), *minutes)),
            }
        }
        Ok(Self {
            answers,
            events,
            after_raise,
        })
    }

    /// When the last event happens that is known so far.
    pub fn last(&self) -> Option<Timestamp> {
        self.events.keys().next_back().map(|(at, ..)| *at)
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.events.keys().next().map(|(at, ..)| *at)
    }

    /// The next event and its instant.
    pub fn pop(&mut self) -> Option<(Timestamp, Event)> {
        let ((at, ..), event) = self.events.pop_first()?;
        Some((at, event))
    }

    /// An alert was raised: who takes it some time later is put into the script.
    pub fn raised(&mut self, rule: &str, at: Timestamp) {
        for (n, (_, minutes)) in self
            .after_raise
            .iter()
            .enumerate()
            .filter(|(_, (of, _))| of == rule)
        {
            let later = SignedDuration::from_mins(i64::from(*minutes));
            if let Ok(then) = at.checked_add(later) {
                let key = (then, Rank::Take, usize::MAX - n);
                self.events.insert(key, Event::Take(rule.to_owned()));
            }
        }
    }
}

fn instant_of(given: &Scripted, course: &Course, request: &Request) -> Result<Timestamp> {
    let last = request.until.unwrap_or_else(|| last_instant(request.start));
    course
        .instant(given.when, request.start)
        .filter(|at| (request.start..=last).contains(at))
        .ok_or_else(|| outside(&given.place))
}

/// An answer as it comes in: the person's own, of this follow-up.
fn come(
    number: usize,
    (at, mut response, place): (Timestamp, Value, Option<String>),
    course: &Course,
) -> Answer {
    let id = format!("answer-{}", number + 1);
    let person = json!({ "reference": scene::PATIENT });
    response["id"] = id.clone().into();
    response["subject"] = person.clone();
    response["author"] = person.clone();
    response["source"] = person;
    let plan = format!("CarePlan/{}", course.follow_up.id);
    response["basedOn"] = json!([{ "reference": plan }]);
    if !response["status"].is_string() {
        response["status"] = "completed".into();
    }
    if !response["authored"].is_string() {
        response["authored"] = date::instant(at).into();
    }
    let effective = effective_time(&response, &course.follow_up.zone).unwrap_or(at);
    let day = course.follow_up.day_of(effective);
    if !response["questionnaire"].is_string() {
        let report = course.report(day).or_else(|| course.reports.first());
        if let Some(report) = report {
            response["questionnaire"] = report.questionnaire.clone().into();
        }
    }
    Answer {
        id,
        at,
        day,
        response,
        place,
    }
}
