//! What a PlanDefinition says of a follow-up: its policy and its phases of reports.
//!
//! Rules are read by `alerts`. Specification:
//! <http://hl7.org/fhir/R4/plandefinition.html>; the profile is in `profiles/README.md`.

use jiff::civil::Time;
use serde_json::Value;

use crate::{
    fhir::canonical::{PATHWAY_ACTION, PATHWAY_POLICY, code_in, extension, find_extension},
    kernel::problem::{Category, Issue, Problem, Result},
};

/// Most reports that one follow-up may have.
pub const REPORTS_MAX: u32 = 400;

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
    let mut time = |name: &str| {
        let read = extension(policy, name)
            .and_then(Value::as_str)
            .and_then(|t| t.parse().ok());
        if read.is_none() {
            faults.push(
                Issue::error(
                    "required",
                    format!("The policy needs a valueTime `{name}`."),
                )
                .at("PlanDefinition.extension"),
            );
        }
        read
    };
    let (due_time, cut_off_time) = (time("dueTime"), time("cutOffTime"));
    Some(Policy {
        consent_required: flag("consentRequired"),
        notify_answered: flag("notifyAnswered"),
        due_time: due_time?,
        cut_off_time: cut_off_time?,
    })
}

fn read_phases(plan: &Value, faults: &mut Vec<Issue>) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for (n, action) in plan["action"].as_array().into_iter().flatten().enumerate() {
        if code_in(&action["code"], PATHWAY_ACTION) != Some("report-phase") {
            continue;
        }
        match read_phase(action) {
            Ok(phase) => phases.push(phase),
            Err(says) => {
                faults.push(Issue::error("value", says).at(format!("PlanDefinition.action[{n}]")))
            }
        }
    }
    let reports: u32 = phases
        .iter()
        .fold(0, |sum, phase| sum.saturating_add(phase.count));
    if phases.is_empty() || reports > REPORTS_MAX {
        let says = format!("A pathway has 1 to {REPORTS_MAX} reports, in phases.");
        faults.push(Issue::error("value", says).at("PlanDefinition.action"));
    }
    phases
}

fn read_phase(action: &Value) -> Result<Phase, &'static str> {
    let repeat = &action["timingTiming"]["repeat"];
    if repeat["periodUnit"] != "d" {
        return Err("A phase repeats by days: timingTiming.repeat.periodUnit is `d`.");
    }
    let whole = |value: &Value| value.to_string().parse::<u32>().ok().filter(|n| *n > 0);
    let count = whole(&repeat["count"]).ok_or("A phase ends: timingTiming.repeat.count.")?;
    let every_days =
        whole(&repeat["period"]).ok_or("A phase has a whole timingTiming.repeat.period.")?;
    let first_day = match action["relatedAction"].get(0) {
        None => 1,
        Some(related) if related["relationship"] == "after-start" => {
            let days = &related["offsetDuration"];
            let offset = (days["code"] == "d")
                .then(|| whole(&days["value"]))
                .flatten();
            1 + offset.ok_or("relatedAction.offsetDuration is a whole number of days (d).")?
        }
        Some(_) => return Err("A later phase is related by `after-start`."),
    };
    let questionnaire = action["definitionCanonical"]
        .as_str()
        .ok_or("A phase names its Questionnaire in definitionCanonical.")?;
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
                "PlanDefinition.action[0]",
                "PlanDefinition.action",
                "PlanDefinition.url"
            ]
        );
    }
}
