//! The job of one due report: remind when it is due, note the silence when its window closes, and
//! end the follow-up after the last one.
//!
//! The decision ([`step`]) is pure; the act is one commit; a second run finds the Task moved on and
//! does nothing.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    care::kind,
    fhir::{canonical::REPORT_STATE, permit::Permit, reference, resource::Resource},
    kernel::problem::Result,
    notify::{Announcement, MessageKind, announce},
    queue::{Failure, Handler},
    store::{Job, LeasedJob, Prepared, Store, Tx},
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
    /// Nothing now; come back when the window closes.
    Wait {
        /// When the window closes.
        closes: Timestamp,
    },
    /// The window has closed without an answer.
    Miss,
    /// Answered, cancelled, or missed already.
    Settled,
}

/// Decides from the Task alone.
#[must_use]
pub fn step(task: &Value, last: bool, now: Timestamp) -> Step {
    let closes = task["restriction"]["period"]["end"]
        .as_str()
        .and_then(|end| end.parse().ok());
    let Some(closes) = closes else {
        return Step::Settled;
    };
    match task["status"].as_str() {
        Some("requested") if now < closes => Step::Remind { closes },
        Some("ready") if now < closes => Step::Wait { closes },
        Some("requested" | "ready") => Step::Miss,
        // The last report's job also ends the follow-up, when its day is over.
        Some("completed") if last && now < closes => Step::Wait { closes },
        _ => Step::Settled,
    }
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
    match step(&task, last, tx.now()) {
        Step::Remind { closes } => {
            remind(tx, id, &task).await?;
            task["status"] = "ready".into();
            tx.put(
                id,
                Prepared::new(Resource::trusted(task)?),
                Some(stored.version),
            )
            .await?;
            tx.enqueue(&self::job(id, last, closes)).await
        }
        Step::Wait { closes } => tx.enqueue(&self::job(id, last, closes)).await,
        Step::Miss => {
            task["status"] = "failed".into();
            task["businessStatus"] =
                json!({ "coding": [{ "system": REPORT_STATE, "code": "missed" }] });
            let plan = plan_of(&task);
            tx.put(
                id,
                Prepared::new(Resource::trusted(task)?),
                Some(stored.version),
            )
            .await?;
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

/// Ends a follow-up that has run its course; one that was stopped stays as it is.
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
    if plan["status"] != "active" {
        return Ok(());
    }
    plan["status"] = "completed".into();
    let prepared = Prepared::new(Resource::trusted(plan)?);
    tx.put(&local.id, prepared, Some(stored.version))
        .await
        .map(|_| ())
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

    #[test]
    fn a_report_is_reminded_once_and_missed_only_after_its_window() {
        let (due, closes) = (at("2020-05-18T07:00:00Z"), at("2020-05-18T22:00:00Z"));
        assert_eq!(
            step(&task("requested"), false, due),
            Step::Remind { closes }
        );
        assert_eq!(step(&task("ready"), false, due), Step::Wait { closes });
        assert_eq!(step(&task("ready"), false, closes), Step::Miss);
        assert_eq!(step(&task("requested"), false, closes), Step::Miss);
        for status in ["completed", "failed", "cancelled"] {
            assert_eq!(step(&task(status), false, due), Step::Settled, "{status}");
        }
    }

    #[test]
    fn the_last_report_waits_for_the_end_of_its_day() {
        let (due, closes) = (at("2020-05-18T07:00:00Z"), at("2020-05-18T22:00:00Z"));
        assert_eq!(step(&task("completed"), true, due), Step::Wait { closes });
        assert_eq!(step(&task("completed"), true, closes), Step::Settled);
    }
}
