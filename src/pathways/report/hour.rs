//! Somebody asks to be reminded at another hour: the reports to come follow it.
//!
//! The job of a report finds a later hour by itself, as it looks before it acts; an earlier one
//! must bring the job forward.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{job, policy_of, step::Habits};
use crate::{
    care::{kind, plan},
    fhir::{
        canonical::{REMINDER_TIME, REPORT, extension},
        search::query::Query,
    },
    kernel::problem::Result,
    store::{Change, Reactor, Tx},
};

/// Sees CarePlans whose hour of reports has changed.
#[derive(Debug, Clone, Copy, Default)]
pub struct HourReactor;

impl Reactor for HourReactor {
    fn name(&self) -> &'static str {
        "pathways.hour"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "CarePlan"
            && change.previous.is_some()
            && change.resource.is_some()
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (Some(previous), Some(now)) = (&change.previous, &change.resource) else {
                return Ok(());
            };
            if hour(&previous.tree()?) == hour(now.tree()) {
                return Ok(());
            }
            bring_forward(tx, change).await
        })
    }
}

fn hour(plan: &Value) -> Option<&str> {
    extension(plan, REMINDER_TIME).and_then(Value::as_str)
}

async fn bring_forward(tx: &mut Tx, change: &Change) -> Result<()> {
    let Some(followed) = plan::followed(tx, change.stored.clone()).await? else {
        return Ok(());
    };
    let Some(policy) = policy_of(&followed) else {
        return Ok(());
    };
    let habits = Habits::of(&policy, &followed.follow_up, &followed.plan);
    let plan = format!("CarePlan/{}", change.stored.id);
    let query = Query::new(kind("Task")?)
        .reference("based-on", &plan)
        .token("status", None, "requested");
    for hit in tx.search(&query).await?.hits {
        let task = hit.stored.tree()?;
        let opens = task["restriction"]["period"]["start"]
            .as_str()
            .and_then(|opens| opens.parse().ok());
        let due = opens.and_then(|opens| habits.due_at(opens));
        let Some(due) = due.filter(|_| task["identifier"][0]["system"] == REPORT) else {
            continue;
        };
        // The job waits already, and knows which report is the last; the earlier time wins.
        tx.enqueue(&job(&hit.stored.id, false, due)).await?;
    }
    Ok(())
}
