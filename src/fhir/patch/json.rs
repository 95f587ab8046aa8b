//! JSON Patch.
//!
//! Specification: RFC 6902, <https://www.rfc-editor.org/rfc/rfc6902>, with the pointers of
//! RFC 6901. Numbers are equal if their values are, however they are written.

use serde_json::Value;

use super::{bounds::Room, check_count, misfit};
use crate::kernel::problem::{Category, Issue, Problem, Result};

/// The steps of a JSON Patch.
#[derive(Debug)]
pub struct JsonPatch {
    steps: Vec<Step>,
}

/// A place in a document: the unescaped names and indexes that lead there.
type Pointer = Vec<String>;

#[derive(Debug)]
enum Step {
    Add(Pointer, Value),
    Remove(Pointer),
    Replace(Pointer, Value),
    Move(Pointer, Pointer),
    Copy(Pointer, Pointer),
    Test(Pointer, Value),
}

impl JsonPatch {
    /// Reads a patch document.
    pub fn read(tree: Value) -> Result<Self> {
        let Value::Array(steps) = tree else {
            return Err(Problem::malformed(
                "structure",
                "A JSON Patch is a list of operations.",
            ));
        };
        check_count(steps.len())?;
        let steps = steps.into_iter().enumerate().map(|(at, step)| {
            Step::read(step).map_err(|why| Problem::malformed("structure", why).at(place(at)))
        });
        Ok(Self {
            steps: steps.collect::<Result<_>>()?,
        })
    }

    /// How many steps there are.
    pub const fn len(&self) -> usize {
        self.steps.len()
    }

    /// Applies all steps, in their order.
    pub fn apply(&self, document: &mut Value, room: &mut Room) -> Result<()> {
        for (at, step) in self.steps.iter().enumerate() {
            step.apply(document, room).map_err(|issue| {
                Problem::with_issues(Category::Invalid, vec![issue.at(place(at))])
            })?;
        }
        Ok(())
    }
}

fn place(at: usize) -> String {
    format!("patch[{at}]")
}

impl Step {
    fn read(step: Value) -> Result<Self, &'static str> {
        let Value::Object(mut members) = step else {
            return Err("An operation is an object.");
        };
        let pointer = |name: &str| match members.get(name) {
            Some(Value::String(text)) => read_pointer(text),
            _ => Err("The operation lacks a pointer: path and, for move and copy, from."),
        };
        let path = pointer("path")?;
        let from = || pointer("from");
        let op = members
            .get("op")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Ok(match op {
            "remove" => Self::Remove(path),
            "move" => Self::Move(from()?, path),
            "copy" => Self::Copy(from()?, path),
            "add" | "replace" | "test" => {
                let op = op.to_owned();
                let value = members
                    .shift_remove("value")
                    .ok_or("The operation lacks a value.")?;
                match op.as_str() {
                    "add" => Self::Add(path, value),
                    "replace" => Self::Replace(path, value),
                    _ => Self::Test(path, value),
                }
            }
            _ => return Err("op is add, remove, replace, move, copy or test."),
        })
    }

    fn apply(&self, document: &mut Value, room: &mut Room) -> Result<(), Issue> {
        match self {
            Self::Add(path, value) => add(document, path, value.clone(), room),
            Self::Remove(path) => remove(document, path).map(|_| ()),
            Self::Replace(path, value) => {
                room.take(value, path.len())?;
                *find_mut(document, path)? = value.clone();
                Ok(())
            }
            Self::Move(from, path) => {
                if path.len() > from.len() && path.starts_with(from) {
                    return Err(misfit("value", "A value cannot be moved into itself."));
                }
                let value = remove(document, from)?;
                add(document, path, value, room)
            }
            Self::Copy(from, path) => {
                let value = find_mut(document, from)?.clone();
                add(document, path, value, room)
            }
            Self::Test(path, value) => {
                if is_equal(find_mut(document, path)?, value) {
                    return Ok(());
                }
                Err(misfit("conflict", "The value is not the one tested for."))
            }
        }
    }
}

fn read_pointer(text: &str) -> Result<Pointer, &'static str> {
    if text.is_empty() {
        return Ok(Pointer::new());
    }
    let rest = text
        .strip_prefix('/')
        .ok_or("A pointer is empty or begins with '/'.")?;
    rest.split('/').map(unescape).collect()
}

fn unescape(token: &str) -> Result<String, &'static str> {
    let mut plain = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '~' => match chars.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err("In a pointer, '~' is followed by 0 or 1."),
            },
            other => other,
        });
    }
    Ok(plain)
}

fn absent() -> Issue {
    misfit("not-found", "The pointer leads to nothing.")
}

fn find_mut<'v>(document: &'v mut Value, path: &[String]) -> Result<&'v mut Value, Issue> {
    let mut found = document;
    for token in path {
        found = match found {
            Value::Object(members) => members.get_mut(token),
            Value::Array(items) => match index(token) {
                Some(at) => items.get_mut(at),
                None => None,
            },
            _ => None,
        }
        .ok_or_else(absent)?;
    }
    Ok(found)
}

/// An index: digits, without a zero in front.
fn index(token: &str) -> Option<usize> {
    let is_plain =
        token.bytes().all(|b| b.is_ascii_digit()) && (token.len() == 1 || !token.starts_with('0'));
    is_plain.then(|| token.parse().ok())?
}

fn add(document: &mut Value, path: &[String], value: Value, room: &mut Room) -> Result<(), Issue> {
    room.take(&value, path.len())?;
    let Some((last, parent)) = path.split_last() else {
        *document = value;
        return Ok(());
    };
    match find_mut(document, parent)? {
        Value::Object(members) => {
            members.insert(last.clone(), value);
        }
        Value::Array(items) => {
            let at = if last == "-" {
                Some(items.len())
            } else {
                index(last)
            };
            let at = at.filter(|at| *at <= items.len()).ok_or_else(absent)?;
            items.insert(at, value);
        }
        _ => return Err(absent()),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &[String]) -> Result<Value, Issue> {
    let Some((last, parent)) = path.split_last() else {
        return Err(misfit("value", "The whole resource cannot be removed."));
    };
    match find_mut(document, parent)? {
        Value::Object(members) => members.shift_remove(last).ok_or_else(absent),
        Value::Array(items) => {
            let at = index(last).filter(|at| *at < items.len());
            Ok(items.remove(at.ok_or_else(absent)?))
        }
        _ => Err(absent()),
    }
}

fn is_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_str() == b.as_str()
                || matches!((number(a.as_str()), number(b.as_str())), (Some(a), Some(b)) if a == b)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, value): (&String, &Value)| {
                b.get(name).is_some_and(|other| is_equal(value, other))
            };
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

/// A number by its digits and the place of its point, so that `1.0`, `1` and `10e-1` are one.
fn number(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    if digits.is_empty() {
        return Some((false, String::new(), 0));
    }
    let trailing = all.len() - all.trim_end_matches('0').len();
    let scale = i64::try_from(trailing).ok()? - i64::try_from(fraction.len()).ok()?;
    Some((negative, digits.to_owned(), exponent.checked_add(scale)?))
}
