//! `CarePlan/$convert`: a contact has become a case, or was thought so by mistake.
//!
//! The old follow-up ends, and one on the other pathway takes its place, with the same people;
//! answers and alerts stay with the old one. Asked again, it gives the same follow-up back.
//!
//! Back to the pathway that was left is the undoing of a conversion: a third follow-up goes on
//! where the first was left, on its own days, with the reports that it had still to ask for.

use serde_json::{Value, json};

use super::{
    begin::{Days, begin, end, heir},
    enrolment::PlanName,
    parameters::{Parameters, place, wrong},
    standing::{
        check_consent, check_running, follow_up, follows, pathway, put, report_tasks, rule,
        running, successors, url_of,
    },
};
use crate::{
    fhir::{
        canonical::{CLOSURE_REASON, CLOSURE_REASON_CODE, REPORT_STATE, code_in, extension},
        care_plan::FollowUp,
        permit::Permit,
        reference,
    },
    kernel::problem::Result,
    store::{Store, Stored, Tx},
};

/// Why a follow-up may end for another one: codes of closure-reason, the usual one first.
pub const REASONS: [&str; 3] = ["became-case", "converted", "other"];

/// Why it ends when its conversion is undone, whatever the caller's reason.
pub const UNDONE: &str = "conversion-undone";

/// What `$convert` is asked.
#[derive(Debug, Clone)]
pub struct Conversion {
    /// The CarePlan's id.
    pub plan: String,
    /// The canonical of the other pathway, with or without its version.
    pub pathway: String,
    /// Why, a code of [`REASONS`]; what is usual, if absent.
    pub reason: Option<String>,
}

impl Conversion {
    /// Reads the `Parameters` of the operation.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter.
    pub fn read(plan: &str, parameters: Option<&Value>) -> Result<Self> {
        let asked = Parameters::read(parameters, &["planDefinition", "reason"])?;
        let pathway = asked.text("planDefinition");
        Ok(Self {
            plan: plan.to_owned(),
            pathway: pathway
                .ok_or_else(|| wrong("planDefinition", "the canonical of a PlanDefinition"))?
                .to_owned(),
            reason: asked.code("reason", &REASONS)?.map(str::to_owned),
        })
    }
}

/// Moves a patient to another pathway; gives the CarePlan that replaces the old one.
///
/// # Errors
/// `NotFound`, if there is no such CarePlan or pathway; `Invalid`, if the follow-up does not run or
/// is on that pathway already, or the patient's consent is missing.
pub async fn convert(store: &Store, permit: &Permit, asked: Conversion) -> Result<Stored> {
    store
        .write(permit, move |tx| {
            Box::pin(async move { replace(tx, &asked).await })
        })
        .await
}

async fn replace(tx: &mut Tx, asked: &Conversion) -> Result<Stored> {
    let (stored, plan, old) = follow_up(tx, &asked.plan).await?;
    let name = PlanName::Canonical(asked.pathway.clone());
    let target = pathway(tx, &name)
        .await
        .map_err(|problem| problem.at(place("planDefinition")))?;
    let url = url_of(&target.canonical);
    if url == url_of(&old.pathway) {
        let says = "The follow-up is on this pathway already.";
        return Err(rule(says).at(place("planDefinition")));
    }
    let mut replaced = successors(tx, &old.id).await?.into_iter();
    if let Some((successor, _)) = replaced.find(|(_, plan)| follows(plan, url)) {
        return Ok(successor);
    }
    check_running(&old)?;
    let subject = format!("Patient/{}", old.patient);
    check_consent(tx, &target, &subject).await?;
    let returning = left_before(tx, &plan, url).await?;
    let reason = match (&returning, &asked.reason) {
        (Some(_), _) => UNDONE,
        (None, Some(reason)) => reason,
        (None, None) => REASONS[0],
    };
    let running = running(tx, &subject, url).await?;
    let days = match (&running, returning) {
        (None, Some(before)) => remaining(tx, &before).await?,
        _ => Days::From(tx.now()),
    };
    end(tx, &stored, plan.clone(), reason).await?;
    match running {
        Some(other) => join(tx, other, &old).await,
        None => begin(tx, heir(&plan, &old.id), &target, days).await,
    }
}

/// The follow-up of that pathway which this one has replaced, if it has.
///
/// One that had been undone itself is not returned to: a contact who was once thought a case by
/// mistake, and later is one, begins that follow-up at day 1.
async fn left_before(tx: &mut Tx, plan: &Value, url: &str) -> Result<Option<FollowUp>> {
    for one in plan["replaces"].as_array().into_iter().flatten() {
        let named = one["reference"].as_str().and_then(reference::local);
        let Some(local) = named else { continue };
        let Some(stored) = tx.read(local.kind, &local.id).await? else {
            continue;
        };
        if stored.is_deleted() {
            continue;
        }
        let before = stored.tree()?;
        let why = extension(&before, CLOSURE_REASON);
        let undone = why.and_then(|why| code_in(why, CLOSURE_REASON_CODE)) == Some(UNDONE);
        if follows(&before, url) && !undone {
            return Ok(FollowUp::read(&before));
        }
    }
    Ok(None)
}

/// The days on which a follow-up that ended early would still have asked.
async fn remaining(tx: &mut Tx, before: &FollowUp) -> Result<Days> {
    let now = tx.now();
    let called_off = |task: &Value| {
        let closes = task["restriction"]["period"]["end"].as_str();
        let closes = closes.and_then(|end| end.parse::<jiff::Timestamp>().ok());
        code_in(&task["businessStatus"], REPORT_STATE) == Some("follow-up-ended")
            && closes.is_some_and(|closes| closes > now)
    };
    let tasks = report_tasks(tx, before).await?;
    let days: Vec<u32> = tasks
        .iter()
        .filter(|(.., task)| called_off(task))
        .map(|(day, ..)| *day)
        .collect();
    if days.is_empty() {
        let says =
            "The follow-up to return to has no report left to ask for: end this one instead.";
        return Err(rule(says).at(place("planDefinition")));
    }
    Ok(Days::Rest {
        first: before.first_date,
        days,
    })
}

/// The patient runs on the other pathway already: that follow-up takes the old one's place.
async fn join(tx: &mut Tx, other: Stored, old: &FollowUp) -> Result<Stored> {
    let mut plan = other.tree()?;
    let link = json!({ "reference": format!("CarePlan/{}", old.id) });
    match plan["replaces"].as_array_mut() {
        Some(list) => list.push(link),
        None => plan["replaces"] = json!([link]),
    }
    put(tx, &other, plan).await
}
