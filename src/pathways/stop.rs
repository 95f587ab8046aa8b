//! `CarePlan/$stop`: the patient or the team ends a follow-up, and says why.
//!
//! Where the pathway has a patient's wish pass by the team, it becomes a Task for them, and the
//! follow-up goes on until they have answered. Otherwise the CarePlan is revoked, and what follows
//! from that (reports, consent) is written in the same commit by [`super::closing`].

use serde_json::{Value, json};

use super::{
    parameters::Parameters,
    standing::{follow_up, put},
};
use crate::{
    care::{kind, team},
    fhir::{
        canonical::{CLOSURE_REASON, CLOSURE_REASON_CODE, TASK_CODE},
        care_plan::FollowUp,
        date,
        pathway::{self, Pathway},
        permit::Permit,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::Result,
    notify::{Announcement, MessageKind, announce},
    store::{Prepared, Store, Stored, Tx},
};

/// Why a follow-up is stopped: codes of [`CLOSURE_REASON_CODE`]; that it has run its course, or is
/// replaced, is not said by a stop.
const REASONS: [&str; 7] = [
    "patient-stop",
    "professional-stop",
    "hospitalised",
    "deceased",
    "lost",
    "duplicate",
    "other",
];

/// Who may be named as the one who stops.
const WHO: [&str; 5] = [
    "Patient",
    "RelatedPerson",
    "Practitioner",
    "PractitionerRole",
    "Organization",
];

/// What `$stop` is asked.
#[derive(Debug, Clone)]
pub struct Stop {
    plan: String,
    reason: Option<&'static str>,
    by: Option<String>,
}

impl Stop {
    /// Reads the `Parameters` of the operation.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter.
    pub fn read(plan: &str, parameters: Option<&Value>) -> Result<Self> {
        let asked = Parameters::read(parameters, &["reason", "by"])?;
        let reason = asked.code("reason", &REASONS)?;
        Ok(Self {
            plan: plan.to_owned(),
            reason: reason.and_then(|code| REASONS.into_iter().find(|known| *known == code)),
            by: asked.reference("by", &WHO)?,
        })
    }

    /// The same, asked by this person: whoever is near the patient cannot speak for the team.
    #[must_use]
    pub fn asked_by(mut self, person: &str) -> Self {
        self.by = Some(person.to_owned()).filter(|by| is_near(by)).or(self.by);
        self
    }

    /// Whether it is the patient's wish, their own or through somebody near them.
    fn is_patients(&self) -> bool {
        self.by.as_deref().is_some_and(is_near)
    }

    fn reason(&self) -> &'static str {
        let default = if self.is_patients() {
            "patient-stop"
        } else {
            "professional-stop"
        };
        self.reason.unwrap_or(default)
    }
}

fn is_near(by: &str) -> bool {
    by.starts_with("Patient/") || by.starts_with("RelatedPerson/")
}

/// Stops a follow-up, or asks the team to; gives the CarePlan, unchanged where it is over already
/// or the team has been asked.
///
/// # Errors
/// `NotFound`, if there is no such CarePlan; `Invalid`, if it is no follow-up.
pub async fn stop(store: &Store, permit: &Permit, asked: Stop) -> Result<Stored> {
    store
        .write(permit, move |tx| {
            Box::pin(async move { act(tx, &asked).await })
        })
        .await
}

async fn act(tx: &mut Tx, asked: &Stop) -> Result<Stored> {
    let (stored, plan, follow_up) = follow_up(tx, &asked.plan).await?;
    if !follow_up.state.is_running() {
        return Ok(stored);
    }
    if asked.is_patients() && asks_the_team(tx, &follow_up).await? {
        if requests(tx, &follow_up).await?.is_empty() {
            request(tx, &plan, &follow_up, asked).await?;
        }
        return Ok(stored);
    }
    let stopped = stopped(plan, asked.reason());
    put(tx, &stored, stopped).await
}

fn stopped(mut plan: Value, reason: &str) -> Value {
    let why = json!({
        "url": CLOSURE_REASON,
        "valueCodeableConcept": {
            "coding": [{ "system": CLOSURE_REASON_CODE, "code": reason }],
        },
    });
    plan["status"] = "revoked".into();
    match plan["extension"].as_array_mut() {
        Some(extensions) => {
            extensions.retain(|one| one["url"] != CLOSURE_REASON);
            extensions.push(why);
        }
        None => plan["extension"] = json!([why]),
    }
    plan
}

/// Whether the pathway has a patient's wish pass by the team.
async fn asks_the_team(tx: &mut Tx, follow_up: &FollowUp) -> Result<bool> {
    let definition = tx
        .find_canonical(kind("PlanDefinition")?, &follow_up.pathway)
        .await?;
    let pathway = definition.and_then(|found| Pathway::read(&found.tree).ok());
    Ok(pathway.is_some_and(|pathway| pathway.policy.stop == pathway::Stop::Request))
}

/// The wishes to stop that nobody has answered.
async fn requests(tx: &mut Tx, follow_up: &FollowUp) -> Result<Vec<Stored>> {
    let query = Query::new(kind("Task")?)
        .reference("based-on", &format!("CarePlan/{}", follow_up.id))
        .reference("patient", &format!("Patient/{}", follow_up.patient))
        .token("code", Some(TASK_CODE), "stop-request")
        .tokens(
            "status",
            None,
            &[
                "requested",
                "received",
                "accepted",
                "in-progress",
                "on-hold",
            ],
        );
    let hits = tx.search(&query).await?.hits;
    Ok(hits.into_iter().map(|hit| hit.stored).collect())
}

async fn request(tx: &mut Tx, plan: &Value, follow_up: &FollowUp, asked: &Stop) -> Result<()> {
    let id = tx.new_id();
    let about = format!("CarePlan/{}", follow_up.id);
    let task = json!({
        "resourceType": "Task",
        "basedOn": [{ "reference": about }],
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": { "coding": [{ "system": TASK_CODE, "code": "stop-request" }] },
        "focus": { "reference": about },
        "for": { "reference": format!("Patient/{}", follow_up.patient) },
        "authoredOn": date::instant(tx.now()),
        "requester": { "reference": asked.by },
        "reasonCode": {
            "coding": [{ "system": CLOSURE_REASON_CODE, "code": asked.reason() }],
        },
    });
    tx.create(&id, Prepared::new(Resource::trusted(task)?))
        .await?;
    tell(tx, plan, follow_up, MessageKind::StopRequested).await
}

/// The follow-up is over: nobody need answer a wish to stop it any more.
pub(super) async fn settle_requests(tx: &mut Tx, follow_up: &FollowUp) -> Result<()> {
    for stored in requests(tx, follow_up).await? {
        let mut task = stored.tree()?;
        task["status"] = "completed".into();
        let prepared = Prepared::new(Resource::trusted(task)?);
        tx.put(&stored.id, prepared, Some(stored.version)).await?;
    }
    Ok(())
}

/// One message about the follow-up to each member of its team.
pub(super) async fn tell(
    tx: &mut Tx,
    plan: &Value,
    follow_up: &FollowUp,
    kind: MessageKind,
) -> Result<()> {
    for recipient in team::recipients(tx, plan).await? {
        let announcement = Announcement {
            kind,
            patient: Some(follow_up.patient.clone()),
            recipient,
            based_on: Some(format!("CarePlan/{}", follow_up.id)),
            about: vec![format!("CarePlan/{}", follow_up.id)],
            language: None,
        };
        announce(tx, &announcement).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &Value) -> Result<Stop> {
        let parameters = json!({ "resourceType": "Parameters", "parameter": parts });
        Stop::read("p", Some(&parameters))
    }

    #[test]
    fn who_stops_says_why_unless_it_follows_from_who_it_is() {
        let by = |who: &str| json!([{ "name": "by", "valueReference": { "reference": who } }]);
        let own = read(&by("RelatedPerson/1")).unwrap();
        assert!(own.is_patients());
        assert_eq!(own.reason(), "patient-stop");
        let team = read(&by("Practitioner/1")).unwrap();
        assert!(!team.is_patients());
        assert_eq!(team.reason(), "professional-stop");
        let told = read(&json!([{ "name": "reason", "valueCode": "hospitalised" }])).unwrap();
        assert_eq!(told.reason(), "hospitalised");
        for wrong in [
            json!([{ "name": "reason", "valueCode": "completed" }]),
            json!([{ "name": "by", "valueReference": { "reference": "Device/1" } }]),
            json!([{ "name": "because", "valueCode": "other" }]),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_plan_has_one_reason_of_its_end() {
        let plan = json!({ "extension": [
            { "url": CLOSURE_REASON, "valueCodeableConcept": { "text": "old" } },
            { "url": "other", "valueBoolean": true },
        ] });
        let plan = stopped(plan, "lost");
        assert_eq!(plan["status"], "revoked");
        assert_eq!(plan["extension"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            plan["extension"][1]["valueCodeableConcept"]["coding"][0]["code"],
            "lost"
        );
    }
}
