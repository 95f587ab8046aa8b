//! Findings become Flags, Tasks and Communications, in the open transaction.

use std::sync::Arc;

use serde_json::{Value, json};

use super::flag::{self, Finding, Known, News};
use crate::{
    care::{kind, team},
    fhir::{canonical::TASK_CODE, date, resource::Resource, search::query::Query},
    kernel::problem::Result,
    notify::{Announcement, MessageKind, announce},
    store::{Prepared, Tx},
};

/// Whom a set of findings concerns.
#[derive(Debug, Clone)]
pub struct Concern {
    /// The patient's logical id.
    pub patient: String,
    /// The follow-up's CarePlan, or `null` where there is none.
    pub plan: Arc<Value>,
}

/// Writes what the findings change; nothing where they change nothing.
///
/// # Errors
/// As a search or a put; the answer then does not stand either.
pub async fn record(tx: &mut Tx, concern: &Concern, findings: &[Finding]) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let mut flags = standing(tx, &concern.patient).await?;
    let now = tx.now();
    for finding in findings {
        flag::take(&mut flags, finding, &concern.patient, now, || tx.new_id());
    }
    for known in flags
        .into_iter()
        .filter(|known| known.news != News::Nothing)
    {
        let finding = findings.iter().find(|finding| known.is_about(finding));
        write(tx, concern, &known, finding).await?;
    }
    Ok(())
}

/// All Flags of a patient, closed ones included: they know what has been told.
pub(super) async fn standing(tx: &mut Tx, patient: &str) -> Result<Vec<Known>> {
    let query = Query::new(kind("Flag")?).reference("subject", &format!("Patient/{patient}"));
    let mut flags = Vec::new();
    for hit in tx.search(&query).await?.hits {
        let tree = hit.stored.tree()?;
        flags.push(Known::standing(hit.stored.id, hit.stored.version, tree));
    }
    Ok(flags)
}

async fn write(
    tx: &mut Tx,
    concern: &Concern,
    known: &Known,
    finding: Option<&Finding>,
) -> Result<()> {
    let prepared = Prepared::new(Resource::trusted(known.tree.clone())?);
    match known.version {
        None => tx.create(&known.id, prepared).await.map(|_| ())?,
        Some(version) => tx
            .put(&known.id, prepared, Some(version))
            .await
            .map(|_| ())?,
    }
    match known.news {
        News::Nothing | News::MoreEvidence => Ok(()),
        News::Opened => {
            let task_id = tx.new_id();
            let task = handling_task(known, concern, finding, tx);
            tx.create(&task_id, Prepared::new(Resource::trusted(task)?))
                .await?;
            tell(tx, concern, known, MessageKind::NeedsAction).await
        }
        News::Raised => {
            raise_task(tx, known).await?;
            tell(tx, concern, known, MessageKind::NeedsActionRaised).await
        }
    }
}

/// The work that a Flag makes: to be acknowledged, assigned, resolved.
fn handling_task(known: &Known, concern: &Concern, finding: Option<&Finding>, tx: &Tx) -> Value {
    let mut task = json!({
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": known.level().task_priority(),
        "code": { "coding": [{ "system": TASK_CODE, "code": "handle-alert" }] },
        // What the finding says is to be done, such as to propose a conversion.
        "description": known.tree["code"]["text"],
        "focus": { "reference": format!("Flag/{}", known.id) },
        "for": { "reference": format!("Patient/{}", concern.patient) },
        "authoredOn": date::instant(tx.now()),
    });
    if let Some(id) = concern.plan["id"].as_str() {
        task["basedOn"] = json!([{ "reference": format!("CarePlan/{id}") }]);
    }
    if finding.is_some_and(|finding| finding.phone_call)
        && let Some(codings) = task["code"]["coding"].as_array_mut()
    {
        codings.push(json!({ "system": TASK_CODE, "code": "phone-call" }));
    }
    if let Some(route) = finding.and_then(|finding| finding.route.as_deref()) {
        task["performerType"] = json!([{ "coding": [{ "system": TASK_CODE, "code": route }] }]);
    }
    task
}

/// A Flag that rises makes its open Task more pressing.
async fn raise_task(tx: &mut Tx, known: &Known) -> Result<()> {
    let query = Query::new(kind("Task")?).reference("focus", &format!("Flag/{}", known.id));
    for hit in tx.search(&query).await?.hits {
        let mut task = hit.stored.tree()?;
        if is_closed(&task) {
            continue;
        }
        task["priority"] = known.level().task_priority().into();
        let prepared = Prepared::new(Resource::trusted(task)?);
        tx.put(&hit.stored.id, prepared, Some(hit.stored.version))
            .await?;
    }
    Ok(())
}

/// Whether a Task asks for nothing any more.
#[must_use]
pub fn is_closed(task: &Value) -> bool {
    matches!(
        task["status"].as_str(),
        Some("completed" | "cancelled" | "failed" | "rejected" | "entered-in-error")
    )
}

/// One message to each member of the team.
async fn tell(tx: &mut Tx, concern: &Concern, known: &Known, kind: MessageKind) -> Result<()> {
    let technical = known.tree["category"][0]["coding"][0]["code"] == "admin";
    for recipient in team::recipients(tx, &concern.plan).await? {
        let announcement = Announcement {
            kind: if technical {
                MessageKind::Technical
            } else {
                kind
            },
            patient: Some(concern.patient.clone()),
            recipient,
            based_on: concern.plan["id"]
                .as_str()
                .map(|id| format!("CarePlan/{id}")),
            about: vec![format!("Flag/{}", known.id)],
            language: None,
        };
        announce(tx, &announcement).await?;
    }
    Ok(())
}
