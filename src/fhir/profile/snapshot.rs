//! Snapshots: the tree of a base, and upon it what a differential states.
//!
//! A tree has the elements within a type only where some profile says something about them; the
//! others are those of the type, which a reader finds there. A snapshot that came with a
//! definition is taken as a differential upon the type: every element states itself.
//!
//! Specification: <http://hl7.org/fhir/R4/profiling.html#snapshot>.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Profiles,
    model::{By, Discriminator, Element, Profile, Slicing},
    read,
};

/// Most elements that one differential or snapshot may have.
pub const MOST_ELEMENTS: usize = 20_000;

/// Deepest path of an element.
pub const DEEPEST_PATH: usize = 40;

/// How a definition's elements become a tree.
pub(super) struct Growth<'a> {
    pub profiles: &'a Profiles,
    /// The definitions that are being read, outermost first: a circle ends there.
    pub chain: &'a [&'a str],
    /// Whether elements that the base does not have are the definition's own.
    pub is_constraint: bool,
    /// The URL of the definition.
    pub url: &'a str,
    pub defects: Vec<String>,
    /// The slice that was named last at each path, for differentials without ids.
    open: Vec<(String, String)>,
}

/// A step of an element's id: a name and perhaps a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    name: String,
    slice: Option<String>,
}

impl<'a> Growth<'a> {
    pub(super) const fn new(
        profiles: &'a Profiles,
        chain: &'a [&'a str],
        is_constraint: bool,
        url: &'a str,
    ) -> Self {
        Self {
            profiles,
            chain,
            is_constraint,
            url,
            defects: Vec::new(),
            open: Vec::new(),
        }
    }

    /// States one element after another upon the tree.
    pub(super) fn grow(&mut self, root: &mut Element, elements: &[Value]) {
        for given in elements.iter().take(MOST_ELEMENTS) {
            let Some(steps) = self.steps(given) else {
                self.defects.push("An element has no path.".to_owned());
                continue;
            };
            if steps.len() > DEEPEST_PATH {
                self.defects
                    .push("An element's path is too deep.".to_owned());
                continue;
            }
            let Some(element) = self.reach(root, &steps) else {
                let path = given
                    .get("path")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                self.defects
                    .push(format!("The base has no element `{path}`."));
                continue;
            };
            if let Some(path) = read::fixes_otherwise(element, given) {
                self.defects
                    .push(format!("The base fixes another value of `{path}`."));
            }
            read::state(element, given);
            read::locate(element, self.url);
        }
    }

    /// The way to an element from the root, the root left out.
    fn steps(&mut self, given: &Value) -> Option<Vec<Step>> {
        let path = given.get("path")?.as_str()?;
        let named = given.get("sliceName").and_then(Value::as_str);
        let names: Vec<&str> = path.split('.').collect();
        let id: Vec<&str> = given
            .get("id")
            .and_then(Value::as_str)
            .map(|id| id.split('.').collect())
            .unwrap_or_default();
        let by_id = id.len() == names.len() && id.iter().any(|part| part.contains(':'));
        let mut steps = Vec::with_capacity(names.len());
        let mut prefix = String::new();
        for (n, name) in names.iter().enumerate() {
            if n > 0 {
                prefix.push('.');
            }
            prefix.push_str(name);
            let last = n + 1 == names.len();
            let slice = if by_id {
                id.get(n)
                    .and_then(|part| part.split_once(':'))
                    .map(|(_, slice)| slice.to_owned())
            } else if last {
                None
            } else {
                self.open
                    .iter()
                    .find(|(at, _)| *at == prefix)
                    .map(|(_, slice)| slice.clone())
            };
            let slice = if last {
                named.map(str::to_owned).or(slice)
            } else {
                slice
            };
            steps.push(Step {
                name: (*name).to_owned(),
                slice,
            });
        }
        self.remember(path, named);
        steps.remove(0);
        Some(steps)
    }

    fn remember(&mut self, path: &str, slice: Option<&str>) {
        let below = format!("{path}.");
        self.open
            .retain(|(at, _)| at != path && !at.starts_with(&below));
        if let Some(slice) = slice {
            self.open.push((path.to_owned(), slice.to_owned()));
        }
    }

    fn reach<'e>(&self, root: &'e mut Element, steps: &[Step]) -> Option<&'e mut Element> {
        let mut element = root;
        for step in steps {
            self.unfold(element);
            let place = self.place(element, &step.name)?;
            element = element.children.get_mut(place.0)?;
            match (step.slice.as_deref(), place.1) {
                (Some(slice), _) => element = slice_of(element, slice)?,
                // Without a slice, the name of a type leaves that type alone.
                (None, Some(name)) => only(element, &name),
                (None, None) => {}
            }
        }
        Some(element)
    }

    /// The place of the child of this name; and the slice where the name tells a type of a
    /// choice (`valueQuantity`). A type gets the child where it has none.
    fn place(&self, parent: &mut Element, name: &str) -> Option<(usize, Option<String>)> {
        let (plain, choice) = match name.strip_suffix("[x]") {
            Some(plain) => (plain, true),
            None => (name, false),
        };
        let found = |each: &Element| each.name == plain;
        if let Some(place) = parent.children.iter().position(found) {
            return Some((place, None));
        }
        let typed = |each: &Element| {
            each.choice
                && plain
                    .strip_prefix(each.name.as_str())
                    .is_some_and(|suffix| each.allows(&read::type_of(suffix)))
        };
        if let Some(place) = parent.children.iter().position(typed) {
            return Some((place, Some(plain.to_owned())));
        }
        if self.is_constraint {
            return None;
        }
        parent.children.push(Element {
            path: format!("{}.{plain}", parent.path),
            name: plain.to_owned(),
            choice,
            max: Some(1),
            ..Element::default()
        });
        Some((parent.children.len() - 1, None))
    }

    /// Gives an element the children of its type, so that something can be stated of them.
    fn unfold(&self, element: &mut Element) {
        if !element.children.is_empty() || element.path.is_empty() {
            return;
        }
        if let Some(source) = self.source(element) {
            element.children.clone_from(&source);
            let path = element.path.clone();
            for child in &mut element.children {
                child.path = format!("{path}.{}", child.name);
            }
        }
    }

    fn source(&self, element: &Element) -> Option<Vec<Element>> {
        if let Some(path) = &element.content {
            let kind = path.split('.').next()?;
            let profile = self.profiles.type_read(kind, self.chain)?;
            return profile.root.at(path).map(|found| found.children.clone());
        }
        let [one] = element.types.as_slice() else {
            // A choice without decision has what every type has.
            let any = self.profiles.read(
                "http://hl7.org/fhir/StructureDefinition/Element",
                self.chain,
            )?;
            return Some(any.root.children.clone());
        };
        if let [canonical] = one.profiles.as_slice()
            && let Some(profile) = self.profiles.read(canonical, self.chain)
        {
            return Some(profile.part(canonical)?.children.clone());
        }
        let profile = self.profiles.type_read(&one.code, self.chain)?;
        Some(profile.root.children.clone())
    }
}

/// The slice of this name (`a/b` is a slice `b` of slice `a`); it is made where it is new, and is
/// at first what the element is.
fn slice_of<'e>(element: &'e mut Element, name: &str) -> Option<&'e mut Element> {
    let known = element
        .slices
        .iter()
        .position(|each| each.slice.as_deref() == Some(name));
    if let Some(place) = known {
        return element.slices.get_mut(place);
    }
    let parent = name
        .rsplit_once('/')
        .and_then(|(parent, _)| {
            element
                .slices
                .iter()
                .find(|each| each.slice.as_deref() == Some(parent))
        })
        .unwrap_or(element);
    let mut slice = parent.clone();
    slice.slices = Vec::new();
    slice.slicing = None;
    slice.min = 0;
    slice.slice = Some(name.to_owned());
    implied(element, &mut slice, name);
    element.slices.push(slice);
    element.slices.last_mut()
}

/// Leaves a choice the one type that its name in JSON tells.
fn only(element: &mut Element, name: &str) {
    if let Some(suffix) = name.strip_prefix(element.name.as_str()) {
        let kind = read::type_of(suffix);
        element.types.retain(|each| each.code == kind);
    }
}

/// What slicing an element means where nothing is stated: extensions go by URL, choices by type.
fn implied(element: &mut Element, slice: &mut Element, name: &str) {
    if element.choice
        && let Some(suffix) = name.strip_prefix(element.name.as_str())
    {
        let kind = read::type_of(suffix);
        if element.allows(&kind) {
            slice.types.retain(|each| each.code == kind);
            slice.max = Some(1);
        }
    }
    if element.slicing.is_none() {
        let (by, path) = match element.name.as_str() {
            "extension" | "modifierExtension" => (By::Value, "url"),
            _ if element.choice => (By::Type, "$this"),
            _ => return,
        };
        element.slicing = Some(Slicing {
            discriminators: vec![Discriminator {
                by,
                path: path.to_owned(),
            }],
            ..Slicing::default()
        });
    }
}

/// The tree of a definition.
pub(super) fn tree(profiles: &Profiles, given: &Value, chain: &[&str]) -> Option<Grown> {
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    let is_constraint = text("derivation") == Some("constraint");
    let elements = |part: &str| given.get(part)?.get("element")?.as_array();
    let base = text("baseDefinition").and_then(|url| profiles.read(url, chain));
    let (snapshot, differential) = (elements("snapshot"), elements("differential"));
    let (start, stated) = match (snapshot, differential, base) {
        (Some(snapshot), _, _) if is_constraint => {
            (profiles.type_read(text("type")?, chain), snapshot)
        }
        (_, Some(differential), Some(base)) => (Some(base), differential),
        (Some(snapshot), _, _) => (None, snapshot),
        (None, Some(differential), None) if text("baseDefinition").is_none() => {
            (None, differential)
        }
        (None, Some(differential), None) if is_constraint => {
            (profiles.type_read(text("type")?, chain), differential)
        }
        _ => return None,
    };
    let mut root = start
        .map(|start: Arc<Profile>| start.root.clone())
        .unwrap_or_default();
    let kind = text("type")?;
    if !is_constraint {
        root.types.clear();
        rename(&mut root, kind);
    }
    root.name = kind.to_owned();
    root.path = kind.to_owned();
    let mut growth = Growth::new(
        profiles,
        chain,
        is_constraint,
        text("url").unwrap_or_default(),
    );
    growth.grow(&mut root, stated);
    Some(Grown {
        root,
        defects: growth.defects,
    })
}

/// A type's own paths begin with its own name.
fn rename(root: &mut Element, kind: &str) {
    for child in &mut root.children {
        child.path = format!("{kind}.{}", child.name);
    }
}

/// A tree, and what could not be read.
pub(super) struct Grown {
    pub root: Element,
    pub defects: Vec<String>,
}
