//! How far a resource may grow while it is patched, and what is left of it where it has shrunk.

use serde_json::Value;

use super::misfit;
use crate::{
    fhir::json::{DEEPEST, Limits},
    kernel::problem::Issue,
};

/// Most bytes, roughly, that the steps of one patch put in; a copy of a copy of a copy would
/// otherwise double without end.
pub const BYTES_ADDED_MAX: usize = 16 << 20;

/// What a patch may still do.
#[derive(Debug)]
pub struct Room {
    depth: usize,
    bytes: usize,
}

impl Room {
    /// All of it.
    pub fn of(limits: &Limits) -> Self {
        Self {
            depth: limits.depth.min(DEEPEST),
            bytes: BYTES_ADDED_MAX,
        }
    }

    /// Takes the room for a value that is put `below` objects and lists.
    pub fn take(&mut self, value: &Value, below: usize) -> Result<(), Issue> {
        let (depth, bytes) = measure(value);
        if below + depth > self.depth {
            let says = format!("The result is nested deeper than {}.", self.depth);
            return Err(misfit("too-costly", says));
        }
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(|| {
            let says = format!("A patch adds at most {BYTES_ADDED_MAX} bytes.");
            misfit("too-costly", says)
        })?;
        Ok(())
    }
}

/// Bytes of a value as JSON, roughly.
pub fn bytes(value: &Value) -> usize {
    measure(value).1
}

/// Levels of nesting, and bytes, roughly.
fn measure(value: &Value) -> (usize, usize) {
    match value {
        Value::Array(items) => {
            let (depth, bytes) = greatest(items.iter().map(measure));
            (depth + 1, bytes + 2)
        }
        Value::Object(members) => {
            let inner = members.iter().map(|(name, member)| {
                let (depth, bytes) = measure(member);
                (depth, bytes + name.len() + 4)
            });
            let (depth, bytes) = greatest(inner);
            (depth + 1, bytes + 2)
        }
        Value::String(text) => (0, text.len() + 2),
        Value::Number(number) => (0, number.as_str().len()),
        Value::Bool(_) | Value::Null => (0, 5),
    }
}

fn greatest(inner: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
    inner.fold((0, 0), |(depth, bytes), (d, b)| {
        (depth.max(d), bytes + b + 1)
    })
}

/// Leaves out lists and objects that are empty, or were lists of nothing.
pub fn prune(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(prune);
            items.retain(|item| !is_empty(item));
        }
        Value::Object(members) => {
            members.values_mut().for_each(prune);
            members.retain(|_, member| !is_empty(member));
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(Value::is_null),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}
