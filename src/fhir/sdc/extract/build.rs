//! A resource put together element by element: each value goes where R4 has its path.

use serde_json::{Map, Value, json};

use super::super::value::add_unit;
use crate::fhir::definitions::{Type, definitions};

/// Deepest path that is followed.
pub(super) const DEPTH_MAX: usize = 16;

/// A resource that comes to be.
pub(super) struct Building {
    pub resource: Value,
    /// The elements that the present groups stand for, the innermost last.
    anchors: Vec<Anchor>,
}

/// An element of a list, and its path without indexes.
struct Anchor {
    path: String,
    index: usize,
}

impl Building {
    /// An empty resource of a type.
    pub fn of(kind: &str) -> Self {
        Self {
            resource: json!({ "resourceType": kind }),
            anchors: Vec::new(),
        }
    }

    /// Begins one more element of the list at a path, which what follows goes into.
    pub fn enter(&mut self, path: &str) {
        let index = count(&self.resource, path, &self.anchors);
        self.anchors.push(Anchor {
            path: path.to_owned(),
            index,
        });
    }

    /// Ends what [`Building::enter`] began.
    pub fn leave(&mut self) {
        self.anchors.pop();
    }

    /// Sets the element at a path such as `Patient.name.given`; slices are named apart by
    /// `Patient.telecom:email.value`.
    pub fn set(
        &mut self,
        path: &str,
        kind: &str,
        value: &Value,
        form: &Value,
    ) -> Result<(), String> {
        let mut steps = path.split('.');
        let root = steps.next().unwrap_or_default();
        let owner = definitions()
            .type_named(root)
            .filter(|_| self.resource["resourceType"] == root)
            .ok_or("The path does not begin with the type that is made.")?;
        let steps: Vec<&str> = steps.collect();
        if steps.is_empty() || steps.len() > DEPTH_MAX {
            return Err("The path leads to no element.".to_owned());
        }
        let given = Given { kind, value, form };
        let anchors = &self.anchors;
        put(&mut self.resource, (owner, root), (&steps, anchors), &given)
    }
}

/// What is to be set.
struct Given<'a> {
    kind: &'a str,
    value: &'a Value,
    form: &'a Value,
}

fn put(
    into: &mut Value,
    (owner, so_far): (&Type, &str),
    (steps, anchors): (&[&str], &[Anchor]),
    given: &Given<'_>,
) -> Result<(), String> {
    let (first, rest) = steps.split_first().ok_or("The path leads to no element.")?;
    let name = first.split(':').next().unwrap_or_default();
    let bare = name.strip_suffix("[x]").unwrap_or(name);
    let (element, kind) = member(owner, name, rest.is_empty().then_some(given.kind))
        .ok_or_else(|| format!("R4 has no element `{bare}` there."))?;
    let json_name = if element.choice {
        format!("{}{}", element.name, capital(kind))
    } else {
        element.name.clone()
    };
    let path = format!("{so_far}.{first}");
    let members = into
        .as_object_mut()
        .ok_or("The path goes through a value.")?;
    if rest.is_empty() {
        let value = converted(given, kind)
            .ok_or_else(|| format!("A {} is no {kind}, which the element takes.", given.kind))?;
        place(members, &json_name, value, element.list);
        return Ok(());
    }
    let inner = definitions()
        .type_named(kind)
        .ok_or("The path goes through a type that is not known.")?;
    let slot = members
        .entry(json_name)
        .or_insert_with(|| if element.list { json!([]) } else { json!({}) });
    let next = if element.list {
        let anchor = anchors.iter().rev().find(|anchor| anchor.path == path);
        let list = slot.as_array_mut().ok_or("The element is no list.")?;
        let index = anchor.map_or(0, |anchor| anchor.index).min(list.len());
        if index == list.len() {
            list.push(json!({}));
        }
        list.get_mut(index).ok_or("The element is no list.")?
    } else {
        slot
    };
    put(next, (inner, &path), (rest, anchors), given)
}

/// Puts a value in its place: a list grows, anything else is replaced.
fn place(members: &mut Map<String, Value>, name: &str, value: Value, list: bool) {
    if !list {
        members.insert(name.to_owned(), value);
        return;
    }
    let slot = members.entry(name).or_insert_with(|| json!([]));
    if let Some(list) = slot.as_array_mut() {
        list.push(value);
    }
}

/// The element that a step names, and its type; of a choice, that which fits what is given.
fn member<'a>(
    owner: &'a Type,
    name: &str,
    given: Option<&str>,
) -> Option<(&'a crate::fhir::definitions::Element, &'a str)> {
    if let Some(found) = owner.member(name) {
        return Some(found);
    }
    let bare = name.strip_suffix("[x]").unwrap_or(name);
    let element = owner.elements.iter().find(|one| one.name == bare)?;
    let alike = |kind: &&String| {
        given.is_some_and(|given| {
            capital(kind) == given || (given == "Coding" && kind.as_str() == "CodeableConcept")
        })
    };
    let kind = element.types.iter().find(alike).or(element.types.first())?;
    Some((element, kind))
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

/// A value as another type has it.
fn converted(given: &Given<'_>, wanted: &str) -> Option<Value> {
    let value = given.value;
    let own = || value.clone();
    Some(match (wanted, given.kind) {
        (wanted, kind) if capital(wanted) == kind => own(),
        ("code" | "id" | "uri" | "url" | "canonical" | "markdown" | "oid" | "uuid", _)
        | ("string", "Uri" | "Date" | "DateTime" | "Time" | "Code" | "Id" | "Markdown")
            if value.is_string() =>
        {
            own()
        }
        ("code", "Coding") => value["code"].as_str()?.into(),
        ("string" | "markdown", "Coding") => {
            value["display"].as_str().or(value["code"].as_str())?.into()
        }
        ("uri", "Coding") => value["system"].as_str()?.into(),
        ("CodeableConcept", "Coding") => json!({ "coding": [value] }),
        ("CodeableConcept", "String") => json!({ "text": value }),
        ("positiveInt", "Integer") if value.as_i64()? > 0 => own(),
        ("unsignedInt", "Integer") if value.as_i64()? >= 0 => own(),
        ("decimal", "Integer") => own(),
        ("decimal", "Quantity") => value["value"].as_number()?.clone().into(),
        ("Quantity", "Integer" | "Decimal") => {
            let mut quantity = json!({ "value": value });
            add_unit(&mut quantity, given.form);
            quantity
        }
        ("Age" | "Duration" | "Count" | "Distance" | "SimpleQuantity", "Quantity") => own(),
        ("dateTime", "Date" | "Instant") => own(),
        ("date", "DateTime") => value.as_str()?.get(..10).unwrap_or(value.as_str()?).into(),
        ("instant", "DateTime") if value.as_str()?.contains('T') => own(),
        ("Annotation", "String") => json!({ "text": value }),
        _ => return None,
    })
}

/// How many elements stand at a path already.
fn count(resource: &Value, path: &str, anchors: &[Anchor]) -> usize {
    let mut at = resource;
    let mut so_far = String::new();
    let mut steps = path.split('.').peekable();
    so_far.push_str(steps.next().unwrap_or_default());
    while let Some(step) = steps.next() {
        so_far = format!("{so_far}.{step}");
        let name = step.split(':').next().unwrap_or_default();
        at = &at[name];
        if steps.peek().is_none() {
            return at.as_array().map_or(0, Vec::len);
        }
        if at.is_array() {
            let anchor = anchors.iter().rev().find(|anchor| anchor.path == so_far);
            at = &at[anchor.map_or(0, |anchor| anchor.index)];
        }
    }
    0
}
