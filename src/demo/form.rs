//! Filling a Questionnaire: items nested as in the form, only those that are enabled.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaire.html>,
//! <http://hl7.org/fhir/R4/questionnaireresponse.html>.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::kernel::problem::{Problem, Result};

/// An answer as the generator knows it; the form decides how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A place on a scale from 0; for a boolean item: whether it is above 0.
    Grade(i64),
    /// One of the codes of the item.
    Code(&'static str),
    /// Yes or no; for a choice among yes, no and unknown: its code.
    Truth(bool),
    /// A whole number.
    Whole(i64),
    /// A number with one decimal, in tenths.
    Tenths(i64),
    /// A date.
    Day(jiff::civil::Date),
    /// A text.
    Text(&'static str),
}

/// A Questionnaire, ready to be filled.
#[derive(Debug, Clone)]
pub struct Form {
    /// `url|version`.
    pub canonical: String,
    items: Vec<Item>,
}

#[derive(Debug, Clone)]
struct Item {
    link_id: String,
    kind: Kind,
    enabled_when: Vec<(String, Value)>,
    items: Vec<Item>,
}

#[derive(Debug, Clone)]
enum Kind {
    Group,
    Display,
    Choice(BTreeMap<String, Value>),
    Boolean,
    Integer,
    Quantity(Value),
    Date,
    Text,
}

impl Form {
    /// Reads a Questionnaire.
    ///
    /// # Errors
    /// `Invalid`, if it uses what the generator does not know.
    pub fn read(questionnaire: &Value) -> Result<Self> {
        let text = |name: &str| questionnaire[name].as_str().unwrap_or_default();
        Ok(Self {
            canonical: format!("{}|{}", text("url"), text("version")),
            items: items(&questionnaire["item"])?,
        })
    }

    /// The `item`s of a response; `answer` tells what the author would say to a link id.
    pub fn fill(&self, answer: &dyn Fn(&str) -> Option<Answer>) -> Value {
        let mut given = BTreeMap::new();
        Value::Array(fill(&self.items, answer, &mut given))
    }
}

fn fill<'f>(
    items: &'f [Item],
    answer: &dyn Fn(&str) -> Option<Answer>,
    given: &mut BTreeMap<&'f str, Value>,
) -> Vec<Value> {
    let mut filled = Vec::with_capacity(items.len());
    for item in items {
        if !item.is_enabled(given) {
            continue;
        }
        if let Kind::Group = item.kind {
            let inner = fill(&item.items, answer, given);
            if !inner.is_empty() {
                filled.push(json!({ "linkId": item.link_id, "item": inner }));
            }
        } else if let Some((member, value)) = answer(&item.link_id).and_then(|a| item.write(a)) {
            given.insert(&item.link_id, value.clone());
            let mut written = Map::new();
            written.insert(member.to_owned(), value);
            filled.push(json!({ "linkId": item.link_id, "answer": [written] }));
        }
    }
    filled
}

impl Item {
    /// Any one condition enables an item: the forms of the demo have no other behaviour.
    fn is_enabled(&self, given: &BTreeMap<&str, Value>) -> bool {
        self.enabled_when.is_empty()
            || self.enabled_when.iter().any(|(question, wanted)| {
                given.get(question.as_str()).is_some_and(|value| {
                    value == wanted
                        || (wanted.is_object()
                            && value["code"] == wanted["code"]
                            && value["system"] == wanted["system"])
                })
            })
    }

    /// The member of `answer` and its value.
    fn write(&self, answer: Answer) -> Option<(&'static str, Value)> {
        let coded = |options: &BTreeMap<String, Value>, code: &str| {
            options
                .get(code)
                .map(|coding| ("valueCoding", coding.clone()))
        };
        match (&self.kind, answer) {
            (Kind::Choice(options), Answer::Grade(n)) => coded(options, &n.to_string()),
            (Kind::Choice(options), Answer::Code(code)) => coded(options, code),
            (Kind::Choice(options), Answer::Truth(yes)) => {
                coded(options, if yes { "yes" } else { "no" })
            }
            (Kind::Boolean, Answer::Truth(yes)) => Some(("valueBoolean", yes.into())),
            (Kind::Boolean, Answer::Grade(n)) => Some(("valueBoolean", (n > 0).into())),
            (Kind::Integer, Answer::Whole(n)) => Some(("valueInteger", n.into())),
            (Kind::Quantity(unit), Answer::Whole(n)) => quantity(unit, &n.to_string()),
            (Kind::Quantity(unit), Answer::Tenths(n)) => {
                quantity(unit, &format!("{}.{}", n / 10, n % 10))
            }
            (Kind::Date, Answer::Day(date)) => Some(("valueDate", date.to_string().into())),
            (Kind::Text, Answer::Text(text)) => Some(("valueString", text.into())),
            _ => None,
        }
    }
}

fn quantity(unit: &Value, number: &str) -> Option<(&'static str, Value)> {
    let mut quantity = Map::new();
    quantity.insert("value".to_owned(), serde_json::from_str(number).ok()?);
    quantity.insert("unit".to_owned(), unit["display"].clone());
    quantity.insert("system".to_owned(), unit["system"].clone());
    quantity.insert("code".to_owned(), unit["code"].clone());
    Some(("valueQuantity", Value::Object(quantity)))
}

fn items(list: &Value) -> Result<Vec<Item>> {
    list.as_array().into_iter().flatten().map(item).collect()
}

fn item(item: &Value) -> Result<Item> {
    let link_id = item["linkId"].as_str().unwrap_or_default().to_owned();
    let kind = match item["type"].as_str().unwrap_or_default() {
        "group" => Kind::Group,
        "display" => Kind::Display,
        "choice" => Kind::Choice(options(item)),
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer,
        "quantity" => Kind::Quantity(unit(item)),
        "date" => Kind::Date,
        "text" | "string" => Kind::Text,
        other => {
            let reason = format!("The item {link_id} is of type {other}.");
            return Err(Problem::invalid("not-supported", reason));
        }
    };
    Ok(Item {
        enabled_when: conditions(item, &link_id)?,
        items: items(&item["item"])?,
        link_id,
        kind,
    })
}

fn conditions(item: &Value, link_id: &str) -> Result<Vec<(String, Value)>> {
    let all = item["enableWhen"].as_array().into_iter().flatten();
    let conditions: Vec<(String, Value)> = all
        .filter(|when| when["operator"] == "=")
        .filter_map(|when| {
            let (_, value) = when
                .as_object()?
                .iter()
                .find(|(k, _)| k.starts_with("answer"))?;
            Some((when["question"].as_str()?.to_owned(), value.clone()))
        })
        .collect();
    let count = item["enableWhen"].as_array().map_or(0, Vec::len);
    let known = conditions.len() == count && (count < 2 || item["enableBehavior"] == "any");
    if !known {
        let reason = format!("The item {link_id} is enabled in a way that is not known here.");
        return Err(Problem::invalid("not-supported", reason));
    }
    Ok(conditions)
}

/// The codings of a choice, by code, without what only the form needs.
fn options(item: &Value) -> BTreeMap<String, Value> {
    let all = item["answerOption"].as_array().into_iter().flatten();
    all.filter_map(|option| {
        let coding = option["valueCoding"].as_object()?;
        let slim: Map<String, Value> = ["system", "code", "display"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), coding.get(*name)?.clone())))
            .collect();
        Some((
            coding.get("code")?.as_str()?.to_owned(),
            Value::Object(slim),
        ))
    })
    .collect()
}

fn unit(item: &Value) -> Value {
    let extensions = item["extension"].as_array().into_iter().flatten();
    extensions
        .filter(|e| {
            e["url"]
                .as_str()
                .is_some_and(|url| url.ends_with("/questionnaire-unitOption"))
        })
        .map(|e| e["valueCoding"].clone())
        .next()
        .unwrap_or_default()
}
