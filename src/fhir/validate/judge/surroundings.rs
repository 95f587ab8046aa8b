//! What references of a resource can be followed to without leaving it.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::super::super::path::Resolver;

/// The entries of the outermost resource, where it is a bundle.
pub(super) struct Surroundings<'a> {
    /// By `fullUrl`.
    by_url: HashMap<&'a str, &'a Value>,
    /// By `Type/id`.
    by_name: HashMap<String, &'a Value>,
    /// Other resources that references may mean, by `Type/id`.
    beside: HashMap<String, &'a Value>,
}

impl<'a> Surroundings<'a> {
    pub fn of(tree: &'a Value, beside: &'a [Arc<Value>]) -> Self {
        let mut found = Self {
            by_url: HashMap::new(),
            by_name: HashMap::new(),
            beside: beside
                .iter()
                .filter_map(|each| Some((name(each)?, each.as_ref())))
                .collect(),
        };
        if tree.get("resourceType").and_then(Value::as_str) == Some("Bundle") {
            found.entries(tree);
        }
        found
    }

    fn entries(&mut self, bundle: &'a Value) {
        for entry in bundle
            .get("entry")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let Some(resource) = entry.get("resource") else {
                continue;
            };
            if let Some(url) = entry.get("fullUrl").and_then(Value::as_str) {
                self.by_url.entry(url).or_insert(resource);
            }
            if let Some(name) = name(resource) {
                self.by_name.entry(name).or_insert(resource);
            }
        }
    }

    /// What a reference means beside the bundle.
    pub fn beside(&self, reference: &str) -> Option<&'a Value> {
        self.beside.get(reference).copied()
    }

    /// The entry that a `urn:uuid:` has and a relative reference of another type names.
    pub fn mistaken(&self, reference: &str) -> Option<&'a Value> {
        let (_, id) = reference.split_once('/')?;
        self.by_url.get(format!("urn:uuid:{id}").as_str()).copied()
    }

    /// The entry that a reference in the entry of `full_url` means.
    pub fn entry(&self, reference: &str, full_url: Option<&str>) -> Option<&'a Value> {
        let reference = reference.split('#').next().unwrap_or(reference);
        let reference = reference.split("/_history/").next().unwrap_or(reference);
        if let Some(found) = self.by_url.get(reference) {
            return Some(found);
        }
        if reference.contains(':') {
            return None;
        }
        // A relative reference is one of the server that the entry's own URL names.
        let base = full_url.and_then(|url| {
            let (rest, _) = url.rsplit_once('/')?;
            rest.rsplit_once('/').map(|(base, _)| base)
        });
        match base {
            // An entry that is no server's has none to be relative to.
            None if full_url.is_some() => None,
            Some(base) => self
                .by_url
                .get(format!("{base}/{reference}").as_str())
                .copied(),
            None => self.by_name.get(reference).copied(),
        }
    }
}

/// `Type/id` of a resource.
fn name(resource: &Value) -> Option<String> {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    Some(format!("{}/{}", text("resourceType")?, text("id")?))
}

impl Resolver for Surroundings<'_> {
    fn resolve(&self, reference: &str) -> Option<&Value> {
        let plain = reference.split("/_history/").next().unwrap_or(reference);
        self.by_url
            .get(plain)
            .or_else(|| self.by_name.get(plain))
            .or_else(|| self.beside.get(plain))
            .copied()
    }
}
