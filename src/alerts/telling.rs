//! The team is told of an alert, and the time to acknowledge it begins.

use jiff::Timestamp;
use serde_json::Value;

use super::{escalation, flag, ladder::Ladder, record::Concern, rule::Level};
use crate::{
    care::{kind, team::Team},
    fhir::{
        canonical::{DEADLINE_START, extension},
        pathway::{ACKNOWLEDGE_SIMPLE_MINUTES, ACKNOWLEDGE_URGENT_MINUTES, acknowledge_minutes},
    },
    kernel::problem::Result,
    notify::{Announcement, MessageKind, announce_as},
    store::Tx,
};

/// An alert that is told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Whom it concerns.
    pub concern: &'a Concern,
    /// `Flag.id`.
    pub flag: &'a str,
    /// Its level.
    pub level: Level,
    /// Whether the service itself has failed, rather than a patient's answer mattered.
    pub technical: bool,
}

impl<'a> Told<'a> {
    /// What is told of a Flag.
    #[must_use]
    pub fn of(concern: &'a Concern, flag: &'a str, tree: &Value) -> Self {
        Self {
            concern,
            flag,
            level: flag::level_of(tree),
            technical: tree["category"][0]["coding"][0]["code"] == "admin",
        }
    }
}

/// Tells those whose turn it is first, and looks again at the deadline of `task`, where there is
/// one that nobody has taken.
///
/// # Errors
/// As the transaction.
pub async fn tell(
    tx: &mut Tx,
    told: Told<'_>,
    task: Option<&str>,
    kind: MessageKind,
    team: &Team,
) -> Result<()> {
    let minutes = minutes(tx, &told.concern.plan, told.level).await?;
    let ladder = Ladder::new(told.level, tx.now(), minutes, team);
    let kind = if told.technical {
        MessageKind::Technical
    } else {
        kind
    };
    message(tx, told, kind, ladder.at_once()).await?;
    if let (Some(task), Some(due)) = (task, ladder.due(1)) {
        tx.enqueue(&escalation::job(task, due)).await?;
    }
    Ok(())
}

/// One message to each recipient, as pressing as the alert.
pub(super) async fn message(
    tx: &mut Tx,
    told: Told<'_>,
    kind: MessageKind,
    recipients: &[String],
) -> Result<()> {
    let priority = match kind {
        MessageKind::Technical => kind.priority(),
        _ => told.level.task_priority(),
    };
    for recipient in recipients {
        let announcement = Announcement {
            kind,
            patient: Some(told.concern.patient.clone()),
            recipient: recipient.clone(),
            based_on: told.concern.plan["id"]
                .as_str()
                .map(|id| format!("CarePlan/{id}")),
            about: vec![format!("Flag/{}", told.flag)],
            language: None,
        };
        announce_as(tx, &announcement, priority).await?;
    }
    Ok(())
}

/// Minutes within which an alert of a follow-up must be acknowledged.
pub(super) async fn minutes(tx: &mut Tx, plan: &Value, level: Level) -> Result<u32> {
    let definition = match plan["instantiatesCanonical"][0].as_str() {
        Some(canonical) => {
            tx.find_canonical(kind("PlanDefinition")?, canonical)
                .await?
        }
        None => None,
    };
    let (urgent, simple) = definition.map_or(
        (ACKNOWLEDGE_URGENT_MINUTES, ACKNOWLEDGE_SIMPLE_MINUTES),
        |definition| acknowledge_minutes(&definition.tree),
    );
    Ok(if level == Level::Urgent {
        urgent
    } else {
        simple
    })
}

/// From when the time to acknowledge an alert's Task counts.
pub(super) fn since(task: &Value) -> Option<Timestamp> {
    extension(task, DEADLINE_START)
        .or_else(|| task.get("authoredOn"))?
        .as_str()?
        .parse()
        .ok()
}
