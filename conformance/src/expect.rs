//! What must hold of an answer.

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    client::Answer,
    path::{find, plain},
};

/// One expectation; `json` and `none` also serve as conditions on the CapabilityStatement.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Expectation {
    /// The status is one of these.
    Status(Vec<u16>),
    /// A header.
    Header(OfHeader),
    /// A value in the body.
    Json(OfJson),
    /// The matches of a searchset, by their ids; what is only included does not count.
    Matches(OfMatches),
    /// What came along with the matches, by ids.
    Included(OfMatches),
    /// The body is an OperationOutcome with an issue like this.
    Outcome(OfOutcome),
    /// The body as text matches this pattern.
    Text(String),
    /// The body has no value at this path.
    None(String),
    /// The body is this resource, `id`, `meta` and `text` apart.
    Resource(Value),
}

/// What a header must be; without `is` and `matches`, it must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfHeader {
    name: String,
    is: Option<String>,
    matches: Option<String>,
    #[serde(default)]
    absent: bool,
}

/// What a value must be; without anything else, it must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfJson {
    at: String,
    /// One of the values is this, decimals compared as written.
    is: Option<Value>,
    /// One of the values as text matches this pattern.
    matches: Option<String>,
    /// So many values are found or, of one list, so many items.
    count: Option<usize>,
    /// At least so many.
    least: Option<usize>,
    /// All values, in their order.
    all: Option<Vec<Value>>,
}

/// Which ids must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfMatches {
    /// These, in any order, and perhaps others.
    #[serde(default)]
    has: Vec<String>,
    /// None of these.
    #[serde(default)]
    lacks: Vec<String>,
    /// These and no others, in any order.
    only: Option<Vec<String>>,
    /// These and no others, in this order; others that are not of the case are passed over.
    order: Option<Vec<String>>,
}

/// What an issue must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfOutcome {
    severity: Option<String>,
    code: Option<String>,
    /// An expression or location that names this.
    place: Option<String>,
}

impl Expectation {
    /// Why it does not hold.
    pub fn fault(&self, answer: &Answer) -> Option<String> {
        match self {
            Self::Status(wanted) => (!wanted.contains(&answer.status))
                .then(|| format!("the status is {}, not {wanted:?}", answer.status)),
            Self::Header(wanted) => wanted.fault(answer),
            Self::Json(wanted) => wanted.fault(&answer.json),
            Self::Matches(wanted) => wanted.fault(&ids(&answer.json, true)),
            Self::Included(wanted) => wanted.fault(&ids(&answer.json, false)),
            Self::Outcome(wanted) => wanted.fault(&answer.json),
            Self::Text(pattern) => {
                (!fits(pattern, &answer.text)).then(|| format!("the body does not match {pattern}"))
            }
            Self::None(path) => find(&answer.json, path)
                .first()
                .map(|value| format!("{path} is {}", short(value))),
            Self::Resource(wanted) => same(wanted, &answer.json),
        }
    }
}

impl OfHeader {
    fn fault(&self, answer: &Answer) -> Option<String> {
        let name = &self.name;
        let value = answer.headers.get(name.as_str());
        let Some(value) = value.map(|value| String::from_utf8_lossy(value.as_bytes())) else {
            return (!self.absent).then(|| format!("there is no header {name}"));
        };
        let wrong = self.absent
            || self.is.as_ref().is_some_and(|wanted| *wanted != value)
            || self
                .matches
                .as_ref()
                .is_some_and(|pattern| !fits(pattern, &value));
        wrong.then(|| format!("the header {name} is {value}"))
    }
}

impl OfJson {
    fn fault(&self, tree: &Value) -> Option<String> {
        let found = find(tree, &self.at);
        let at = if self.at.is_empty() {
            "the body"
        } else {
            &self.at
        };
        let number = match found.as_slice() {
            [Value::Array(items)] => items.len(),
            several => several.len(),
        };
        if let Some(wanted) = self.count
            && number != wanted
        {
            return Some(format!("{at} is there {number} times, not {wanted}"));
        }
        if let Some(least) = self.least
            && number < least
        {
            return Some(format!(
                "{at} is there {number} times, not at least {least}"
            ));
        }
        if let Some(wanted) = &self.all
            && !(found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| *a == b))
        {
            return Some(format!("{at} is {}", shown(&found)));
        }
        let counted = self.count.is_some() || self.least.is_some() || self.all.is_some();
        if found.is_empty() && !counted {
            return Some(format!("there is no {at}"));
        }
        if let Some(wanted) = &self.is
            && !found.contains(&wanted)
        {
            return Some(format!("{at} is {}, not {wanted}", shown(&found)));
        }
        let pattern = self.matches.as_ref()?;
        let matching = found.iter().any(|value| fits(pattern, &plain(value)));
        (!matching).then(|| format!("{at} is {} and does not match {pattern}", shown(&found)))
    }
}

impl OfMatches {
    fn fault(&self, found: &[String]) -> Option<String> {
        if let Some(id) = self.has.iter().find(|id| !found.contains(id)) {
            return Some(format!("{id} is missing among {found:?}"));
        }
        if let Some(id) = self.lacks.iter().find(|id| found.contains(id)) {
            return Some(format!("{id} is found and should not be"));
        }
        if let Some(only) = &self.only {
            let (mut wanted, mut sorted) = (only.clone(), found.to_vec());
            wanted.sort();
            sorted.sort();
            if wanted != sorted {
                return Some(format!("found are {found:?}, not {only:?}"));
            }
        }
        let order = self.order.as_ref()?;
        let own: Vec<&String> = found.iter().filter(|id| order.contains(id)).collect();
        (!own.iter().copied().eq(order.iter()))
            .then(|| format!("the order is {own:?}, not {order:?}"))
    }
}

impl OfOutcome {
    fn fault(&self, tree: &Value) -> Option<String> {
        if tree["resourceType"] != "OperationOutcome" {
            return Some("the body is no OperationOutcome".to_owned());
        }
        let is = |issue: &Value, name: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| issue[name] == **wanted)
        };
        let places = |issue: &Value| {
            let mut found = find(issue, "expression[*]");
            found.extend(find(issue, "location[*]"));
            found.into_iter().map(plain).collect::<Vec<String>>()
        };
        let found = find(tree, "issue[*]").into_iter().any(|issue| {
            is(issue, "severity", &self.severity)
                && is(issue, "code", &self.code)
                && self.place.as_ref().is_none_or(|wanted| {
                    places(issue)
                        .iter()
                        .any(|place| place.contains(wanted.as_str()))
                })
        });
        (!found).then(|| format!("no issue is like this among {}", short(&tree["issue"])))
    }
}

fn ids(bundle: &Value, matches: bool) -> Vec<String> {
    find(bundle, "entry[*]")
        .into_iter()
        .filter(|entry| (entry["search"]["mode"].as_str().unwrap_or("match") == "match") == matches)
        .filter_map(|entry| entry["resource"]["id"].as_str().map(str::to_owned))
        .collect()
}

/// How a resource differs from the one wanted, what servers add apart.
fn same(wanted: &Value, found: &Value) -> Option<String> {
    let stripped = |tree: &Value| {
        let mut tree = tree.clone();
        if let Some(members) = tree.as_object_mut() {
            for name in ["id", "meta", "text"] {
                members.remove(name);
            }
        }
        tree
    };
    let (wanted, found) = (stripped(wanted), stripped(found));
    (wanted != found).then(|| format!("the resource is {}, not {}", short(&found), short(&wanted)))
}

fn fits(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

fn shown(found: &[&Value]) -> String {
    let texts: Vec<String> = found.iter().map(|value| short(value)).collect();
    texts.join(", ")
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 400 {
        return text;
    }
    text.chars().take(400).chain(['…']).collect()
}
