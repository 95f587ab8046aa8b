//! The telephone call that a report asks of the team, where somebody is followed by telephone.
//!
//! It is a Task of its own, for anybody of the team to take. Attempts are changes of that Task
//! (`note`, `status` in-progress) by those who call; the server never counts its own messages as
//! calls. Its id follows from the report's, so that there is one, and it is found without a search.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::{
    care::kind,
    fhir::{
        canonical::{REPORT, TASK_CODE},
        date,
        resource::Resource,
    },
    kernel::problem::Result,
    store::{Change, Prepared, Reactor, Tx},
};

/// The code of a Task that asks for a telephone call.
pub const PHONE_CALL: &str = "phone-call";

/// The id of the call that a report may ask for.
fn call_id(report: &str) -> String {
    format!("{report}-call")
}

/// Asks for the call, once.
///
/// # Errors
/// As a put.
pub(super) async fn ask(tx: &mut Tx, (report, task): (&str, &Value)) -> Result<()> {
    let id = call_id(report);
    if tx.read(kind("Task")?, &id).await?.is_some() {
        return Ok(());
    }
    let call = json!({
        "resourceType": "Task",
        "basedOn": task["basedOn"],
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": { "coding": [{ "system": TASK_CODE, "code": PHONE_CALL }] },
        "focus": { "reference": format!("Task/{report}") },
        "for": task["for"],
        "authoredOn": date::instant(tx.now()),
        "restriction": { "period": task["restriction"]["period"] },
    });
    tx.create(&id, Prepared::new(Resource::trusted(call)?))
        .await
        .map(|_| ())
}

/// Sees reports that are settled: their call is over too.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallReactor;

impl Reactor for CallReactor {
    fn name(&self) -> &'static str {
        "pathways.call"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "Task"
            && change.previous.is_some()
            && change
                .resource
                .as_ref()
                .is_some_and(|resource| outcome(resource.tree()).is_some())
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(outcome) = change.resource.as_ref().and_then(|it| outcome(it.tree())) else {
                return Ok(());
            };
            end(tx, &call_id(&change.stored.id), outcome).await
        })
    }
}

/// What the end of a report makes of its call: as it ends, so does the call.
fn outcome(task: &Value) -> Option<&'static str> {
    let is_report = task["identifier"][0]["system"] == REPORT;
    match task["status"].as_str() {
        _ if !is_report => None,
        Some("completed") => Some("completed"),
        Some("failed") => Some("failed"),
        Some("cancelled" | "rejected" | "entered-in-error") => Some("cancelled"),
        _ => None,
    }
}

async fn end(tx: &mut Tx, id: &str, outcome: &str) -> Result<()> {
    let Some(stored) = tx
        .read(kind("Task")?, id)
        .await?
        .filter(|s| !s.is_deleted())
    else {
        return Ok(());
    };
    let mut call = stored.tree()?;
    // Whoever called may have closed it already; that stands.
    let over = [
        "completed",
        "failed",
        "cancelled",
        "rejected",
        "entered-in-error",
    ];
    if call["status"]
        .as_str()
        .is_some_and(|status| over.contains(&status))
    {
        return Ok(());
    }
    call["status"] = outcome.into();
    let prepared = Prepared::new(Resource::trusted(call)?);
    tx.put(id, prepared, Some(stored.version)).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_as_its_report_does() {
        let of = |status: &str| {
            outcome(&json!({ "identifier": [{ "system": REPORT }], "status": status }))
        };
        assert_eq!(of("completed"), Some("completed"));
        assert_eq!(of("failed"), Some("failed"));
        assert_eq!(of("cancelled"), Some("cancelled"));
        assert_eq!(of("ready"), None);
        assert_eq!(outcome(&json!({ "status": "completed" })), None);
    }
}
