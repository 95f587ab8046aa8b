//! Steps that cases take by name: `{"use": "login", "with": {"client": "public"}}`.

use serde_json::{Map, Value};

/// How deep parts may take other parts.
const DEPTH_MAX: usize = 6;

/// The steps, with those of the parts that they name in place. What `with` gives is filled in as
/// `${name}`; `expect` and `save` are added to the last step of the part.
///
/// # Errors
/// A part that nothing has, or that takes itself.
pub fn spread<'a>(
    steps: &[Value],
    part: &impl Fn(&str) -> Option<&'a Vec<Value>>,
) -> Result<Vec<Value>, String> {
    spread_within(steps, part, DEPTH_MAX)
}

fn spread_within<'a>(
    steps: &[Value],
    part: &impl Fn(&str) -> Option<&'a Vec<Value>>,
    depth: usize,
) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for step in steps {
        let Some(name) = step["use"].as_str() else {
            all.push(step.clone());
            continue;
        };
        if depth == 0 {
            return Err(format!("the part '{name}' takes itself"));
        }
        let inner = part(name).ok_or_else(|| format!("there is no part '{name}'"))?;
        let given = step["with"].as_object().cloned().unwrap_or_default();
        let filled: Vec<Value> = inner.iter().map(|each| filled(each, &given)).collect();
        let mut inner = spread_within(&filled, part, depth - 1)?;
        if let Some(last) = inner.last_mut() {
            added(last, step);
        }
        all.append(&mut inner);
    }
    Ok(all)
}

fn added(last: &mut Value, step: &Value) {
    if let Some(more) = step["expect"].as_array() {
        let mut all = last["expect"].as_array().cloned().unwrap_or_default();
        all.extend(more.iter().cloned());
        last["expect"] = Value::Array(all);
    }
    if let Some(more) = step["save"].as_object() {
        let mut all = last["save"].as_object().cloned().unwrap_or_default();
        all.extend(more.clone());
        last["save"] = Value::Object(all);
    }
}

fn filled(tree: &Value, given: &Map<String, Value>) -> Value {
    match tree {
        Value::String(text) => {
            let mut text = text.clone();
            for (name, value) in given {
                text = text.replace(&format!("${{{name}}}"), value.as_str().unwrap_or_default());
            }
            Value::String(text)
        }
        Value::Array(items) => items.iter().map(|each| filled(each, given)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), filled(value, given)))
                .collect(),
        ),
        other => other.clone(),
    }
}
