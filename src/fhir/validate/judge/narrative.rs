//! Narratives: the XHTML that may be shown, and no more (`txt-1`, `txt-2`).
//!
//! Specification: <http://hl7.org/fhir/R4/narrative.html#xhtml>.

use std::collections::HashSet;

use serde_json::Value;

use super::{Judge, node::Node};
use crate::fhir::narrative::{Rigour, read};

/// The most links that lead nowhere that are listed of one narrative.
const MOST_LINKS: usize = 20;

impl<'a> Judge<'a> {
    pub(super) fn narrative(&mut self, node: &Node<'a, '_>) {
        let Some(text) = node.value.as_str() else {
            return;
        };
        match read(text, Rigour::Standard) {
            Err(words) => self.error(node.place, "invalid", words),
            Ok(true) => self.links_within(node, text),
            Ok(false) => {
                self.error(
                    node.place,
                    "invariant",
                    "txt-2: The narrative must have some content.",
                );
            }
        }
    }

    /// Links within the narrative lead to an anchor or an element of the resource.
    fn links_within(&mut self, node: &Node<'a, '_>, text: &str) {
        let mut links = text.split("href=\"#").skip(1).peekable();
        if links.peek().is_none() {
            return;
        }
        let mut known = HashSet::new();
        anchors(node.within.container, &mut known);
        let targets = links.filter_map(|link| Some(link.split_once('"')?.0));
        let missing = targets.filter(|target| !target.is_empty() && !known.contains(target));
        for target in missing.take(MOST_LINKS) {
            let words = format!("No element has the id that the link `#{target}` leads to.");
            self.error(node.place, "not-found", words);
        }
    }
}

/// What links may lead to: the ids of elements, and the anchors of narratives.
fn anchors<'v>(value: &'v Value, known: &mut HashSet<&'v str>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(id) if name == "id" => {
                        known.insert(id);
                    }
                    Some(div) if name == "div" => {
                        for attribute in [" id=\"", " name=\""] {
                            let found = div.split(attribute).skip(1);
                            known.extend(found.filter_map(|each| Some(each.split_once('"')?.0)));
                        }
                    }
                    _ => anchors(value, known),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                anchors(item, known);
            }
        }
        _ => {}
    }
}
