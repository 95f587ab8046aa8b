//! A part of a resource, as it stands: its value, its type, what it is part of.

use serde_json::{Map, Value};

use super::super::{
    super::{
        definitions::{Element as Member, Type, definitions},
        path::Item,
    },
    place::Place,
};

/// What an element holds that has extensions only.
static NOTHING: Value = Value::Null;

/// The resources that a node is within.
#[derive(Clone, Copy)]
pub(super) struct Within<'a> {
    /// The nearest resource.
    pub resource: &'a Value,
    /// The resource that contains it, or itself.
    pub container: &'a Value,
    /// `Bundle.entry.fullUrl` of the entry that holds it.
    pub full_url: Option<&'a str>,
}

/// A part of a resource.
#[derive(Clone, Copy)]
pub(super) struct Node<'a, 'p> {
    /// Its JSON, `null` where there are only extensions.
    pub value: &'a Value,
    /// The member `_name` beside a primitive.
    pub sibling: Option<&'a Value>,
    /// Its type in the tables: `Patient`, `Patient.contact`, `HumanName`, `string`.
    pub kind: &'a str,
    /// The name of its element, without `[x]`; empty for a resource.
    pub name: &'a str,
    pub place: &'p Place<'p>,
    /// What it is part of.
    pub parent: Option<&'p Node<'a, 'p>>,
    pub within: Within<'a>,
}

impl<'a> Node<'a, '_> {
    /// The members of an object, or those of a primitive's companion.
    pub fn members(&self) -> Option<&'a Map<String, Value>> {
        self.value.as_object().or_else(|| self.sibling?.as_object())
    }

    /// A member of it.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.members()?.get(name)
    }

    /// A member of it that is a text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    /// Its type's table.
    pub fn table(&self) -> Option<&'static Type> {
        definitions().type_named(self.kind)
    }

    /// What tells it from every other node of the same tree.
    pub fn address(&self) -> usize {
        let value = if self.value.is_null() {
            self.sibling.unwrap_or(self.value)
        } else {
            self.value
        };
        std::ptr::from_ref(value).addr()
    }

    /// It as FHIRPath sees it.
    pub fn item(&self) -> Item<'a> {
        Item::placed(self.value, self.sibling, self.kind)
    }

    /// Whether it is a primitive.
    pub fn is_primitive(&self) -> bool {
        self.kind
            .starts_with(|first: char| first.is_ascii_lowercase())
    }
}

/// One occurrence of an element.
#[derive(Clone, Copy)]
pub(super) struct Occurrence<'a> {
    pub value: &'a Value,
    pub sibling: Option<&'a Value>,
    pub kind: &'a str,
    /// Its number, where the element is a list.
    pub number: Option<usize>,
    /// The name of the element.
    pub name: &'a str,
}

/// The occurrences of the element of this name in a node.
pub(super) fn occurrences<'a>(node: &Node<'a, '_>, name: &str) -> Vec<Occurrence<'a>> {
    let (Some(members), Some(table)) = (node.members(), node.table()) else {
        return Vec::new();
    };
    let Some(member) = table.elements.iter().find(|each| each.name == name) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if !member.choice {
        if let Some(kind) = member.types.first() {
            gather(members, member, (&member.name, kind), &mut found);
        }
        return found;
    }
    for json in members.keys() {
        let plain = json.strip_prefix('_').unwrap_or(json);
        let companion = plain.len() < json.len();
        if let Some((element, kind)) = table.member(plain)
            && std::ptr::eq(element, member)
            && !(companion && members.contains_key(plain))
        {
            gather(members, member, (plain, kind), &mut found);
        }
    }
    found
}

fn gather<'a>(
    members: &'a Map<String, Value>,
    member: &'static Member,
    (json, kind): (&str, &'static str),
    found: &mut Vec<Occurrence<'a>>,
) {
    let value = members.get(json);
    // Only primitives have companions, and few have them.
    let primitive = kind.starts_with(|first: char| first.is_ascii_lowercase());
    let sibling = if primitive {
        members.get(&format!("_{json}"))
    } else {
        None
    };
    let one = |value: Option<&'a Value>, sibling: Option<&'a Value>, number| Occurrence {
        value: value.unwrap_or(&NOTHING),
        sibling: sibling.filter(|each| !each.is_null()),
        kind: kind_of(value, kind),
        number,
        name: &member.name,
    };
    match (value, sibling) {
        (None, None) => {}
        (Some(Value::Array(values)), _) => {
            for (n, value) in values.iter().enumerate() {
                let sibling = sibling.and_then(|list| list.get(n));
                found.push(one(Some(value), sibling, Some(n)));
            }
        }
        (None, Some(Value::Array(siblings))) => {
            for (n, sibling) in siblings.iter().enumerate() {
                found.push(one(None, Some(sibling), Some(n)));
            }
        }
        (value, sibling) => found.push(one(value, sibling, None)),
    }
}

/// A resource's own type, where any may stand.
fn kind_of<'a>(value: Option<&'a Value>, kind: &'static str) -> &'a str {
    if kind != "Resource" {
        return kind;
    }
    value
        .and_then(|value| value.get("resourceType"))
        .and_then(Value::as_str)
        .unwrap_or(kind)
}
