//! What stands when something is asked of a follow-up: its pathway, its CarePlan and Tasks, and
//! others of the same patient; and the refusals that follow from it.

use serde_json::Value;

use super::{enrolment::PlanName, report};
use crate::{
    care::kind,
    fhir::{
        care_plan::{FollowUp, State},
        pathway::Pathway,
        reference::LocalReference,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::{Category, Problem, Result},
    store::{Prepared, Stored, Tx},
};

/// The active pathway of a name; of several versions under one URL, the newest.
///
/// # Errors
/// `NotFound`, if there is none; `Invalid`, if it is not active or no pathway.
pub(super) async fn pathway(tx: &mut Tx, name: &PlanName) -> Result<Pathway> {
    let definition = definition(tx, name)
        .await?
        .ok_or_else(|| Problem::not_found("There is no such PlanDefinition."))?;
    if definition["status"] != "active" {
        return Err(rule("Only an active PlanDefinition can be applied."));
    }
    Pathway::read(&definition)
}

async fn definition(tx: &mut Tx, name: &PlanName) -> Result<Option<Value>> {
    let kind = kind("PlanDefinition")?;
    let canonical = match name {
        PlanName::Id(id) => {
            let found = tx.read(kind, id).await?.filter(|found| !found.is_deleted());
            return found.map(|stored| stored.tree()).transpose();
        }
        PlanName::Canonical(canonical) => canonical,
    };
    if !canonical.contains('|') {
        let active = Query::new(kind)
            .uri("url", canonical)
            .token("status", None, "active")
            .limit(1);
        if let Some(hit) = tx.search(&active).await?.hits.pop() {
            return hit.stored.tree().map(Some);
        }
    }
    let found = tx.find_canonical(kind, canonical).await?;
    Ok(found.map(|found| found.tree.clone()))
}

/// The running follow-up that a patient has of a pathway; there is at most one.
pub(super) async fn running(tx: &mut Tx, subject: &str, url: &str) -> Result<Option<Stored>> {
    let query = Query::new(kind("CarePlan")?).reference("subject", subject);
    for hit in tx.search(&query).await?.hits {
        let plan = hit.stored.tree()?;
        if State::of(&plan).is_running() && follows(&plan, url) {
            return Ok(Some(hit.stored));
        }
    }
    Ok(None)
}

/// The follow-ups that have replaced one, the newest first.
pub(super) async fn successors(tx: &mut Tx, plan: &str) -> Result<Vec<(Stored, Value)>> {
    let query = Query::new(kind("CarePlan")?).reference("replaces", &format!("CarePlan/{plan}"));
    let mut found = Vec::new();
    for hit in tx.search(&query).await?.hits {
        let tree = hit.stored.tree()?;
        if tree["status"] != "entered-in-error" {
            found.push((hit.stored, tree));
        }
    }
    Ok(found)
}

/// Whether a CarePlan is a follow-up of a pathway, in whichever version.
pub(super) fn follows(plan: &Value, url: &str) -> bool {
    plan["instantiatesCanonical"][0]
        .as_str()
        .is_some_and(|canonical| url_of(canonical) == url)
}

/// A canonical without its version.
pub(super) fn url_of(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or_default()
}

/// The follow-up of a CarePlan's id.
///
/// # Errors
/// `NotFound` or `Gone`, if there is none; `Invalid`, if it is a CarePlan of another kind.
pub(super) async fn follow_up(tx: &mut Tx, id: &str) -> Result<(Stored, Value, FollowUp)> {
    let Some(stored) = tx.read(kind("CarePlan")?, id).await? else {
        return Err(Problem::not_found("There is no such CarePlan."));
    };
    if stored.is_deleted() {
        let says = "The CarePlan has been deleted.";
        return Err(Problem::new(Category::Gone, "deleted", says));
    }
    let tree = stored.tree()?;
    match FollowUp::read(&tree) {
        Some(follow_up) => Ok((stored, tree, follow_up)),
        None => Err(rule("The CarePlan is not a follow-up on a pathway.").at("CarePlan")),
    }
}

/// The refusal of what only a running follow-up can do.
pub(super) fn check_running(follow_up: &FollowUp) -> Result<()> {
    if follow_up.state.is_running() {
        return Ok(());
    }
    Err(rule("The follow-up does not run: it is neither active nor on hold.").at("CarePlan.status"))
}

/// A pathway may ask for the patient's consent.
pub(super) async fn check_consent(tx: &mut Tx, pathway: &Pathway, subject: &str) -> Result<()> {
    if !pathway.policy.consent_required {
        return Ok(());
    }
    let query = Query::new(kind("Consent")?)
        .reference("patient", subject)
        .token("status", None, "active")
        .limit(1);
    if tx.search(&query).await?.hits.is_empty() {
        return Err(rule(
            "This pathway asks for the patient's consent: record an active Consent.",
        ));
    }
    Ok(())
}

/// Writes the next version of what was read in this transaction.
pub(super) async fn put(tx: &mut Tx, stored: &Stored, tree: Value) -> Result<Stored> {
    let prepared = Prepared::new(Resource::trusted(tree)?);
    let written = tx.put(&stored.id, prepared, Some(stored.version)).await?;
    Ok(written.stored)
}

/// All report Tasks of a follow-up, by day.
pub(super) async fn report_tasks(
    tx: &mut Tx,
    follow_up: &FollowUp,
) -> Result<Vec<(u32, Stored, Value)>> {
    let query = Query::new(kind("Task")?)
        .reference("based-on", &format!("CarePlan/{}", follow_up.id))
        .reference("patient", &format!("Patient/{}", follow_up.patient));
    let mut found = Vec::new();
    for hit in tx.search(&query).await?.hits {
        let task = hit.stored.tree()?;
        if let Some(day) = report::day_of(&task) {
            found.push((day, hit.stored, task));
        }
    }
    found.sort_by_key(|(day, ..)| *day);
    Ok(found)
}

/// Whether what a reference names is there.
pub(super) async fn exists(tx: &mut Tx, local: &LocalReference) -> Result<bool> {
    let found = tx.read(local.kind, &local.id).await?;
    Ok(found.is_some_and(|stored| !stored.is_deleted()))
}

/// The refusal of what is against a rule of the service.
pub(super) fn rule(says: &str) -> Problem {
    Problem::new(Category::Invalid, "business-rule", says)
}
