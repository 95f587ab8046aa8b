//! Rules and answers to findings: pure.
//!
//! Variables that a rule may use: `%current`, `%previous`, `%history` (earlier answers, oldest
//! first, without the current one), `%patient`, `%careplan`, `%day`, `%baseline` (the answer that
//! the follow-up began with). A rule about silence has `%missed` and `%flags` besides, and no
//! `%current`.

use serde_json::Value;

use super::{
    evidence,
    rule::{Condition, Level, Rule, RuleSet, Trigger},
};
use crate::fhir::path::{Collection, Context, Item, Repeated};

/// One answer to be judged, with what is known at that moment.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// All answers of the follow-up, in the order of their effective time.
    pub answers: &'a [Value],
    /// Which of them is judged.
    pub current: usize,
    /// The patient, or `null` if erased.
    pub patient: &'a Value,
    /// The follow-up's CarePlan.
    pub care_plan: &'a Value,
    /// The day of follow-up of the current answer.
    pub day: i64,
    /// The answer that the follow-up began with, or `null`.
    pub baseline: &'a Value,
}

/// A missed report, with what is known at that moment.
#[derive(Debug, Clone, Copy)]
pub struct Silence<'a> {
    /// The report's Task.
    pub report: &'a Value,
    /// All answers of the follow-up so far, in the order of their effective time.
    pub answers: &'a [Value],
    /// The patient, or `null` if erased.
    pub patient: &'a Value,
    /// The follow-up's CarePlan.
    pub care_plan: &'a Value,
    /// The day of follow-up of the missed report.
    pub day: i64,
    /// How many reports in a row have been missed, this one included.
    pub missed: i64,
    /// The open Flags of the follow-up's pathway, as they stood before.
    pub flags: &'a [Value],
    /// The answer that the follow-up began with, or `null`.
    pub baseline: &'a Value,
}

/// What a rule says of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The rule holds.
    Holds {
        /// The rule's code.
        rule: String,
        /// The highest level that holds.
        level: Level,
        /// Which answers made it hold, in words.
        evidence: String,
    },
    /// The rule could not be judged: that is itself an alert.
    Failed {
        /// The rule's code.
        rule: String,
        /// Why; no health information.
        error: String,
    },
}

/// Judges all rules about answers; those that do not hold give nothing.
#[must_use]
pub fn judge(rules: &RuleSet, case: &Case<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    knowing(case, |known| {
        for rule in rules.watching(Trigger::Answer) {
            judge_rule(rule, known, &mut verdicts);
        }
    });
    verdicts
}

/// Asks something of a case with all that is known of it; nothing, where there is no such answer.
pub(super) fn knowing(case: &Case<'_>, ask: impl FnOnce(&Known<'_>)) {
    let Some(current) = case.answers.get(case.current) else {
        return;
    };
    let history = &case.answers[..case.current];
    let variables = [
        ("current", vec![Item::resource(current)]),
        (
            "previous",
            history.last().map(Item::resource).into_iter().collect(),
        ),
        ("history", history.iter().map(Item::resource).collect()),
        ("patient", known(case.patient)),
        ("careplan", vec![Item::resource(case.care_plan)]),
        ("day", vec![Item::Integer(case.day)]),
        ("baseline", known(case.baseline)),
    ];
    let answers = case.answers.iter().take(case.current + 1);
    let repeated: Vec<_> = answers
        .filter_map(|answer| Repeated::of(answer, "item"))
        .collect();
    ask(&Known {
        current,
        previous: history.last(),
        variables: &variables,
        repeated: &repeated,
    });
}

/// Judges all rules about silence; those that do not hold give nothing.
#[must_use]
pub fn judge_silence(rules: &RuleSet, silence: &Silence<'_>) -> Vec<Verdict> {
    let answers = silence.answers;
    let variables = [
        ("current", Vec::new()),
        (
            "previous",
            answers.last().map(Item::resource).into_iter().collect(),
        ),
        ("history", answers.iter().map(Item::resource).collect()),
        ("patient", known(silence.patient)),
        ("careplan", vec![Item::resource(silence.care_plan)]),
        ("day", vec![Item::Integer(silence.day)]),
        ("missed", vec![Item::Integer(silence.missed)]),
        ("flags", silence.flags.iter().map(Item::resource).collect()),
        ("baseline", known(silence.baseline)),
    ];
    let mut verdicts = Vec::new();
    let known = Known {
        current: silence.report,
        previous: None,
        variables: &variables,
        repeated: &[],
    };
    for rule in rules.watching(Trigger::ReportMissed) {
        judge_rule(rule, &known, &mut verdicts);
    }
    verdicts
}

/// A resource, or nothing where it is not known.
fn known(resource: &Value) -> Collection<'_> {
    Some(resource)
        .filter(|it| it.is_object())
        .map(Item::resource)
        .into_iter()
        .collect()
}

/// What all rules share in one judgement.
pub(super) struct Known<'a> {
    current: &'a Value,
    previous: Option<&'a Value>,
    variables: &'a [(&'a str, Collection<'a>)],
    repeated: &'a [Repeated<'a>],
}

/// Whether a condition holds, or why that cannot be said, and its text.
pub(super) fn test<'a>(
    condition: &'a Condition,
    known: &Known<'_>,
) -> (Result<bool, String>, &'a str) {
    match condition {
        Condition::Always => (Ok(true), ""),
        Condition::Broken(error) => (Err(error.clone()), ""),
        Condition::When { expression, text } => {
            let context = Context::new(known.current)
                .with_variables(known.variables)
                .with_repeated(known.repeated);
            let holds = expression.evaluate_boolean(&context);
            (holds.map_err(|e| e.to_string()), text)
        }
    }
}

impl Known<'_> {
    /// The answers that an expression speaks of, in words.
    pub(super) fn words(&self, expression: &str) -> String {
        evidence::words(expression, self.current, self.previous)
    }
}

/// Judges one rule: the highest level that holds; a level that fails is told and the next is tried.
fn judge_rule(rule: &Rule, known: &Known<'_>, verdicts: &mut Vec<Verdict>) {
    for level in &rule.levels {
        let (holds, text) = test(&level.condition, known);
        match holds {
            Ok(false) => {}
            Ok(true) => {
                verdicts.push(Verdict::Holds {
                    rule: rule.id.clone(),
                    level: level.level,
                    evidence: known.words(text),
                });
                return;
            }
            Err(error) => verdicts.push(Verdict::Failed {
                rule: rule.id.clone(),
                error,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fhir::canonical::{ALERT_LEVEL, PATHWAY_ACTION};

    fn rules(levels: &[(&str, &str)]) -> RuleSet {
        let levels: Vec<Value> = levels
            .iter()
            .map(|(level, expression)| {
                json!({
                    "extension": [{ "url": ALERT_LEVEL, "valueCode": level }],
                    "condition": [{ "kind": "applicability", "expression": {
                        "language": "text/fhirpath", "expression": expression } }]
                })
            })
            .collect();
        RuleSet::read(&json!({
            "resourceType": "PlanDefinition", "url": "u", "version": "1",
            "action": [{
                "id": "U2", "title": "SpO2",
                "code": [{"coding": [{"system": PATHWAY_ACTION, "code": "alert-rule"}]}],
                "action": levels
            }]
        }))
    }

    fn answer(spo2: f64) -> Value {
        json!({ "resourceType": "QuestionnaireResponse", "status": "completed", "item": [
            { "linkId": "group", "item": [
                { "linkId": "spo2.value", "text": "SpO2",
                  "answer": [{ "valueQuantity": { "value": spo2, "unit": "%" } }] }] }] })
    }

    fn verdicts(rules: &RuleSet, answers: &[Value]) -> Vec<Verdict> {
        verdicts_since(&Value::Null, rules, answers)
    }

    fn verdicts_since(baseline: &Value, rules: &RuleSet, answers: &[Value]) -> Vec<Verdict> {
        let care_plan = json!({ "resourceType": "CarePlan" });
        judge(
            rules,
            &Case {
                answers,
                current: answers.len() - 1,
                patient: &Value::Null,
                care_plan: &care_plan,
                day: 3,
                baseline,
            },
        )
    }

    #[test]
    fn an_answer_is_compared_with_the_one_that_the_follow_up_began_with() {
        const SPO2: &str = "repeat(item).where(linkId='spo2.value').answer.value.value";
        let fallen = format!("%current.{SPO2} <= %baseline.{SPO2} - 3");
        let rules = rules(&[("simple", &fallen)]);
        let found = |baseline: &Value| verdicts_since(baseline, &rules, &[answer(91.0)]).len();
        assert_eq!(found(&answer(94.0)), 1);
        assert_eq!(found(&answer(93.0)), 0);
        assert_eq!(
            found(&Value::Null),
            0,
            "and without one there is nothing to compare"
        );
    }

    const LOW: &str = "%current.repeat(item).where(linkId='spo2.value').answer.value.value <= 92";

    #[test]
    fn the_highest_level_that_holds_is_the_finding_with_its_evidence() {
        let rules = rules(&[
            (
                "simple",
                "%current.repeat(item).where(linkId='spo2.value').answer.value.value <= 94",
            ),
            ("urgent", LOW),
        ]);
        let level = |spo2| match verdicts(&rules, &[answer(97.0), answer(spo2)]).first() {
            Some(Verdict::Holds { level, .. }) => Some(*level),
            _ => None,
        };
        assert_eq!(level(91.0), Some(Level::Urgent));
        assert_eq!(level(93.0), Some(Level::Simple));
        assert_eq!(level(96.0), None);
        let found = verdicts(&rules, &[answer(97.0), answer(91.0)]);
        let Verdict::Holds { evidence, .. } = &found[0] else {
            panic!("{found:?}")
        };
        assert!(
            evidence.contains("SpO2") && evidence.contains("91"),
            "{evidence}"
        );
        assert!(
            evidence.contains("97"),
            "the previous value is told: {evidence}"
        );
    }

    #[test]
    fn the_history_and_the_day_are_at_hand() {
        let rules = rules(&[(
            "simple",
            "%day = 3 and %history.count() = 2 and %previous.exists() and %patient.empty()",
        )]);
        assert_eq!(
            verdicts(&rules, &[answer(97.0), answer(97.0), answer(97.0)]).len(),
            1
        );
        assert!(verdicts(&rules, &[answer(97.0)]).is_empty());
    }

    #[test]
    fn a_rule_that_fails_is_told_and_does_not_hide_a_lower_level() {
        let rules = rules(&[("urgent", "%current.item.("), ("simple", LOW)]);
        let found = verdicts(&rules, &[answer(90.0)]);
        assert!(
            matches!(&found[0], Verdict::Failed { rule, .. } if rule == "U2"),
            "{found:?}"
        );
        assert!(
            matches!(
                &found[1],
                Verdict::Holds {
                    level: Level::Simple,
                    ..
                }
            ),
            "{found:?}"
        );
    }
}
