//! The job of one unacknowledged alert: at each deadline the alert goes on to the next in turn.
//!
//! Who and when is the pure [`Ladder`]'s; the Task says how many steps have been made. The act is
//! one commit with the end of the job; a run that comes too early, too late or twice finds that in
//! the Task. It looks neither at the CarePlan's state nor at the pathway's end: an open urgent
//! alert outlives a stop until somebody has seen it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    ladder::Ladder,
    record::Concern,
    rule::Level,
    telling::{self, Told},
};
use crate::{
    care::{kind, team},
    fhir::{
        canonical::{ESCALATION_STEP, extension},
        definitions::ResourceType,
        permit::Permit,
        reference,
        resource::Resource,
    },
    kernel::problem::Result,
    notify::MessageKind,
    queue::{Failure, Handler, Schedule},
    store::{Job, LeasedJob, Prepared, Store, Stored, Tx},
};

/// The kind of the job.
pub const KIND: &str = "alerts.escalate";

/// `Task.priority`, from the least to the most.
const PRIORITIES: [&str; 4] = ["routine", "urgent", "asap", "stat"];

/// The job that looks after one alert's Task.
#[must_use]
pub fn job(task: &str, run_at: Timestamp) -> Job {
    Job {
        kind: KIND,
        dedup: Some(task.to_owned()),
        payload: json!({ "task": task }),
        run_at,
    }
}

/// What is to be done for an alert at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is not due yet: come back.
    Wait(Timestamp),
    /// It goes on.
    Tell {
        /// The number of this step, from 1.
        step: u32,
        /// To whom.
        to: Vec<String>,
        /// When to look again, if ever.
        next: Option<Timestamp>,
    },
    /// Nobody is left to tell.
    Rest,
}

/// Decides from the ladder, the steps made and the time alone.
#[must_use]
pub fn step(ladder: &Ladder<'_>, made: u32, now: Timestamp) -> Step {
    let step = made.saturating_add(1);
    let (Some(due), Some(to)) = (ladder.due(step), ladder.audience(step)) else {
        return Step::Rest;
    };
    if now < due {
        return Step::Wait(due);
    }
    let after = step.saturating_add(1);
    let next = ladder
        .due(after)
        .filter(|_| ladder.audience(after).is_some());
    // A server that was away catches up at once with those who have not been told, but it does
    // not tell everybody again for each interval that it missed.
    let next = next.map(|next| {
        if next <= now && ladder.is_repeat(after) {
            let interval = due.duration_until(next);
            now.saturating_add(interval).unwrap_or(Timestamp::MAX)
        } else {
            next
        }
    });
    Step::Tell { step, to, next }
}

/// Runs [`KIND`].
#[derive(Debug, Clone, Copy, Default)]
pub struct EscalationHandler;

impl Handler for EscalationHandler {
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
    let Some((stored, task)) = standing(tx, kind("Task")?, id).await? else {
        return Ok(());
    };
    if task["status"] != "requested" {
        return Ok(());
    }
    let Some(open) = Open::of(tx, &task).await? else {
        return Ok(());
    };
    let (Some(since), Some(level)) = (telling::since(&task), open.level()) else {
        return Ok(());
    };
    let team = team::team(tx, &open.concern.plan).await?;
    let minutes = telling::minutes(tx, &open.concern.plan, level).await?;
    let ladder = Ladder::new(level, since, minutes, &team);
    match step(&ladder, steps_made(&task), tx.now()) {
        Step::Rest => Ok(()),
        Step::Wait(due) => tx.enqueue(&self::job(id, due)).await,
        Step::Tell { step, to, next } => {
            telling::message(tx, open.told(), MessageKind::Escalated, &to).await?;
            let prepared = Prepared::new(Resource::trusted(escalated(task, step))?);
            tx.put(id, prepared, Some(stored.version)).await?;
            match next {
                Some(next) => tx.enqueue(&self::job(id, next)).await,
                None => Ok(()),
            }
        }
    }
}

/// The Task after a step.
fn escalated(mut task: Value, step: u32) -> Value {
    let place = PRIORITIES
        .iter()
        .position(|priority| task["priority"] == *priority);
    let raised = (place.unwrap_or(0) + 1).min(PRIORITIES.len() - 1);
    task["priority"] = PRIORITIES[raised].into();
    set_extension(
        &mut task,
        ESCALATION_STEP,
        Some(("valuePositiveInt", step.into())),
    );
    task
}

/// How many steps an alert's Task has made.
fn steps_made(task: &Value) -> u32 {
    extension(task, ESCALATION_STEP)
        .and_then(|step| step.to_string().parse().ok())
        .unwrap_or(0)
}

/// Replaces, adds or removes an extension of a resource.
pub(super) fn set_extension(tree: &mut Value, url: &str, value: Option<(&str, Value)>) {
    let mut list = match tree["extension"].take() {
        Value::Array(list) => list,
        _ => Vec::new(),
    };
    list.retain(|one| one["url"] != url);
    if let Some((name, value)) = value {
        let mut one = json!({ "url": url });
        one[name] = value;
        list.push(one);
    }
    match tree.as_object_mut() {
        Some(members) if list.is_empty() => {
            members.shift_remove("extension");
        }
        Some(members) => {
            members.insert("extension".into(), list.into());
        }
        None => {}
    }
}

/// An open alert, as its Task leads to it.
#[derive(Debug)]
pub(super) struct Open {
    /// Whom it concerns.
    pub concern: Concern,
    /// `Flag.id`.
    pub flag: String,
    /// The Flag.
    pub tree: Value,
}

impl Open {
    /// The alert of a Task; none once its Flag is put down or gone.
    pub(super) async fn of(tx: &mut Tx, task: &Value) -> Result<Option<Self>> {
        let named = |place: &Value| place["reference"].as_str().and_then(reference::local);
        let Some(flag) = named(&task["focus"]).filter(|local| local.kind.name() == "Flag") else {
            return Ok(None);
        };
        let Some((_, tree)) = standing(tx, flag.kind, &flag.id).await? else {
            return Ok(None);
        };
        // A Task that is about somebody else is none of this alert's.
        if tree["status"] != "active" || tree["subject"]["reference"] != task["for"]["reference"] {
            return Ok(None);
        }
        let plan = match named(&task["basedOn"][0]) {
            Some(local) => standing(tx, local.kind, &local.id).await?,
            None => None,
        };
        let patient = tree["subject"]["reference"].as_str().unwrap_or_default();
        let concern = Concern {
            patient: patient
                .strip_prefix("Patient/")
                .unwrap_or_default()
                .to_owned(),
            plan: Arc::new(plan.map_or(Value::Null, |(_, tree)| tree)),
        };
        Ok(Some(Self {
            concern,
            flag: flag.id,
            tree,
        }))
    }

    /// What is told of it.
    pub(super) fn told(&self) -> Told<'_> {
        Told::of(&self.concern, &self.flag, &self.tree)
    }

    /// Its level, if it is one that is passed on.
    fn level(&self) -> Option<Level> {
        Some(super::flag::level_of(&self.tree)).filter(|level| *level != Level::Info)
    }
}

/// What stands under an id, if it is not deleted.
pub(super) async fn standing(
    tx: &mut Tx,
    kind: ResourceType,
    id: &str,
) -> Result<Option<(Stored, Value)>> {
    match tx.read(kind, id).await? {
        Some(stored) if !stored.is_deleted() => {
            let tree = stored.tree()?;
            Ok(Some((stored, tree)))
        }
        _ => Ok(None),
    }
}
