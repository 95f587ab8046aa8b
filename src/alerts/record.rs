//! Findings become Flags, Tasks and Communications, in the open transaction.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    flag::{self, Finding, Known, News},
    rule::Level,
    task_state,
    telling::{self, Told},
};
use crate::{
    care::{
        kind,
        team::{self, Team},
    },
    fhir::{canonical::TASK_CODE, date, resource::Resource, search::query::Query},
    kernel::problem::Result,
    notify::MessageKind,
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
    let mut team = None;
    for known in flags
        .into_iter()
        .filter(|known| known.news != News::Nothing)
    {
        let finding = findings.iter().find(|finding| known.is_about(finding));
        write(tx, &known).await?;
        let (task, kind) = match follow(tx, concern, &known, finding).await? {
            None => continue,
            Some(news) => news,
        };
        let team: &Team = match &mut team {
            Some(team) => team,
            none => none.insert(team::team(tx, &concern.plan).await?),
        };
        let told = Told::of(concern, &known.id, &known.tree);
        telling::tell(tx, told, task.as_deref(), kind, team).await?;
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

async fn write(tx: &mut Tx, known: &Known) -> Result<()> {
    let prepared = Prepared::new(Resource::trusted(known.tree.clone())?);
    match known.version {
        None => tx.create(&known.id, prepared).await.map(|_| ()),
        Some(version) => tx.put(&known.id, prepared, Some(version)).await.map(|_| ()),
    }
}

/// Makes or changes the Task of a Flag; gives its id, and what is to be told, if anything is.
async fn follow(
    tx: &mut Tx,
    concern: &Concern,
    known: &Known,
    finding: Option<&Finding>,
) -> Result<Option<(Option<String>, MessageKind)>> {
    match known.news {
        News::Nothing | News::MoreEvidence => Ok(None),
        News::Opened => {
            let id = tx.new_id();
            let task = handling_task(known, concern, finding, tx);
            tx.create(&id, Prepared::new(Resource::trusted(task)?))
                .await?;
            Ok(Some((Some(id), MessageKind::NeedsAction)))
        }
        News::Raised => {
            let waiting = raise_task(tx, known).await?;
            Ok(Some((waiting, MessageKind::NeedsActionRaised)))
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

/// A Flag that rises makes its open Task more pressing, and gives the time to acknowledge it
/// anew; one that is urgent now is not put off any longer. Gives the Task that nobody has taken.
async fn raise_task(tx: &mut Tx, known: &Known) -> Result<Option<String>> {
    let query = Query::new(kind("Task")?).reference("focus", &format!("Flag/{}", known.id));
    let mut waiting = None;
    for hit in tx.search(&query).await?.hits {
        let mut task = hit.stored.tree()?;
        let is_of_another = task["for"]["reference"] != known.tree["subject"]["reference"];
        if is_of_another || is_closed(&task) || !task_state::is_alert(&task) {
            continue;
        }
        task["priority"] = known.level().task_priority().into();
        task_state::begin_anew(&mut task, tx.now());
        if task["status"] == "on-hold" && known.level() == Level::Urgent {
            task_state::wake(&mut task);
        }
        if task["status"] == "requested" {
            waiting = Some(hit.stored.id.clone());
        }
        let prepared = Prepared::new(Resource::trusted(task)?);
        tx.put(&hit.stored.id, prepared, Some(hit.stored.version))
            .await?;
    }
    Ok(waiting)
}

/// Whether a Task asks for nothing any more.
#[must_use]
pub fn is_closed(task: &Value) -> bool {
    matches!(
        task["status"].as_str(),
        Some("completed" | "cancelled" | "failed" | "rejected" | "entered-in-error")
    )
}
