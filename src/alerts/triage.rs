//! What people do with an alert's Task: take it, put it off, give it back, resolve it.
//!
//! Before a version is written it is checked and stamped ([`task_state`]); after it, what follows
//! is added: a job that wakes what was put off, and the team told anew of what was given back.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{
    escalation::Open,
    rule::Level,
    snooze, task_state,
    telling::{self, Told},
};
use crate::{
    care::team,
    fhir::{
        canonical::{SDC_TASK, code_in},
        permit::Actor,
    },
    kernel::problem::{Category, Issue, Problem, Result},
    notify::MessageKind,
    store::{Change, Draft, Reactor, Tx},
};

/// Sees the Tasks of alerts, and the CareTeams that handle them.
#[derive(Debug, Clone, Copy, Default)]
pub struct TriageReactor;

impl Reactor for TriageReactor {
    fn name(&self) -> &'static str {
        "alerts.triage"
    }

    fn shape(&self, draft: &mut Draft<'_>) -> Result<()> {
        match draft.resource().kind().name() {
            "Task" => shape_task(draft),
            "CareTeam" => {
                let faults = team::faults(draft.resource().tree());
                if faults.is_empty() {
                    return Ok(());
                }
                Err(Problem::with_issues(Category::Invalid, faults))
            }
            _ => Ok(()),
        }
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "Task"
            && change.previous.is_some()
            && change.resource.as_ref().is_some_and(|resource| {
                let task = resource.tree();
                let moved = task["status"] == "on-hold" || task["status"] == "requested";
                moved && task_state::is_alert(task)
            })
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (Some(resource), Some(previous)) = (&change.resource, &change.previous) else {
                return Ok(());
            };
            let (before, task) = (previous.tree()?, resource.tree());
            if task["status"] == "on-hold" {
                put_off(tx, &change.stored.id, task).await
            } else if before["status"] != "requested" {
                returned(tx, &change.stored.id, &before, task).await
            } else {
                Ok(())
            }
        })
    }
}

/// Checks and stamps an alert's Task.
fn shape_task(draft: &mut Draft<'_>) -> Result<()> {
    let task = draft.resource().tree();
    // Most Tasks are those of reports; what was an alert's before must not become one unseen.
    let is_report = code_in(&task["code"], SDC_TASK).is_some();
    if is_report && draft.before.is_none() {
        return Ok(());
    }
    let before = match draft.before {
        Some(stored) => Some(stored.tree()?).filter(task_state::is_alert),
        None => None,
    };
    if before.is_none() && !task_state::is_alert(task) {
        return Ok(());
    }
    if let Some(before) = &before {
        task_state::check(before, task, draft.now)?;
    }
    let by_server = matches!(draft.actor, Actor::System(_));
    let now = draft.now;
    task_state::complete(before.as_ref(), draft.change().tree_mut(), now, by_server);
    Ok(())
}

/// What is urgent is not put off; what is, comes back by itself.
async fn put_off(tx: &mut Tx, id: &str, task: &Value) -> Result<()> {
    if let Some(open) = Open::of(tx, task).await?
        && open.told().level == Level::Urgent
    {
        let says = "An urgent alert is not put off: take it, or leave it to the next in turn.";
        let issue = Issue::error("business-rule", says).at("Task.status");
        return Err(Problem::with_issues(Category::Invalid, vec![issue]));
    }
    match task_state::snoozed_until(task) {
        Some(until) => tx.enqueue(&snooze::job(id, until)).await,
        None => Ok(()),
    }
}

/// An alert waits again for somebody: it is told anew.
async fn returned(tx: &mut Tx, id: &str, before: &Value, task: &Value) -> Result<()> {
    let Some(open) = Open::of(tx, task).await? else {
        return Ok(());
    };
    let told: Told<'_> = open.told();
    // What is urgent was not put off: it has risen, and whoever found that tells it.
    if before["status"] == "on-hold" && told.level == Level::Urgent {
        return Ok(());
    }
    let team = team::team(tx, &open.concern.plan).await?;
    telling::tell(tx, told, Some(id), MessageKind::NeedsAction, &team).await
}
