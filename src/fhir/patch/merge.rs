//! JSON Merge Patch: members to be replaced, and null for those to be removed.
//!
//! R4 does not name it; some clients send it. Specification:
//! <https://www.rfc-editor.org/rfc/rfc7396>.

use serde_json::{Map, Value};

use super::bounds::Room;
use crate::kernel::problem::{Category, Problem, Result};

/// A merge patch that has been read.
#[derive(Debug)]
pub(super) struct MergePatch(Map<String, Value>);

impl MergePatch {
    pub(super) fn read(tree: Value) -> Result<Self> {
        match tree {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(Problem::malformed(
                "structure",
                "A JSON Merge Patch is an object.",
            )),
        }
    }

    /// Merges it; the depth is bounded by what JSON may be nested.
    pub(super) fn apply(&self, tree: &mut Value, room: &mut Room) -> Result<()> {
        for value in self.0.values() {
            room.take(value, 1)
                .map_err(|issue| Problem::with_issues(Category::Invalid, vec![issue]))?;
        }
        merge(tree, &self.0);
        Ok(())
    }
}

fn merge(tree: &mut Value, patch: &Map<String, Value>) {
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    let Some(members) = tree.as_object_mut() else {
        return;
    };
    for (name, value) in patch {
        match value {
            Value::Null => {
                members.shift_remove(name);
            }
            Value::Object(inner) => {
                merge(members.entry(name.clone()).or_insert(Value::Null), inner)
            }
            other => {
                members.insert(name.clone(), other.clone());
            }
        }
    }
}
