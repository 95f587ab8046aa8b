//! The end of a follow-up, whoever ends it: no report is asked for any more, and a stop takes the
//! consent with it.
//!
//! Open alerts stay: somebody must still see them.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::stop;
use crate::{
    care::kind,
    fhir::{
        canonical::{REPORT_STATE, SDC_TASK, code_in},
        care_plan::FollowUp,
        pathway::Pathway,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::Result,
    notify::MessageKind,
    store::{Change, Prepared, Reactor, Tx},
};

/// Sees CarePlans that end, and Consents that end.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClosingReactor;

impl Reactor for ClosingReactor {
    fn name(&self) -> &'static str {
        "pathways.closing"
    }

    fn concerns(&self, change: &Change) -> bool {
        let kind = change.stored.kind.name();
        change.previous.is_some() && (kind == "CarePlan" || kind == "Consent")
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(previous) = &change.previous else {
                return Ok(());
            };
            let before = previous.tree()?;
            let now = change
                .resource
                .as_ref()
                .map_or(&Value::Null, |resource| resource.tree());
            let ended = before["status"] == "active" && now["status"] != "active";
            match change.stored.kind.name() {
                "CarePlan" if now["status"] == "on-hold" => Ok(()),
                "CarePlan" if ended || before["status"] == "on-hold" && is_over(now) => {
                    end_follow_up(tx, &before, now).await
                }
                "Consent" if ended => end_consented(tx, &before).await,
                _ => Ok(()),
            }
        })
    }
}

/// Whether a follow-up has ended, or is gone.
pub(super) fn is_over(plan: &Value) -> bool {
    matches!(
        plan["status"].as_str(),
        None | Some("revoked" | "completed" | "entered-in-error")
    )
}

async fn end_follow_up(tx: &mut Tx, plan: &Value, now: &Value) -> Result<()> {
    let Some(follow_up) = FollowUp::read(plan) else {
        return Ok(());
    };
    cancel_reports(tx, &follow_up).await?;
    stop::settle_requests(tx, &follow_up).await?;
    if now["status"] == "revoked" {
        withdraw_consent(tx, &follow_up).await?;
        stop::tell(tx, plan, &follow_up, MessageKind::FollowUpEnded).await?;
    }
    Ok(())
}

async fn cancel_reports(tx: &mut Tx, follow_up: &FollowUp) -> Result<()> {
    let query = Query::new(kind("Task")?)
        .reference("based-on", &format!("CarePlan/{}", follow_up.id))
        .reference("patient", &format!("Patient/{}", follow_up.patient));
    for hit in tx.search(&query).await?.hits {
        let mut task = hit.stored.tree()?;
        // An alert's Task is based on the same plan, and outlives it until somebody has seen it.
        let is_report = code_in(&task["code"], SDC_TASK) == Some("complete-questionnaire");
        if !is_report || (task["status"] != "requested" && task["status"] != "ready") {
            continue;
        }
        task["status"] = "cancelled".into();
        task["businessStatus"] =
            json!({ "coding": [{ "system": REPORT_STATE, "code": "follow-up-ended" }] });
        let prepared = Prepared::new(Resource::trusted(task)?);
        tx.put(&hit.stored.id, prepared, Some(hit.stored.version))
            .await?;
    }
    Ok(())
}

/// A stop ends the consent, unless another follow-up of the patient still runs on it.
async fn withdraw_consent(tx: &mut Tx, follow_up: &FollowUp) -> Result<()> {
    let patient = format!("Patient/{}", follow_up.patient);
    let running = Query::new(kind("CarePlan")?)
        .reference("subject", &patient)
        .tokens("status", None, &["active", "on-hold"])
        .limit(1);
    if !tx.search(&running).await?.hits.is_empty() {
        return Ok(());
    }
    let query = Query::new(kind("Consent")?)
        .reference("patient", &patient)
        .token("status", None, "active");
    for hit in tx.search(&query).await?.hits {
        let mut consent = hit.stored.tree()?;
        consent["status"] = "inactive".into();
        let prepared = Prepared::new(Resource::trusted(consent)?);
        tx.put(&hit.stored.id, prepared, Some(hit.stored.version))
            .await?;
    }
    Ok(())
}

/// Without consent, a follow-up that asked for it stops.
async fn end_consented(tx: &mut Tx, consent: &Value) -> Result<()> {
    let Some(patient) = consent["patient"]["reference"].as_str() else {
        return Ok(());
    };
    let still = Query::new(kind("Consent")?)
        .reference("patient", patient)
        .token("status", None, "active")
        .limit(1);
    if !tx.search(&still).await?.hits.is_empty() {
        return Ok(());
    }
    let query = Query::new(kind("CarePlan")?).reference("subject", patient);
    for hit in tx.search(&query).await?.hits {
        let mut plan = hit.stored.tree()?;
        let running = plan["status"] == "active" || plan["status"] == "on-hold";
        if !running || !asks_for_consent(tx, &plan).await? {
            continue;
        }
        plan["status"] = "revoked".into();
        let prepared = Prepared::new(Resource::trusted(plan)?);
        tx.put(&hit.stored.id, prepared, Some(hit.stored.version))
            .await?;
    }
    Ok(())
}

async fn asks_for_consent(tx: &mut Tx, plan: &Value) -> Result<bool> {
    let Some(follow_up) = FollowUp::read(plan) else {
        return Ok(false);
    };
    let definition = tx
        .find_canonical(kind("PlanDefinition")?, &follow_up.pathway)
        .await?;
    let Some(definition) = definition else {
        return Ok(false);
    };
    let pathway = Pathway::read(&definition.tree);
    Ok(pathway.is_ok_and(|pathway| pathway.policy.consent_required))
}
