//! How a follow-up begins, whether by enrolment, anew, or in place of another; and how one ends
//! for another.
//!
//! A follow-up is a CarePlan with one Task for each report of its days. All is written in the
//! caller's transaction.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

use super::{
    enrolment::PlanName,
    report,
    schedule::{self, Report},
};
use crate::{
    care::kind,
    fhir::{
        canonical::{CLOSURE_REASON, CLOSURE_REASON_CODE, REPORT, SDC_TASK},
        care_plan::{FollowUp, State},
        date,
        pathway::Pathway,
        reference::LocalReference,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::{Category, Problem, Result},
    store::{Prepared, Stored, Tx},
};

/// What a CarePlan hands down to the one that replaces it; dates, Tasks and the reason of its end
/// are its own.
const HANDED_DOWN: [&str; 8] = [
    "extension",
    "category",
    "subject",
    "encounter",
    "author",
    "contributor",
    "careTeam",
    "supportingInfo",
];

/// The days that a follow-up has.
#[derive(Debug, Clone)]
pub(super) enum Days {
    /// Those of its pathway, from an instant on.
    From(Timestamp),
    /// These, of a calendar whose day 1 is a date already.
    Rest {
        /// The date of day 1.
        first: Date,
        /// The days that are still to come.
        days: Vec<u32>,
    },
}

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

/// What a CarePlan hands down to the one that replaces it.
pub(super) fn heir(plan: &Value, id: &str) -> Value {
    let mut heir = json!({ "resourceType": "CarePlan" });
    for member in HANDED_DOWN {
        if !plan[member].is_null() {
            heir[member] = plan[member].clone();
        }
    }
    if let Some(extension) = heir["extension"].as_array_mut() {
        extension.retain(|one| one["url"] != CLOSURE_REASON);
    }
    heir["replaces"] = json!([{ "reference": format!("CarePlan/{id}") }]);
    heir
}

/// Writes a CarePlan that says who and how, on a pathway and its days, with its Tasks.
pub(super) async fn begin(
    tx: &mut Tx,
    mut plan: Value,
    pathway: &Pathway,
    days: Days,
) -> Result<Stored> {
    let id = tx.new_id();
    plan["id"] = id.clone().into();
    plan["instantiatesCanonical"] = json!([pathway.canonical]);
    plan["status"] = "active".into();
    plan["intent"] = "plan".into();
    plan["title"] = pathway.title.clone().into();
    let (first, reports) = reports(&plan, pathway, days, tx.now())?;
    let Some(last) = reports.last() else {
        return Err(rule("The follow-up would have no report to ask for."));
    };
    plan["period"] = json!({ "start": first.to_string(), "end": last.date.to_string() });
    plan["activity"] = Value::Array(ask_for(tx, &plan, &reports).await?);
    tx.create(&id, Prepared::new(Resource::trusted(plan)?))
        .await
}

fn reports(
    plan: &Value,
    pathway: &Pathway,
    days: Days,
    now: Timestamp,
) -> Result<(Date, Vec<Report>)> {
    // The dates come last: until then any date stands for day 1.
    let mut dated = plan.clone();
    dated["period"]["start"] = "1970-01-01".into();
    let Some(mut follow_up) = FollowUp::read(&dated) else {
        return Err(Problem::fault(
            "a CarePlan that is to begin is no follow-up",
        ));
    };
    let policy = schedule::policy_of(&follow_up, &pathway.policy);
    match days {
        Days::From(start) => {
            let first = schedule::first_date(start, &follow_up.zone, policy.cut_off_time);
            let own = Pathway {
                policy,
                ..pathway.clone()
            };
            Ok((first, schedule::reports(&own, first, &follow_up.zone)))
        }
        Days::Rest { first, days } => {
            follow_up.first_date = first;
            Ok((first, schedule::on_days(pathway, &follow_up, &days, now)))
        }
    }
}

/// Makes the Task and the job of each report; gives what `CarePlan.activity` says of them.
pub(super) async fn ask_for(tx: &mut Tx, plan: &Value, reports: &[Report]) -> Result<Vec<Value>> {
    let mut activity = Vec::with_capacity(reports.len());
    for (n, due) in reports.iter().enumerate() {
        let id = tx.new_id();
        let task = Resource::trusted(task(plan, due, tx.now()))?;
        tx.create(&id, Prepared::new(task)).await?;
        let last = n + 1 == reports.len();
        tx.enqueue(&report::job(&id, last, due.due)).await?;
        activity.push(json!({ "reference": { "reference": format!("Task/{id}") } }));
    }
    Ok(activity)
}

/// A Task in the form of SDC's questionnaire task.
fn task(plan: &Value, due: &Report, now: Timestamp) -> Value {
    let id = plan["id"].as_str().unwrap_or_default();
    let mut task = json!({
        "resourceType": "Task",
        "identifier": [{ "system": REPORT, "value": format!("{id}/{}", due.day) }],
        "basedOn": [{ "reference": format!("CarePlan/{id}") }],
        "status": "requested",
        "intent": "order",
        "code": { "coding": [{ "system": SDC_TASK, "code": "complete-questionnaire" }] },
        "for": plan["subject"],
        "authoredOn": date::instant(now),
        "owner": plan["subject"],
        "restriction": {
            "period": { "start": date::instant(due.opens), "end": date::instant(due.closes) },
        },
        "input": [{
            "type": { "coding": [{ "system": SDC_TASK, "code": "questionnaire" }] },
            "valueCanonical": due.questionnaire,
        }],
    });
    let requester = [&plan["author"], &plan["contributor"][0]];
    if let Some(requester) = requester.into_iter().find(|one| !one.is_null()) {
        task["requester"] = requester.clone();
    }
    task
}

/// Ends a follow-up for another; its reports are called off when the end is seen, its alerts stay.
pub(super) async fn end(tx: &mut Tx, stored: &Stored, mut plan: Value, why: &str) -> Result<()> {
    plan["status"] = "completed".into();
    let reason = json!({
        "url": CLOSURE_REASON,
        "valueCodeableConcept": { "coding": [{ "system": CLOSURE_REASON_CODE, "code": why }] },
    });
    match plan["extension"].as_array_mut() {
        Some(list) => {
            list.retain(|one| one["url"] != CLOSURE_REASON);
            list.push(reason);
        }
        None => plan["extension"] = json!([reason]),
    }
    put(tx, stored, plan).await.map(|_| ())
}

/// Writes the next version of what was read in this transaction.
pub(super) async fn put(tx: &mut Tx, stored: &Stored, tree: Value) -> Result<Stored> {
    let prepared = Prepared::new(Resource::trusted(tree)?);
    let written = tx.put(&stored.id, prepared, Some(stored.version)).await?;
    Ok(written.stored)
}

/// All report Tasks of a follow-up, by day.
pub(super) async fn report_tasks(tx: &mut Tx, plan: &str) -> Result<Vec<(u32, Stored, Value)>> {
    let query = Query::new(kind("Task")?).reference("based-on", &format!("CarePlan/{plan}"));
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
