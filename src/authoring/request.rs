//! What a simulation is asked: a pathway, a person, a course.

use jiff::{Timestamp, civil::Time, tz::TimeZone};
use serde_json::Value;

use super::parameters::{Parameter, once, parameters};
use crate::{
    fhir::date,
    kernel::problem::{Problem, Result},
    pathways::enrolment::PlanName,
};

/// Most answers of one simulation.
pub const ANSWERS_MAX: usize = 500;

/// Most instructions to acknowledge of one simulation.
pub const ACKNOWLEDGEMENTS_MAX: usize = 100;

/// Most days from the start to the last simulated instant.
pub const DAYS_MAX: u32 = 800;

/// Most forms given with the request.
pub const QUESTIONNAIRES_MAX: usize = 20;

/// Parameters that are handed on to `$apply` as they are.
const HANDED_ON: [&str; 5] = [
    "riskFactor",
    "spo2UrgentThreshold",
    "threshold",
    "reportChannel",
    "reminderTime",
];

/// The birth date of the made-up patient, where none is given.
const BIRTH_DATE: &str = "1980-01-01";

/// A simulation to be run.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which pathway.
    pub plan: Source,
    /// Forms given with it.
    pub questionnaires: Vec<Value>,
    /// When the follow-up starts.
    pub start: Timestamp,
    /// The patient's time zone.
    pub zone: TimeZone,
    /// The patient's birth date.
    pub birth_date: String,
    /// Parameters for `$apply`.
    pub handed_on: Vec<Value>,
    /// An answer from before the follow-up.
    pub baseline: Option<Value>,
    /// The team, if not the usual one.
    pub care_team: Option<Value>,
    /// Answers, in the order given.
    pub answers: Vec<Scripted>,
    /// Who takes alerts, and when.
    pub acknowledgements: Vec<Acknowledgement>,
    /// Draws answers for the reports without one.
    pub seed: Option<i64>,
    /// The last instant.
    pub until: Option<Timestamp>,
}

/// Where the PlanDefinition is.
#[derive(Debug, Clone)]
pub enum Source {
    /// On the server.
    Stored(PlanName),
    /// In the request.
    Given(Box<Value>),
}

/// An answer and when it comes.
#[derive(Debug, Clone)]
pub struct Scripted {
    /// When.
    pub when: When,
    /// The answer.
    pub response: Value,
    /// Where it stands in the request.
    pub place: String,
}

/// When something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At an instant.
    At(Timestamp),
    /// On a day of follow-up, at a local time, or some time after the report is due.
    Day(u32, Option<Time>),
}

/// An alert that somebody takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The rule.
    pub rule: String,
    /// When.
    pub when: Taken,
    /// Where it stands in the request.
    pub place: String,
}

/// When an alert is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// At an instant.
    At(Timestamp),
    /// So many minutes after each raise.
    After(u32),
}

/// What is read of a request in a first pass; the zone of dates alone is known after it.
#[derive(Default)]
struct Draft<'a> {
    plan: Option<Source>,
    zone: Option<TimeZone>,
    start: Option<Parameter<'a>>,
    until: Option<Parameter<'a>>,
    birth_date: Option<String>,
    baseline: Option<Value>,
    care_team: Option<Value>,
    seed: Option<i64>,
    questionnaires: Vec<Value>,
    handed_on: Vec<Value>,
    answers: Vec<Parameter<'a>>,
    acknowledgements: Vec<Parameter<'a>>,
}

impl Request {
    /// Reads the Parameters of the operation.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter; `Invalid`, if too much is asked.
    pub fn read(
        plan_id: Option<&str>,
        tree: &Value,
        (default_zone, now): (&TimeZone, Timestamp),
    ) -> Result<Self> {
        let mut draft = Draft {
            plan: plan_id.map(|id| Source::Stored(PlanName::Id(id.to_owned()))),
            ..Draft::default()
        };
        for parameter in parameters(tree) {
            draft.take(parameter)?;
        }
        draft.finish(default_zone, now)
    }
}

impl<'a> Draft<'a> {
    fn take(&mut self, given: Parameter<'a>) -> Result<()> {
        match given.name {
            "planDefinition" => {
                let name = PlanName::Canonical(given.text()?.to_owned());
                once(&mut self.plan, Source::Stored(name), &given)
            }
            "definition" => {
                let plan = given.resource("PlanDefinition")?.clone();
                once(&mut self.plan, Source::Given(Box::new(plan)), &given)
            }
            "questionnaire" => {
                self.questionnaires
                    .push(given.resource("Questionnaire")?.clone());
                bound(self.questionnaires.len(), QUESTIONNAIRES_MAX, &given)
            }
            "timeZone" => once(&mut self.zone, zone(&given)?, &given),
            "birthDate" => once(&mut self.birth_date, birth_date(&given)?, &given),
            "baseline" => {
                let answer = given.resource("QuestionnaireResponse")?.clone();
                once(&mut self.baseline, answer, &given)
            }
            "careTeam" => {
                let team = given.resource("CareTeam")?.clone();
                once(&mut self.care_team, team, &given)
            }
            "seed" => once(&mut self.seed, given.whole()?, &given),
            "start" => once(&mut self.start, given.clone(), &given),
            "until" => once(&mut self.until, given.clone(), &given),
            "answer" => {
                self.answers.push(given.clone());
                bound(self.answers.len(), ANSWERS_MAX, &given)
            }
            "acknowledge" => {
                self.acknowledgements.push(given.clone());
                bound(self.acknowledgements.len(), ACKNOWLEDGEMENTS_MAX, &given)
            }
            name if HANDED_ON.contains(&name) => {
                self.handed_on.push(given.tree().clone());
                Ok(())
            }
            _ => Err(given.unknown()),
        }
    }

    fn finish(self, default_zone: &TimeZone, now: Timestamp) -> Result<Request> {
        let zone = self.zone.unwrap_or_else(|| default_zone.clone());
        let plan = self.plan.ok_or_else(|| {
            let says = "Name a pathway: `planDefinition`, or the resource `definition`.";
            Problem::malformed("required", says).at("Parameters.parameter")
        })?;
        let start = match &self.start {
            Some(start) => start.instant(&zone)?,
            None => now,
        };
        let last = last_instant(start);
        let until = match &self.until {
            Some(until) => Some(within(until.instant(&zone)?, (start, last), until)?),
            None => None,
        };
        let span = (start, until.unwrap_or(last));
        let answers = self.answers.iter();
        let takes = self.acknowledgements.iter();
        Ok(Request {
            plan,
            questionnaires: self.questionnaires,
            start,
            birth_date: self.birth_date.unwrap_or_else(|| BIRTH_DATE.to_owned()),
            handed_on: self.handed_on,
            baseline: self.baseline,
            care_team: self.care_team,
            answers: answers
                .map(|given| scripted(given, &zone, span))
                .collect::<Result<_>>()?,
            acknowledgements: takes
                .map(|given| acknowledgement(given, &zone, span))
                .collect::<Result<_>>()?,
            seed: self.seed,
            until,
            zone,
        })
    }
}

/// The last instant that a simulation from `start` may reach.
#[must_use]
pub fn last_instant(start: Timestamp) -> Timestamp {
    let reach = jiff::SignedDuration::from_hours(24 * i64::from(DAYS_MAX));
    start.saturating_add(reach).unwrap_or(Timestamp::MAX)
}

fn bound(count: usize, most: usize, of: &Parameter<'_>) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    let says = format!("A simulation has at most {most} parameters `{}`.", of.name);
    Err(Problem::invalid("too-costly", says).at(of.place.clone()))
}

/// Refuses what lies outside of what is simulated.
fn within(
    at: Timestamp,
    (first, last): (Timestamp, Timestamp),
    of: &Parameter<'_>,
) -> Result<Timestamp> {
    if (first..=last).contains(&at) {
        return Ok(at);
    }
    Err(outside(&of.place))
}

/// The refusal of an instant outside of what is simulated.
#[must_use]
pub fn outside(place: &str) -> Problem {
    let says = format!(
        "What is simulated begins with `start` and ends with `until`, {DAYS_MAX} days later at \
         the latest; this lies outside."
    );
    Problem::invalid("value", says).at(place)
}

fn zone(given: &Parameter<'_>) -> Result<TimeZone> {
    TimeZone::get(given.text()?)
        .ok()
        .filter(|zone| zone.iana_name().is_some())
        .ok_or_else(|| given.wrong("a time zone such as Europe/Paris"))
}

fn birth_date(given: &Parameter<'_>) -> Result<String> {
    let text = given.text()?;
    if text.contains('T') || date::span(text).is_none() {
        return Err(given.wrong("a date"));
    }
    Ok(text.to_owned())
}

fn scripted(
    given: &Parameter<'_>,
    zone: &TimeZone,
    span: (Timestamp, Timestamp),
) -> Result<Scripted> {
    let (mut day, mut time, mut at, mut response) = (None, None, None, None);
    for part in given.parts() {
        match part.name {
            "day" => once(&mut day, day_of(&part)?, &part)?,
            "time" => once(&mut time, part.time()?, &part)?,
            "at" => once(&mut at, within(part.instant(zone)?, span, &part)?, &part)?,
            "response" => {
                let answer = part.resource("QuestionnaireResponse")?.clone();
                once(&mut response, answer, &part)?;
            }
            _ => return Err(part.unknown()),
        }
    }
    let when = match (day, time, at) {
        (Some(day), time, None) => When::Day(day, time),
        (None, None, Some(at)) => When::At(at),
        _ => return Err(given.wrong("given with `day` (and `time`), or with `at`")),
    };
    Ok(Scripted {
        when,
        response: response.ok_or_else(|| given.wrong("given with a `response`"))?,
        place: given.place.clone(),
    })
}

fn day_of(part: &Parameter<'_>) -> Result<u32> {
    let day = u32::try_from(part.whole()?).ok();
    day.filter(|day| (1..=DAYS_MAX).contains(day))
        .ok_or_else(|| part.wrong(&format!("a day from 1 to {DAYS_MAX}")))
}

fn acknowledgement(
    given: &Parameter<'_>,
    zone: &TimeZone,
    span: (Timestamp, Timestamp),
) -> Result<Acknowledgement> {
    let (mut rule, mut at, mut after) = (None, None, None);
    for part in given.parts() {
        match part.name {
            "rule" => once(&mut rule, part.text()?.to_owned(), &part)?,
            "at" => once(&mut at, within(part.instant(zone)?, span, &part)?, &part)?,
            "afterMinutes" => {
                let minutes = u32::try_from(part.whole()?).ok();
                let minutes = minutes.filter(|minutes| *minutes <= DAYS_MAX * 24 * 60);
                let minutes = minutes.ok_or_else(|| part.wrong("minutes of at most 800 days"))?;
                once(&mut after, minutes, &part)?;
            }
            _ => return Err(part.unknown()),
        }
    }
    let when = match (at, after) {
        (Some(at), None) => Taken::At(at),
        (None, Some(minutes)) => Taken::After(minutes),
        _ => return Err(given.wrong("given with `at` or with `afterMinutes`")),
    };
    Ok(Acknowledgement {
        rule: rule.ok_or_else(|| given.wrong("given with a `rule`"))?,
        when,
        place: given.place.clone(),
    })
}
