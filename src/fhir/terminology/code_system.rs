//! Code systems, read for look-ups: <http://hl7.org/fhir/R4/codesystem.html>.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use serde_json::Value;

use super::shelf::Read;

/// What the properties that every code system may have are called by.
const CONCEPT_PROPERTIES: &str = "http://hl7.org/fhir/concept-properties#";

/// How much of a code system a resource holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Every concept.
    Complete,
    /// Some concepts: the others exist as well.
    Part,
    /// None.
    Absent,
    /// More about the concepts of another code system.
    Supplement,
}

/// A code system.
#[derive(Debug)]
pub(super) struct CodeSystem {
    pub url: Box<str>,
    pub version: Option<Box<str>>,
    pub name: Box<str>,
    pub title: Option<Box<str>>,
    pub content: Content,
    pub case_sensitive: bool,
    /// Whether what stands below a concept is a kind of it.
    pub is_a: bool,
    /// Properties as they are declared: code, URI, type.
    pub properties: Vec<Declared>,
    /// Those of the resource, what stands below a concept after it.
    pub concepts: Vec<Concept>,
    by_code: HashMap<Box<str>, usize>,
}

/// A property that a code system declares.
#[derive(Debug)]
pub(super) struct Declared {
    pub code: Box<str>,
    uri: Box<str>,
    /// Its type: `code`, `Coding`, `boolean`.
    pub kind: Box<str>,
}

/// A concept.
#[derive(Debug, Default)]
pub(super) struct Concept {
    pub code: Box<str>,
    pub display: Option<Box<str>>,
    pub definition: Option<Box<str>>,
    pub designations: Vec<Designation>,
    /// Name and `value[x]` as written: the member's name and its value.
    pub properties: Vec<Property>,
    pub parents: Vec<usize>,
    pub children: Vec<usize>,
    /// No longer to be used.
    pub inactive: bool,
    /// Only there to group others.
    pub not_selectable: bool,
}

/// Another name of a concept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Designation {
    pub language: Option<Box<str>>,
    pub value: Box<str>,
    pub usage: Option<Value>,
}

/// A property of a concept.
#[derive(Debug)]
pub(super) struct Property {
    pub code: Box<str>,
    /// `valueCode`, `valueBoolean` and so on.
    pub member: Box<str>,
    pub value: Value,
}

impl Property {
    /// Its value as a text, as filters compare it.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.value {
            Value::String(text) => Cow::Borrowed(text),
            Value::Object(coding) => {
                Cow::Borrowed(coding.get("code").and_then(Value::as_str).unwrap_or(""))
            }
            other => Cow::Owned(other.to_string()),
        }
    }
}

impl Read for CodeSystem {
    fn read(tree: &Value) -> Self {
        let text = |name: &str| tree[name].as_str().map(Into::into);
        let mut system = Self {
            url: text("url").unwrap_or_default(),
            version: text("version"),
            name: text("name").unwrap_or_default(),
            title: text("title"),
            content: content(tree),
            case_sensitive: tree["caseSensitive"] != false,
            is_a: tree["hierarchyMeaning"].as_str().unwrap_or("is-a") == "is-a",
            properties: list(&tree["property"]).map(declared).collect(),
            concepts: Vec::new(),
            by_code: HashMap::new(),
        };
        for concept in list(&tree["concept"]) {
            system.take_in(concept, None);
        }
        system.link();
        system.settle();
        system
    }
}

fn content(tree: &Value) -> Content {
    match tree["content"].as_str() {
        // What supplements another is nothing else, whatever it says.
        _ if tree["supplements"].is_string() => Content::Supplement,
        Some("not-present") => Content::Absent,
        Some("example" | "fragment") => Content::Part,
        Some("supplement") => Content::Supplement,
        _ => Content::Complete,
    }
}

fn declared(tree: &Value) -> Declared {
    Declared {
        code: tree["code"].as_str().unwrap_or_default().into(),
        uri: tree["uri"].as_str().unwrap_or_default().into(),
        kind: tree["type"].as_str().unwrap_or_default().into(),
    }
}

fn list(tree: &Value) -> impl Iterator<Item = &Value> {
    tree.as_array().into_iter().flatten()
}

/// The designations of a concept, of a code system or of a value set.
pub(super) fn designations(concept: &Value) -> Vec<Designation> {
    list(&concept["designation"])
        .filter_map(|each| {
            Some(Designation {
                language: each["language"].as_str().map(Into::into),
                value: each["value"].as_str()?.into(),
                usage: each.get("use").cloned(),
            })
        })
        .collect()
}

fn properties(concept: &Value) -> Vec<Property> {
    let of = |each: &Value| {
        let mut members = each.as_object()?.iter();
        let (member, value) = members.find(|(name, _)| name.starts_with("value"))?;
        Some(Property {
            code: each["code"].as_str()?.into(),
            member: member.as_str().into(),
            value: value.clone(),
        })
    };
    list(&concept["property"]).filter_map(of).collect()
}

impl CodeSystem {
    /// How deep concepts may stand below each other is bounded by the reader of JSON.
    fn take_in(&mut self, tree: &Value, parent: Option<usize>) {
        let Some(code) = tree["code"].as_str() else {
            return;
        };
        let at = self.concepts.len();
        // Of two concepts with one code, the first is meant.
        self.by_code.entry(self.key(code).into()).or_insert(at);
        self.concepts.push(Concept {
            code: code.into(),
            display: tree["display"].as_str().map(Into::into),
            definition: tree["definition"].as_str().map(Into::into),
            designations: designations(tree),
            properties: properties(tree),
            parents: parent.into_iter().collect(),
            ..Concept::default()
        });
        if let Some(above) = parent.and_then(|parent| self.concepts.get_mut(parent)) {
            above.children.push(at);
        }
        for concept in list(&tree["concept"]) {
            self.take_in(concept, Some(at));
        }
    }

    /// A concept may have more parents than the one below which it is written.
    fn link(&mut self) {
        let mut links = Vec::new();
        let mut known = HashSet::new();
        for (at, concept) in self.concepts.iter().enumerate() {
            known.extend(concept.parents.iter().map(|parent| (*parent, at)));
            for property in &concept.properties {
                let Some(other) = self.place(&property.text()) else {
                    continue;
                };
                if self.means(&property.code, "parent") || &*property.code == "subsumedBy" {
                    links.push((other, at));
                } else if self.means(&property.code, "child") {
                    links.push((at, other));
                }
            }
        }
        for (parent, child) in links {
            if parent != child && known.insert((parent, child)) {
                self.concepts[child].parents.push(parent);
                self.concepts[parent].children.push(child);
            }
        }
    }

    /// Works out what is asked of every concept.
    fn settle(&mut self) {
        for at in 0..self.concepts.len() {
            let has = |name: &str, values: &[&str]| {
                self.concepts[at].properties.iter().any(|property| {
                    self.means(&property.code, name) && values.contains(&&*property.text())
                })
            };
            let inactive = has("inactive", &["true"]) || has("status", &["retired", "inactive"]);
            let not_selectable = has("notSelectable", &["true"]) || has("abstract", &["true"]);
            let concept = &mut self.concepts[at];
            concept.inactive = inactive;
            concept.not_selectable = not_selectable;
        }
    }

    /// Whether a property is one of those that every code system may have.
    pub fn means(&self, code: &str, name: &str) -> bool {
        let declared = self.properties.iter().find(|each| *each.code == *code);
        let standard = declared.and_then(|each| each.uri.strip_prefix(CONCEPT_PROPERTIES));
        standard.unwrap_or(code) == name
    }

    fn key<'a>(&self, code: &'a str) -> Cow<'a, str> {
        if self.case_sensitive {
            Cow::Borrowed(code)
        } else {
            Cow::Owned(code.to_lowercase())
        }
    }

    /// Whether two texts are one code here.
    pub fn same(&self, a: &str, b: &str) -> bool {
        a == b || !self.case_sensitive && a.to_lowercase() == b.to_lowercase()
    }

    /// Where a concept stands in [`Self::concepts`].
    pub fn place(&self, code: &str) -> Option<usize> {
        self.by_code.get(&*self.key(code)).copied()
    }

    /// A concept.
    pub fn concept(&self, code: &str) -> Option<&Concept> {
        self.concepts.get(self.place(code)?)
    }

    /// What stands above a concept, or below it, itself first.
    pub fn reach(&self, from: usize, next: fn(&Concept) -> &[usize]) -> Vec<usize> {
        self.reach_within(from, next, usize::MAX)
    }

    /// The same, the nearest `most` of them.
    pub fn reach_within(
        &self,
        from: usize,
        next: fn(&Concept) -> &[usize],
        most: usize,
    ) -> Vec<usize> {
        let mut seen = HashSet::from([from]);
        let mut found = vec![from];
        let mut looked = 0;
        while let Some(at) = found.get(looked).copied() {
            looked += 1;
            for other in next(&self.concepts[at]) {
                if found.len() < most && seen.insert(*other) {
                    found.push(*other);
                }
            }
        }
        found
    }

    /// Whether a concept stands above another, or is it.
    pub fn subsumes(&self, above: usize, below: usize) -> bool {
        above == below
            || self
                .reach(below, |concept| &concept.parents)
                .contains(&above)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_concept_may_have_several_parents() {
        let system = CodeSystem::read(&json!({
            "url": "s", "content": "complete", "caseSensitive": false,
            "property": [{"code": "up", "uri": "http://hl7.org/fhir/concept-properties#parent"}],
            "concept": [
                {"code": "a", "concept": [{"code": "b", "concept": [{"code": "c"}]}]},
                {"code": "d", "property": [{"code": "child", "valueCode": "C"}]},
                {"code": "e", "property": [{"code": "up", "valueCode": "d"},
                    {"code": "status", "valueCode": "retired"}]}]
        }));
        let place = |code| system.place(code).unwrap();
        let above: Vec<&str> = system
            .reach(place("c"), |concept| &concept.parents)
            .into_iter()
            .map(|at| &*system.concepts[at].code)
            .collect();
        assert_eq!(above, ["c", "b", "d", "a"]);
        assert!(system.subsumes(place("d"), place("E")));
        assert!(!system.subsumes(place("e"), place("d")));
        assert!(system.concept("e").is_some_and(|concept| concept.inactive));
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let system = CodeSystem::read(&json!({
            "url": "s", "content": "complete",
            "concept": [
                {"code": "a", "property": [{"code": "parent", "valueCode": "b"}]},
                {"code": "b", "property": [{"code": "parent", "valueCode": "a"},
                    {"code": "parent", "valueCode": "b"}]}]
        }));
        assert_eq!(system.reach(0, |concept| &concept.parents), [0, 1]);
        assert!(system.place("A").is_none(), "codes are case-sensitive");
    }
}
