//! What a PlanDefinition says of a follow-up: its policy and its phases of reports.
//!
//! Rules are read by `alerts::rule`. Specification:
//! <http://hl7.org/fhir/R4/plandefinition.html>; the profile is in `profiles/README.md`.

use jiff::civil::Time;
use serde_json::Value;

use super::canonical::{
    PATHWAY_ACTION, PATHWAY_POLICY, code_in, extension, extensions, find_extension,
};
use crate::kernel::problem::{Category, Issue, Problem, Result};

/// Most reports that one follow-up may have.
pub const REPORTS_MAX: u32 = 400;

/// Most days between two reports, or from the start to a later phase.
pub const DAYS_MAX: u32 = 3_660;

/// A pathway: everything of a PlanDefinition but its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pathway {
    /// `url|version`.
    pub canonical: String,
    /// The title, in the definition's own language.
    pub title: String,
    /// How follow-ups are run.
    pub policy: Policy,
    /// When reports are due.
    pub phases: Vec<Phase>,
}

/// Minutes within which an urgent alert must be acknowledged, where the pathway does not say.
pub const ACKNOWLEDGE_URGENT_MINUTES: u32 = 15;
/// The same for a simple alert, counted in hours of cover.
pub const ACKNOWLEDGE_SIMPLE_MINUTES: u32 = 480;

/// Minutes within which alerts of a PlanDefinition must be acknowledged, urgent and simple ones,
/// whatever else its policy says.
#[must_use]
pub fn acknowledge_minutes(plan: &Value) -> (u32, u32) {
    let policy = find_extension(plan, PATHWAY_POLICY).unwrap_or(&Value::Null);
    let minutes = |name, default| whole(extension(policy, name)).unwrap_or(default);
    (
        minutes("acknowledgeUrgentMinutes", ACKNOWLEDGE_URGENT_MINUTES),
        minutes("acknowledgeSimpleMinutes", ACKNOWLEDGE_SIMPLE_MINUTES),
    )
}

/// How follow-ups of a pathway are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whether enrolment asks for an active Consent.
    pub consent_required: bool,
    /// Whether the team is told of every answer.
    pub notify_answered: bool,
    /// The local time at which a report is due and its reminder goes out.
    pub due_time: Time,
    /// A follow-up started later than this local time has its day 1 on the next day.
    pub cut_off_time: Time,
    /// How messages may reach the patient, in the order of the definition.
    pub channels: Vec<Channel>,
    /// Whose pathway it is.
    pub audience: Audience,
    /// Minutes after the due time at which an unanswered report is asked for once more; never,
    /// if absent.
    pub second_reminder_minutes: Option<u32>,
    /// The local times between which the patient is not reminded: start and end.
    pub quiet_hours: Option<(Time, Time)>,
    /// Minutes within which an urgent alert must be acknowledged.
    pub acknowledge_urgent_minutes: u32,
    /// Minutes, counted in hours of cover, within which a simple alert must be acknowledged.
    pub acknowledge_simple_minutes: u32,
    /// What a patient's wish to stop does.
    pub stop: Stop,
    /// What becomes of the data when follow-up has ended.
    pub retention: Retention,
}

impl Policy {
    /// A policy that says no more than these two times; everything is kept.
    #[must_use]
    pub const fn of_times(due_time: Time, cut_off_time: Time) -> Self {
        Self {
            consent_required: false,
            notify_answered: false,
            due_time,
            cut_off_time,
            channels: Vec::new(),
            audience: Audience::Professional,
            second_reminder_minutes: None,
            quiet_hours: None,
            acknowledge_urgent_minutes: ACKNOWLEDGE_URGENT_MINUTES,
            acknowledge_simple_minutes: ACKNOWLEDGE_SIMPLE_MINUTES,
            stop: Stop::Immediate,
            retention: Retention::Keep,
        }
    }
}

/// How a message may reach the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Electronic mail.
    Email,
    /// Text message.
    Sms,
}

/// Who may enrol and follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Health professionals.
    Professional,
    /// The regional health agency.
    Agency,
}

/// What a patient's wish to stop does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It stops at once.
    Immediate,
    /// The team is asked to stop it.
    Request,
}

/// What becomes of the data when follow-up has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// It is kept.
    Keep,
    /// It is erased so many days later, in which the patient may ask for a copy.
    AtEnd {
        /// Days of grace.
        grace_days: u32,
    },
    /// It is kept for so many days, and then erased.
    Days(u32),
}

/// A run of reports at equal distance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// The day of the first report; the day of activation is day 1.
    pub first_day: u32,
    /// How many reports.
    pub count: u32,
    /// Days from one to the next.
    pub every_days: u32,
    /// The form, as `url|version`.
    pub questionnaire: String,
}

impl Pathway {
    /// Reads a PlanDefinition.
    ///
    /// # Errors
    /// `Invalid`, with every fault and its place.
    pub fn read(plan: &Value) -> Result<Self> {
        let mut faults = Vec::new();
        let policy = read_policy(plan, &mut faults);
        let phases = read_phases(plan, &mut faults);
        let canonical = canonical_of(plan);
        if canonical.is_none() {
            faults.push(
                Issue::error("required", "A pathway has a url and a version.")
                    .at("PlanDefinition.url"),
            );
        }
        match (canonical, policy) {
            (Some(canonical), Some(policy)) if faults.is_empty() => Ok(Self {
                canonical,
                title: plan["title"].as_str().unwrap_or_default().to_owned(),
                policy,
                phases,
            }),
            _ => Err(Problem::with_issues(Category::Invalid, faults)),
        }
    }
}

/// `url|version` of a canonical resource.
#[must_use]
pub fn canonical_of(resource: &Value) -> Option<String> {
    Some(format!(
        "{}|{}",
        resource["url"].as_str()?,
        resource["version"].as_str()?
    ))
}

fn read_policy(plan: &Value, faults: &mut Vec<Issue>) -> Option<Policy> {
    let Some(policy) = find_extension(plan, PATHWAY_POLICY) else {
        faults.push(
            Issue::error("required", "A pathway has the extension pathway-policy.")
                .at("PlanDefinition.extension"),
        );
        return None;
    };
    let flag = |name| {
        extension(policy, name)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    };
    let due_time = read_time(policy, "dueTime", faults);
    let cut_off_time = read_time(policy, "cutOffTime", faults);
    let quiet_hours = read_quiet_hours(policy, faults);
    let retention = read_retention(policy, faults);
    let (acknowledge_urgent_minutes, acknowledge_simple_minutes) = acknowledge_minutes(plan);
    Some(Policy {
        consent_required: flag("consentRequired"),
        notify_answered: flag("notifyAnswered"),
        due_time: due_time?,
        cut_off_time: cut_off_time?,
        channels: read_channels(policy, faults),
        audience: match code(policy, "audience") {
            Some("agency") => Audience::Agency,
            _ => Audience::Professional,
        },
        second_reminder_minutes: whole(extension(policy, "secondReminderMinutes")),
        quiet_hours,
        acknowledge_urgent_minutes,
        acknowledge_simple_minutes,
        stop: match code(policy, "stop") {
            Some("request") => Stop::Request,
            _ => Stop::Immediate,
        },
        retention: retention?,
    })
}

fn read_time(policy: &Value, name: &str, faults: &mut Vec<Issue>) -> Option<Time> {
    let read = code(policy, name).and_then(|time| time.parse().ok());
    if read.is_none() {
        let says = format!("The policy needs a valueTime `{name}`.");
        faults.push(Issue::error("required", says).at("PlanDefinition.extension"));
    }
    read
}

fn code<'a>(policy: &'a Value, name: &str) -> Option<&'a str> {
    extension(policy, name).and_then(Value::as_str)
}

/// A whole number above zero.
fn whole(value: Option<&Value>) -> Option<u32> {
    value?.to_string().parse().ok().filter(|n| *n > 0)
}

fn read_channels(policy: &Value, faults: &mut Vec<Issue>) -> Vec<Channel> {
    let mut channels = Vec::new();
    for one in extensions(policy, "channel") {
        match one["valueCode"].as_str() {
            Some("email") => channels.push(Channel::Email),
            Some("sms") => channels.push(Channel::Sms),
            _ => faults.push(fault("A `channel` of the policy is `email` or `sms`.")),
        }
    }
    channels
}

fn read_quiet_hours(policy: &Value, faults: &mut Vec<Issue>) -> Option<(Time, Time)> {
    let time = |name| code(policy, name).map(str::parse::<Time>);
    match (time("quietStart"), time("quietEnd")) {
        (None, None) => None,
        (Some(Ok(start)), Some(Ok(end))) if start != end => Some((start, end)),
        _ => {
            faults.push(fault(
                "Quiet hours have a `quietStart` and another `quietEnd`.",
            ));
            None
        }
    }
}

fn read_retention(policy: &Value, faults: &mut Vec<Issue>) -> Option<Retention> {
    let days = whole(extension(policy, "retentionDays"));
    let grace_days = whole(extension(policy, "graceDays")).unwrap_or(0);
    match (code(policy, "retention"), days) {
        (Some("keep"), _) => Some(Retention::Keep),
        (Some("at-end"), _) => Some(Retention::AtEnd { grace_days }),
        (Some("n-days"), Some(days)) => Some(Retention::Days(days)),
        _ => {
            faults.push(fault(
                "The policy's `retention` is `keep`, `at-end`, or `n-days` with `retentionDays`.",
            ));
            None
        }
    }
}

fn fault(says: &str) -> Issue {
    Issue::error("value", says).at("PlanDefinition.extension")
}

fn read_phases(plan: &Value, faults: &mut Vec<Issue>) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    let mut broken = false;
    for (n, action) in plan["action"].as_array().into_iter().flatten().enumerate() {
        if code_in(&action["code"], PATHWAY_ACTION) != Some("report-phase") {
            continue;
        }
        match read_phase(action) {
            Ok(phase) => phases.push(phase),
            Err((part, says)) => {
                broken = true;
                let place = format!("PlanDefinition.action[{n}].{part}");
                faults.push(Issue::error("value", says).at(place));
            }
        }
    }
    let reports: u32 = phases
        .iter()
        .fold(0, |sum, phase| sum.saturating_add(phase.count));
    if (phases.is_empty() && !broken) || reports > REPORTS_MAX {
        let says = format!("A pathway has 1 to {REPORTS_MAX} reports, in phases.");
        faults.push(Issue::error("value", says).at("PlanDefinition.action"));
    }
    phases
}

/// A phase, or which part of it is wrong and why.
fn read_phase(action: &Value) -> Result<Phase, (&'static str, &'static str)> {
    let repeat = &action["timingTiming"]["repeat"];
    if repeat["periodUnit"] != "d" {
        return Err((
            "timingTiming.repeat.periodUnit",
            "A phase repeats by days: its periodUnit is `d`.",
        ));
    }
    let whole = |value: &Value| value.to_string().parse::<u32>().ok().filter(|n| *n > 0);
    let count = whole(&repeat["count"]).ok_or((
        "timingTiming.repeat.count",
        "A phase ends: it has a count of reports.",
    ))?;
    let days = |value: &Value| whole(value).filter(|n| *n <= DAYS_MAX);
    let every_days = days(&repeat["period"]).ok_or((
        "timingTiming.repeat.period",
        "A phase has a whole number of days as its period.",
    ))?;
    let first_day = match action["relatedAction"].get(0) {
        None => 1,
        Some(related) if related["relationship"] == "after-start" => {
            let duration = &related["offsetDuration"];
            let offset = (duration["code"] == "d")
                .then(|| days(&duration["value"]))
                .flatten();
            1 + offset.ok_or((
                "relatedAction[0].offsetDuration",
                "A later phase begins a whole number of days (d) after the start.",
            ))?
        }
        Some(_) => {
            return Err((
                "relatedAction[0].relationship",
                "A later phase is related by `after-start`.",
            ));
        }
    };
    let questionnaire = action["definitionCanonical"].as_str().ok_or((
        "definitionCanonical",
        "A phase names its Questionnaire in definitionCanonical.",
    ))?;
    Ok(Phase {
        first_day,
        count,
        every_days,
        questionnaire: questionnaire.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_is_named_with_its_place() {
        let plan = json!({
            "resourceType": "PlanDefinition",
            "action": [{
                "code": [{"coding": [{"system": PATHWAY_ACTION, "code": "report-phase"}]}],
                "timingTiming": {"repeat": {"period": 1, "periodUnit": "d"}}
            }]
        });
        let problem = Pathway::read(&plan).expect_err("faulty");
        let places: Vec<_> = problem
            .issues
            .iter()
            .filter_map(|issue| issue.expression.as_deref())
            .collect();
        assert_eq!(
            places,
            [
                "PlanDefinition.extension",
                "PlanDefinition.action[0].timingTiming.repeat.count",
                "PlanDefinition.url"
            ]
        );
    }
}
