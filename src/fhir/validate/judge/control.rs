//! What extensions of definitions ask: values and their lengths, and the sections of narratives.
//!
//! Specification: <http://hl7.org/fhir/R5/elementdefinition.html>,
//! <http://hl7.org/fhir/extensions/StructureDefinition-narrative-language-control.html>.

use serde_json::Value;

use super::{
    super::super::profile::model::{Controls, Element},
    Judge,
    node::Node,
};
use crate::kernel::problem::Severity;

/// The classes that say where a part of a narrative is from.
const SOURCES: [&str; 3] = ["boilerplate", "generated", "original"];

impl<'a> Judge<'a> {
    pub(super) fn control(&mut self, node: &Node<'a, '_>, definition: &Element) {
        let Some(controls) = definition.controls.as_deref() else {
            return;
        };
        if let (Some(least), Some(text)) = (controls.min_length, node.value.as_str())
            && u64::try_from(text.chars().count()).unwrap_or(u64::MAX) < least
        {
            let words = format!("The text must have {least} characters at least.");
            self.error(node.place, "value", words);
        }
        if node.value.is_null() {
            self.valueless(node, controls);
        }
        if node.kind == "Narrative" {
            self.sections(node, controls);
        }
    }

    /// A primitive that has extensions only.
    fn valueless(&mut self, node: &Node<'a, '_>, controls: &Controls) {
        if controls.must_have_value {
            self.error(node.place, "required", "A value is required here.");
        }
        let extensions = node.get("extension").and_then(Value::as_array);
        let stands = |wanted: &String| {
            let mut urls = extensions.into_iter().flatten().map(|each| &each["url"]);
            urls.any(|url| url.as_str() == Some(wanted))
        };
        let alternatives = &controls.alternatives;
        if !alternatives.is_empty() && !alternatives.iter().any(stands) {
            let words = format!(
                "Without a value, one of these extensions is required: {}.",
                alternatives.join(", ")
            );
            self.error(node.place, "required", words);
        }
    }

    fn sections(&mut self, node: &Node<'a, '_>, controls: &Controls) {
        let Some(div) = node.text("div") else {
            return;
        };
        let parts = parts(div);
        let has = |language: &str| parts.iter().any(|part| part.language == Some(language));
        let some = parts.iter().any(|part| part.language.is_some());
        let own = node.within.resource.get("language").and_then(Value::as_str);
        for control in &controls.languages {
            let fault = match control.as_str() {
                "_no" => some.then_some("The narrative may not have sections of languages."),
                "_yes" => (!some).then_some("The narrative must have sections of languages."),
                "_resource" => own
                    .is_some_and(|own| !has(own))
                    .then_some("The narrative must have a section of the resource's language."),
                language => (!has(language))
                    .then_some("The narrative has no section of a language that is required."),
            };
            if let Some(words) = fault {
                self.error(node.place, "structure", words);
            }
        }
        if let Some(strictness) = &controls.sources
            && parts.iter().any(|part| !part.has_source)
        {
            let severity = if strictness == "error" {
                Severity::Error
            } else {
                Severity::Warning
            };
            let words = "A part of the narrative does not say where it is from.".to_owned();
            self.report(severity, node.place, ("structure", words));
        }
    }
}

/// What stands directly in the `div` of a narrative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Part<'t> {
    /// The language of a section.
    language: Option<&'t str>,
    /// Whether its class says where it is from.
    has_source: bool,
}

/// The elements and texts within the outermost element of well-formed XHTML.
fn parts(div: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let (mut depth, mut rest) = (0_u32, div);
    while let Some((text, after)) = rest.split_once('<') {
        if depth == 1 && !text.trim().is_empty() {
            found.push(Part::default());
        }
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let Some((tag, after)) = tag(after) else {
            return found;
        };
        rest = after;
        if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
            continue;
        }
        if depth == 1 {
            found.push(part(tag));
        }
        if !tag.ends_with('/') {
            depth += 1;
        }
    }
    found
}

/// A tag up to its end, which may not be within quotes.
fn tag(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let end = text.find(|c| match quote {
        Some(open) => {
            if c == open {
                quote = None;
            }
            false
        }
        None => {
            if matches!(c, '"' | '\'') {
                quote = Some(c);
            }
            c == '>'
        }
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn part(tag: &str) -> Part<'_> {
    let is_section = tag.split_ascii_whitespace().next() == Some("div");
    let class = attribute(tag, "class").unwrap_or_default();
    Part {
        language: attribute(tag, "lang")
            .or_else(|| attribute(tag, "xml:lang"))
            .filter(|_| is_section),
        has_source: class
            .split_ascii_whitespace()
            .any(|each| SOURCES.contains(&each)),
    }
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once('=') {
        let value = after.trim_start();
        let quote = value.chars().next()?;
        let (value, after) = value.get(1..)?.split_once(quote)?;
        if before.split_ascii_whitespace().next_back() == Some(name) {
            return Some(value);
        }
        rest = after;
    }
    None
}
