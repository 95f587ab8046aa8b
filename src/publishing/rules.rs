//! Faults of a pathway's rules: their names, triggers, levels and conditions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    expression,
    faults::{Faults, quoted},
    form::Form,
    reach::{self, LevelCondition},
    texts::Texts,
};
use crate::{
    alerts::rule::{Level, Trigger},
    fhir::{
        canonical::{
            ALERT_LEVEL, PATHWAY_ACTION, PATIENT_ADVICE, ROUTE_TO, TASK_CODE, code_in, extension,
            extensions,
        },
        path::Expression,
    },
};

/// Rules that the server raises itself.
const RESERVED: [&str; 2] = ["T1", "T2"];

/// What rules are examined against.
pub struct Ground<'a> {
    /// What the definition's texts must be.
    pub texts: &'a Texts,
    /// The pathway's forms.
    pub forms: &'a [Form],
    /// Whether all forms are there.
    pub complete: bool,
    /// The codes of `alert-route`, where they are known.
    pub routes: Option<&'a BTreeSet<String>>,
    /// The day of the last report.
    pub last_day: u32,
}

/// Checks every action that is not a phase.
pub fn lint(plan: &Value, ground: &Ground<'_>, faults: &mut Faults) {
    let mut names = BTreeMap::new();
    let mut allowance = reach::Allowance::default();
    let actions = plan["action"].as_array().into_iter().flatten();
    for (n, action) in actions.enumerate() {
        let place = format!("PlanDefinition.action[{n}]");
        check_name(action, &place, &mut names, faults);
        match code_in(&action["code"], PATHWAY_ACTION) {
            Some("alert-rule") => {
                lint_rule(action, &place, (ground, &mut allowance), faults);
                let levels = action["action"].as_array().into_iter().flatten();
                for (k, level) in levels.enumerate() {
                    let place = format!("{place}.action[{k}]");
                    check_name(level, &place, &mut names, faults);
                }
            }
            Some("report-phase") => {
                ground.texts.check_if_there(action, "title", &place, faults);
            }
            _ => {
                let says = "Every action has a code that says what it is: report-phase or \
                            alert-rule.";
                faults.wrong(format!("{place}.code"), says);
            }
        }
    }
}

/// Ids of phases, rules and levels are there and differ.
fn check_name<'a>(
    action: &'a Value,
    place: &str,
    names: &mut BTreeMap<&'a str, String>,
    faults: &mut Faults,
) {
    let Some(id) = action["id"].as_str() else {
        return faults.missing(format!("{place}.id"), "A phase, rule or level has an id.");
    };
    if RESERVED.contains(&id) {
        let says = "T1 and T2 are alerts of the server itself.";
        faults.clash(format!("{place}.id"), says);
    }
    if let Some(first) = names.get(id) {
        let says = format!("The id {} stands at {first} already.", quoted(id));
        faults.clash(format!("{place}.id"), says);
    } else {
        names.insert(id, place.to_owned());
    }
}

fn lint_rule(
    rule: &Value,
    place: &str,
    (ground, allowance): (&Ground<'_>, &mut reach::Allowance),
    faults: &mut Faults,
) {
    ground.texts.check(rule, "title", place, faults);
    let trigger = trigger_of(rule, place, faults);
    check_route(rule, place, ground, faults);
    check_task(rule, place, faults);
    if rule.get("condition").is_some() {
        let says = "A rule's conditions stand in its levels: its nested actions.";
        faults.wrong(format!("{place}.condition"), says);
    }
    let levels: Vec<&Value> = rule["action"].as_array().into_iter().flatten().collect();
    if levels.is_empty() {
        let says = "A rule has a level, as a nested action.";
        faults.missing(format!("{place}.action"), says);
    }
    let mut before: Option<Level> = None;
    let mut conditions = Vec::new();
    for (k, level) in levels.iter().enumerate() {
        let place = format!("{place}.action[{k}]");
        ground.texts.check(level, "title", &place, faults);
        if let Some(known) = lint_level(level, &place, (trigger, ground), faults) {
            if before.is_some_and(|before| before <= known) {
                let says = "Levels stand in the order urgent, simple, info, each once.";
                faults.clash(&place, says);
            }
            before = Some(known);
        }
        conditions.push(lint_condition(level, &place, (trigger, ground), faults));
    }
    hidden_behind_always(&conditions, place, faults);
    if ground.complete && trigger == Some(Trigger::Answer) {
        let conditions: Option<Vec<LevelCondition>> = conditions.into_iter().collect();
        if let Some(conditions) = conditions {
            let found = reach::lint(&conditions, ground.forms, ground.last_day, allowance);
            for (level, says) in found {
                let place = format!("{place}.action[{level}].condition[0].expression");
                faults.clash(place, says);
            }
        }
    }
}

/// What the rule watches, if that can be read.
fn trigger_of(rule: &Value, place: &str, faults: &mut Faults) -> Option<Trigger> {
    let mut found = None;
    let triggers = rule["trigger"].as_array().into_iter().flatten();
    for (k, trigger) in triggers.enumerate() {
        let place = format!("{place}.trigger[{k}]");
        let known = match trigger["type"].as_str() {
            Some("data-added") if trigger["data"][0]["type"] == "QuestionnaireResponse" => {
                Trigger::Answer
            }
            Some("named-event") if trigger["name"] == "report-missed" => Trigger::ReportMissed,
            _ => {
                let says = "A rule watches either data-added of a QuestionnaireResponse, or the \
                            named-event report-missed.";
                faults.wrong(place, says);
                return None;
            }
        };
        if found.is_some() {
            faults.wrong(place, "A rule has one trigger.");
        }
        found = Some(known);
    }
    if found.is_none() {
        let says = "A rule has a trigger: what it watches.";
        faults.missing(format!("{place}.trigger"), says);
    }
    found
}

fn check_route(rule: &Value, place: &str, ground: &Ground<'_>, faults: &mut Faults) {
    let Some(route) = extension(rule, ROUTE_TO) else {
        return;
    };
    let code = route.as_str().unwrap_or_default();
    if let Some(routes) = ground.routes.filter(|routes| !routes.contains(code)) {
        let known: Vec<&str> = routes.iter().map(String::as_str).collect();
        let says = format!("route-to is one of: {}.", known.join(", "));
        faults.wrong(format!("{place}.extension"), says);
    }
}

/// A second code of a rule asks for a phone call beside the alert's Task.
fn check_task(rule: &Value, place: &str, faults: &mut Faults) {
    let task = code_in(&rule["code"], TASK_CODE);
    if task.is_some_and(|code| code != "phone-call") {
        let says = "Of the task codes a rule may ask for phone-call only.";
        faults.wrong(format!("{place}.code"), says);
    }
}

/// The level's code, and its advice.
fn lint_level(
    level: &Value,
    place: &str,
    (trigger, ground): (Option<Trigger>, &Ground<'_>),
    faults: &mut Faults,
) -> Option<Level> {
    let code = extension(level, ALERT_LEVEL).and_then(Value::as_str);
    let known = code.and_then(Level::of_code);
    match (code, known) {
        (None, _) => faults.missing(
            format!("{place}.extension"),
            "A level has the extension alert-level.",
        ),
        (Some(_), None) => faults.wrong(
            format!("{place}.extension"),
            "alert-level is one of: urgent, simple, info.",
        ),
        _ => {}
    }
    let advice = extensions(level, PATIENT_ADVICE).next();
    if let Some(advice) = advice {
        let place = format!("{place}.extension");
        ground.texts.check(advice, "valueString", &place, faults);
    } else if known == Some(Level::Urgent) && trigger != Some(Trigger::ReportMissed) {
        let says = "An urgent answer is answered at once: the level has the extension \
                    patient-advice.";
        faults.missing(format!("{place}.extension"), says);
    }
    known
}

/// The condition of a level; none where it cannot be examined further.
fn lint_condition(
    level: &Value,
    place: &str,
    (trigger, ground): (Option<Trigger>, &Ground<'_>),
    faults: &mut Faults,
) -> Option<LevelCondition> {
    let Some(conditions) = level["condition"].as_array() else {
        if trigger == Some(Trigger::Answer) {
            let says = "A level without a condition would fire on every answer.";
            faults.missing(format!("{place}.condition"), says);
        }
        return Some(LevelCondition::Always);
    };
    if conditions.len() > 1 {
        let says = "A level has one condition; join several with `and`.";
        faults.wrong(format!("{place}.condition[1]"), says);
    }
    let condition = conditions.first()?;
    let place = format!("{place}.condition[0]");
    if condition["kind"] != "applicability" {
        let says = "A condition is of the kind applicability.";
        faults.wrong(format!("{place}.kind"), says);
    }
    let expression = &condition["expression"];
    if expression["language"] != "text/fhirpath" {
        let says = "The language of a condition is text/fhirpath.";
        faults.wrong(format!("{place}.expression.language"), says);
        return None;
    }
    let place = format!("{place}.expression");
    let Some(text) = expression["expression"].as_str() else {
        faults.missing(&place, "A condition has an expression.");
        return None;
    };
    match Expression::compile(text) {
        Err(error) => {
            let says = format!(
                "The expression cannot be read: {}",
                shortened(&error.to_string())
            );
            faults.wrong(&place, says);
            None
        }
        Ok(compiled) => {
            let found = expression::examine(&compiled, trigger, ground.forms, ground.complete);
            let sound = found.is_empty();
            for says in found {
                faults.wrong(&place, says);
            }
            sound.then(|| LevelCondition::When(Box::new(compiled)))
        }
    }
}

/// Levels below one that has no condition.
fn hidden_behind_always(conditions: &[Option<LevelCondition>], place: &str, faults: &mut Faults) {
    let always = conditions
        .iter()
        .position(|condition| matches!(condition, Some(LevelCondition::Always)));
    for hidden in always.map_or(conditions.len(), |at| at + 1)..conditions.len() {
        let says = "A higher level without a condition always hides this one.";
        faults.clash(format!("{place}.action[{hidden}]"), says);
    }
}

/// A message of the compiler without long stretches of the expression.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 120;
    message.chars().take(LONGEST).collect()
}
