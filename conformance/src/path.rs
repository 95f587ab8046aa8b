//! A small path into JSON: `entry[0].resource.id`, `link[relation=next].url`, `entry[*].fullUrl`.

use serde_json::Value;

/// What the path leads to: nothing, one value, or several after `[*]`.
pub fn find<'a>(tree: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![tree];
    if path.is_empty() {
        return found;
    }
    for step in steps(path) {
        found = match step {
            Step::Member(name) => found
                .into_iter()
                .filter_map(|each| each.get(name))
                .collect(),
            Step::At(place) => found
                .into_iter()
                .filter_map(|each| each.get(place))
                .collect(),
            Step::All => items(found).collect(),
            Step::Where(inner, text) => items(found)
                .filter(|each| {
                    find(each, inner)
                        .into_iter()
                        .any(|value| plain(value) == text)
                })
                .collect(),
        };
    }
    found
}

/// A value as a text to compare: strings without quotes, everything else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn items(found: Vec<&Value>) -> impl Iterator<Item = &Value> {
    found
        .into_iter()
        .filter_map(Value::as_array)
        .flat_map(|items| items.iter())
}

enum Step<'p> {
    Member(&'p str),
    At(usize),
    All,
    Where(&'p str, &'p str),
}

/// Cuts a path at its dots and brackets; a dot within brackets belongs to what stands there.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').unwrap_or(inner.len());
            steps.push(bracket(&inner[..end]));
            rest = inner.get(end + 1..).unwrap_or_default();
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(Step::Member(&rest[..end]));
            rest = &rest[end..];
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    steps
}

fn bracket(inner: &str) -> Step<'_> {
    if let Some((path, text)) = inner.split_once('=') {
        return Step::Where(path, text);
    }
    inner.parse().map_or(Step::All, Step::At)
}
