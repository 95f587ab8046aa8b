//! An answer is judged in the transaction that stores it.
//!
//! It and every later answer of the follow-up are judged, in the order of their effective time:
//! one that comes late, a second one, or an amended one changes what came before the others.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    advice::{self, Advice, Occasion},
    flag::Finding,
    judge::{Case, Verdict, judge},
    record::{Concern, record},
    rule::RuleSet,
    rule_sets::RuleSets,
    technical,
};
use crate::{
    care::{
        kind,
        plan::{self, Followed},
    },
    fhir::{questionnaire_response::is_answer, search::query::Query},
    kernel::problem::{Problem, Result},
    store::{Change, Reactor, Stored, Tx},
};

/// Most answers of one follow-up that are judged together; more are refused, not dropped.
pub const ANSWERS_MAX: usize = 1_000;

/// Sees answers.
#[derive(Debug, Default)]
pub struct JudgeReactor {
    compiled: RuleSets,
}

impl Reactor for JudgeReactor {
    fn name(&self) -> &'static str {
        "alerts.judge"
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
            let mut advices = Vec::new();
            let all = plan::of_answer(tx, answer.tree()).await?;
            for followed in &all {
                advices.extend(self.judge(tx, followed, change).await?);
            }
            let Some(followed) = all.first() else {
                return Ok(());
            };
            let occasion = Occasion {
                answer: &change.stored.id,
                tree: answer.tree(),
                patient: &followed.follow_up.patient,
                plan: &followed.follow_up.id,
            };
            advice::show(tx, occasion, &advices).await
        })
    }
}

impl JudgeReactor {
    /// Judges an answer and those after it; gives what the answer's own findings advise.
    async fn judge(
        &self,
        tx: &mut Tx,
        followed: &Followed,
        change: &Change,
    ) -> Result<Vec<Advice>> {
        let changed = &change.stored;
        let concern = Concern {
            patient: followed.follow_up.patient.clone(),
            plan: Arc::clone(&followed.plan),
        };
        let source = format!("QuestionnaireResponse/{}", changed.id);
        let Some(definition) = &followed.definition else {
            let lost = technical::rule_failed("*", "the PlanDefinition is gone", None, source);
            record(tx, &concern, &[lost]).await?;
            return Ok(Vec::new());
        };
        let rules = self.compiled.of(definition);
        let (answers, trees) = answers_of(tx, followed, change).await?;
        let patient = match tx
            .read(kind("Patient")?, &followed.follow_up.patient)
            .await?
        {
            Some(stored) => stored.tree()?,
            None => Value::Null,
        };
        let baseline = advice::baseline(tx, &followed.plan).await?;
        let first = answers.iter().position(|a| a.id == changed.id).unwrap_or(0);
        let (mut findings, mut advices) = (Vec::new(), Vec::new());
        for (current, answer) in answers.iter().enumerate().skip(first) {
            let case = Case {
                answers: &trees,
                current,
                patient: &patient,
                care_plan: &followed.plan,
                day: followed.follow_up.day_of(answer.effective),
                baseline: &baseline,
            };
            let source = format!("QuestionnaireResponse/{}", answer.id);
            let verdicts = judge(&rules, &case);
            if current == first {
                advices.extend(
                    verdicts
                        .iter()
                        .filter_map(|one| advice_of(one, &rules))
                        .cloned(),
                );
            }
            let verdicts = verdicts.into_iter();
            findings.extend(verdicts.map(|verdict| finding(verdict, &rules, source.clone())));
        }
        record(tx, &concern, &findings).await?;
        Ok(advices)
    }
}

/// What a verdict advises the patient, if it is urgent.
fn advice_of<'a>(verdict: &Verdict, rules: &'a RuleSet) -> Option<&'a Advice> {
    let Verdict::Holds { rule, level, .. } = verdict else {
        return None;
    };
    let rule = rules.rules.iter().find(|known| known.id == *rule)?;
    let level = rule.levels.iter().find(|known| known.level == *level)?;
    level.advice.as_ref()
}

/// A verdict as what is recorded of it.
pub(super) fn finding(verdict: Verdict, rules: &RuleSet, source: String) -> Finding {
    match verdict {
        Verdict::Failed { rule, error } => {
            technical::rule_failed(&rule, &error, Some(&rules.canonical), source)
        }
        Verdict::Holds {
            rule,
            level,
            evidence,
        } => {
            let known = rules.rules.iter().find(|known| known.id == rule);
            Finding {
                title: known.map(|known| known.title.clone()).unwrap_or_default(),
                route: known.and_then(|known| known.route.clone()),
                phone_call: known.is_some_and(|known| known.phone_call),
                rule,
                pathway: Some(rules.canonical.clone()),
                level,
                source,
                evidence,
                category: "clinical",
            }
        }
    }
}

struct Answer {
    id: String,
    effective: Timestamp,
    /// Grows with receipt: the order of answers that are true of the same instant.
    received: i64,
}

/// All answers of a follow-up in the order of their effective time, the changed one included,
/// and their trees in the same order.
async fn answers_of(
    tx: &mut Tx,
    followed: &Followed,
    change: &Change,
) -> Result<(Vec<Answer>, Vec<Value>)> {
    let query = Query::new(kind("QuestionnaireResponse")?)
        .reference("based-on", &format!("CarePlan/{}", followed.follow_up.id));
    let mut stored: Vec<Stored> = tx
        .search(&query)
        .await?
        .hits
        .into_iter()
        .map(|hit| hit.stored)
        .filter(|one| one.id != change.stored.id)
        .collect();
    // It is not among them where it names no CarePlan.
    stored.push(change.stored.clone());
    in_order(tx, stored, followed).await
}

/// The answers of a follow-up at present, in the order of their effective time.
pub(super) async fn answers_so_far(tx: &mut Tx, followed: &Followed) -> Result<Vec<Value>> {
    let query = Query::new(kind("QuestionnaireResponse")?)
        .reference("based-on", &format!("CarePlan/{}", followed.follow_up.id));
    let hits = tx.search(&query).await?.hits.into_iter();
    let stored = hits.map(|hit| hit.stored).collect();
    in_order(tx, stored, followed).await.map(|(_, trees)| trees)
}

async fn in_order(
    tx: &mut Tx,
    stored: Vec<Stored>,
    followed: &Followed,
) -> Result<(Vec<Answer>, Vec<Value>)> {
    if stored.len() > ANSWERS_MAX {
        return Err(Problem::invalid(
            "too-costly",
            format!("A follow-up has at most {ANSWERS_MAX} answers."),
        ));
    }
    let mut answers = Vec::with_capacity(stored.len());
    for one in stored {
        let tree = one.tree()?;
        // One about somebody else may say that it is based on this follow-up; it is none of it.
        if is_answer(&tree) && plan::is_of(&tree, &followed.follow_up.patient) {
            let effective = plan::effective(tx, &followed.follow_up, (&one, &tree)).await?;
            let (id, received) = (one.id, one.key);
            answers.push((
                Answer {
                    id,
                    effective,
                    received,
                },
                tree,
            ));
        }
    }
    answers.sort_by_key(|(answer, _)| (answer.effective, answer.received));
    Ok(answers.into_iter().unzip())
}
