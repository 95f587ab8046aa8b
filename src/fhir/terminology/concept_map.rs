//! Concept maps, read: <http://hl7.org/fhir/R4/conceptmap.html>.

use serde_json::Value;

use super::shelf::Read;

/// A concept map.
#[derive(Debug)]
pub(super) struct ConceptMap {
    pub url: Box<str>,
    /// Value sets that it leads from and to.
    pub source: Option<Box<str>>,
    pub target: Option<Box<str>>,
    pub groups: Vec<Group>,
}

/// What leads from one code system to another.
#[derive(Debug)]
pub(super) struct Group {
    pub source: Option<Box<str>>,
    pub target: Option<Box<str>>,
    pub target_version: Option<Box<str>>,
    pub pairs: Vec<Pair>,
    /// Every code that the group speaks of.
    pub codes: Vec<Box<str>>,
    pub unmapped: Option<Unmapped>,
}

/// A code and one of those that it leads to.
#[derive(Debug)]
pub(super) struct Pair {
    pub code: Box<str>,
    pub display: Option<Box<str>>,
    pub target: Option<Box<str>>,
    pub target_display: Option<Box<str>>,
    pub equivalence: Box<str>,
    pub comment: Option<Box<str>>,
    /// What else must hold, and what else follows.
    pub depends_on: Vec<Dependency>,
    pub product: Vec<Dependency>,
}

/// Another element and its value.
#[derive(Debug)]
pub(super) struct Dependency {
    pub property: Box<str>,
    pub system: Option<Box<str>>,
    pub value: Box<str>,
    pub display: Option<Box<str>>,
}

/// What becomes of a code that the group does not speak of.
#[derive(Debug)]
pub(super) enum Unmapped {
    /// It stays itself.
    Provided,
    /// It becomes this code.
    Fixed(Box<str>, Option<Box<str>>),
    /// Another map knows.
    OtherMap(Box<str>),
}

impl Read for ConceptMap {
    fn read(tree: &Value) -> Self {
        // `sourceUri` and `sourceCanonical` are the two forms of one element.
        let either = |name: &str| {
            let forms = ["Canonical", "Uri"].map(|form| &tree[format!("{name}{form}")]);
            forms.into_iter().find_map(Value::as_str).map(Into::into)
        };
        Self {
            url: text(tree, "url").unwrap_or_default(),
            source: either("source"),
            target: either("target"),
            groups: list(&tree["group"]).map(group).collect(),
        }
    }
}

fn text(tree: &Value, name: &str) -> Option<Box<str>> {
    tree[name].as_str().map(Into::into)
}

fn list(tree: &Value) -> impl Iterator<Item = &Value> {
    tree.as_array().into_iter().flatten()
}

fn group(tree: &Value) -> Group {
    let elements = || list(&tree["element"]);
    let pairs = elements().flat_map(|element| {
        list(&element["target"]).filter_map(move |target| pair(element, target))
    });
    Group {
        source: text(tree, "source"),
        target: text(tree, "target"),
        target_version: text(tree, "targetVersion"),
        pairs: pairs.collect(),
        codes: elements().filter_map(|each| text(each, "code")).collect(),
        unmapped: unmapped(&tree["unmapped"]),
    }
}

fn pair(element: &Value, target: &Value) -> Option<Pair> {
    let dependencies = |name: &str| list(&target[name]).filter_map(dependency).collect();
    Some(Pair {
        code: text(element, "code")?,
        display: text(element, "display"),
        target: text(target, "code"),
        target_display: text(target, "display"),
        equivalence: text(target, "equivalence").unwrap_or_else(|| "relatedto".into()),
        comment: text(target, "comment"),
        depends_on: dependencies("dependsOn"),
        product: dependencies("product"),
    })
}

fn dependency(tree: &Value) -> Option<Dependency> {
    Some(Dependency {
        property: text(tree, "property")?,
        system: text(tree, "system"),
        value: text(tree, "value")?,
        display: text(tree, "display"),
    })
}

fn unmapped(tree: &Value) -> Option<Unmapped> {
    Some(match tree["mode"].as_str()? {
        "provided" => Unmapped::Provided,
        "fixed" => Unmapped::Fixed(text(tree, "code")?, text(tree, "display")),
        _ => Unmapped::OtherMap(text(tree, "url")?),
    })
}
