//! The rules of a PlanDefinition, compiled.
//!
//! A rule that cannot be read is kept as broken: when it would be judged it raises a technical
//! alert, and the other rules are judged all the same.

use serde_json::Value;

use super::advice::Advice;
use crate::fhir::{
    canonical::{ALERT_LEVEL, PATHWAY_ACTION, ROUTE_TO, TASK_CODE, code_in, extension},
    path::Expression,
};

/// How soon somebody must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Info,
    /// The same day.
    Simple,
    /// At once.
    Urgent,
}

impl Level {
    /// The code of the extension `alert-level`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Simple => "simple",
            Self::Urgent => "urgent",
        }
    }

    /// The level of this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        [Self::Info, Self::Simple, Self::Urgent]
            .into_iter()
            .find(|level| level.code() == code)
    }

    /// The code of the extension `flag-priority`.
    #[must_use]
    pub const fn flag_priority(self) -> &'static str {
        match self {
            Self::Info => "PL",
            Self::Simple => "PM",
            Self::Urgent => "PH",
        }
    }

    /// The level of this `flag-priority`.
    #[must_use]
    pub fn of_flag_priority(code: &str) -> Option<Self> {
        [Self::Info, Self::Simple, Self::Urgent]
            .into_iter()
            .find(|level| level.flag_priority() == code)
    }

    /// `Task.priority` of the work that it makes.
    #[must_use]
    pub const fn task_priority(self) -> &'static str {
        match self {
            Self::Info => "routine",
            Self::Simple => "asap",
            Self::Urgent => "stat",
        }
    }
}

/// What a rule watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// An answer has come in.
    Answer,
    /// A report's window has closed without one.
    ReportMissed,
}

/// When a level of a rule holds.
#[derive(Debug)]
pub enum Condition {
    /// Whenever the rule is triggered.
    Always,
    /// When the expression is true.
    When {
        /// The expression.
        expression: Box<Expression>,
        /// Its text, to find what it speaks of.
        text: String,
    },
    /// It could not be compiled, for this reason.
    Broken(String),
}

/// One level of a rule.
#[derive(Debug)]
pub struct LevelRule {
    /// The level that it gives.
    pub level: Level,
    /// When.
    pub condition: Condition,
    /// What the patient is shown at once.
    pub advice: Option<Advice>,
}

/// A rule: the highest of its levels that holds is the finding.
#[derive(Debug)]
pub struct Rule {
    /// Its code, such as `U2`.
    pub id: String,
    /// Its title, in the definition's own language.
    pub title: String,
    /// What it watches.
    pub trigger: Trigger,
    /// Who handles it, if not the team: a code such as `support`.
    pub route: Option<String>,
    /// Whether the work that it makes is a telephone call.
    pub phone_call: bool,
    /// Highest first.
    pub levels: Vec<LevelRule>,
}

/// All rules of one version of a pathway.
#[derive(Debug)]
pub struct RuleSet {
    /// The pathway, as `url|version`.
    pub canonical: String,
    /// In the order of the definition.
    pub rules: Vec<Rule>,
}

impl RuleSet {
    /// Reads the rules of a PlanDefinition; what is faulty is kept as broken.
    #[must_use]
    pub fn read(plan: &Value) -> Self {
        let canonical = format!(
            "{}|{}",
            plan["url"].as_str().unwrap_or_default(),
            plan["version"].as_str().unwrap_or_default()
        );
        let rules = plan["action"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|action| code_in(&action["code"], PATHWAY_ACTION) == Some("alert-rule"))
            .map(read_rule)
            .collect();
        Self { canonical, rules }
    }

    /// The rules of one trigger.
    pub fn watching(&self, trigger: Trigger) -> impl Iterator<Item = &Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.trigger == trigger)
    }
}

fn read_rule(action: &Value) -> Rule {
    let missed = action["trigger"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|trigger| trigger["type"] == "named-event" && trigger["name"] == "report-missed");
    let mut levels: Vec<LevelRule> = action["action"]
        .as_array()
        .into_iter()
        .flatten()
        .map(read_level)
        .collect();
    levels.sort_by_key(|level| std::cmp::Reverse(level.level));
    Rule {
        id: action["id"].as_str().unwrap_or("unnamed").to_owned(),
        title: action["title"].as_str().unwrap_or_default().to_owned(),
        trigger: if missed {
            Trigger::ReportMissed
        } else {
            Trigger::Answer
        },
        route: extension(action, ROUTE_TO)
            .and_then(Value::as_str)
            .map(str::to_owned),
        phone_call: code_in(&action["code"], TASK_CODE) == Some("phone-call"),
        levels,
    }
}

fn read_level(action: &Value) -> LevelRule {
    let level = extension(action, ALERT_LEVEL)
        .and_then(Value::as_str)
        .and_then(Level::of_code);
    let condition = match level {
        None => Condition::Broken("the level is missing or unknown".to_owned()),
        Some(_) => read_condition(action),
    };
    // A rule whose level cannot be read must not hide behind a lower one.
    LevelRule {
        level: level.unwrap_or(Level::Urgent),
        condition,
        advice: level.and_then(|level| Advice::read(action, level)),
    }
}

fn read_condition(action: &Value) -> Condition {
    let Some(condition) = action["condition"].get(0) else {
        return Condition::Always;
    };
    let expression = &condition["expression"];
    if expression["language"] != "text/fhirpath" {
        return Condition::Broken("the expression is not text/fhirpath".to_owned());
    }
    let text = expression["expression"].as_str().unwrap_or_default();
    match Expression::compile(text) {
        Ok(compiled) => Condition::When {
            expression: Box::new(compiled),
            text: text.to_owned(),
        },
        Err(error) => Condition::Broken(error.to_string()),
    }
}
