//! `PlanDefinition/$apply`: enrolment, as a CarePlan and one Task for each due report.
//!
//! One transaction, and idempotent: a patient has at most one running follow-up of a pathway, and
//! a second `$apply` gives it back. Specification:
//! <http://hl7.org/fhir/R4/plandefinition-operation-apply.html>.

use serde_json::Value;

pub use super::enrolment::{Enrolment, Particulars, PlanName, ReportChannel};
use super::{
    begin::{Days, begin},
    parameters::place,
    proxy,
    standing::{check_consent, exists, pathway, rule, running, url_of},
};
use crate::{
    fhir::{permit::Permit, questionnaire_response::is_answer, reference},
    kernel::problem::{Problem, Result},
    store::{Store, Stored, Tx},
};

/// What `$apply` gives back.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// The CarePlan.
    pub care_plan: Stored,
    /// Whether it was made now; otherwise it ran already.
    pub created: bool,
}

/// Enrols a patient.
///
/// # Errors
/// `NotFound` if there is no such PlanDefinition, `Invalid` if it is not an active pathway, the
/// patient is unknown, nobody would be told, or a Consent is missing.
pub async fn apply(store: &Store, permit: &Permit, enrolment: Enrolment) -> Result<Enrolled> {
    store
        .write(permit, move |tx| {
            Box::pin(async move { enrol(tx, &enrolment).await })
        })
        .await
}

/// Enrols a patient in the open transaction.
///
/// # Errors
/// As [`apply`].
pub async fn enrol(tx: &mut Tx, enrolment: &Enrolment) -> Result<Enrolled> {
    let pathway = pathway(tx, &enrolment.plan).await?;
    check_people(tx, enrolment).await?;
    let url = url_of(&pathway.canonical);
    if let Some(running) = running(tx, &enrolment.subject, url).await? {
        return Ok(Enrolled {
            care_plan: running,
            created: false,
        });
    }
    check_particulars(tx, enrolment).await?;
    check_consent(tx, &pathway, &enrolment.subject).await?;
    let start = enrolment.start.unwrap_or(tx.now());
    let care_plan = begin(tx, enrolment.shell(), &pathway, Days::From(start)).await?;
    Ok(Enrolled {
        care_plan,
        created: true,
    })
}

/// The people named must exist, and somebody must be there to be told.
async fn check_people(tx: &mut Tx, enrolment: &Enrolment) -> Result<()> {
    let named = [
        ("subject", Some(&enrolment.subject)),
        ("practitioner", enrolment.practitioner.as_ref()),
        ("organization", enrolment.organization.as_ref()),
        ("careTeam", enrolment.care_team.as_ref()),
    ];
    for (parameter, text) in named {
        if let Some(text) = text {
            check_exists(tx, parameter, text).await?;
        }
    }
    if named[1..].iter().all(|(_, reference)| reference.is_none()) {
        return Err(rule(
            "Somebody must be told of alerts: name a careTeam, a practitioner or an organization.",
        ));
    }
    Ok(())
}

/// What a parameter refers to must be there.
pub(super) async fn check_exists(tx: &mut Tx, parameter: &str, text: &str) -> Result<()> {
    let Some(local) = reference::local(text) else {
        return Ok(());
    };
    if exists(tx, &local).await? {
        return Ok(());
    }
    let says = format!("There is no {} of this id.", local.kind);
    Err(Problem::invalid("not-found", says).at(place(parameter)))
}

/// Who answers in the patient's stead must be theirs, and so must the baseline.
async fn check_particulars(tx: &mut Tx, enrolment: &Enrolment) -> Result<()> {
    let subject = &enrolment.subject;
    if let Some(reporter) = &enrolment.particulars.reporter {
        check_exists(tx, "reporter", reporter).await?;
        if let Some(fault) = proxy::fault(tx, reporter, subject).await? {
            return Err(rule(fault).at(place("reporter")));
        }
    }
    if let Some(baseline) = &enrolment.particulars.baseline {
        check_exists(tx, "baseline", baseline).await?;
        let answer = tree(tx, baseline).await?;
        if answer["subject"]["reference"] != *subject {
            return Err(rule("The baseline is not this patient's.").at(place("baseline")));
        }
        if !is_answer(&answer) {
            return Err(rule("The baseline is not a completed form.").at(place("baseline")));
        }
    }
    Ok(())
}

async fn tree(tx: &mut Tx, text: &str) -> Result<Value> {
    let Some(local) = reference::local(text) else {
        return Ok(Value::Null);
    };
    match tx.read(local.kind, &local.id).await? {
        Some(stored) => stored.tree(),
        None => Ok(Value::Null),
    }
}
