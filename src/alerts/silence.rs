//! A missed report is an alert.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{
    flag::Finding,
    record::{Concern, record},
    rule::{Condition, RuleSet, Trigger},
    rule_sets::RuleSets,
    technical,
};
use crate::{
    care::plan::{self, Followed},
    fhir::{
        canonical::{REPORT, REPORT_STATE, code_in},
        reference,
    },
    kernel::problem::Result,
    store::{Change, Reactor, Tx},
};

/// Sees report Tasks whose window has closed without an answer.
#[derive(Debug, Default)]
pub struct SilenceReactor {
    compiled: RuleSets,
}

impl Reactor for SilenceReactor {
    fn name(&self) -> &'static str {
        "alerts.silence"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "Task"
            && change.resource.as_ref().is_some_and(|resource| {
                let task = resource.tree();
                task["status"] == "failed"
                    && task["identifier"][0]["system"] == REPORT
                    && code_in(&task["businessStatus"], REPORT_STATE) == Some("missed")
            })
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(task) = &change.resource else {
                return Ok(());
            };
            let Some(followed) = follow_up_of(tx, task.tree()).await? else {
                return Ok(());
            };
            let source = format!("Task/{}", change.stored.id);
            let concern = Concern {
                patient: followed.follow_up.patient.clone(),
                plan: Arc::clone(&followed.plan),
            };
            let findings = match &followed.definition {
                Some(definition) => missed(&self.compiled.of(definition), &source),
                None => vec![technical::rule_failed(
                    "*",
                    "the PlanDefinition is gone",
                    None,
                    source,
                )],
            };
            record(tx, &concern, &findings).await
        })
    }
}

/// What the rules about silence say of one missed report: pure.
///
/// They have no condition today; one that has is told as a rule that cannot be judged.
fn missed(rules: &RuleSet, source: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules.watching(Trigger::ReportMissed) {
        for level in &rule.levels {
            let finding = match &level.condition {
                Condition::Always => Finding {
                    rule: rule.id.clone(),
                    title: rule.title.clone(),
                    pathway: Some(rules.canonical.clone()),
                    level: level.level,
                    source: source.to_owned(),
                    evidence: String::new(),
                    category: "clinical",
                    route: rule.route.clone(),
                },
                _ => technical::rule_failed(
                    &rule.id,
                    "a rule about silence has no condition",
                    Some(&rules.canonical),
                    source.to_owned(),
                ),
            };
            findings.push(finding);
        }
    }
    findings
}

async fn follow_up_of(tx: &mut Tx, task: &Value) -> Result<Option<Followed>> {
    let named = task["basedOn"][0]["reference"]
        .as_str()
        .and_then(reference::local);
    let Some(local) = named else { return Ok(None) };
    match tx.read(local.kind, &local.id).await? {
        Some(stored) if !stored.is_deleted() => plan::followed(tx, stored).await,
        _ => Ok(None),
    }
}
