//! `CarePlan/$restart`: a new exposure begins the days anew.
//!
//! The old follow-up ends, and one on the newest active version of its pathway takes its place,
//! with the same people. A follow-up that has run its course can be begun anew too; one that was
//! stopped cannot, since that ended the consent: the patient is enrolled again.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    begin::{Days, begin, end, heir},
    enrolment::PlanName,
    parameters::Parameters,
    standing::{check_consent, follow_up, follows, pathway, rule, running, successors, url_of},
};
use crate::{
    fhir::permit::Permit,
    kernel::problem::Result,
    store::{Store, Stored, Tx},
};

/// Why the old follow-up ends, a code of closure-reason.
const REASON: &str = "re-exposed";

/// What `$restart` is asked.
#[derive(Debug, Clone)]
pub struct Restart {
    /// The CarePlan's id.
    pub plan: String,
    /// When the new follow-up starts; now, if absent.
    pub start: Option<Timestamp>,
}

impl Restart {
    /// Reads the `Parameters` of the operation, which may be left out.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter.
    pub fn read(plan: &str, parameters: Option<&Value>) -> Result<Self> {
        let asked = Parameters::read(parameters, &["start"])?;
        Ok(Self {
            plan: plan.to_owned(),
            start: asked.instant("start")?,
        })
    }
}

/// Begins a follow-up anew; gives the CarePlan that replaces the old one, the same to whoever asks
/// again.
///
/// # Errors
/// `NotFound`, if there is no such CarePlan or no active version of its pathway; `Invalid`, if it
/// was stopped or another pathway's follow-up has taken its place.
pub async fn restart(store: &Store, permit: &Permit, asked: Restart) -> Result<Stored> {
    store
        .write(permit, move |tx| {
            Box::pin(async move { begin_anew(tx, &asked).await })
        })
        .await
}

async fn begin_anew(tx: &mut Tx, asked: &Restart) -> Result<Stored> {
    let (stored, plan, follow_up) = follow_up(tx, &asked.plan).await?;
    let url = url_of(&follow_up.pathway);
    let replaced = successors(tx, &follow_up.id).await?;
    if let Some((successor, _)) = replaced.iter().find(|(_, plan)| follows(plan, url)) {
        return Ok(successor.clone());
    }
    let runs = follow_up.state.is_running();
    if !runs && plan["status"] != "completed" {
        let says = "A follow-up that was stopped is not begun anew: enrol the patient again.";
        return Err(rule(says).at("CarePlan.status"));
    }
    if let Some((successor, _)) = replaced.first() {
        let says = format!(
            "CarePlan/{} has taken its place: begin that one anew.",
            successor.id
        );
        return Err(rule(&says).at("CarePlan.status"));
    }
    let subject = format!("Patient/{}", follow_up.patient);
    if !runs && let Some(running) = running(tx, &subject, url).await? {
        return Ok(running);
    }
    let newest = pathway(tx, &PlanName::Canonical(url.to_owned())).await?;
    check_consent(tx, &newest, &subject).await?;
    let heir = heir(&plan, &follow_up.id);
    if runs {
        end(tx, &stored, plan, REASON).await?;
    }
    let start = asked.start.unwrap_or(tx.now());
    begin(tx, heir, &newest, Days::From(start)).await
}
