//! The job of one due report: remind when it is due, note the silence when its window closes, and
//! end the follow-up after the last one.
//!
//! The decision ([`step`]) is pure; the act is one commit; a second run finds the Task moved on and
//! does nothing.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::schedule;
use crate::{
    care::{
        kind,
        plan::{self, Followed},
    },
    fhir::{
        canonical::{REPORT, REPORT_STATE},
        care_plan::{FollowUp, State},
        pathway::{Pathway, Policy},
        permit::Permit,
        reference,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::Result,
    notify::{Announcement, MessageKind, announce},
    queue::{Failure, Handler},
    store::{Job, LeasedJob, Prepared, Store, Stored, Tx},
};

/// The kind of the job.
pub const KIND: &str = "pathways.report";

/// The job that looks after one report Task, first when it is due.
#[must_use]
pub fn job(task_id: &str, last: bool, run_at: Timestamp) -> Job {
    Job {
        kind: KIND,
        dedup: Some(task_id.to_owned()),
        payload: json!({ "task": task_id, "last": last }),
        run_at,
    }
}

/// What is to be done for a report at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is due and unanswered: remind, and come back when the window closes.
    Remind {
        /// When the window closes.
        closes: Timestamp,
    },
    /// Nothing now; come back when it is due, or when the window closes.
    Wait {
        /// When to come back.
        until: Timestamp,
    },
    /// The window has closed without an answer.
    Miss,
    /// It has fallen due in a pause of the follow-up: nobody is asked, and nothing is missed.
    Pause {
        /// When the window closes.
        closes: Timestamp,
    },
    /// Answered, cancelled, or missed already.
    Settled,
}

/// What is decided on: the report's Task, and what the follow-up says of it now.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The report's Task.
    pub task: &'a Value,
    /// Whether the follow-up runs.
    pub state: State,
    /// When the report is due; its day may have been given another hour since the Task was made.
    pub due: Option<Timestamp>,
    /// Whether the follow-up ends with it.
    pub last: bool,
}

/// Decides at an instant: pure.
#[must_use]
pub fn step(look: &Look<'_>, now: Timestamp) -> Step {
    let closes = look.task["restriction"]["period"]["end"]
        .as_str()
        .and_then(|end| end.parse().ok());
    let Some(closes) = closes else {
        return Step::Settled;
    };
    let early = look.due.map(|due| due.min(closes)).filter(|due| now < *due);
    let paused = look.state == State::Paused;
    match (look.task["status"].as_str(), early) {
        (Some("requested"), Some(until)) => Step::Wait { until },
        (Some("requested"), _) if paused => Step::Pause { closes },
        (Some("requested"), _) if now < closes => Step::Remind { closes },
        (Some("ready"), _) if now < closes => Step::Wait { until: closes },
        (Some("ready"), _) if paused => Step::Pause { closes },
        (Some("requested" | "ready"), _) => Step::Miss,
        // The last report's job also ends the follow-up, when its day is over.
        (Some("completed" | "cancelled"), _) if look.last && now < closes => {
            Step::Wait { until: closes }
        }
        _ => Step::Settled,
    }
}

/// When a report is due, as the follow-up stands now.
///
/// A Task that was cut in another time zone keeps its window, and its hour within it.
#[must_use]
pub fn due(task: &Value, follow_up: &FollowUp, policy: &Policy) -> Option<Timestamp> {
    let opens: Timestamp = task["restriction"]["period"]["start"]
        .as_str()?
        .parse()
        .ok()?;
    let day = day_of(task)?;
    let policy = schedule::policy_of(follow_up, policy);
    let calendar = (follow_up.first_date, &follow_up.zone);
    let report = schedule::report(day, calendar, &policy, "")?;
    opens
        .checked_add(report.due.duration_since(report.opens))
        .ok()
}

/// The day of follow-up that a report belongs to, from its identifier.
#[must_use]
pub fn day_of(task: &Value) -> Option<u32> {
    let identifiers = task["identifier"].as_array()?;
    let own = identifiers.iter().find(|one| one["system"] == REPORT)?;
    own["value"].as_str()?.rsplit('/').next()?.parse().ok()
}

/// Runs [`KIND`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ReportHandler;

impl Handler for ReportHandler {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let job = job.clone();
            store
                .write(&Permit::system(KIND), move |tx| {
                    Box::pin(async move { act(tx, &job).await })
                })
                .await
                .map_err(Failure::from)
        })
    }
}

async fn act(tx: &mut Tx, job: &LeasedJob) -> Result<()> {
    tx.finish_job(job).await?;
    let id = job.payload["task"].as_str().unwrap_or_default();
    let last = job.payload["last"] == true;
    // Erased in the meantime: there is nothing to ask for any more.
    let Some(stored) = tx
        .read(kind("Task")?, id)
        .await?
        .filter(|s| !s.is_deleted())
    else {
        return Ok(());
    };
    let mut task = stored.tree()?;
    let followed = follow_up_of(tx, &task).await?;
    let look = look(&task, followed.as_ref(), last);
    match step(&look, tx.now()) {
        Step::Remind { closes } => {
            remind(tx, id, &task).await?;
            task["status"] = "ready".into();
            change(tx, &stored, task).await?;
            tx.enqueue(&self::job(id, last, closes)).await
        }
        Step::Wait { until } => tx.enqueue(&self::job(id, last, until)).await,
        Step::Pause { closes } => {
            let over = tx.now() >= closes;
            let plan = plan_of(&task);
            settle(&mut task, "cancelled", "paused");
            change(tx, &stored, task).await?;
            match last {
                true if over => complete(tx, plan.as_deref()).await,
                true => tx.enqueue(&self::job(id, last, closes)).await,
                false => Ok(()),
            }
        }
        Step::Miss => {
            let plan = plan_of(&task);
            settle(&mut task, "failed", "missed");
            change(tx, &stored, task).await?;
            if last {
                complete(tx, plan.as_deref()).await
            } else {
                Ok(())
            }
        }
        Step::Settled if last => complete(tx, plan_of(&task).as_deref()).await,
        Step::Settled => Ok(()),
    }
}

/// The follow-up of a report, if it is still there.
async fn follow_up_of(tx: &mut Tx, task: &Value) -> Result<Option<Followed>> {
    let Some(local) = plan_of(task).as_deref().and_then(reference::local) else {
        return Ok(None);
    };
    match tx.read(local.kind, &local.id).await? {
        Some(stored) if !stored.is_deleted() => plan::followed(tx, stored).await,
        _ => Ok(None),
    }
}

fn look<'a>(task: &'a Value, followed: Option<&Followed>, last: bool) -> Look<'a> {
    let due = followed.and_then(|followed| {
        let pathway = Pathway::read(&followed.definition.as_ref()?.tree).ok()?;
        due(task, &followed.follow_up, &pathway.policy)
    });
    Look {
        task,
        state: followed.map_or(State::Active, |followed| followed.follow_up.state),
        due,
        last,
    }
}

fn settle(task: &mut Value, status: &str, state: &str) {
    task["status"] = status.into();
    task["businessStatus"] = json!({ "coding": [{ "system": REPORT_STATE, "code": state }] });
}

async fn change(tx: &mut Tx, stored: &Stored, task: Value) -> Result<()> {
    let prepared = Prepared::new(Resource::trusted(task)?);
    tx.put(&stored.id, prepared, Some(stored.version))
        .await
        .map(|_| ())
}

async fn remind(tx: &mut Tx, id: &str, task: &Value) -> Result<()> {
    let patient = task["for"]["reference"].as_str().unwrap_or_default();
    announce(
        tx,
        &Announcement {
            kind: MessageKind::Reminder,
            patient: patient.strip_prefix("Patient/").map(str::to_owned),
            recipient: patient.to_owned(),
            based_on: plan_of(task),
            about: vec![format!("Task/{id}")],
            language: None,
        },
    )
    .await?;
    Ok(())
}

/// The CarePlan that a report belongs to, as `CarePlan/{id}`.
fn plan_of(task: &Value) -> Option<String> {
    task["basedOn"][0]["reference"].as_str().map(str::to_owned)
}

/// Ends a follow-up that has run its course, be it in a pause; one that was stopped, or that has
/// been extended meanwhile, stays as it is.
async fn complete(tx: &mut Tx, plan: Option<&str>) -> Result<()> {
    let Some(local) = plan.and_then(reference::local) else {
        return Ok(());
    };
    let Some(stored) = tx
        .read(local.kind, &local.id)
        .await?
        .filter(|s| !s.is_deleted())
    else {
        return Ok(());
    };
    let mut plan = stored.tree()?;
    if !State::of(&plan).is_running() || has_open_reports(tx, &local.id).await? {
        return Ok(());
    }
    plan["status"] = "completed".into();
    let prepared = Prepared::new(Resource::trusted(plan)?);
    tx.put(&local.id, prepared, Some(stored.version))
        .await
        .map(|_| ())
}

/// Whether a report of the follow-up is still to come.
async fn has_open_reports(tx: &mut Tx, plan: &str) -> Result<bool> {
    let query = Query::new(kind("Task")?)
        .reference("based-on", &format!("CarePlan/{plan}"))
        .tokens("status", None, &["requested", "ready"]);
    for hit in tx.search(&query).await?.hits {
        // An alert's Task may be open as long as it takes.
        if day_of(&hit.stored.tree()?).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(status: &str) -> Value {
        json!({
            "status": status,
            "restriction": { "period": { "end": "2020-05-18T22:00:00.000Z" } }
        })
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn look<'a>(task: &'a Value, state: State, last: bool) -> Look<'a> {
        Look {
            task,
            state,
            due: Some(at("2020-05-18T07:00:00Z")),
            last,
        }
    }

    fn decide(status: &str, last: bool, now: Timestamp) -> Step {
        step(&look(&task(status), State::Active, last), now)
    }

    #[test]
    fn a_report_is_reminded_once_and_missed_only_after_its_window() {
        let (due, closes) = (at("2020-05-18T07:00:00Z"), at("2020-05-18T22:00:00Z"));
        assert_eq!(decide("requested", false, due), Step::Remind { closes });
        let wait = Step::Wait { until: closes };
        assert_eq!(decide("ready", false, due), wait);
        assert_eq!(decide("ready", false, closes), Step::Miss);
        assert_eq!(decide("requested", false, closes), Step::Miss);
        for status in ["completed", "failed", "cancelled"] {
            assert_eq!(decide(status, false, due), Step::Settled, "{status}");
        }
    }

    #[test]
    fn the_last_report_waits_for_the_end_of_its_day() {
        let (due, closes) = (at("2020-05-18T07:00:00Z"), at("2020-05-18T22:00:00Z"));
        for status in ["completed", "cancelled"] {
            let wait = Step::Wait { until: closes };
            assert_eq!(decide(status, true, due), wait, "{status}");
            assert_eq!(decide(status, true, closes), Step::Settled, "{status}");
        }
    }

    #[test]
    fn a_look_before_the_hour_comes_back_at_it() {
        let (early, due) = (at("2020-05-18T06:59:59Z"), at("2020-05-18T07:00:00Z"));
        let wait = Step::Wait { until: due };
        assert_eq!(decide("requested", false, early), wait);
        let task = task("requested");
        let mut late = look(&task, State::Active, false);
        late.due = Some(at("2020-05-19T09:00:00Z"));
        let until = at("2020-05-18T22:00:00Z");
        assert_eq!(step(&late, early), Step::Wait { until });
    }

    #[test]
    fn what_falls_due_in_a_pause_is_called_off_and_what_was_asked_for_before_is_not_missed() {
        let (due, closes) = (at("2020-05-18T07:00:00Z"), at("2020-05-18T22:00:00Z"));
        let paused = |status: &str, now| step(&look(&task(status), State::Paused, false), now);
        assert_eq!(paused("requested", due), Step::Pause { closes });
        assert_eq!(paused("requested", closes), Step::Pause { closes });
        let until = closes;
        assert_eq!(paused("ready", due), Step::Wait { until }, "it may resume");
        assert_eq!(paused("ready", closes), Step::Pause { closes });
        assert_eq!(paused("completed", closes), Step::Settled);
    }
}
