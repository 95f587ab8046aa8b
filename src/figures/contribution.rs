//! What each resource adds to the figures: pure.
//!
//! Names of numbers, with their details:
//!
//! | name | one for each | on the day |
//! |---|---|---|
//! | `people` | person, at the first follow-up | that it began |
//! | `started/{channel}` | follow-up, by `app` or `phone` | that it began |
//! | `ended/{reason}` | follow-up that has ended | that it ended |
//! | `report-answered`, `report-late`, `report-missed` | report | that it was due |
//! | `answer/{channel}` | answer, by `app`, `phone` or `import` | that it is about |
//! | `alert/{level}/{rule}` | alert | that it was raised |
//! | `useful/…`, `useless/…` | alert that was judged so when it was handled | the same |
//! | `acknowledged/{level}/{minutes}` | alert that was seen within so many minutes | the same |
//! | `waiting/{level}` | alert that nobody has seen yet | the same |

use std::collections::HashMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;

use super::tally::{Place, Tally};
use crate::fhir::{
    canonical::{
        ALERT_OUTCOME, ALERT_RULE, ANSWER_CHANNEL, CLOSURE_REASON, CLOSURE_REASON_CODE,
        FLAG_PRIORITY, FLAG_PRIORITY_CODE, REPORT, REPORT_CHANNEL, REPORT_STATE, TASK_CODE,
        code_in, extension,
    },
    care_plan::FollowUp,
    date,
    questionnaire_response::{effective_time, follow_up_reference, is_answer},
};

/// Upper bounds of the spans in which times to acknowledge are counted, in minutes; what is
/// longer than the last is `more`.
pub const MINUTES: [u32; 20] = [
    1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 480, 720, 1_440, 2_880, 10_080,
];

/// A reason of an end that nobody has given.
pub const UNSTATED: &str = "unstated";

/// What figures need to know of a follow-up.
#[derive(Debug, Clone)]
pub struct Followed {
    patient: String,
    pathway: String,
    establishment: String,
    zone: TimeZone,
    first: Date,
    channel: String,
    end: Option<(Date, String)>,
}

impl Followed {
    /// Reads a CarePlan as it stands since `updated`; none if it counts nowhere: it is no
    /// follow-up, or was an error.
    #[must_use]
    pub fn read(plan: &Value, updated: Timestamp) -> Option<Self> {
        let follow_up = FollowUp::read(plan)?;
        let status = plan["status"].as_str()?;
        let end = match status {
            "active" | "on-hold" => None,
            "completed" | "revoked" => Some((
                ended_on(plan, &follow_up, updated),
                closure_reason(plan, status),
            )),
            _ => return None,
        };
        Some(Self {
            pathway: url_of(&follow_up.pathway).to_owned(),
            establishment: establishment(plan).unwrap_or_default().to_owned(),
            channel: code(plan, REPORT_CHANNEL).unwrap_or("app").to_owned(),
            patient: follow_up.patient,
            zone: follow_up.zone,
            first: follow_up.first_date,
            end,
        })
    }

    fn place(&self) -> Place<'_> {
        Place {
            pathway: &self.pathway,
            establishment: &self.establishment,
        }
    }
}

/// The day of the end: that of the plan's period; of one that was cut short, the day on which
/// that was written, where the period has been left as it was planned.
fn ended_on(plan: &Value, follow_up: &FollowUp, updated: Timestamp) -> Date {
    let written = updated.to_zoned(follow_up.zone.clone()).date();
    let planned = plan["period"]["end"]
        .as_str()
        .and_then(|end| end.get(..10)?.parse().ok());
    match planned {
        None => written,
        Some(planned) if plan["status"] == "completed" => planned,
        Some(planned) => written.min(planned),
    }
}

fn closure_reason(plan: &Value, status: &str) -> String {
    let stated = extension(plan, CLOSURE_REASON)
        .and_then(|reason| code_in(reason, CLOSURE_REASON_CODE).or_else(|| reason.as_str()));
    let unstated = if status == "completed" {
        "completed"
    } else {
        UNSTATED
    };
    stated.unwrap_or(unstated).to_owned()
}

/// The establishment that follows: the organization of the enrolment.
#[must_use]
pub fn establishment(plan: &Value) -> Option<&str> {
    let contributors = plan["contributor"].as_array()?.iter();
    contributors
        .filter_map(|one| one["reference"].as_str())
        .find(|reference| reference.starts_with("Organization/"))
}

fn url_of(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or_default()
}

fn code<'a>(element: &'a Value, url: &str) -> Option<&'a str> {
    extension(element, url)?.as_str()
}

/// Follow-ups by the id of their CarePlan.
pub type Plans = HashMap<String, Followed>;

/// Whose numbers a resource joins.
enum Owner<'a> {
    /// Those of a follow-up.
    Followed(&'a Followed),
    /// Those that have neither pathway nor establishment: it names no follow-up.
    Nobody,
    /// None: what it names is not counted.
    Uncounted,
}

impl<'a> Owner<'a> {
    fn of(plans: &'a Plans, resource: &Value) -> Self {
        match follow_up_reference(resource) {
            None => Self::Nobody,
            Some(reference) => reference
                .strip_prefix("CarePlan/")
                .and_then(|id| plans.get(id))
                .map_or(Self::Uncounted, Self::Followed),
        }
    }

    /// Its place and its calendar.
    fn place(&self) -> Option<(Place<'a>, TimeZone)> {
        match self {
            Self::Followed(followed) => Some((followed.place(), followed.zone.clone())),
            Self::Nobody => Some((Place::NONE, TimeZone::UTC)),
            Self::Uncounted => None,
        }
    }
}

fn day(at: Timestamp, zone: TimeZone) -> Date {
    at.to_zoned(zone).date()
}

/// What the follow-ups themselves add: people, starts and ends.
pub fn follow_ups(tally: &mut Tally, plans: &Plans) {
    let mut firsts: HashMap<&str, (&Date, &String)> = HashMap::new();
    for (id, followed) in plans {
        let this = (&followed.first, id);
        let first = firsts.entry(&followed.patient).or_insert(this);
        *first = this.min(*first);
        let place = followed.place();
        tally.add(
            format!("started/{}", followed.channel),
            place,
            followed.first,
        );
        if let Some((day, reason)) = &followed.end {
            tally.add(format!("ended/{reason}"), place, *day);
        }
    }
    for (day, id) in firsts.into_values() {
        if let Some(followed) = plans.get(id) {
            tally.add("people", followed.place(), *day);
        }
    }
}

/// Whether a Task is that of a report.
#[must_use]
pub fn is_report(task: &Value) -> bool {
    task["identifier"][0]["system"] == REPORT
}

/// Whether a Task is that of an alert.
#[must_use]
pub fn is_handling(task: &Value) -> bool {
    code_in(&task["code"], TASK_CODE) == Some("handle-alert")
}

/// What a report adds; one that is still to come, or was called off, adds nothing.
pub fn report(tally: &mut Tally, plans: &Plans, task: &Value) {
    let Some((place, zone)) = Owner::of(plans, task).place() else {
        return;
    };
    let late = code_in(&task["businessStatus"], REPORT_STATE) == Some("late");
    let name = match task["status"].as_str() {
        Some("completed") if late => "report-late",
        Some("completed") => "report-answered",
        Some("failed") => "report-missed",
        _ => return,
    };
    if let Some(opens) = task["restriction"]["period"]["start"]
        .as_str()
        .and_then(date::start)
    {
        tally.add(name, place, day(opens, zone));
    }
}

/// What an answer adds, received at `updated` if it does not say of when it is.
pub fn answer(tally: &mut Tally, plans: &Plans, response: &Value, updated: Timestamp) {
    if !is_answer(response) {
        return;
    }
    let Some((place, zone)) = Owner::of(plans, response).place() else {
        return;
    };
    let at = effective_time(response, &zone).unwrap_or(updated);
    let channel = code(response, ANSWER_CHANNEL).unwrap_or("app");
    tally.add(format!("answer/{channel}"), place, day(at, zone));
}

/// Keeps the Task that handles each Flag, by the Flag's reference; the first, where it has many.
pub fn note_handling(tasks: &mut HashMap<String, Value>, task: Value) {
    let Some(flag) = task["focus"]["reference"].as_str().map(str::to_owned) else {
        return;
    };
    let when = |task: &Value| (task["authoredOn"].to_string(), task["id"].to_string());
    match tasks.get(&flag) {
        Some(known) if when(known) <= when(&task) => {}
        _ => {
            tasks.insert(flag, task);
        }
    }
}

/// What an alert adds, with the Task to handle it.
pub fn alert(tally: &mut Tally, plans: &Plans, flag: &Value, task: &Value) {
    let Some(rule) = code_in(&flag["code"], ALERT_RULE) else {
        return;
    };
    let raised = flag["period"]["start"].as_str().and_then(date::start);
    let (Some(raised), Some((place, zone))) = (raised, Owner::of(plans, task).place()) else {
        return;
    };
    let day = day(raised, zone);
    let level = level_of(flag);
    tally.add(format!("alert/{level}/{rule}"), place, day);
    if let Some(useful) = useful(task) {
        let verdict = if useful { "useful" } else { "useless" };
        tally.add(format!("{verdict}/{level}/{rule}"), place, day);
    }
    let seen = task["executionPeriod"]["start"]
        .as_str()
        .and_then(date::start);
    match seen {
        Some(seen) => {
            let within = within(raised, seen);
            tally.add(format!("acknowledged/{level}/{within}"), place, day);
        }
        None if task["status"] == "requested" || task["status"] == "on-hold" => {
            tally.add(format!("waiting/{level}"), place, day);
        }
        None => {}
    }
}

fn level_of(flag: &Value) -> &'static str {
    let priority =
        extension(flag, FLAG_PRIORITY).and_then(|priority| code_in(priority, FLAG_PRIORITY_CODE));
    match priority {
        Some("PL") => "info",
        Some("PM") => "simple",
        _ => "urgent",
    }
}

/// What was said of an alert when it was handled.
fn useful(task: &Value) -> Option<bool> {
    let outputs = task["output"].as_array()?.iter();
    outputs
        .filter(|output| code_in(&output["type"], ALERT_OUTCOME) == Some("useful"))
        .find_map(|output| output["valueBoolean"].as_bool())
}

/// The span of [`MINUTES`] that a time to acknowledge falls in.
fn within(raised: Timestamp, seen: Timestamp) -> String {
    let millis = seen.as_millisecond() - raised.as_millisecond();
    let bound = MINUTES
        .iter()
        .find(|bound| millis <= i64::from(**bound) * 60_000);
    bound.map_or_else(|| "more".to_owned(), u32::to_string)
}

#[cfg(test)]
mod tests;
