//! Why rules hold on an answer or do not: the judge's own tests, all of them told. Pure.

use super::{
    judge::{Case, knowing, test},
    rule::{Level, RuleSet, Trigger},
};

/// What a rule says of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The rule's code.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// The highest level that holds.
    pub finding: Option<Level>,
    /// All levels, the highest first; those below the finding too.
    pub levels: Vec<ExplainedLevel>,
}

/// What one level of a rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedLevel {
    /// The level.
    pub level: Level,
    /// The text of its condition; none where it always holds or cannot be read.
    pub condition: Option<String>,
    /// What came of it.
    pub says: Says,
    /// The answers that the condition speaks of, whether it holds or not.
    pub evidence: String,
}

/// What came of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// It is true.
    Holds,
    /// It is false, or says nothing.
    DoesNotHold,
    /// It cannot be judged, for this reason.
    Failed(String),
}

/// Explains all rules about answers, in the order of the definition.
#[must_use]
pub fn explain(rules: &RuleSet, case: &Case<'_>) -> Vec<Explained> {
    let mut explained = Vec::new();
    knowing(case, |known| {
        for rule in rules.watching(Trigger::Answer) {
            let levels: Vec<ExplainedLevel> = rule
                .levels
                .iter()
                .map(|level| {
                    let (holds, text) = test(&level.condition, known);
                    ExplainedLevel {
                        level: level.level,
                        condition: Some(text.to_owned()).filter(|text| !text.is_empty()),
                        says: match holds {
                            Ok(true) => Says::Holds,
                            Ok(false) => Says::DoesNotHold,
                            Err(error) => Says::Failed(error),
                        },
                        evidence: known.words(text),
                    }
                })
                .collect();
            let finding = levels.iter().find(|level| level.says == Says::Holds);
            explained.push(Explained {
                rule: rule.id.clone(),
                title: rule.title.clone(),
                finding: finding.map(|level| level.level),
                levels,
            });
        }
    });
    explained
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        alerts::judge::{Verdict, judge},
        fhir::canonical::{ALERT_LEVEL, PATHWAY_ACTION},
    };

    fn rules() -> RuleSet {
        let level = |level: &str, expression: &str| {
            json!({
                "extension": [{ "url": ALERT_LEVEL, "valueCode": level }],
                "condition": [{ "kind": "applicability", "expression": {
                    "language": "text/fhirpath", "expression": expression } }]
            })
        };
        let value = "%current.repeat(item).where(linkId = 'temp').answer.value";
        RuleSet::read(&json!({ "url": "u", "version": "1", "action": [{
            "id": "S4", "title": "Fever",
            "code": [{ "coding": [{ "system": PATHWAY_ACTION, "code": "alert-rule" }] }],
            "action": [
                level("urgent", &format!("{value} >= 41")),
                level("simple", &format!("{value} >= 39")),
                level("info", "%current.item.("),
            ]
        }] }))
    }

    #[test]
    fn every_level_is_told_and_the_finding_is_the_judges() {
        let plan = json!({ "resourceType": "CarePlan" });
        let answers = [json!({ "resourceType": "QuestionnaireResponse", "item": [
            { "linkId": "temp", "text": "Température", "answer": [{ "valueDecimal": 39.5 }] }] })];
        let case = Case {
            answers: &answers,
            current: 0,
            patient: &Value::Null,
            baseline: &Value::Null,
            care_plan: &plan,
            day: 3,
        };
        let told = explain(&rules(), &case).remove(0);
        let verdicts = judge(&rules(), &case);
        assert!(
            matches!(&verdicts[..], [Verdict::Holds { level, .. }] if Some(*level) == told.finding)
        );
        let says: Vec<&Says> = told.levels.iter().map(|level| &level.says).collect();
        assert!(matches!(
            says[..],
            [Says::DoesNotHold, Says::Holds, Says::Failed(_)]
        ));
        assert_eq!(told.levels[0].evidence, "Température: 39.5");
        assert_eq!(told.levels[2].condition, None);
    }
}
