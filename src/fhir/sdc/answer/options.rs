//! The values that a question takes: its type, its options, its value set.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.answer_x_>.

use serde_json::{Value, json};

use super::{
    super::{
        core, items,
        value::{chosen, is_meant, suffixes},
    },
    Judge, shown,
};
use crate::fhir::{
    canonical::{extension, extensions},
    terminology::{Coding, Membership},
};

const EXCLUSIVE: &str = core!("questionnaire-optionExclusive");
const UNIT_OPTION: &str = core!("questionnaire-unitOption");
const UNIT_VALUE_SET: &str = core!("questionnaire-unitValueSet");

impl<'a> Judge<'a> {
    /// The answers of one question.
    pub(super) fn values(&mut self, item: &'a Value, node: usize) {
        let place = self.tree.place(node);
        let values: Vec<(usize, &str, &Value)> = self.tree.nodes[node].values().collect();
        let takes = taken(item);
        for (n, kind, value) in &values {
            let here = format!("{place}.answer[{n}]");
            if !takes.contains(kind) {
                let says = format!(
                    "`{}` takes a value of type {}.",
                    shown(item),
                    takes.join(" or ")
                );
                self.fault("value", here, says);
                continue;
            }
            self.option(item, value, &here);
            self.limits(item, value, &here);
        }
        let exclusive = values.iter().any(|(.., value)| {
            items(&item["answerOption"])
                .filter(|option| extension(option, EXCLUSIVE) == Some(&Value::Bool(true)))
                .filter_map(|option| chosen(option, "value"))
                .any(|(_, option)| is_meant(value, option))
        });
        if exclusive && values.len() > 1 {
            let says = "One of these options excludes all others.";
            self.fault("business-rule", place, says);
        }
    }

    /// Whether a value is one of those that are offered.
    fn option(&mut self, item: &'a Value, value: &'a Value, place: &str) {
        let is_open = item["type"] == "open-choice" && value.is_string();
        let mut options = items(&item["answerOption"])
            .filter_map(|option| chosen(option, "value"))
            .map(|(_, option)| option)
            .peekable();
        if options.peek().is_some() && !is_open && !options.any(|option| is_meant(value, option)) {
            let says = format!("This is none of the options of `{}`.", shown(item));
            self.fault("code-invalid", place.to_owned(), says);
        }
        if let Some(set) = item["answerValueSet"].as_str() {
            if value["code"].is_string() {
                self.member(set, value, place);
            } else if value.is_string() && !is_open {
                // The text of a question that is no choice is one of the codes (`que-5`).
                let found = self.found(set, &json!({ "code": value }));
                self.verdict(set, found, place);
            }
        }
        if value.get("value").is_some() {
            self.unit(item, value, place);
        }
    }

    /// Whether a coding is in a value set of the form, or of the library.
    fn member(&mut self, set: &str, coding: &Value, place: &str) {
        if coding["system"].is_null() {
            let says = "A code without its system cannot be judged.";
            self.warn("code-invalid", place.to_owned(), says);
            return;
        }
        let found = self.found(set, coding);
        self.verdict(set, found, place);
    }

    fn found(&self, set: &str, coding: &Value) -> Membership {
        if let Some(id) = set.strip_prefix('#') {
            return contained(self.form, id, coding);
        }
        let coding = Coding {
            system: coding["system"].as_str(),
            version: coding["version"].as_str(),
            code: coding["code"].as_str().unwrap_or_default(),
            display: None,
        };
        self.setting.terminology.membership(set, &coding)
    }

    fn verdict(&mut self, set: &str, found: Membership, place: &str) {
        match found {
            Membership::Member => {}
            Membership::NotMember => {
                let says = format!("This code is not in the value set {set}.");
                self.fault("code-invalid", place.to_owned(), says);
            }
            Membership::Unknown(why) => {
                let says = format!("Whether this code may be given cannot be told. {why}");
                self.warn("not-supported", place.to_owned(), says);
            }
        }
    }

    /// Whether a quantity has a unit that is offered.
    fn unit(&mut self, item: &Value, quantity: &Value, place: &str) {
        let has = |option: &Value| {
            let by_code = option["code"].is_string()
                && option["code"] == quantity["code"]
                && (option["system"].is_null() || option["system"] == quantity["system"]);
            // A quantity may have its unit in words only.
            let by_words = quantity["code"].is_null()
                && quantity["unit"].is_string()
                && (option["display"] == quantity["unit"] || option["code"] == quantity["unit"]);
            by_code || by_words
        };
        let mut options = extensions(item, UNIT_OPTION)
            .filter_map(|option| chosen(option, "value"))
            .map(|(_, option)| option)
            .peekable();
        if options.peek().is_some() && !options.any(has) {
            let says = format!("This is none of the units of `{}`.", shown(item));
            self.fault("code-invalid", place.to_owned(), says);
        }
        if let Some(set) = extension(item, UNIT_VALUE_SET).and_then(Value::as_str) {
            if quantity["code"].is_string() {
                self.member(set, quantity, place);
            } else {
                let says = "A unit in words cannot be found in the value set of units.";
                self.fault("code-invalid", place.to_owned(), says);
            }
        }
    }
}

/// The suffixes of `value[x]` that a question takes: its options may be of other types than its
/// own says.
fn taken(item: &Value) -> Vec<&str> {
    let mut takes: Vec<&str> = Vec::new();
    if item["type"] == "choice" || item["type"] == "open-choice" {
        takes.extend(
            items(&item["answerOption"])
                .filter_map(|option| chosen(option, "value"))
                .map(|(kind, _)| kind),
        );
        if item["type"] == "open-choice" {
            takes.push("String");
        }
        if takes.iter().all(|kind| *kind == "String") {
            takes.extend(suffixes(item).iter().filter(|_| {
                items(&item["answerOption"]).next().is_none() || item["answerValueSet"].is_string()
            }));
        }
    } else {
        takes.extend(suffixes(item));
    }
    takes.sort_unstable();
    takes.dedup();
    takes
}

/// Whether a value set that the form contains, and that lists its codes, has this one.
fn contained(form: &Value, id: &str, coding: &Value) -> Membership {
    let unknown = |why: &str| Membership::Unknown(why.to_owned());
    let Some(set) = items(&form["contained"]).find(|set| set["id"] == id) else {
        return unknown("The form contains no such value set.");
    };
    let same = |system: &Value, concept: &Value| {
        is_of(system, coding) && concept["code"] == coding["code"]
    };
    if listed(&set["expansion"]["contains"], coding) {
        return Membership::Member;
    }
    let mut is_listed = set["expansion"].is_object();
    for include in items(&set["compose"]["include"]) {
        if items(&include["concept"]).any(|concept| same(&include["system"], concept)) {
            return Membership::Member;
        }
        let by_rule = include["concept"].is_null();
        if by_rule && !set["expansion"].is_object() {
            return unknown("The value set does not list its codes.");
        }
        is_listed |= !by_rule;
    }
    if is_listed {
        Membership::NotMember
    } else {
        unknown("The value set is empty.")
    }
}

/// Whether a code is of a code system, as far as it says of which it is.
fn is_of(system: &Value, coding: &Value) -> bool {
    coding["system"].is_null() || *system == coding["system"]
}

fn listed(contains: &Value, coding: &Value) -> bool {
    items(contains).any(|one| {
        (is_of(&one["system"], coding) && one["code"] == coding["code"])
            || listed(&one["contains"], coding)
    })
}
