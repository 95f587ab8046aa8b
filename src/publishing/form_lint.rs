//! Faults of a pathway's Questionnaire itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    faults::{Faults, quoted},
    form::{Form, ValueSets},
    texts::{Languages, Texts},
};

/// Examines a Questionnaire that a pathway uses; `also` are the pathway's languages.
pub fn lint(form: &Value, also: &Languages, value_sets: &ValueSets, faults: &mut Faults) {
    super::lint::heading(form, faults);
    let texts = Texts::of(form, also);
    texts.check(form, "title", "Questionnaire", faults);
    let mut examination = Examination {
        texts,
        links: Form::read(form, value_sets).links,
        seen: BTreeMap::new(),
        told: BTreeSet::new(),
        value_sets,
    };
    if form["item"].as_array().is_none_or(Vec::is_empty) {
        faults.missing("Questionnaire.item", "A form has questions.");
    }
    examination.items(form, "Questionnaire", false, faults);
}

struct Examination<'a> {
    texts: Texts,
    links: BTreeSet<String>,
    /// Where each link id stood first.
    seen: BTreeMap<String, String>,
    /// Value sets whose texts were examined already.
    told: BTreeSet<String>,
    value_sets: &'a ValueSets,
}

impl Examination<'_> {
    fn items(&mut self, parent: &Value, place: &str, in_question: bool, faults: &mut Faults) {
        let items = parent["item"].as_array().into_iter().flatten();
        for (n, item) in items.enumerate() {
            let place = format!("{place}.item[{n}]");
            let group = item["type"] == "group";
            if in_question {
                let says = "A question stands in groups only, never under another question.";
                faults.wrong(&place, says);
            }
            self.item(item, &place, faults);
            self.items(item, &place, in_question || !group, faults);
        }
    }

    fn item(&mut self, item: &Value, place: &str, faults: &mut Faults) {
        let link = item["linkId"].as_str().unwrap_or_default();
        if let Some(first) = self.seen.get(link) {
            let says = format!("The link id {} stands at {first} already.", quoted(link));
            faults.clash(format!("{place}.linkId"), says);
        } else {
            self.seen.insert(link.to_owned(), place.to_owned());
        }
        self.texts.check(item, "text", place, faults);
        for (k, when) in item["enableWhen"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            let question = when["question"].as_str().unwrap_or_default();
            if !self.links.contains(question) {
                let says = format!("There is no question {} here.", quoted(question));
                faults.wrong(format!("{place}.enableWhen[{k}].question"), says);
            }
        }
        if matches!(item["type"].as_str(), Some("choice" | "open-choice")) {
            self.options(item, place, faults);
        }
        bounds(item, place, faults);
    }

    fn options(&mut self, item: &Value, place: &str, faults: &mut Faults) {
        if let Some(set) = item["answerValueSet"].as_str() {
            let known = self.value_sets.get(set).map(Vec::as_slice);
            if self.told.insert(set.to_owned()) {
                for coding in known.unwrap_or_default() {
                    let place = format!("{place}.answerValueSet");
                    self.texts.check(coding, "display", &place, faults);
                }
            }
            return;
        }
        let options = item["answerOption"].as_array();
        let Some(options) = options.filter(|options| !options.is_empty()) else {
            let says = "A choice has options: answerOption, or answerValueSet.";
            return faults.missing(format!("{place}.answerOption"), says);
        };
        let mut codes = BTreeSet::new();
        for (k, option) in options.iter().enumerate() {
            let place = format!("{place}.answerOption[{k}]");
            let Some(coding) = option.get("valueCoding") else {
                faults.wrong(place, "An option is a valueCoding, which rules can tell.");
                continue;
            };
            let place = format!("{place}.valueCoding");
            let code = (coding["system"].as_str(), coding["code"].as_str());
            if code.1.is_none() {
                faults.missing(format!("{place}.code"), "An option has a code.");
            } else if !codes.insert(code) {
                faults.clash(format!("{place}.code"), "Two options have this code.");
            }
            self.texts.check(coding, "display", &place, faults);
        }
    }
}

/// A least value above the greatest.
fn bounds(item: &Value, place: &str, faults: &mut Faults) {
    let mut alone = item.clone();
    if let Some(members) = alone.as_object_mut() {
        members.remove("item");
    }
    let form = Form::read(&serde_json::json!({ "item": [alone] }), &ValueSets::new());
    let reversed = form.questions.values().any(|question| {
        let (least, greatest) = question.bounds;
        least
            .zip(greatest)
            .is_some_and(|(least, greatest)| least > greatest)
    });
    if reversed {
        let says = "The least value is above the greatest.";
        faults.clash(format!("{place}.extension"), says);
    }
}
