//! From a node to its elements and children.
//!
//! Specification: <http://hl7.org/fhir/R4/fhirpath.html#polymorphism>,
//! <http://hl7.org/fhir/R4/json.html#primitive>.

use serde_json::{Map, Value};

use super::{
    ast::Name,
    item::{Collection, Item, NOTHING, Node},
    schema::{self, Kind, Member},
};

/// Adds the elements `name` of an item.
pub(super) fn member<'a>(item: &Item<'a>, name: &Name, out: &mut Collection<'a>) {
    let node = match item {
        Item::Node(node) => node,
        Item::Type(type_name) => {
            let part = match &*name.text {
                "name" => type_name.name,
                "namespace" => type_name.namespace,
                _ => return,
            };
            out.push(Item::String(part.into()));
            return;
        }
        _ => return,
    };
    let Value::Object(members) = node.value else {
        if let Some(Value::Object(members)) = node.sibling {
            of_kind(members, node.kind, name, out);
        }
        return;
    };
    if node.kind.is_some() {
        of_kind(members, node.kind, name, out);
    } else {
        let (value, sibling) = (members.get(&*name.text), members.get(&*name.sibling));
        push(value, sibling, None, out);
    }
}

fn of_kind<'a>(
    members: &'a Map<String, Value>,
    kind: Option<&'static Kind>,
    name: &Name,
    out: &mut Collection<'a>,
) {
    let found = name.symbol.and_then(|symbol| kind?.member(symbol));
    match found {
        None => {}
        Some(element) if element.choice => choice(members, element, out),
        Some(element) => {
            let kind = element.kind();
            let sibling = if is_primitive(kind) {
                members.get(&*name.sibling)
            } else {
                None
            };
            push(members.get(&*name.text), sibling, kind, out);
        }
    }
}

fn is_primitive(kind: Option<&'static Kind>) -> bool {
    kind.is_none_or(|kind| kind.class == crate::fhir::definitions::Kind::Primitive)
}

/// The `_` companion of a member, found without building its name.
fn sibling_of<'a>(
    members: &'a Map<String, Value>,
    key: &str,
    kind: Option<&'static Kind>,
) -> Option<&'a Value> {
    if !is_primitive(kind) {
        return None;
    }
    let mut companions = members.iter();
    let found = companions.find(|(name, _)| name.strip_prefix('_') == Some(key));
    found.map(|(_, sibling)| sibling)
}

/// A choice: the one member whose name goes on with a type, or its `_` companion.
fn choice<'a>(members: &'a Map<String, Value>, element: &Member, out: &mut Collection<'a>) {
    for (key, value) in members {
        let (bare, is_sibling) = match key.strip_prefix('_') {
            Some(bare) => (bare, true),
            None => (key.as_str(), false),
        };
        let chosen = bare
            .strip_prefix(element.name)
            .and_then(|suffix| element.chosen(suffix));
        let Some(kind) = chosen else { continue };
        if !is_sibling {
            push(
                Some(value),
                sibling_of(members, key, Some(kind)),
                Some(kind),
                out,
            );
        } else if !members.contains_key(bare) {
            push(None, Some(value), Some(kind), out);
        }
        return;
    }
}

/// Adds the nodes of a JSON member and its `_` companion, lists flattened.
fn push<'a>(
    value: Option<&'a Value>,
    sibling: Option<&'a Value>,
    kind: Option<&'static Kind>,
    out: &mut Collection<'a>,
) {
    let (value, sibling) = match (value, sibling) {
        (None, None) => return,
        (Some(Value::Array(values)), sibling) => {
            for (index, value) in values.iter().enumerate() {
                one(value, sibling.and_then(|s| s.get(index)), kind, out);
            }
            return;
        }
        (None, Some(Value::Array(siblings))) => {
            for sibling in siblings {
                one(&NOTHING, Some(sibling), kind, out);
            }
            return;
        }
        (value, sibling) => (value.unwrap_or(&NOTHING), sibling),
    };
    one(value, sibling, kind, out);
}

fn one<'a>(
    value: &'a Value,
    sibling: Option<&'a Value>,
    kind: Option<&'static Kind>,
    out: &mut Collection<'a>,
) {
    let sibling = sibling.filter(|sibling| sibling.is_object());
    if value.is_null() && sibling.is_none() {
        return;
    }
    // `contained` and `entry.resource` are declared as any resource; each says which it is.
    let kind = match kind {
        Some(kind) if kind.is_abstract => value
            .get("resourceType")
            .and_then(Value::as_str)
            .and_then(schema::kind)
            .or(Some(kind)),
        kind => kind,
    };
    out.push(Item::Node(Node {
        value,
        sibling,
        kind,
    }));
}

/// Adds all children of an item, in the order of the JSON.
pub(super) fn children<'a>(item: &Item<'a>, out: &mut Collection<'a>) {
    let Item::Node(node) = item else { return };
    if let Value::Object(members) = node.value {
        of_members(members, node.kind, out);
    }
    if let Some(Value::Object(members)) = node.sibling {
        of_members(members, node.kind, out);
    }
}

fn of_members<'a>(
    members: &'a Map<String, Value>,
    kind: Option<&'static Kind>,
    out: &mut Collection<'a>,
) {
    for (key, value) in members {
        if key == "resourceType" || key == "fhir_comments" {
            continue;
        }
        let typed = |name: &str| kind.and_then(|kind| kind.json_member(name)?.1);
        match key.strip_prefix('_') {
            Some(bare) if members.contains_key(bare) => {}
            Some(bare) => push(None, Some(value), typed(bare), out),
            None => {
                let child = typed(key);
                push(Some(value), sibling_of(members, key, child), child, out);
            }
        }
    }
}
