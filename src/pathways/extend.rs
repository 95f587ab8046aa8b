//! `CarePlan/$extend`: a running follow-up goes on for some days more.
//!
//! Reports are added after the last one, as often as in the last phase of its pathway.

use serde_json::Value;

use super::{
    begin::ask_for,
    parameters::{Parameters, place, wrong},
    schedule,
    standing::{check_running, follow_up, put, report_tasks, rule},
};
use crate::{
    care::kind,
    fhir::{
        care_plan::FollowUp,
        pathway::{Pathway, REPORTS_MAX},
        permit::Permit,
    },
    kernel::problem::{Problem, Result},
    store::{Store, Stored, Tx},
};

/// Most days that one extension may add.
pub const DAYS_MAX: u32 = 366;

/// What `$extend` is asked.
#[derive(Debug, Clone)]
pub struct Extension {
    /// The CarePlan's id.
    pub plan: String,
    /// How many days the follow-up goes on after its last report.
    pub days: u32,
}

impl Extension {
    /// Reads the `Parameters` of the operation.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter.
    pub fn read(plan: &str, parameters: Option<&Value>) -> Result<Self> {
        let asked = Parameters::read(parameters, &["days"])?;
        let days = asked.count("days", DAYS_MAX)?;
        let wanted = format!("a whole number from 1 to {DAYS_MAX}");
        Ok(Self {
            plan: plan.to_owned(),
            days: days.ok_or_else(|| wrong("days", &wanted))?,
        })
    }
}

/// Adds reports to a follow-up; gives its CarePlan.
///
/// # Errors
/// `NotFound`, if there is no such CarePlan; `Invalid`, if it is no running follow-up, or no report
/// would be added, or too many.
pub async fn extend(store: &Store, permit: &Permit, asked: Extension) -> Result<Stored> {
    store
        .write(permit, move |tx| {
            Box::pin(async move { prolong(tx, &asked).await })
        })
        .await
}

async fn prolong(tx: &mut Tx, asked: &Extension) -> Result<Stored> {
    let (stored, mut plan, follow_up) = follow_up(tx, &asked.plan).await?;
    check_running(&follow_up)?;
    let pathway = own_pathway(tx, &follow_up).await?;
    let tasks = report_tasks(tx, &follow_up).await?;
    let last_day = tasks.last().map_or(0, |(day, ..)| *day);
    let days = schedule::days_added(&pathway, last_day, asked.days);
    if tasks.len() + days.len() > usize::try_from(REPORTS_MAX).unwrap_or(usize::MAX) {
        let says = format!("A follow-up has at most {REPORTS_MAX} reports.");
        return Err(rule(&says).at(place("days")));
    }
    let reports = schedule::on_days(&pathway, &follow_up, &days, tx.now());
    let Some(last) = reports.last() else {
        let says = "No report would be added: the pathway's last phase has them further apart.";
        return Err(rule(says).at(place("days")));
    };
    plan["period"]["end"] = last.date.to_string().into();
    let added = ask_for(tx, &plan, &reports).await?;
    match plan["activity"].as_array_mut() {
        Some(activity) => activity.extend(added),
        None => plan["activity"] = Value::Array(added),
    }
    put(tx, &stored, plan).await
}

/// The pathway in the version that the follow-up started with.
pub(super) async fn own_pathway(tx: &mut Tx, follow_up: &FollowUp) -> Result<Pathway> {
    let definition = tx
        .find_canonical(kind("PlanDefinition")?, &follow_up.pathway)
        .await?;
    match definition {
        Some(definition) => Pathway::read(&definition.tree),
        None => Err(
            Problem::invalid("not-found", "The PlanDefinition of the follow-up is gone.")
                .at("CarePlan.instantiatesCanonical"),
        ),
    }
}
