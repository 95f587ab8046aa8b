//! Rules of bundles that no invariant states: URLs and ids of entries, links, and that what a
//! document refers to is there.
//!
//! Specification: <http://hl7.org/fhir/R4/bundle.html>.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    super::{super::definitions::ResourceType, place::Place},
    Judge,
    node::Node,
};

/// Whether a resource in a bundle of this type must have an identity: what is sent to be stored may
/// get one, and what an operation or a search says of itself has none.
fn is_identified(kind: &str, resource: &Value) -> bool {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    let is_said = kind == "searchset"
        && text("resourceType") == Some("OperationOutcome")
        && text("id").is_none();
    let kinds = [
        "transaction",
        "batch",
        "transaction-response",
        "batch-response",
    ];
    !kinds.contains(&kind) && !is_said
}

impl<'a> Judge<'a> {
    pub(super) fn bundle(&mut self, node: &Node<'a, '_>) {
        let kind = node.text("type").unwrap_or_default();
        self.links(node);
        let list = node.place.member("entry");
        let entries = node.get("entry").and_then(Value::as_array);
        for (n, entry) in entries.into_iter().flatten().enumerate() {
            let place = list.item(n);
            if kind == "searchset" {
                self.searched(&place, entry);
            }
            let Some(resource) = entry.get("resource") else {
                continue;
            };
            match entry.get("fullUrl").and_then(Value::as_str) {
                Some(url) => self.full_url(&place, url, resource),
                None if is_identified(kind, resource) => {
                    self.error(
                        &place,
                        "invalid",
                        "An entry with a resource must have a `fullUrl`.",
                    );
                }
                None => {}
            }
        }
        if matches!(kind, "document" | "message") {
            self.first_entry(node, kind);
        }
    }

    fn links(&mut self, node: &Node<'a, '_>) {
        let mut seen = HashSet::new();
        let links = node.get("link").and_then(Value::as_array);
        let list = node.place.member("link");
        for (n, link) in links.into_iter().flatten().enumerate() {
            let relation = link
                .get("relation")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let once = matches!(
                relation,
                "self" | "first" | "last" | "next" | "previous" | "prev"
            );
            if once && !seen.insert(relation) {
                self.error(
                    &list.item(n),
                    "invalid",
                    "A link of this relation may occur once.",
                );
            }
        }
    }

    fn searched(&mut self, place: &Place<'_>, entry: &Value) {
        let mode = entry
            .get("search")
            .and_then(|search| search.get("mode"))
            .and_then(Value::as_str);
        let Some(resource) = entry.get("resource") else {
            return;
        };
        let is_outcome =
            resource.get("resourceType").and_then(Value::as_str) == Some("OperationOutcome");
        if mode == Some("outcome") {
            if !is_outcome {
                self.error(
                    place,
                    "invalid",
                    "An entry of the mode `outcome` must be an OperationOutcome.",
                );
            }
        } else if resource.get("id").is_none() && !is_outcome {
            self.error(
                place,
                "required",
                "A resource that a search found must have an id.",
            );
        }
    }

    fn full_url(&mut self, place: &Place<'_>, url: &str, resource: &Value) {
        let place = place.member("fullUrl");
        if !url.contains(':') {
            return self.error(&place, "invalid", "A `fullUrl` must be absolute.");
        }
        let text = |name: &str| resource.get(name).and_then(Value::as_str);
        let Some((kind, id)) = url.strip_prefix("http").and_then(restful) else {
            return;
        };
        if text("resourceType") != Some(kind) || text("id") != Some(id) {
            let words = "The `fullUrl` names another type or id than the resource has.";
            self.error(&place, "invalid", words);
        }
    }

    /// A document begins with its Composition, a message with its header; what that refers to is
    /// in the bundle.
    fn first_entry(&mut self, node: &Node<'a, '_>, kind: &str) {
        let entries = node.get("entry").and_then(Value::as_array);
        let Some(first) = entries.and_then(|list| list.first()) else {
            return;
        };
        let list = node.place.member("entry");
        let place = list.item(0);
        let Some(resource) = first.get("resource") else {
            return self.error(&place, "invalid", "The first entry must have a resource.");
        };
        let wanted = if kind == "document" {
            "Composition"
        } else {
            "MessageHeader"
        };
        if resource.get("resourceType").and_then(Value::as_str) != Some(wanted) {
            let words = format!("The first entry of a {kind} must be a {wanted}.");
            return self.error(&place, "invalid", words);
        }
        let url = first.get("fullUrl").and_then(Value::as_str);
        let mut wanted = Vec::new();
        references(resource, &mut wanted);
        let inner = place.member("resource");
        for reference in wanted {
            if kind == "document" && is_ambiguous(node, (reference, url)) {
                let words = "This refers to more than one entry, or to a version that none is.";
                self.error(&inner, "invalid", words);
            } else if self.is_missing(reference, url) {
                let words = "This refers to a resource that must be in the bundle, and is not.";
                self.error(&inner, "not-found", words);
            }
        }
    }

    /// Whether a reference of a document's first entry means nothing in the bundle.
    fn is_missing(&self, reference: &str, url: Option<&str>) -> bool {
        let local = reference.starts_with("urn:") || restful_relative(reference).is_some();
        local && self.surroundings.entry(reference, url).is_none()
    }
}

/// Whether a reference means several entries of the bundle, or a version that none of them is.
fn is_ambiguous(bundle: &Node<'_, '_>, (reference, url): (&str, Option<&str>)) -> bool {
    let (plain, version) = match reference.split_once("/_history/") {
        Some((plain, version)) => (plain, Some(version)),
        None => (reference, None),
    };
    let base = url.and_then(|url| {
        let (rest, _) = url.rsplit_once('/')?;
        rest.rsplit_once('/').map(|(base, _)| base)
    });
    let full = match base {
        Some(base) if !plain.contains(':') => format!("{base}/{plain}"),
        _ => plain.to_owned(),
    };
    let entries = bundle.get("entry").and_then(Value::as_array);
    let meant: Vec<&Value> = entries
        .into_iter()
        .flatten()
        .filter(|entry| entry.get("fullUrl").and_then(Value::as_str) == Some(&full))
        .collect();
    match version {
        None => meant.len() > 1,
        Some(version) => {
            let is = |entry: &&Value| entry["resource"]["meta"]["versionId"] == version;
            !meant.is_empty() && !meant.iter().any(is)
        }
    }
}

/// Type and id at the end of a URL of a server.
fn restful(url: &str) -> Option<(&str, &str)> {
    let (rest, id) = url.rsplit_once('/')?;
    let (_, kind) = rest.rsplit_once('/')?;
    (ResourceType::named(kind).is_some() && !id.is_empty()).then_some((kind, id))
}

fn restful_relative(reference: &str) -> Option<&str> {
    let (kind, id) = reference.split_once('/')?;
    (ResourceType::named(kind).is_some() && !id.is_empty()).then_some(kind)
}

/// The references of a resource, those to what it contains left out.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            if let Some(text) = members.get("reference").and_then(Value::as_str)
                && !text.starts_with('#')
            {
                found.push(text);
            }
            for (name, value) in members {
                if name != "contained" {
                    references(value, found);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                references(item, found);
            }
        }
        _ => {}
    }
}
