//! Narratives: the XHTML that may be shown, and no more (`txt-1`, `txt-2`).
//!
//! Specification: <http://hl7.org/fhir/R4/narrative.html#xhtml>.

use std::collections::HashSet;

use serde_json::Value;

use super::{Judge, node::Node};

/// Elements of HTML that only describe or format.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "area",
    "b",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "kbd",
    "li",
    "map",
    "ol",
    "p",
    "pre",
    "q",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "ul",
    "var",
];

/// Attributes that every element may have.
const ATTRIBUTES: &[&str] = &[
    "abbr",
    "accesskey",
    "align",
    "axis",
    "border",
    "cellpadding",
    "cellspacing",
    "char",
    "charoff",
    "class",
    "colspan",
    "dir",
    "frame",
    "headers",
    "height",
    "id",
    "lang",
    "name",
    "rowspan",
    "rules",
    "scope",
    "span",
    "style",
    "summary",
    "tabindex",
    "title",
    "valign",
    "width",
    "xml:lang",
    "xml:space",
];

/// Attributes of one element.
const OWN: &[(&str, &[&str])] = &[
    (
        "a",
        &[
            "charset", "coords", "href", "hreflang", "rel", "rev", "shape", "type",
        ],
    ),
    ("area", &["alt", "coords", "href", "nohref", "shape"]),
    ("blockquote", &["cite"]),
    ("div", &["xmlns"]),
    ("img", &["alt", "ismap", "longdesc", "src", "usemap"]),
    ("map", &[]),
    ("ol", &["start", "type"]),
    ("ul", &["type"]),
    ("li", &["value"]),
    ("table", &["bgcolor"]),
    ("td", &["bgcolor", "nowrap"]),
    ("th", &["bgcolor", "nowrap"]),
    ("tr", &["bgcolor"]),
    ("q", &["cite"]),
];

/// The most links that lead nowhere that are listed of one narrative.
const MOST_LINKS: usize = 20;

/// Deepest nesting of elements.
const DEEPEST: usize = 200;

impl<'a> Judge<'a> {
    pub(super) fn narrative(&mut self, node: &Node<'a, '_>) {
        let Some(text) = node.value.as_str() else {
            return;
        };
        let mut reader = Reader {
            rest: text.trim(),
            open: Vec::new(),
            has_content: false,
        };
        match reader.read() {
            Err(words) => self.error(node.place, "invalid", words),
            Ok(()) if reader.has_content => self.links_within(node, text),
            Ok(()) => {
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

struct Reader<'t> {
    rest: &'t str,
    open: Vec<&'t str>,
    has_content: bool,
}

impl<'t> Reader<'t> {
    fn read(&mut self) -> Result<(), String> {
        while let Some(at) = self.rest.find(['<', '&']) {
            let (text, rest) = self.rest.split_at(at);
            self.text(text)?;
            if let Some(rest) = rest.strip_prefix("<!--") {
                let end = rest
                    .find("-->")
                    .ok_or("A comment of the narrative does not end.")?;
                self.rest = rest.get(end + "-->".len()..).unwrap_or_default();
            } else if let Some(rest) = rest.strip_prefix('&') {
                self.entity(rest)?;
            } else {
                self.tag(rest.get(1..).unwrap_or_default())?;
            }
        }
        self.text(self.rest)?;
        if let Some(name) = self.open.last() {
            return Err(format!(
                "The element `{name}` of the narrative does not end."
            ));
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        let blank = text.chars().all(char::is_whitespace);
        if !blank && self.open.is_empty() {
            return Err("The narrative must be one `div`.".to_owned());
        }
        self.has_content |= !blank;
        Ok(())
    }

    fn entity(&mut self, rest: &'t str) -> Result<(), String> {
        let (name, after) = rest
            .split_once(';')
            .ok_or("An `&` of the narrative begins no entity.")?;
        let known = matches!(name, "lt" | "gt" | "amp" | "quot" | "apos" | "nbsp");
        let number = name.strip_prefix('#').is_some_and(|number| {
            let (digits, radix) = number
                .strip_prefix(['x', 'X'])
                .map_or((number, 10), |hex| (hex, 16));
            u32::from_str_radix(digits, radix)
                .ok()
                .and_then(char::from_u32)
                .is_some()
        });
        if !(known || number) {
            return Err("An entity of the narrative is not one of XML.".to_owned());
        }
        self.has_content = true;
        self.rest = after;
        Ok(())
    }

    fn tag(&mut self, rest: &'t str) -> Result<(), String> {
        if rest.starts_with(['!', '?']) {
            return Err("The narrative may have elements and text only.".to_owned());
        }
        if let Some(rest) = rest.strip_prefix('/') {
            let (name, after) = rest
                .split_once('>')
                .ok_or("A tag of the narrative does not end.")?;
            let opened = self.open.pop();
            if opened != Some(name.trim_end()) {
                return Err("The elements of the narrative are not properly nested.".to_owned());
            }
            self.rest = after;
            return Ok(());
        }
        let length = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
            .unwrap_or(rest.len());
        let (name, rest) = rest.split_at(length);
        self.element(name)?;
        self.attributes(name, rest)
    }

    fn element(&mut self, name: &'t str) -> Result<(), String> {
        if self.open.is_empty() && name != "div" {
            return Err("The narrative must be one `div`.".to_owned());
        }
        if self.open.len() >= DEEPEST {
            return Err("The narrative is nested too deeply.".to_owned());
        }
        if !ELEMENTS.contains(&name) {
            return Err("txt-1: The narrative has an element that may not be shown.".to_owned());
        }
        self.has_content |= name == "img";
        Ok(())
    }

    fn attributes(&mut self, element: &'t str, mut rest: &'t str) -> Result<(), String> {
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                self.rest = after;
                return Ok(());
            }
            if let Some(after) = rest.strip_prefix('>') {
                self.open.push(element);
                self.rest = after;
                return Ok(());
            }
            let (name, value) = rest
                .split_once('=')
                .ok_or("An attribute of the narrative has no value.")?;
            let value = value.trim_start();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
            let quote = quote.ok_or("The value of an attribute of the narrative is not quoted.")?;
            let (value, after) = value
                .get(1..)
                .and_then(|value| value.split_once(quote))
                .ok_or("The value of an attribute of the narrative does not end.")?;
            attribute(element, name.trim_end(), value)?;
            rest = after;
        }
    }
}

fn attribute(element: &str, name: &str, value: &str) -> Result<(), String> {
    let own = OWN
        .iter()
        .find(|(known, _)| *known == element)
        .map_or(&[][..], |(_, own)| own);
    let known = ATTRIBUTES.contains(&name) || own.contains(&name) || name.starts_with("xmlns:");
    if !known {
        return Err("txt-1: The narrative has an attribute that may not be shown.".to_owned());
    }
    let scheme = value.trim_start().get(.."javascript:".len());
    if (element, name) == ("a", "href") && value.starts_with("urn:") {
        return Err("A link of the narrative leads nowhere.".to_owned());
    }
    if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("javascript:"))
        || value.contains('<')
    {
        return Err("txt-1: The narrative has a link that may not be followed.".to_owned());
    }
    Ok(())
}
