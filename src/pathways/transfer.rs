//! `CarePlan/$transfer`: another team takes a follow-up over, while its reports run on.
//!
//! What is named takes the place of the old team, organization and author; what is not named goes
//! with the old ones, so that nobody is told who does not follow any more. Alerts that are open are
//! told to the new team, and whoever held them and is not of it, holds them no more.

use serde_json::{Value, json};

use super::{
    apply::check_exists,
    parameters::{Parameters, place},
    standing::{check_running, follow_up, put, rule},
};
use crate::{
    care::{kind, team},
    fhir::{
        canonical::{TASK_CODE, code_in},
        care_plan::FollowUp,
        date,
        permit::Permit,
        reference,
        search::query::Query,
    },
    kernel::problem::{Problem, Result},
    store::{Store, Stored, Tx},
};

/// What `$transfer` is asked.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// The CarePlan's id.
    pub plan: String,
    /// `CareTeam/{id}` that is told from now on.
    pub care_team: Option<String>,
    /// `Organization/{id}` that follows from now on.
    pub organization: Option<String>,
    /// `Practitioner/{id}` or `PractitionerRole/{id}` who answers for the follow-up from now on.
    pub practitioner: Option<String>,
}

impl Transfer {
    /// Reads the `Parameters` of the operation.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter.
    pub fn read(plan: &str, parameters: Option<&Value>) -> Result<Self> {
        let known = ["careTeam", "organization", "practitioner"];
        let asked = Parameters::read(parameters, &known)?;
        let transfer = Self {
            plan: plan.to_owned(),
            care_team: asked.reference("careTeam", &["CareTeam"])?,
            organization: asked.reference("organization", &["Organization"])?,
            practitioner: asked.reference("practitioner", &["Practitioner", "PractitionerRole"])?,
        };
        if transfer.named().next().is_none() {
            return Err(Problem::malformed(
                "required",
                "Name who takes over: a careTeam, an organization or a practitioner.",
            )
            .at("Parameters.parameter"));
        }
        Ok(transfer)
    }

    /// The parameters that are given.
    fn named(&self) -> impl Iterator<Item = (&'static str, &String)> {
        [
            ("careTeam", &self.care_team),
            ("organization", &self.organization),
            ("practitioner", &self.practitioner),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| (name, value)))
    }
}

/// Hands a running follow-up over; gives its CarePlan, unchanged if it is theirs already.
///
/// # Errors
/// `NotFound`, if there is no such CarePlan; `Invalid`, if it is no running follow-up, who takes
/// over is unknown, or nobody would be told.
pub async fn transfer(store: &Store, permit: &Permit, asked: Transfer) -> Result<Stored> {
    store
        .write(permit, move |tx| {
            Box::pin(async move { hand_over(tx, &asked).await })
        })
        .await
}

async fn hand_over(tx: &mut Tx, asked: &Transfer) -> Result<Stored> {
    let (stored, plan, follow_up) = follow_up(tx, &asked.plan).await?;
    check_running(&follow_up)?;
    for (name, value) in asked.named() {
        check_exists(tx, name, value).await?;
    }
    let mut handed = taken_over(&plan, asked);
    if carers(&handed) == carers(&plan) {
        return Ok(stored);
    }
    if team::recipients(tx, &handed).await?.is_empty() {
        let says = "Nobody of the team is a professional: name a practitioner or an organization.";
        return Err(rule(says).at(place("careTeam")));
    }
    let note = json!({
        "time": date::instant(tx.now()),
        "text": format!("{} → {}", carers(&plan).join(", "), carers(&handed).join(", ")),
    });
    match handed["note"].as_array_mut() {
        Some(notes) => notes.push(note),
        None => handed["note"] = json!([note]),
    }
    let members = members(tx, &handed).await?;
    let written = put(tx, &stored, handed).await?;
    release(tx, &follow_up, &members).await?;
    Ok(written)
}

/// The CarePlan as it is once they have taken over: pure.
fn taken_over(plan: &Value, asked: &Transfer) -> Value {
    let mut plan = plan.clone();
    let refer = |text: &String| json!({ "reference": text });
    let list = |text: &Option<String>| text.as_ref().map(|text| json!([refer(text)]));
    let parts = [
        ("careTeam", list(&asked.care_team)),
        ("contributor", list(&asked.organization)),
        ("author", asked.practitioner.as_ref().map(refer)),
    ];
    if let Some(members) = plan.as_object_mut() {
        for (name, value) in parts {
            match value {
                Some(value) => members.insert(name.to_owned(), value),
                None => members.remove(name),
            };
        }
    }
    plan
}

/// Whom a CarePlan names as its team, organizations and author, in this order.
fn carers(plan: &Value) -> Vec<String> {
    let text = |one: &Value| one["reference"].as_str().map(str::to_owned);
    let listed = ["careTeam", "contributor"]
        .into_iter()
        .flat_map(|name| plan[name].as_array().into_iter().flatten());
    listed.chain([&plan["author"]]).filter_map(text).collect()
}

/// Everybody who may hold an alert of the follow-up: those named, and the members of the teams.
async fn members(tx: &mut Tx, plan: &Value) -> Result<Vec<String>> {
    let mut all = carers(plan);
    for team in plan["careTeam"].as_array().into_iter().flatten() {
        let Some(local) = team["reference"].as_str().and_then(reference::local) else {
            continue;
        };
        let Some(stored) = tx.read(local.kind, &local.id).await? else {
            continue;
        };
        let team = stored.tree()?;
        let participants = team["participant"].as_array().into_iter().flatten();
        all.extend(
            participants.filter_map(|one| one["member"]["reference"].as_str().map(str::to_owned)),
        );
    }
    Ok(all)
}

/// Takes the team's open Tasks from whoever is not of the new one; that the new one is told of
/// open alerts follows from the change of the CarePlan.
async fn release(tx: &mut Tx, follow_up: &FollowUp, members: &[String]) -> Result<()> {
    let query = Query::new(kind("Task")?)
        .reference("based-on", &format!("CarePlan/{}", follow_up.id))
        .reference("patient", &format!("Patient/{}", follow_up.patient));
    for hit in tx.search(&query).await?.hits {
        let mut task = hit.stored.tree()?;
        if !is_open_for_team(&task) {
            continue;
        }
        let owner = task["owner"]["reference"].as_str();
        if owner.is_some_and(|owner| !members.iter().any(|member| member == owner))
            && let Some(parts) = task.as_object_mut()
        {
            parts.remove("owner");
            put(tx, &hit.stored, task).await?;
        }
    }
    Ok(())
}

/// Whether a Task asks something of the team: an alert, a call, a wish to stop.
fn is_open_for_team(task: &Value) -> bool {
    let closed = [
        "completed",
        "cancelled",
        "failed",
        "rejected",
        "entered-in-error",
    ];
    code_in(&task["code"], TASK_CODE).is_some()
        && task["status"]
            .as_str()
            .is_some_and(|status| !closed.contains(&status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_goes_with_the_old_team() {
        let plan = json!({
            "status": "active",
            "careTeam": [{ "reference": "CareTeam/a" }],
            "contributor": [{ "reference": "Organization/a" }],
            "author": { "reference": "Practitioner/a" },
        });
        let to = |care_team: Option<&str>, practitioner: Option<&str>| Transfer {
            plan: "p".into(),
            care_team: care_team.map(str::to_owned),
            organization: None,
            practitioner: practitioner.map(str::to_owned),
        };
        let handed = taken_over(&plan, &to(Some("CareTeam/b"), None));
        assert_eq!(carers(&handed), ["CareTeam/b"]);
        assert_eq!(handed["status"], "active");
        let handed = taken_over(&plan, &to(None, Some("Practitioner/b")));
        assert_eq!(carers(&handed), ["Practitioner/b"]);
    }

    #[test]
    fn alerts_and_calls_are_the_teams_and_reports_are_not() {
        let task = |system: &str, code: &str, status: &str| json!({ "status": status, "code": { "coding": [{ "system": system, "code": code }] } });
        assert!(is_open_for_team(&task(
            TASK_CODE,
            "handle-alert",
            "on-hold"
        )));
        assert!(is_open_for_team(&task(
            TASK_CODE,
            "phone-call",
            "requested"
        )));
        assert!(!is_open_for_team(&task(
            TASK_CODE,
            "handle-alert",
            "completed"
        )));
        assert!(!is_open_for_team(&task(
            "http://other",
            "complete-questionnaire",
            "ready"
        )));
    }
}
