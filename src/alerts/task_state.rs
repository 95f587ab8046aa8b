//! The states of an alert's Task, and what may be written into it: pure.
//!
//! Specification: <http://hl7.org/fhir/R4/task.html#statemachine>. Beside its changes, one is
//! allowed that a team needs: who has taken an alert may give it back.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{escalation::set_extension, record::is_closed};
use crate::{
    fhir::{
        canonical::{
            ALERT_OUTCOME, DEADLINE_START, ESCALATION_STEP, TASK_CODE, code_in, find_extension,
        },
        date,
    },
    kernel::problem::{Category, Issue, Problem, Result},
};

/// Longest time for which an alert is put off.
pub const SNOOZE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What may become of an alert, in a `Task.output` of type `outcome`.
const OUTCOMES: [&str; 8] = [
    "called-back",
    "advised",
    "visit",
    "referred",
    "emergency",
    "no-action",
    "false-alarm",
    "other",
];

/// From each state of an open alert to those that may follow.
const CHANGES: [(&str, &[&str]); 5] = [
    (
        "requested",
        &[
            "received",
            "accepted",
            "in-progress",
            "on-hold",
            "completed",
            "rejected",
            "cancelled",
            "failed",
        ],
    ),
    (
        "received",
        &[
            "requested",
            "accepted",
            "in-progress",
            "on-hold",
            "completed",
            "rejected",
            "cancelled",
            "failed",
        ],
    ),
    (
        "accepted",
        &[
            "requested",
            "in-progress",
            "on-hold",
            "completed",
            "cancelled",
            "failed",
        ],
    ),
    (
        "in-progress",
        &["requested", "on-hold", "completed", "cancelled", "failed"],
    ),
    (
        "on-hold",
        &[
            "requested",
            "received",
            "accepted",
            "in-progress",
            "completed",
            "cancelled",
            "failed",
        ],
    ),
];

/// Whether a Task is the work that an alert makes.
#[must_use]
pub fn is_alert(task: &Value) -> bool {
    code_in(&task["code"], TASK_CODE) == Some("handle-alert")
}

/// Whether somebody has taken the alert.
#[must_use]
pub fn is_acknowledged(task: &Value) -> bool {
    matches!(
        task["status"].as_str(),
        Some("received" | "accepted" | "in-progress")
    )
}

/// Checks the next version of an alert's Task against the one that stands.
///
/// # Errors
/// `Invalid`, with every fault and its place.
pub fn check(before: &Value, task: &Value, now: Timestamp) -> Result<()> {
    let mut faults = Vec::new();
    for member in ["code", "focus", "for", "basedOn"] {
        let kept = match member {
            "code" => is_alert(task),
            _ => before[member] == task[member],
        };
        if !kept {
            let says = "What an alert's Task is about does not change.";
            faults.push(Issue::error("business-rule", says).at(format!("Task.{member}")));
        }
    }
    faults.extend(check_change(before, task));
    faults.extend(check_outcome(task));
    if task["status"] == "on-hold" && !is_same_snooze(before, task) {
        faults.extend(check_snooze(task, now));
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(Problem::with_issues(Category::Invalid, faults))
}

fn check_change(before: &Value, task: &Value) -> Option<Issue> {
    let (from, to) = (before["status"].as_str()?, task["status"].as_str()?);
    let allowed = from == to
        || to == "entered-in-error"
        || CHANGES
            .iter()
            .any(|(state, next)| *state == from && next.contains(&to));
    let says = format!("An alert that is {from} does not become {to}.");
    (!allowed).then(|| Issue::error("business-rule", says).at("Task.status"))
}

/// What the outcome of an alert, and whether it was useful, may look like.
fn check_outcome(task: &Value) -> Vec<Issue> {
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    for (n, output) in task["output"].as_array().into_iter().flatten().enumerate() {
        let Some(kind) = code_in(&output["type"], ALERT_OUTCOME) else {
            continue;
        };
        let says = match kind {
            _ if seen.contains(&kind) => Some("An alert has one outcome and one usefulness."),
            "outcome" => {
                let code = code_in(&output["valueCodeableConcept"], ALERT_OUTCOME);
                let known = code.is_some_and(|code| OUTCOMES.contains(&code));
                (!known).then_some(
                    "The outcome is a valueCodeableConcept with a code of the ValueSet \
                     alert-outcome.",
                )
            }
            "useful" => (!output["valueBoolean"].is_boolean())
                .then_some("Whether the alert was useful is a valueBoolean."),
            _ => Some("The type of an output is outcome or useful."),
        };
        seen.push(kind);
        faults.extend(says.map(|says| Issue::error("value", says).at(format!("Task.output[{n}]"))));
    }
    faults
}

fn is_same_snooze(before: &Value, task: &Value) -> bool {
    before["status"] == "on-hold"
        && before["restriction"]["period"]["end"] == task["restriction"]["period"]["end"]
        && before["statusReason"] == task["statusReason"]
}

/// An alert is put off for a reason, and until an instant that is not far away.
fn check_snooze(task: &Value, now: Timestamp) -> Vec<Issue> {
    let mut faults = Vec::new();
    let reason = task["statusReason"]["text"].as_str().unwrap_or_default();
    if reason.trim().is_empty() {
        let says = "An alert is put off for a reason, in statusReason.text.";
        faults.push(Issue::error("required", says).at("Task.statusReason"));
    }
    let fault = |code, says: &str| Issue::error(code, says).at("Task.restriction.period.end");
    match snoozed_until(task) {
        None => faults.push(fault(
            "required",
            "An alert is put off until an instant, in restriction.period.end.",
        )),
        Some(until) if until <= now => {
            faults.push(fault("value", "An alert is put off until later."));
        }
        Some(until) if now.duration_until(until) > SNOOZE_MAX => faults.push(fault(
            "value",
            "An alert is put off for seven days at most.",
        )),
        Some(_) => {}
    }
    faults
}

/// Until when an alert is put off.
#[must_use]
pub fn snoozed_until(task: &Value) -> Option<Timestamp> {
    // A time of day is asked for: a date alone would be of no known zone.
    let end = task["restriction"]["period"]["end"].as_str()?;
    end.parse().ok()
}

/// What the server alone keeps of an alert's Task: `by_server` says whether it writes itself.
///
/// The first acknowledgement or end is kept in `executionPeriod.start`, the end in its `end`.
pub fn complete(before: Option<&Value>, task: &mut Value, now: Timestamp, by_server: bool) {
    let null = Value::Null;
    let before = before.unwrap_or(&null);
    if !by_server && before.is_object() {
        for url in [ESCALATION_STEP, DEADLINE_START] {
            keep_extension(before, task, url);
        }
        keep(before, task, "authoredOn");
    }
    let returned = task["status"] == "requested"
        && before["status"].as_str().is_some_and(|s| s != "requested");
    if returned {
        begin_anew(task, now);
    }
    keep(before, task, "executionPeriod");
    let instant = date::instant(now);
    let closed = is_closed(task);
    if is_acknowledged(task) || closed {
        stamp(task, "start", &instant);
    }
    if closed {
        stamp(task, "end", &instant);
    }
}

fn stamp(task: &mut Value, end: &str, instant: &str) {
    if task["executionPeriod"][end].is_null() {
        task["executionPeriod"][end] = instant.into();
    }
}

/// Puts back what stood, or nothing where nothing did.
fn keep(before: &Value, task: &mut Value, member: &str) {
    let Some(members) = task.as_object_mut() else {
        return;
    };
    match before.get(member) {
        Some(value) => {
            members.insert(member.into(), value.clone());
        }
        None => {
            members.shift_remove(member);
        }
    }
}

fn keep_extension(before: &Value, task: &mut Value, url: &str) {
    let kept = find_extension(before, url);
    if kept == find_extension(task, url) {
        return;
    }
    set_extension(task, url, None);
    if let Some(kept) = kept {
        match &mut task["extension"] {
            Value::Array(list) => list.push(kept.clone()),
            other => *other = json!([kept]),
        }
    }
}

/// The time to acknowledge begins anew, and nobody has been passed by yet.
pub fn begin_anew(task: &mut Value, now: Timestamp) {
    let since = ("valueInstant", date::instant(now).into());
    set_extension(task, DEADLINE_START, Some(since));
    set_extension(task, ESCALATION_STEP, None);
}

/// An alert that was put off waits for somebody again.
pub fn wake(task: &mut Value) {
    task["status"] = "requested".into();
    if let Some(members) = task.as_object_mut() {
        members.shift_remove("statusReason");
        if let Some(Value::Object(restriction)) = members.get_mut("restriction") {
            restriction.shift_remove("period");
            if restriction.is_empty() {
                members.shift_remove("restriction");
            }
        }
    }
}

#[cfg(test)]
mod tests;
