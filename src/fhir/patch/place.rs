//! Where an element stands in a tree, and the changes that can be made there.
//!
//! A primitive is two members, `birthDate` and `_birthDate`, or two lists of one length; whatever
//! is done to the one is done to the other.

use serde_json::{Map, Value};

use super::value::Given;

/// One step down a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Member(String),
    Item(usize),
}

/// The place of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The way to the object that has it.
    pub parent: Vec<Step>,
    /// Its JSON name, without the underscore of its companion.
    pub name: String,
    /// Its place in the list, if it is in one.
    pub index: Option<usize>,
}

/// Finds the value that is `target`, and not merely equal to it, below `tree`.
pub fn find(tree: &Value, target: &Value) -> Option<Place> {
    let way = way(tree, target)?;
    place(way)
}

/// The way to the value that is `target`.
pub fn way(tree: &Value, target: &Value) -> Option<Vec<Step>> {
    let mut way = search(tree, target)?;
    way.reverse();
    Some(way)
}

/// The same, its last step first: nothing is kept of where the target is not.
fn search(tree: &Value, target: &Value) -> Option<Vec<Step>> {
    if std::ptr::eq(tree, target) {
        return Some(Vec::new());
    }
    let (mut way, step) = match tree {
        Value::Object(members) => members
            .iter()
            .find_map(|(name, member)| Some((search(member, target)?, Step::Member(name.clone())))),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| Some((search(item, target)?, Step::Item(at)))),
        _ => None,
    }?;
    way.push(step);
    Some(way)
}

fn place(mut way: Vec<Step>) -> Option<Place> {
    let (name, index) = match way.pop()? {
        Step::Member(name) => (name, None),
        Step::Item(at) => match way.pop()? {
            Step::Member(name) => (name, Some(at)),
            Step::Item(_) => return None,
        },
    };
    let name = name.strip_prefix('_').map_or(name.clone(), str::to_owned);
    Some(Place {
        parent: way,
        name,
        index,
    })
}

/// The value at the end of a way.
pub fn follow<'v>(tree: &'v mut Value, way: &[Step]) -> Option<&'v mut Value> {
    way.iter().try_fold(tree, |value, step| match step {
        Step::Member(name) => value.get_mut(name.as_str()),
        Step::Item(at) => value.get_mut(*at),
    })
}

impl Place {
    /// The object that has the element.
    pub fn object<'v>(&self, tree: &'v mut Value) -> Option<&'v mut Map<String, Value>> {
        follow(tree, &self.parent)?.as_object_mut()
    }
}

/// The name of the companion of a primitive.
pub fn companion(name: &str) -> String {
    format!("_{name}")
}

/// How many elements a list has.
pub fn length(members: &Map<String, Value>, name: &str) -> usize {
    let of = |name: &str| {
        members
            .get(name)
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    };
    of(name).max(of(&companion(name)))
}

/// Puts an element into a list at a place that it has, or at its end.
pub fn insert(members: &mut Map<String, Value>, name: &str, at: usize, given: Given) {
    let length = length(members, name);
    let mut put = |name: String, value: Option<Value>| {
        // A companion that nobody has is not begun for what has none either.
        if value.is_none() && !members.contains_key(&name) {
            return;
        }
        let list = members
            .entry(name)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(items) = list {
            items.resize(length, Value::Null);
            items.insert(at.min(length), value.unwrap_or_default());
        }
    };
    put(name.to_owned(), given.value);
    put(companion(name), given.companion);
}

/// Takes an element out.
pub fn remove(members: &mut Map<String, Value>, name: &str, index: Option<usize>) -> Given {
    let mut take = |name: &str| match index {
        None => members.shift_remove(name),
        Some(at) => {
            let items = members.get_mut(name)?.as_array_mut()?;
            let item = (at < items.len()).then(|| items.remove(at))?;
            Some(item).filter(|item| !item.is_null())
        }
    };
    Given {
        value: take(name),
        companion: take(&companion(name)),
    }
}

/// Sets an element that does not repeat; one of another name, as a choice has it, makes room.
pub fn set(members: &mut Map<String, Value>, (old, new): (&str, &str), given: Given) {
    let Given {
        mut value,
        companion: mut beside,
    } = given;
    let (old_beside, new_beside) = (companion(old), companion(new));
    let mut replaced = Map::with_capacity(members.len() + 1);
    for (name, member) in std::mem::take(members) {
        if name == old || name == old_beside {
            // Both halves take the place of the first that is met.
            for (name, half) in [(new, &mut value), (&*new_beside, &mut beside)] {
                if let Some(half) = half.take() {
                    replaced.insert(name.to_owned(), half);
                }
            }
        } else {
            replaced.insert(name, member);
        }
    }
    for (name, half) in [(new, value), (&*new_beside, beside)] {
        if let Some(half) = half {
            replaced.insert(name.to_owned(), half);
        }
    }
    *members = replaced;
}
