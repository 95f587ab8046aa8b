//! The job of one due report: remind when it is due, remind once more, note the silence when its
//! window closes, and end the follow-up after the last one.
//!
//! The decision ([`step()`]) is pure; the act is one commit; a second run finds the Task moved on and
//! does nothing.

pub mod call;
pub mod step;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{proxy, schedule};

use self::step::{Act, Habits, Look, Step, step};
use crate::{
    care::{
        kind,
        plan::{self, Followed},
    },
    fhir::{
        canonical::{REPORT, REPORT_STATE, REPORTER, extension},
        care_plan::{FollowUp, State},
        pathway::{Pathway, Policy},
        permit::Permit,
        reference,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::Result,
    notify::{Announcement, Medium, MessageKind, announce_by},
    queue::{Failure, Handler, Schedule},
    store::{Job, LeasedJob, Prepared, Store, Stored, Tx},
};

/// The kind of the job.
pub const KIND: &str = "pathways.report";

/// The job that looks after one report Task, first when it is due.
#[must_use]
pub fn job(task_id: &str, last: bool, run_at: Timestamp) -> Job {
    look(task_id, (Look::First, last), run_at)
}

fn look(task_id: &str, (look, last): (Look, bool), run_at: Timestamp) -> Job {
    Job {
        kind: KIND,
        dedup: Some(task_id.to_owned()),
        payload: json!({ "task": task_id, "last": last, "look": look.code() }),
        run_at,
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

    fn schedule(&self) -> Schedule {
        Schedule::ENDLESS
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
    let stage = (Look::coded(job.payload["look"].as_str()), last);
    // Erased in the meantime: there is nothing to ask for any more.
    let Some(stored) = tx
        .read(kind("Task")?, id)
        .await?
        .filter(|s| !s.is_deleted())
    else {
        return Ok(());
    };
    let mut task = stored.tree()?;
    // What is settled needs no habits.
    let is_open = matches!(task["status"].as_str(), Some("requested" | "ready"));
    let followed = match is_open {
        true => follow_up(tx, &task).await?,
        false => None,
    };
    let policy = followed.as_ref().and_then(policy_of);
    let habits = match (&followed, &policy) {
        (Some(followed), Some(policy)) => Habits::of(&task, policy, followed),
        _ => Habits::unknown(),
    };
    match step(&task, &habits, stage, tx.now()) {
        Step::NotYet { due } => tx.enqueue(&look(id, stage, due)).await,
        Step::Go { act, next, at } => {
            match act {
                Act::Nothing => {}
                Act::Remind => {
                    remind(tx, (id, &task), (followed.as_ref(), policy.as_ref())).await?;
                }
                Act::Call => call::ask(tx, (id, &task)).await?,
            }
            if task["status"] == "requested" {
                task["status"] = "ready".into();
                put(tx, &stored, task).await?;
            }
            tx.enqueue(&look(id, (next, last), at)).await
        }
        Step::Pause { closes } => pause(tx, &stored, task, (last, closes)).await,
        Step::Miss => {
            let plan = plan_of(&task);
            settle(&mut task, "failed", "missed");
            put(tx, &stored, task).await?;
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

/// Calls a report off, as the follow-up pauses.
async fn pause(
    tx: &mut Tx,
    stored: &Stored,
    mut task: Value,
    (last, closes): (bool, Timestamp),
) -> Result<()> {
    let plan = plan_of(&task);
    settle(&mut task, "cancelled", "paused");
    put(tx, stored, task).await?;
    match last {
        true if tx.now() >= closes => complete(tx, plan.as_deref()).await,
        true => {
            tx.enqueue(&look(&stored.id, (Look::Close, last), closes))
                .await
        }
        false => Ok(()),
    }
}

/// The follow-up of a report, and its definition.
async fn follow_up(tx: &mut Tx, task: &Value) -> Result<Option<Followed>> {
    let plan = plan_of(task);
    let Some(local) = plan.as_deref().and_then(reference::local) else {
        return Ok(None);
    };
    match tx.read(local.kind, &local.id).await? {
        Some(stored) if !stored.is_deleted() => plan::followed(tx, stored).await,
        _ => Ok(None),
    }
}

fn policy_of(followed: &Followed) -> Option<Policy> {
    let definition = followed.definition.as_ref()?;
    Pathway::read(&definition.tree)
        .ok()
        .map(|pathway| pathway.policy)
}

fn settle(task: &mut Value, status: &str, state: &str) {
    task["status"] = status.into();
    task["businessStatus"] = json!({ "coding": [{ "system": REPORT_STATE, "code": state }] });
}

async fn put(tx: &mut Tx, stored: &Stored, task: Value) -> Result<()> {
    let prepared = Prepared::new(Resource::trusted(task)?);
    tx.put(&stored.id, prepared, Some(stored.version))
        .await
        .map(|_| ())
}

/// One message to whoever reports, by the pathway's channels.
async fn remind(
    tx: &mut Tx,
    (id, task): (&str, &Value),
    (followed, policy): (Option<&Followed>, Option<&Policy>),
) -> Result<()> {
    let patient = task["for"]["reference"].as_str().unwrap_or_default();
    let reporter = reporter(tx, followed, patient).await?;
    let announcement = Announcement {
        kind: MessageKind::Reminder,
        patient: patient.strip_prefix("Patient/").map(str::to_owned),
        recipient: reporter.unwrap_or_else(|| patient.to_owned()),
        based_on: plan_of(task),
        about: vec![format!("Task/{id}")],
        language: None,
    };
    let media: Vec<Medium> = match policy {
        Some(policy) if !policy.channels.is_empty() => {
            policy.channels.iter().copied().map(Medium::from).collect()
        }
        _ => vec![Medium::Email],
    };
    announce_by(tx, &announcement, &media).await.map(|_| ())
}

/// Who answers in the patient's stead, as long as they may.
async fn reporter(
    tx: &mut Tx,
    followed: Option<&Followed>,
    patient: &str,
) -> Result<Option<String>> {
    let named = followed
        .and_then(|followed| extension(&followed.plan, REPORTER))
        .and_then(|reporter| reporter["reference"].as_str());
    match named {
        Some(named) if proxy::fault(tx, named, patient).await?.is_none() => {
            Ok(Some(named.to_owned()))
        }
        _ => Ok(None),
    }
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
    if !State::of(&plan).is_running() || has_open_reports(tx, (&local.id, &plan)).await? {
        return Ok(());
    }
    plan["status"] = "completed".into();
    let prepared = Prepared::new(Resource::trusted(plan)?);
    tx.put(&local.id, prepared, Some(stored.version))
        .await
        .map(|_| ())
}

/// Whether a report of the follow-up is still to come.
async fn has_open_reports(tx: &mut Tx, (id, plan): (&str, &Value)) -> Result<bool> {
    let patient = plan["subject"]["reference"].as_str().unwrap_or_default();
    let query = Query::new(kind("Task")?)
        .reference("based-on", &format!("CarePlan/{id}"))
        .reference("patient", patient)
        .tokens("status", None, &["requested", "ready"]);
    for hit in tx.search(&query).await?.hits {
        // An alert's Task may be open as long as it takes.
        if day_of(&hit.stored.tree()?).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
