//! The course of a follow-up is changed by plain updates of its CarePlan: paused and resumed,
//! asked for by phone or on screen, at another hour, in another time zone, of somebody else.
//!
//! What would break it is refused; another hour or time zone moves the reports to come. What is
//! past stays as it was.
//!
//! Specification: <http://hl7.org/fhir/R4/careplan.html>.

use futures_util::future::BoxFuture;
use jiff::{Timestamp, civil::Time};
use serde_json::Value;

use super::{
    closing::is_over,
    enrolment::{ReportChannel, named_zone},
    extend::own_pathway,
    proxy, report, schedule,
    standing::{put, report_tasks},
};
use crate::{
    fhir::{
        canonical::{REMINDER_TIME, REPORT_CHANNEL, REPORTER, TIME_ZONE, extension, extensions},
        care_plan::{FollowUp, State},
        date,
    },
    kernel::problem::{Category, Issue, Problem, Result},
    store::{Change, Reactor, Tx},
};

/// Sees CarePlans that are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct CourseReactor;

impl Reactor for CourseReactor {
    fn name(&self) -> &'static str {
        "pathways.course"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "CarePlan" && change.resource.is_some()
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(resource) = &change.resource else {
                return Ok(());
            };
            let now = resource.tree();
            let before = match &change.previous {
                Some(previous) => previous.tree()?,
                None => Value::Null,
            };
            let mut faults = Vec::new();
            faults.extend(said(now));
            faults.extend(reporter(tx, &before, now).await?);
            let known = FollowUp::read(&before);
            if let Some(known) = &known {
                faults.extend(unsteady(known, &before, now));
            }
            if !faults.is_empty() {
                return Err(Problem::with_issues(Category::Invalid, faults));
            }
            match (known, FollowUp::read(now)) {
                (Some(before), Some(now)) if moves(&before, &now) => move_reports(tx, &now).await,
                _ => Ok(()),
            }
        })
    }
}

/// What the extensions say that they cannot: pure.
fn said(plan: &Value) -> Vec<Issue> {
    let zone = |text: &str| named_zone(text).is_some();
    let channel = |text: &str| ReportChannel::of_code(text).is_some();
    let time = |text: &str| text.parse::<Time>().is_ok();
    let faults = [
        fault(plan, TIME_ZONE, "a time zone such as Europe/Paris", zone),
        fault(plan, REPORT_CHANNEL, "`app` or `phone`", channel),
        fault(plan, REMINDER_TIME, "a time such as 19:30:00", time),
    ];
    faults.into_iter().flatten().collect()
}

fn fault(plan: &Value, url: &str, wanted: &str, holds: fn(&str) -> bool) -> Option<Issue> {
    let given: Vec<_> = extensions(plan, url).collect();
    let value = extension(plan, url).and_then(Value::as_str);
    if given.is_empty() || given.len() == 1 && value.is_some_and(holds) {
        return None;
    }
    let name = url.rsplit('/').next().unwrap_or_default();
    let says = format!("The extension `{name}` must be {wanted}, once at most.");
    Some(Issue::error("value", says).at(at(url)))
}

/// A reporter who is named anew must be one of the patient's.
async fn reporter(tx: &mut Tx, before: &Value, now: &Value) -> Result<Option<Issue>> {
    let named = extension(now, REPORTER);
    if named.is_none() || named == extension(before, REPORTER) {
        return Ok(None);
    }
    let text = |value: &Value| value["reference"].as_str().unwrap_or_default().to_owned();
    let (reporter, subject) = (named.map(text).unwrap_or_default(), text(&now["subject"]));
    let fault = proxy::fault(tx, &reporter, &subject).await?;
    Ok(fault.map(|fault| Issue::error("business-rule", fault).at(at(REPORTER))))
}

fn at(url: &str) -> String {
    format!("CarePlan.extension.where(url='{url}')")
}

/// What an update takes from a follow-up that it cannot do without: pure.
fn unsteady(known: &FollowUp, before: &Value, now: &Value) -> Vec<Issue> {
    let mut faults = Vec::new();
    let mut refuse = |place: &str, says: &str| {
        faults.push(Issue::error("business-rule", says).at(place));
    };
    if now["status"] == "entered-in-error" {
        return faults;
    }
    if is_over(before) && State::of(now).is_running() {
        let says = "A follow-up that has ended does not run again: $restart or $apply begins one.";
        refuse("CarePlan.status", says);
    }
    match FollowUp::read(now) {
        None => refuse(
            "CarePlan",
            "A follow-up keeps its subject, its pathway, its first day and its time zone.",
        ),
        Some(now) => {
            if now.patient != known.patient {
                refuse("CarePlan.subject", "A follow-up keeps its subject.");
            }
            if now.pathway != known.pathway {
                let says = "A follow-up keeps its pathway: $convert begins one on another.";
                refuse("CarePlan.instantiatesCanonical", says);
            }
            if now.first_date != known.first_date {
                let says = "A follow-up keeps its first day: the others are counted from it.";
                refuse("CarePlan.period.start", says);
            }
        }
    }
    faults
}

/// Whether an update moves the reports to come.
fn moves(before: &FollowUp, now: &FollowUp) -> bool {
    now.state.is_running()
        && (before.zone.iana_name() != now.zone.iana_name()
            || before.reminder_time != now.reminder_time)
}

/// Gives each report whose window has not opened its window in the calendar as it is now, and each
/// that is not asked for yet its hour.
async fn move_reports(tx: &mut Tx, follow_up: &FollowUp) -> Result<()> {
    let pathway = own_pathway(tx, follow_up).await?;
    let policy = schedule::policy_of(follow_up, &pathway.policy);
    let calendar = (follow_up.first_date, &follow_up.zone);
    let tasks = report_tasks(tx, follow_up).await?;
    let last_day = tasks.last().map_or(0, |(day, ..)| *day);
    for (day, stored, mut task) in tasks {
        if task["status"] != "requested" {
            continue;
        }
        let opens = task["restriction"]["period"]["start"].as_str();
        let opens = opens.and_then(|start| start.parse::<Timestamp>().ok());
        let moved = schedule::report(day, calendar, &policy, "")
            .filter(|report| report.closes > tx.now())
            .filter(|_| opens.is_none_or(|opens| opens > tx.now()));
        if let Some(report) = moved {
            let period = &mut task["restriction"]["period"];
            period["start"] = date::instant(report.opens).into();
            period["end"] = date::instant(report.closes).into();
        }
        let due = report::due(&task, follow_up, &pathway.policy);
        if moved_from(opens, &task) {
            put(tx, &stored, task).await?;
        }
        if let Some(due) = due {
            // A job that waits for an earlier hour comes back at this one.
            let job = report::job(&stored.id, day == last_day, due);
            tx.enqueue(&job).await?;
        }
    }
    Ok(())
}

fn moved_from(opens: Option<Timestamp>, task: &Value) -> bool {
    let now = task["restriction"]["period"]["start"].as_str();
    now.and_then(|start| start.parse().ok()) != opens
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(status: &str, zone: &str) -> Value {
        json!({
            "resourceType": "CarePlan", "id": "f", "status": status,
            "subject": { "reference": "Patient/p" },
            "instantiatesCanonical": ["u|1"],
            "period": { "start": "2030-03-28" },
            "extension": [{ "url": TIME_ZONE, "valueCode": zone }],
        })
    }

    fn places(faults: &[Issue]) -> Vec<&str> {
        faults
            .iter()
            .filter_map(|fault| fault.expression.as_deref())
            .collect()
    }

    #[test]
    fn an_extension_says_what_it_can() {
        assert_eq!(said(&plan("active", "Europe/Paris")), []);
        assert_eq!(said(&plan("active", "Europe/Nowhere")).len(), 1);
        let mut twice = plan("active", "Europe/Paris");
        twice["extension"] = json!([
            { "url": REPORT_CHANNEL, "valueCode": "app" },
            { "url": REPORT_CHANNEL, "valueCode": "phone" },
            { "url": REMINDER_TIME, "valueTime": "25:00:00" },
        ]);
        assert_eq!(
            places(&said(&twice)),
            [at(REPORT_CHANNEL), at(REMINDER_TIME)]
        );
    }

    #[test]
    fn a_follow_up_keeps_what_its_days_are_counted_by() {
        let change = |status: &str, now: &Value| {
            let before = plan(status, "Europe/Paris");
            unsteady(&FollowUp::read(&before).expect("one"), &before, now)
        };
        let paused = plan("on-hold", "America/Martinique");
        assert_eq!(change("active", &paused), []);
        let active = plan("active", "Europe/Paris");
        assert_eq!(change("on-hold", &active), []);
        assert_eq!(change("draft", &active), [], "it begins");
        let mut other = active.clone();
        other["subject"]["reference"] = "Patient/q".into();
        other["instantiatesCanonical"][0] = "v|1".into();
        other["period"]["start"] = "2030-03-29".into();
        let wanted = [
            "CarePlan.subject",
            "CarePlan.instantiatesCanonical",
            "CarePlan.period.start",
        ];
        assert_eq!(places(&change("active", &other)), wanted);
        let again = change("completed", &active);
        assert_eq!(places(&again), ["CarePlan.status"]);
    }
}
