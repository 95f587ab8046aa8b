//! Another team takes a follow-up over: it is told of the alerts that are open, and has its own
//! time to acknowledge them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{
    escalation::Open,
    record::{Concern, is_closed},
    task_state,
    telling::{self, Told},
};
use crate::{
    care::{kind, team},
    fhir::{resource::Resource, search::query::Query},
    kernel::problem::Result,
    notify::MessageKind,
    store::{Change, Prepared, Reactor, Stored, Tx},
};

/// The elements of a CarePlan that say who follows.
const CARERS: [&str; 3] = ["careTeam", "contributor", "author"];

/// Sees CarePlans whose team changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct HandoverReactor;

impl Reactor for HandoverReactor {
    fn name(&self) -> &'static str {
        "alerts.handover"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "CarePlan"
            && change.previous.is_some()
            && change.resource.is_some()
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (Some(resource), Some(previous)) = (&change.resource, &change.previous) else {
                return Ok(());
            };
            let (before, plan) = (previous.tree()?, resource.tree());
            if CARERS.iter().all(|name| before[name] == plan[name]) {
                return Ok(());
            }
            let based_on = format!("CarePlan/{}", change.stored.id);
            let patient = plan["subject"]["reference"].as_str().unwrap_or_default();
            let query = Query::new(kind("Task")?)
                .reference("based-on", &based_on)
                .reference("patient", patient);
            for hit in tx.search(&query).await?.hits {
                let task = hit.stored.tree()?;
                if task_state::is_alert(&task) && !is_closed(&task) {
                    hand_over(tx, &hit.stored, task, plan).await?;
                }
            }
            Ok(())
        })
    }
}

async fn hand_over(tx: &mut Tx, stored: &Stored, mut task: Value, plan: &Value) -> Result<()> {
    let Some(open) = Open::of(tx, &task).await? else {
        return Ok(());
    };
    let acknowledged = task_state::is_acknowledged(&task);
    if acknowledged && task["owner"].is_null() {
        // Whoever held it does not follow any more: it returns, and that tells the team.
        task["status"] = "requested".into();
        return put(tx, stored, task).await;
    }
    let concern = Concern {
        plan: Arc::new(plan.clone()),
        ..open.concern.clone()
    };
    let told = Told::of(&concern, &open.flag, &open.tree);
    let team = team::team(tx, plan).await?;
    let waiting = task["status"] == "requested";
    if waiting {
        task_state::begin_anew(&mut task, tx.now());
        put(tx, stored, task).await?;
    }
    let task = waiting.then_some(stored.id.as_str());
    telling::tell(tx, told, task, MessageKind::NeedsAction, &team).await
}

async fn put(tx: &mut Tx, stored: &Stored, task: Value) -> Result<()> {
    let prepared = Prepared::new(Resource::trusted(task)?);
    tx.put(&stored.id, prepared, Some(stored.version))
        .await
        .map(|_| ())
}
