//! Value sets, read: <http://hl7.org/fhir/R4/valueset.html>.

use std::{collections::HashMap, sync::OnceLock};

use serde_json::Value;

use super::{
    code_system::{Designation, designations},
    filter::Filter,
    shelf::Read,
};

/// A value set.
#[derive(Debug, Default)]
pub(super) struct ValueSet {
    pub url: Box<str>,
    /// Whether it says what it is made of.
    pub composed: bool,
    /// Codes that are no longer used are left out.
    pub active_only: bool,
    pub include: Vec<Component>,
    pub exclude: Vec<Component>,
    /// The codes as whoever made it has listed them.
    pub expansion: Option<Expanded>,
}

/// An `include` or an `exclude`.
#[derive(Debug, Default)]
pub(super) struct Component {
    pub system: Option<Box<str>>,
    pub version: Option<Box<str>>,
    /// The codes that are enumerated.
    pub listed: Option<Listed>,
    pub filters: Vec<Filter>,
    /// Canonicals of value sets; what is meant is in all of them.
    pub value_sets: Vec<Box<str>>,
}

/// Codes that are enumerated, in their order.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub concepts: Vec<ListedConcept>,
    by_code: HashMap<Box<str>, usize>,
    /// The same, by the code in small letters.
    folded: OnceLock<HashMap<String, usize>>,
}

/// A code of a list.
#[derive(Debug)]
pub(super) struct ListedConcept {
    pub code: Box<str>,
    pub display: Option<Box<str>>,
    pub designations: Vec<Designation>,
}

/// An expansion that came with the value set.
#[derive(Debug)]
pub(super) struct Expanded {
    /// Whether it holds all codes.
    pub whole: bool,
    /// System, and the codes of it.
    pub parts: Vec<(Box<str>, Listed)>,
}

impl Listed {
    fn push(&mut self, tree: &Value) {
        let Some(code) = tree["code"].as_str() else {
            return;
        };
        self.by_code.insert(code.into(), self.concepts.len());
        self.concepts.push(ListedConcept {
            code: code.into(),
            display: tree["display"].as_str().map(Into::into),
            designations: designations(tree),
        });
    }

    /// The code as the list has it.
    pub fn get(&self, code: &str) -> Option<&ListedConcept> {
        self.concepts.get(*self.by_code.get(code)?)
    }

    /// The code as the list has it, in capitals or small letters.
    pub fn get_folded(&self, code: &str) -> Option<&ListedConcept> {
        let folded = self.folded.get_or_init(|| {
            let codes = self.by_code.iter();
            codes.map(|(code, at)| (code.to_lowercase(), *at)).collect()
        });
        self.concepts.get(*folded.get(&code.to_lowercase())?)
    }
}

impl Read for ValueSet {
    fn read(tree: &Value) -> Self {
        let compose = &tree["compose"];
        let components = |name: &str| list(&compose[name]).map(component).collect();
        Self {
            url: tree["url"].as_str().unwrap_or_default().into(),
            composed: compose["include"].is_array(),
            active_only: compose["inactive"] == false,
            include: components("include"),
            exclude: components("exclude"),
            expansion: tree.get("expansion").map(expanded),
        }
    }
}

impl ValueSet {
    /// All codes of a code system, or those that a filter picks.
    pub fn implicit(url: &str, system: &str, filters: Vec<Filter>) -> Self {
        Self {
            url: url.into(),
            composed: true,
            include: vec![Component {
                system: Some(system.into()),
                filters,
                ..Component::default()
            }],
            ..Self::default()
        }
    }
}

fn list(tree: &Value) -> impl Iterator<Item = &Value> {
    tree.as_array().into_iter().flatten()
}

fn component(tree: &Value) -> Component {
    let text = |name: &str| tree[name].as_str().map(Into::into);
    let listed = tree["concept"].as_array().map(|concepts| {
        let mut listed = Listed::default();
        concepts.iter().for_each(|concept| listed.push(concept));
        listed
    });
    Component {
        system: text("system"),
        version: text("version"),
        listed,
        filters: list(&tree["filter"]).map(Filter::read).collect(),
        value_sets: list(&tree["valueSet"])
            .filter_map(|each| Some(each.as_str()?.into()))
            .collect(),
    }
}

fn expanded(tree: &Value) -> Expanded {
    let mut parts: Vec<(Box<str>, Listed)> = Vec::new();
    let mut count = 0_u64;
    contains(&tree["contains"], &mut |each| {
        count += 1;
        let system = each["system"].as_str().unwrap_or_default();
        if each["abstract"] == true || each["code"].is_null() {
            return;
        }
        let place = parts.iter().position(|(known, _)| **known == *system);
        let place = place.unwrap_or_else(|| {
            parts.push((system.into(), Listed::default()));
            parts.len() - 1
        });
        parts[place].1.push(each);
    });
    let total = tree["total"].as_u64().unwrap_or(count);
    Expanded {
        whole: count > 0 && total <= count,
        parts,
    }
}

fn contains<'a>(tree: &'a Value, each: &mut impl FnMut(&'a Value)) {
    for inner in list(tree) {
        each(inner);
        contains(&inner["contains"], each);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_expansion_is_read_with_what_stands_below() {
        let set = ValueSet::read(&json!({"url": "v", "expansion": {"total": 3, "contains": [
            {"system": "s", "code": "a", "contains": [{"system": "s", "code": "b"}]},
            {"display": "group", "abstract": true}]}}));
        let expansion = set.expansion.unwrap();
        assert!(expansion.whole && !set.composed);
        assert!(expansion.parts[0].1.get("b").is_some());
        assert_eq!(expansion.parts.len(), 1);
    }
}
