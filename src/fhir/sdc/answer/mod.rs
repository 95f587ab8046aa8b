//! An answer held to its form: every fault, with its place.
//!
//! What is missing is a fault only where the answer says that it is whole (`completed`,
//! `amended`). Where the specification leaves room:
//!
//! - Items stand in the order of the form; a question stands once, with all its answers.
//! - A question that is hidden by `enableWhen` and answered all the same is a fault, and counts as
//!   not answered for what depends on it.
//! - `!=` is true where no answer equals the value, hence also where there is none.
//! - A condition that looks at repeated items looks at those of the nearest shared group.
//! - An expression that cannot be evaluated is a warning, and hides nothing.
//! - A required question within an optional group is wanted only where the group is there.
//! - Quantities are compared across UCUM units; without a code, where the unit's text is the same.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaireresponse.html>,
//! <http://hl7.org/fhir/uv/sdc/STU3/behavior.html>.

mod constraint;
mod enable;
mod limits;
mod nodes;
mod options;
#[cfg(test)]
mod tests;

use jiff::Zoned;
use serde_json::Value;

use self::nodes::Tree;
use super::{expression::Engine, link_id};
use crate::{
    fhir::{date, terminology::Terminology},
    kernel::problem::{Issue, Severity},
};

/// Most faults that are listed.
pub const ISSUES_MAX: usize = 200;

/// Most look-ups of one item by the conditions of another.
pub const LOOKUPS_MAX: usize = 1_000_000;

/// What an answer is judged with.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Code systems and value sets.
    pub terminology: &'a Terminology,
    /// The time, for expressions that ask for it.
    pub now: Option<&'a Zoned>,
}

/// Every fault of an answer (a QuestionnaireResponse) by its form (a Questionnaire); none, if it
/// keeps to it.
#[must_use]
pub fn judge(answer: &Value, form: &Value, setting: &Setting<'_>) -> Vec<Issue> {
    let mut judge = Judge {
        answer,
        form,
        setting,
        tree: Tree::of(answer, form),
        engine: Engine::of(form, setting.now, setting.terminology),
        is_whole: answer["status"] == "completed" || answer["status"] == "amended",
        lookups: LOOKUPS_MAX.into(),
        issues: Vec::new(),
    };
    judge.issues.append(&mut judge.tree.issues);
    judge.period();
    judge.scopes();
    judge.constraints();
    if judge.lookups.get() == 0 {
        let says = "The answer repeats too much for the form's conditions to be followed: its cost is too high.";
        return vec![Issue::error("too-costly", says).at("QuestionnaireResponse.item")];
    }
    judge.issues.truncate(ISSUES_MAX);
    judge.issues
}

/// The walk over an answer.
struct Judge<'a> {
    answer: &'a Value,
    form: &'a Value,
    setting: &'a Setting<'a>,
    tree: Tree<'a>,
    engine: Engine<'a>,
    is_whole: bool,
    lookups: std::cell::Cell<usize>,
    issues: Vec<Issue>,
}

impl<'a> Judge<'a> {
    fn tell(&mut self, severity: Severity, code: &'static str, place: String, says: String) {
        if self.issues.len() < ISSUES_MAX {
            let mut issue = Issue::error(code, says).at(place);
            issue.severity = severity;
            self.issues.push(issue);
        }
    }

    fn fault(&mut self, code: &'static str, place: String, says: impl Into<String>) {
        self.tell(Severity::Error, code, place, says.into());
    }

    fn warn(&mut self, code: &'static str, place: String, says: impl Into<String>) {
        self.tell(Severity::Warning, code, place, says.into());
    }

    /// Warns where the answer was written while the form was not to be used.
    fn period(&mut self) {
        let span = |text: &Value| date::span(text.as_str()?);
        let Some(authored) = span(&self.answer["authored"]) else {
            return;
        };
        let period = &self.form["effectivePeriod"];
        let early = span(&period["start"]).is_some_and(|start| authored.end < start.start);
        let late = span(&period["end"]).is_some_and(|end| authored.start > end.end);
        if early || late {
            let says = "The form was not in use at the time that the answer gives.";
            self.warn(
                "business-rule",
                "QuestionnaireResponse.authored".to_owned(),
                says,
            );
        }
    }

    /// Every list of items: what is there, and what is not.
    fn scopes(&mut self) {
        for scope in 0..self.tree.scopes.len() {
            if self.lookups.get() == 0 {
                return;
            }
            let owner = self.tree.scopes[scope].owner;
            if !owner.is_none_or(|(node, _)| self.is_enabled(node)) {
                // Its own fault has been told of the item that holds it.
                continue;
            }
            let forms = self.tree.scopes[scope].forms;
            for item in super::items(forms) {
                let here = self.tree.scopes[scope].children.iter().copied();
                let nodes: Vec<usize> = here
                    .filter(|node| std::ptr::eq(self.tree.nodes[*node].form, item))
                    .collect();
                self.item(item, &nodes, scope);
            }
        }
    }

    /// One item of the form, in one list of the answer.
    fn item(&mut self, item: &'a Value, nodes: &[usize], scope: usize) {
        let owner = self.tree.scopes[scope].owner;
        if !self.is_asked(item, owner, nodes.first().copied()) {
            for node in nodes {
                if self.tree.nodes[*node].is_answered() {
                    let says = "This is answered, and the form does not ask it here.";
                    self.fault("business-rule", self.tree.place(*node), says);
                }
            }
            return;
        }
        match item["type"].as_str().unwrap_or_default() {
            "display" => {}
            "group" => self.group(item, nodes, scope),
            _ => self.question(item, nodes, scope),
        }
    }

    fn group(&mut self, item: &Value, nodes: &[usize], scope: usize) {
        let answered = nodes
            .iter()
            .filter(|node| self.tree.nodes[**node].is_answered());
        self.occurrences(item, answered.count(), (nodes, scope));
    }

    fn question(&mut self, item: &'a Value, nodes: &[usize], scope: usize) {
        let answers = nodes
            .iter()
            .map(|node| self.tree.nodes[*node].values().count());
        let count = answers.sum();
        self.occurrences(item, count, (nodes, scope));
        for node in nodes {
            self.values(item, *node);
        }
    }

    /// How often an item is answered.
    fn occurrences(&mut self, item: &Value, count: usize, (nodes, scope): (&[usize], usize)) {
        let place = nodes.first().map_or_else(
            || self.tree.scopes[scope].place.clone(),
            |node| self.tree.place(*node),
        );
        let bound = |name| limits::whole(item, name);
        let required = u64::from(item["required"] == true);
        let least = bound(limits::MIN_OCCURS).unwrap_or(required).max(required);
        let repeats = item["repeats"] == true;
        let most = bound(limits::MAX_OCCURS).unwrap_or(if repeats { u64::MAX } else { 1 });
        let count = count as u64;
        let link = shown(item);
        if self.is_whole && count < least {
            let says = match (least, item["type"] == "group") {
                (1, false) => format!("The question `{link}` must be answered."),
                (1, true) => format!("The group `{link}` must be there, with an answer in it."),
                _ => format!("`{link}` needs at least {least} answers; there are {count}."),
            };
            self.fault("required", place, says);
        } else if count > most {
            let says = format!("`{link}` has {count} answers, and at most {most} are taken.");
            self.fault("structure", place, says);
        }
    }
}

/// The link id of an item of the form, cut where it is long.
fn shown(item: &Value) -> String {
    link_id(item).chars().take(64).collect()
}
