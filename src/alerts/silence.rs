//! A missed report is an alert.
//!
//! The rules about silence are judged in the commit in which the report is missed, by the judge of
//! answers. What only a condition can ask for (earlier misses, open Flags, earlier answers) is
//! read only where a condition names it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{
    advice,
    answer::{answers_so_far, finding},
    flag::Finding,
    judge::{Silence, judge_silence},
    record::{Concern, record, standing},
    rule::{Condition, RuleSet, Trigger},
    rule_sets::RuleSets,
    technical,
};
use crate::{
    care::{
        kind,
        plan::{self, Followed},
    },
    fhir::{
        canonical::{ALERT_RULE_VERSION, REPORT, REPORT_STATE, code_in, extension},
        reference,
        search::query::Query,
    },
    kernel::problem::Result,
    store::{Change, Reactor, Tx},
};

/// Sees report Tasks whose window has closed without an answer.
#[derive(Debug, Default)]
pub struct SilenceReactor {
    compiled: RuleSets,
}

impl Reactor for SilenceReactor {
    fn name(&self) -> &'static str {
        "alerts.silence"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "Task"
            && change
                .resource
                .as_ref()
                .is_some_and(|resource| Outcome::of(resource.tree()) == Some(Outcome::Missed))
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(task) = &change.resource else {
                return Ok(());
            };
            let Some(followed) = follow_up_of(tx, task.tree()).await? else {
                return Ok(());
            };
            let source = format!("Task/{}", change.stored.id);
            let concern = Concern {
                patient: followed.follow_up.patient.clone(),
                plan: Arc::clone(&followed.plan),
            };
            let findings = match &followed.definition {
                Some(definition) => {
                    let rules = self.compiled.of(definition);
                    let known = read(tx, &rules, &followed, task.tree()).await?;
                    found(&rules, &known, (&followed, task.tree()), &source)
                }
                None => vec![technical::rule_failed(
                    "*",
                    "the PlanDefinition is gone",
                    None,
                    source,
                )],
            };
            record(tx, &concern, &findings).await
        })
    }
}

/// What has become of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered,
    Missed,
}

impl Outcome {
    /// None while it is open, where it was called off, and for other Tasks.
    fn of(task: &Value) -> Option<Self> {
        if task["identifier"][0]["system"] != REPORT {
            return None;
        }
        match task["status"].as_str() {
            Some("completed") => Some(Self::Answered),
            Some("failed") if code_in(&task["businessStatus"], REPORT_STATE) == Some("missed") => {
                Some(Self::Missed)
            }
            _ => None,
        }
    }
}

/// What the conditions of a rule set may ask for.
#[derive(Debug, Default)]
struct Known {
    missed: i64,
    flags: Vec<Value>,
    answers: Vec<Value>,
    patient: Value,
    baseline: Value,
}

async fn read(tx: &mut Tx, rules: &RuleSet, followed: &Followed, report: &Value) -> Result<Known> {
    let mut known = Known {
        missed: 1,
        ..Known::default()
    };
    if speaks_of(rules, &["%missed"]) {
        let plan = format!("CarePlan/{}", followed.follow_up.id);
        let patient = format!("Patient/{}", followed.follow_up.patient);
        let query = Query::new(kind("Task")?)
            .reference("based-on", &plan)
            .reference("patient", &patient);
        let mut reports = Vec::new();
        for hit in tx.search(&query).await?.hits {
            reports.push(hit.stored.tree()?);
        }
        known.missed = in_a_row(&reports, day_of(report));
    }
    if speaks_of(rules, &["%flags"]) {
        let flags = standing(tx, &followed.follow_up.patient).await?;
        known.flags = flags
            .into_iter()
            .filter(|flag| flag.is_open() && is_of(&flag.tree, &followed.follow_up.pathway))
            .map(|flag| flag.tree)
            .collect();
    }
    if speaks_of(rules, &["%history", "%previous"]) {
        known.answers = answers_so_far(tx, followed).await?;
    }
    if speaks_of(rules, &["%patient"]) {
        let patient = tx.read(kind("Patient")?, &followed.follow_up.patient);
        known.patient = match patient.await? {
            Some(stored) => stored.tree()?,
            None => Value::Null,
        };
    }
    if speaks_of(rules, &["%baseline"]) {
        known.baseline = advice::baseline(tx, &followed.plan).await?;
    }
    Ok(known)
}

/// Whether a condition about silence names one of these variables, back-quoted or not.
fn speaks_of(rules: &RuleSet, variables: &[&str]) -> bool {
    rules
        .watching(Trigger::ReportMissed)
        .flat_map(|rule| &rule.levels)
        .any(|level| match &level.condition {
            Condition::When { text, .. } => {
                let plain = text.replace('`', "");
                variables.iter().any(|variable| plain.contains(variable))
            }
            Condition::Always | Condition::Broken(_) => false,
        })
}

/// The day of a report, from its identifier `{CarePlan id}/{day}`.
fn day_of(report: &Value) -> i64 {
    report["identifier"][0]["value"]
        .as_str()
        .and_then(|value| value.rsplit('/').next())
        .and_then(|day| day.parse().ok())
        .unwrap_or_default()
}

/// How many reports up to `day` have been missed in a row: pure. One that was called off, or is
/// open, neither counts nor breaks the row.
fn in_a_row(tasks: &[Value], day: i64) -> i64 {
    let mut days: Vec<(i64, Outcome)> = tasks
        .iter()
        .filter_map(|task| Some((day_of(task), Outcome::of(task)?)))
        .filter(|(of, _)| *of <= day)
        .collect();
    days.sort_unstable_by_key(|(of, _)| std::cmp::Reverse(*of));
    let row = days
        .iter()
        .take_while(|(_, outcome)| *outcome == Outcome::Missed);
    i64::try_from(row.count()).unwrap_or(i64::MAX)
}

/// Whether a Flag was raised by a rule of a pathway, of whatever version.
fn is_of(flag: &Value, pathway: &str) -> bool {
    let url = |canonical: &str| canonical.split(['|', '#']).next().map(str::to_owned);
    extension(flag, ALERT_RULE_VERSION)
        .and_then(Value::as_str)
        .is_some_and(|canonical| url(canonical) == url(pathway))
}

fn found(
    rules: &RuleSet,
    known: &Known,
    (followed, report): (&Followed, &Value),
    source: &str,
) -> Vec<Finding> {
    let silence = Silence {
        report,
        answers: &known.answers,
        patient: &known.patient,
        care_plan: &followed.plan,
        day: day_of(report),
        missed: known.missed,
        flags: &known.flags,
        baseline: &known.baseline,
    };
    judge_silence(rules, &silence)
        .into_iter()
        .map(|verdict| finding(verdict, rules, source.to_owned()))
        .collect()
}

async fn follow_up_of(tx: &mut Tx, task: &Value) -> Result<Option<Followed>> {
    let named = task["basedOn"][0]["reference"]
        .as_str()
        .and_then(reference::local);
    let Some(local) = named else { return Ok(None) };
    let followed = match tx.read(local.kind, &local.id).await? {
        Some(stored) if !stored.is_deleted() => plan::followed(tx, stored).await?,
        _ => None,
    };
    // A Task that is about somebody else is no report of theirs.
    let patient = task["for"]["reference"].as_str();
    let patient = patient.and_then(|patient| patient.strip_prefix("Patient/"));
    Ok(followed.filter(|followed| patient == Some(&followed.follow_up.patient)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(day: u32, status: &str) -> Value {
        let mut task = json!({
            "identifier": [{ "system": REPORT, "value": format!("plan/{day}") }],
            "status": status,
        });
        if status == "failed" {
            task["businessStatus"] =
                json!({ "coding": [{ "system": REPORT_STATE, "code": "missed" }] });
        }
        task
    }

    #[test]
    fn an_answer_breaks_the_row_and_a_report_called_off_does_not() {
        let row = |reports: &[(u32, &str)], day| {
            let reports: Vec<Value> = reports.iter().map(|(d, s)| report(*d, s)).collect();
            in_a_row(&reports, day)
        };
        assert_eq!(row(&[(1, "failed")], 1), 1);
        assert_eq!(row(&[(2, "failed"), (1, "failed")], 2), 2);
        assert_eq!(row(&[(1, "failed"), (2, "completed"), (3, "failed")], 3), 1);
        assert_eq!(row(&[(1, "failed"), (2, "cancelled"), (3, "failed")], 3), 2);
        let days = [(8, "failed"), (10, "failed"), (12, "ready")];
        assert_eq!(row(&days, 10), 2, "the day after counts no days between");
        assert_eq!(row(&[(1, "failed"), (2, "failed")], 1), 1, "nor later ones");
    }

    #[test]
    fn other_tasks_of_the_follow_up_are_no_reports() {
        let call = json!({ "status": "failed" });
        assert_eq!(in_a_row(&[call, report(1, "failed")], 1), 1);
    }

    #[test]
    fn only_what_a_condition_names_is_read() {
        let rules = RuleSet::read(&json!({ "url": "u", "version": "1", "action": [{
            "id": "N3",
            "code": [{ "coding": [{
                "system": crate::fhir::canonical::PATHWAY_ACTION, "code": "alert-rule" }] }],
            "trigger": [{ "type": "named-event", "name": "report-missed" }],
            "action": [{
                "extension": [{
                    "url": crate::fhir::canonical::ALERT_LEVEL, "valueCode": "urgent" }],
                "condition": [{ "kind": "applicability", "expression": {
                    "language": "text/fhirpath", "expression": "%`missed` >= 2" } }] }],
        }] }));
        assert!(speaks_of(&rules, &["%missed"]));
        assert!(!speaks_of(&rules, &["%flags"]));
    }

    #[test]
    fn a_flag_belongs_to_the_pathway_that_raised_it_whatever_its_version() {
        let flag = json!({ "extension": [{
            "url": ALERT_RULE_VERSION, "valueCanonical": "https://p|1.0.0#N2" }] });
        assert!(is_of(&flag, "https://p|2.0.0"));
        assert!(!is_of(&flag, "https://q|1.0.0"));
        assert!(!is_of(&json!({}), "https://p|1.0.0"));
    }
}
