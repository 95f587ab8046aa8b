//! The items of an answer beside those of its form that they answer.

use std::{cell::Cell, collections::HashMap};

use serde_json::Value;

use super::{
    super::{items, link_id, value::chosen},
    ISSUES_MAX, shown,
};
use crate::kernel::problem::Issue;

/// What an item stands in: another item, and which of its answers where it is a question.
pub(super) type Owner = Option<(usize, Option<usize>)>;

/// An item of the answer.
pub(super) struct Node<'a> {
    /// The item of the form.
    pub form: &'a Value,
    /// The item of the answer.
    pub given: &'a Value,
    /// What it stands in.
    pub owner: Owner,
    /// Its place in that list.
    at: usize,
    /// Whether it is asked, once that is known.
    pub enabled: Cell<Option<bool>>,
}

impl<'a> Node<'a> {
    /// Its answers that have a value, with their places.
    pub fn values(&self) -> impl Iterator<Item = (usize, &'a str, &'a Value)> + use<'a> {
        items(&self.given["answer"])
            .enumerate()
            .filter_map(|(n, answer)| chosen(answer, "value").map(|(kind, it)| (n, kind, it)))
    }

    /// Whether it says anything.
    pub fn is_answered(&self) -> bool {
        let says = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
        says(&self.given["answer"]) || says(&self.given["item"])
    }
}

/// A list of items: the answer's own, a group's, or those under one answer.
pub(super) struct Scope<'a> {
    /// Whose list it is.
    pub owner: Owner,
    /// The items of the form that may stand in it.
    pub forms: &'a Value,
    /// The items of the answer that do.
    pub children: Vec<usize>,
    /// Where it is.
    pub place: String,
}

/// All of an answer.
pub(super) struct Tree<'a> {
    pub nodes: Vec<Node<'a>>,
    pub scopes: Vec<Scope<'a>>,
    /// Items of the answer by link id.
    pub by_link: HashMap<&'a str, Vec<usize>>,
    /// The item of the form that each link id stands in.
    parents: HashMap<&'a str, Option<&'a str>>,
    /// What stands where it cannot.
    pub issues: Vec<Issue>,
}

impl<'a> Tree<'a> {
    /// Lays an answer beside its form.
    pub fn of(answer: &'a Value, form: &'a Value) -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            scopes: Vec::new(),
            by_link: HashMap::new(),
            parents: HashMap::new(),
            issues: Vec::new(),
        };
        tree.learn(&form["item"], None);
        let root = "QuestionnaireResponse".to_owned();
        tree.scope(None, (&form["item"], &answer["item"]), root);
        tree
    }

    fn learn(&mut self, list: &'a Value, parent: Option<&'a str>) {
        for item in items(list) {
            let link = link_id(item);
            self.parents.entry(link).or_insert(parent);
            self.learn(&item["item"], Some(link));
        }
    }

    /// Whether the form has `link` somewhere within `group`.
    pub fn is_within(&self, link: &str, group: &str) -> bool {
        let mut at = self.parents.get(link).copied().flatten();
        // A form that names one link id twice could go round.
        for _ in 0..self.parents.len() {
            match at {
                Some(parent) if parent == group => return true,
                Some(parent) => at = self.parents.get(parent).copied().flatten(),
                None => return false,
            }
        }
        false
    }

    /// Where an item of the answer is.
    pub fn place(&self, node: usize) -> String {
        let node = &self.nodes[node];
        let base = match node.owner {
            None => "QuestionnaireResponse".to_owned(),
            Some((parent, None)) => self.place(parent),
            Some((parent, Some(n))) => format!("{}.answer[{n}]", self.place(parent)),
        };
        format!("{base}.item[{}]", node.at)
    }

    fn tell(&mut self, code: &'static str, place: String, says: String) {
        if self.issues.len() < ISSUES_MAX {
            self.issues.push(Issue::error(code, says).at(place));
        }
    }

    fn scope(&mut self, owner: Owner, (forms, given): (&'a Value, &'a Value), place: String) {
        let mut children = Vec::new();
        let positions: HashMap<&str, (usize, &Value)> = items(forms)
            .enumerate()
            .map(|(n, item)| (link_id(item), (n, item)))
            .collect();
        let (mut last, mut seen) = (0, HashMap::new());
        for (at, item) in items(given).enumerate() {
            let link = link_id(item);
            let here = format!("{place}.item[{at}]");
            let Some((position, form)) = positions.get(link).copied() else {
                let cut: String = link.chars().take(64).collect();
                let says = if self.parents.contains_key(link) {
                    format!("The form has `{cut}` elsewhere, not here.")
                } else {
                    format!("The form has no `{cut}`.")
                };
                self.tell("structure", here, says);
                continue;
            };
            if position < last {
                let says = "The items are not in the order of the form.".to_owned();
                self.tell("structure", here.clone(), says);
            }
            last = last.max(position);
            let may_repeat = form["type"] == "group" && form["repeats"] == true;
            if seen.insert(link, ()).is_some() && !may_repeat {
                let says = format!("`{}` stands twice; it may stand once.", shown(form));
                self.tell("structure", here, says);
            }
            let node = self.nodes.len();
            self.nodes.push(Node {
                form,
                given: item,
                owner,
                at,
                enabled: Cell::new(None),
            });
            self.by_link.entry(link_id(form)).or_default().push(node);
            children.push(node);
        }
        self.scopes.push(Scope {
            owner,
            forms,
            children: children.clone(),
            place,
        });
        for node in children {
            self.below(node);
        }
    }

    /// The lists under an item.
    fn below(&mut self, node: usize) {
        let (form, given) = (self.nodes[node].form, self.nodes[node].given);
        let place = self.place(node);
        let (answers, inner) = (&given["answer"], &given["item"]);
        let kind = form["type"].as_str().unwrap_or_default();
        match kind {
            "group" | "display" | "question" => {
                if answers.is_array() {
                    let says = format!("An item of type {kind} has no answers.");
                    self.tell("structure", format!("{place}.answer"), says);
                }
                self.scope(Some((node, None)), (&form["item"], inner), place);
            }
            _ => {
                if inner.is_array() {
                    let says = "What stands under a question stands under one of its answers.";
                    self.tell("structure", format!("{place}.item"), says.to_owned());
                }
                for (n, answer) in items(answers).enumerate() {
                    let owner = Some((node, Some(n)));
                    let here = format!("{place}.answer[{n}]");
                    self.scope(owner, (&form["item"], &answer["item"]), here);
                }
            }
        }
    }
}
