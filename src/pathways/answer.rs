//! An answer has come in: its report is done, and the team is told where the pathway says so.
//!
//! Every answer is kept. One that belongs to no report day, or to a day that has an answer
//! already, changes no status; one that comes after its window closes a missed report late.

use futures_util::future::BoxFuture;
use serde_json::json;

use crate::{
    care::{
        kind,
        plan::{self, Followed},
        team,
    },
    fhir::{
        canonical::{REPORT, REPORT_STATE, SDC_TASK},
        care_plan::FollowUp,
        pathway::Pathway,
        questionnaire_response::is_answer,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::Result,
    notify::{Announcement, MessageKind, announce},
    store::{Change, Prepared, Reactor, Stored, Tx},
};

/// Sees QuestionnaireResponses.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnswerReactor;

impl Reactor for AnswerReactor {
    fn name(&self) -> &'static str {
        "pathways.answer"
    }

    fn concerns(&self, change: &Change) -> bool {
        change
            .resource
            .as_ref()
            .is_some_and(|resource| is_answer(resource.tree()))
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(answer) = &change.resource else {
                return Ok(());
            };
            // A form that was begun earlier becomes an answer when it is completed.
            let known = match &change.previous {
                Some(previous) => is_answer(&previous.tree()?),
                None => false,
            };
            for followed in plan::of_answer(tx, answer.tree()).await? {
                settle_report(tx, &followed.follow_up, (&change.stored, answer)).await?;
                if !known {
                    tell_team(tx, &followed, answer).await?;
                }
            }
            Ok(())
        })
    }
}

/// Completes the report of the answer's own day.
async fn settle_report(
    tx: &mut Tx,
    follow_up: &FollowUp,
    (stored, answer): (&Stored, &Resource),
) -> Result<()> {
    let day = follow_up.day_of(plan::effective(tx, follow_up, (stored, answer.tree())).await?);
    let query = Query::new(kind("Task")?)
        .token(
            "identifier",
            Some(REPORT),
            &format!("{}/{day}", follow_up.id),
        )
        .reference("patient", &format!("Patient/{}", follow_up.patient))
        .limit(1);
    let Some(hit) = tx.search(&query).await?.hits.pop() else {
        return Ok(());
    };
    let mut task = hit.stored.tree()?;
    let late = match task["status"].as_str() {
        Some("requested" | "ready") => false,
        Some("failed") => true,
        _ => return Ok(()),
    };
    task["status"] = "completed".into();
    let state = if late { "late" } else { "answered" };
    task["businessStatus"] = json!({ "coding": [{ "system": REPORT_STATE, "code": state }] });
    task["output"] = json!([{
        "type": { "coding": [{ "system": SDC_TASK, "code": "questionnaire-response" }] },
        "valueReference": answer.reference(),
    }]);
    let prepared = Prepared::new(Resource::trusted(task)?);
    tx.put(&hit.stored.id, prepared, Some(hit.stored.version))
        .await
        .map(|_| ())
}

/// Tells the team that an answer has come; that it needs action is another message.
async fn tell_team(tx: &mut Tx, followed: &Followed, answer: &Resource) -> Result<()> {
    let Some(definition) = &followed.definition else {
        return Ok(());
    };
    let pathway = Pathway::read(&definition.tree);
    if !pathway.is_ok_and(|pathway| pathway.policy.notify_answered) {
        return Ok(());
    }
    for recipient in team::recipients(tx, &followed.plan).await? {
        let announcement = Announcement {
            kind: MessageKind::Answered,
            patient: Some(followed.follow_up.patient.clone()),
            recipient,
            based_on: Some(format!("CarePlan/{}", followed.follow_up.id)),
            about: vec![format!(
                "QuestionnaireResponse/{}",
                answer.id().unwrap_or_default()
            )],
            language: None,
        };
        announce(tx, &announcement).await?;
    }
    Ok(())
}
