//! Trying out the levels of a rule on combinations of answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    LevelCondition,
    classes::{Class, Plan},
};
use crate::{
    fhir::path::{Context, EvaluationError, Item, Limits},
    publishing::form::{Form, Node},
};

/// Bounds on one evaluation; what takes more is not tried out.
const LIMITS: Limits = Limits {
    steps: 50_000,
    items: 5_000,
    text: 64 * 1024,
};

/// What came of trying one level.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Some answer fulfils it.
    pub holds: bool,
    /// Every answer that conforms to the form fulfils it.
    pub holds_always: bool,
    /// Some answer makes it the finding: it holds, and no higher level does.
    pub found: bool,
    /// Why it cannot be judged for an answer that conforms to the form.
    pub error: Option<String>,
}

impl Outcome {
    /// What came of two forms.
    pub fn or(self, other: Self) -> Self {
        Self {
            holds: self.holds || other.holds,
            holds_always: self.holds_always && other.holds_always,
            found: self.found || other.found,
            error: self.error.or(other.error),
        }
    }
}

/// One answer: its tree, and whether it conforms to the form.
struct Answer {
    tree: Value,
    conforms: bool,
}

/// Tries all combinations; none if one of them takes too long.
pub fn run(levels: &[LevelCondition], form: &Form, plan: &Plan) -> Option<Vec<Outcome>> {
    let answers = answers(form, plan);
    let mut previous: Vec<Option<&Answer>> = vec![None];
    if plan.previous {
        previous.extend(answers.iter().map(Some));
    }
    let start = Outcome {
        holds: false,
        holds_always: true,
        found: false,
        error: None,
    };
    let mut outcomes = vec![start; levels.len()];
    for current in &answers {
        for previous in &previous {
            for (day, usual) in &plan.days {
                let conforms =
                    *usual && current.conforms && previous.is_none_or(|previous| previous.conforms);
                let held = judged(levels, (current, *previous), *day)?;
                note(&held, conforms, &mut outcomes);
            }
        }
    }
    Some(outcomes)
}

/// Adds what one combination shows.
fn note(held: &[Result<bool, String>], conforms: bool, outcomes: &mut [Outcome]) {
    let mut higher = false;
    for (held, outcome) in held.iter().zip(outcomes) {
        match held {
            Ok(held) => {
                outcome.holds |= *held;
                outcome.holds_always &= *held || !conforms;
                outcome.found |= *held && !higher;
                higher |= *held;
            }
            Err(error) => {
                outcome.holds_always &= !conforms;
                if conforms && outcome.error.is_none() {
                    outcome.error = Some(error.clone());
                }
            }
        }
    }
}

/// What each level says of one combination; none if that takes too long.
fn judged(
    levels: &[LevelCondition],
    (current, previous): (&Answer, Option<&Answer>),
    day: i64,
) -> Option<Vec<Result<bool, String>>> {
    let variables = [
        ("current", vec![Item::resource(&current.tree)]),
        (
            "previous",
            previous
                .map(|answer| Item::resource(&answer.tree))
                .into_iter()
                .collect(),
        ),
        ("day", vec![Item::Integer(day)]),
    ];
    let mut held = Vec::with_capacity(levels.len());
    for level in levels {
        let LevelCondition::When(expression) = level else {
            held.push(Ok(true));
            continue;
        };
        let context = Context::new(&current.tree)
            .with_variables(&variables)
            .with_limits(LIMITS);
        held.push(match expression.evaluate_boolean(&context) {
            Ok(value) => Ok(value),
            Err(EvaluationError::Limit(_)) => return None,
            Err(error) => Err(error.to_string()),
        });
    }
    Some(held)
}

/// Every combination of classes as an answer.
fn answers(form: &Form, plan: &Plan) -> Vec<Answer> {
    let mut chosen: Vec<Vec<(&str, &Class)>> = vec![Vec::new()];
    for choice in &plan.current {
        chosen = chosen
            .into_iter()
            .flat_map(|before| {
                choice.classes.iter().map(move |class| {
                    let mut with = before.clone();
                    with.push((choice.link.as_str(), class));
                    with
                })
            })
            .collect();
    }
    chosen
        .into_iter()
        .map(|chosen| Answer {
            conforms: chosen.iter().all(|(_, class)| class.conforms),
            tree: tree(form, &chosen.into_iter().collect()),
        })
        .collect()
}

/// An answer in the order and the groups of its form.
fn tree(form: &Form, chosen: &BTreeMap<&str, &Class>) -> Value {
    json!({
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "item": items(&form.nodes, chosen),
    })
}

fn items(nodes: &[Node], chosen: &BTreeMap<&str, &Class>) -> Vec<Value> {
    let mut items = Vec::new();
    for node in nodes {
        let answers = chosen
            .get(node.link.as_str())
            .map(|class| class.answers.as_slice());
        let children = self::items(&node.children, chosen);
        match answers {
            Some(answers) if !answers.is_empty() => {
                items.push(json!({ "linkId": node.link, "answer": answers }));
            }
            _ if !children.is_empty() => {
                items.push(json!({ "linkId": node.link, "item": children }));
            }
            _ => {}
        }
    }
    items
}
