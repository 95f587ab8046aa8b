//! A Questionnaire as the examination of rules needs it: which questions there are, and what may
//! be answered.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaire.html>.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::Value;

use crate::fhir::canonical::{extension, extensions};

const MIN_VALUE: &str = "http://hl7.org/fhir/StructureDefinition/minValue";
const MAX_VALUE: &str = "http://hl7.org/fhir/StructureDefinition/maxValue";
const UNIT: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit";
const UNIT_OPTION: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption";

/// Options of value sets, as codings, by the value set's canonical.
pub type ValueSets = BTreeMap<String, Vec<Value>>;

/// What kind of answer a question takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Decimal,
    /// A number with a unit.
    Quantity,
    /// One of the options.
    Choice,
    /// One of the options, or words.
    OpenChoice,
    /// Words.
    Text,
    /// A date, with or without time.
    Date,
    /// A time of day.
    Time,
    /// A file, a reference.
    Other,
}

impl Kind {
    fn of(item: &Value) -> Option<Self> {
        Some(match item["type"].as_str()? {
            "group" | "display" => return None,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "decimal" => Self::Decimal,
            "quantity" => Self::Quantity,
            "choice" => Self::Choice,
            "open-choice" => Self::OpenChoice,
            "string" | "text" | "url" => Self::Text,
            "date" | "dateTime" => Self::Date,
            "time" => Self::Time,
            _ => Self::Other,
        })
    }

    /// In words, for an author.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Decimal => "a number",
            Self::Quantity => "a quantity",
            Self::Choice => "a coding",
            Self::OpenChoice => "a coding or words",
            Self::Text => "words",
            Self::Date => "a date",
            Self::Time => "a time",
            Self::Other => "neither number, code nor words",
        }
    }
}

/// A question.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its `linkId`.
    pub link: String,
    /// What it takes.
    pub kind: Kind,
    /// The codings of its options; none where they are not known.
    pub options: Option<Vec<Value>>,
    /// Whether several answers may be given.
    pub repeats: bool,
    /// Whether each answer that conforms to the form has it.
    pub always: bool,
    /// The least and the greatest number.
    pub bounds: (Option<Decimal>, Option<Decimal>),
    /// The codes of its units.
    pub units: Vec<String>,
}

/// An item with those in it: questions, and the groups around them.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its `linkId`.
    pub link: String,
    /// What stands in it.
    pub children: Vec<Self>,
}

/// A form.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// The items as they stand.
    pub nodes: Vec<Node>,
    /// The questions by `linkId`.
    pub questions: BTreeMap<String, Question>,
    /// Every `linkId`, those of groups and displays included.
    pub links: BTreeSet<String>,
}

impl Form {
    /// Reads a Questionnaire.
    #[must_use]
    pub fn read(questionnaire: &Value, value_sets: &ValueSets) -> Self {
        let mut form = Self::default();
        let nodes = form.read_items(questionnaire, value_sets, true);
        form.nodes = nodes;
        form
    }

    fn read_items(&mut self, parent: &Value, value_sets: &ValueSets, always: bool) -> Vec<Node> {
        let mut nodes = Vec::new();
        for item in parent["item"].as_array().into_iter().flatten() {
            let link = item["linkId"].as_str().unwrap_or_default().to_owned();
            let always = always && item.get("enableWhen").is_none();
            if let Some(kind) = Kind::of(item) {
                let question = read_question(item, (kind, always), value_sets);
                self.questions.insert(link.clone(), question);
            }
            self.links.insert(link.clone());
            // Groups only arrange: a required question is required whatever its group says.
            let children = self.read_items(item, value_sets, always);
            nodes.push(Node { link, children });
        }
        nodes
    }
}

fn read_question(item: &Value, (kind, always): (Kind, bool), value_sets: &ValueSets) -> Question {
    let bound = |url| extension(item, url).and_then(decimal);
    let units = extensions(item, UNIT)
        .chain(extensions(item, UNIT_OPTION))
        .filter_map(|unit| unit["valueCoding"]["code"].as_str().map(str::to_owned));
    Question {
        link: item["linkId"].as_str().unwrap_or_default().to_owned(),
        kind,
        options: options(item, value_sets),
        repeats: item["repeats"] == true,
        always: always && item["required"] == true,
        bounds: (bound(MIN_VALUE), bound(MAX_VALUE)),
        units: units.collect(),
    }
}

/// A JSON number, digit for digit.
#[must_use]
pub fn decimal(value: &Value) -> Option<Decimal> {
    let text = value.as_number()?.to_string();
    Decimal::from_str_exact(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .ok()
}

fn options(item: &Value, value_sets: &ValueSets) -> Option<Vec<Value>> {
    if let Some(list) = item["answerOption"].as_array() {
        let codings: Vec<Value> = list
            .iter()
            .filter_map(|option| option.get("valueCoding").cloned())
            .collect();
        // Options that are no codings are left to the form's own examination.
        return (codings.len() == list.len()).then_some(codings);
    }
    value_sets.get(item["answerValueSet"].as_str()?).cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn questions_are_found_in_groups_with_what_they_take() {
        let form = Form::read(
            &json!({ "item": [{ "linkId": "g", "type": "group", "item": [
                { "linkId": "t", "type": "quantity", "required": true, "extension": [
                    { "url": MIN_VALUE, "valueDecimal": 33.0 },
                    { "url": UNIT_OPTION, "valueCoding": { "code": "Cel" } }] },
                { "linkId": "b", "type": "boolean", "required": true, "enableWhen": [{}] }] }] }),
            &ValueSets::new(),
        );
        assert_eq!(form.links.len(), 3);
        let (t, b) = (&form.questions["t"], &form.questions["b"]);
        assert!(t.always && !b.always);
        assert_eq!(t.bounds, (Some(Decimal::from(33)), None));
        assert_eq!(t.units, ["Cel"]);
        assert_eq!(form.nodes[0].children.len(), 2);
    }
}
