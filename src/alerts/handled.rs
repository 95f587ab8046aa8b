//! An alert is handled when its Task is closed, or its Flag is: the other follows.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::record::is_closed;
use crate::{
    care::kind,
    fhir::{
        canonical::{ALERT_RULE, TASK_CODE, code_in},
        date, reference,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::Result,
    store::{Change, Prepared, Reactor, Tx},
};

/// Sees alert Tasks that are closed and Flags that are put down.
#[derive(Debug, Clone, Copy, Default)]
pub struct HandledReactor;

impl Reactor for HandledReactor {
    fn name(&self) -> &'static str {
        "alerts.handled"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.previous.is_some()
            && change.resource.as_ref().is_some_and(|resource| {
                let tree = resource.tree();
                match change.stored.kind.name() {
                    "Task" => {
                        code_in(&tree["code"], TASK_CODE) == Some("handle-alert") && is_closed(tree)
                    }
                    "Flag" => {
                        code_in(&tree["code"], ALERT_RULE).is_some() && tree["status"] != "active"
                    }
                    _ => false,
                }
            })
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(resource) = &change.resource else {
                return Ok(());
            };
            match change.stored.kind.name() {
                "Task" => put_flag_down(tx, resource.tree()).await,
                _ => close_tasks(tx, (&change.stored.id, resource.tree())).await,
            }
        })
    }
}

async fn put_flag_down(tx: &mut Tx, task: &Value) -> Result<()> {
    let named = task["focus"]["reference"]
        .as_str()
        .and_then(reference::local);
    let Some(local) = named.filter(|local| local.kind.name() == "Flag") else {
        return Ok(());
    };
    let Some(stored) = tx
        .read(local.kind, &local.id)
        .await?
        .filter(|s| !s.is_deleted())
    else {
        return Ok(());
    };
    let mut flag = stored.tree()?;
    // A Task that is about somebody else is none of this alert's.
    if flag["status"] != "active" || flag["subject"]["reference"] != task["for"]["reference"] {
        return Ok(());
    }
    flag["status"] = "inactive".into();
    flag["period"]["end"] = date::instant(tx.now()).into();
    let prepared = Prepared::new(Resource::trusted(flag)?);
    tx.put(&local.id, prepared, Some(stored.version))
        .await
        .map(|_| ())
}

async fn close_tasks(tx: &mut Tx, (id, flag): (&str, &Value)) -> Result<()> {
    let query = Query::new(kind("Task")?).reference("focus", &format!("Flag/{id}"));
    for hit in tx.search(&query).await?.hits {
        let mut task = hit.stored.tree()?;
        let is_of_another = task["for"]["reference"] != flag["subject"]["reference"];
        if is_of_another || is_closed(&task) {
            continue;
        }
        task["status"] = "completed".into();
        task["businessStatus"] =
            json!({ "coding": [{ "system": TASK_CODE, "code": "flag-put-down" }] });
        let prepared = Prepared::new(Resource::trusted(task)?);
        tx.put(&hit.stored.id, prepared, Some(hit.stored.version))
            .await?;
    }
    Ok(())
}
