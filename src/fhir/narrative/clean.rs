//! What is left of a narrative when what does something in a browser is taken out.
//!
//! It is read as XML, as strictly as when it is judged, and written anew from what is on the lists:
//! elements and attributes that are not are left out, and of some elements all that is in them. What
//! comes out is judged like any other narrative. A parser of HTML with its repairs is not needed, and
//! would bring what it repairs along: what one reader repairs another may read differently, and
//! narratives are XHTML, which is served within JSON and XML and must stay well-formed. What cannot be
//! read so stays refused.

use super::{DEEPEST, Images, Rigour, XHTML, attribute, is_known, link, read};

/// Elements of which nothing is shown, what is in them included: it is no text for people, or
/// readers of HTML read it in a way of its own.
const SWALLOWED: &[&str] = &[
    "applet",
    "audio",
    "base",
    "canvas",
    "embed",
    "frame",
    "frameset",
    "head",
    "iframe",
    "link",
    "math",
    "meta",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "option",
    "param",
    "plaintext",
    "script",
    "select",
    "source",
    "style",
    "svg",
    "template",
    "textarea",
    "title",
    "track",
    "video",
    "xmp",
];

/// Attributes of one element, each of another name.
const ATTRIBUTES_MAX: usize = 100;

/// What becomes of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is shown.
    Kept,
    /// What is in it is shown.
    Unwrapped,
    /// Nothing of it is shown.
    Swallowed,
}

/// The narrative without what does something.
///
/// # Errors
/// What is wrong with it, where it cannot be read, or nothing of it would be left.
pub fn clean(div: &str, images: Images<'_>) -> Result<String, String> {
    let mut cleaner = Cleaner {
        rest: div.trim(),
        open: Vec::new(),
        cleaned: String::with_capacity(div.len()),
        rigour: Rigour::Inert(images),
    };
    cleaner.run()?;
    match read(&cleaner.cleaned, Rigour::Inert(images)) {
        Ok(true) => Ok(cleaner.cleaned),
        Ok(false) => Err("Nothing of the narrative may be shown.".to_owned()),
        Err(words) => Err(words),
    }
}

struct Cleaner<'t> {
    rest: &'t str,
    open: Vec<(&'t str, Fate)>,
    cleaned: String,
    rigour: Rigour<'t>,
}

impl<'t> Cleaner<'t> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(at) = self.rest.find(['<', '&']) {
            let (text, rest) = self.rest.split_at(at);
            self.show(text);
            if let Some(rest) = rest.strip_prefix("<!--") {
                // What a comment says is for nobody who reads.
                let (_, after) = rest.split_once("-->").ok_or(UNREADABLE)?;
                self.rest = after;
            } else if let Some(rest) = rest.strip_prefix('&') {
                let (name, after) = rest.split_once(';').ok_or(UNREADABLE)?;
                link::entity(name).ok_or(UNREADABLE)?;
                self.show(&format!("&{name};"));
                self.rest = after;
            } else {
                self.tag(rest.get(1..).unwrap_or_default())?;
            }
        }
        self.show(self.rest);
        if self.open.is_empty() {
            Ok(())
        } else {
            Err(UNREADABLE.to_owned())
        }
    }

    fn is_swallowing(&self) -> bool {
        self.open
            .last()
            .is_some_and(|(_, fate)| *fate == Fate::Swallowed)
    }

    fn show(&mut self, text: &str) {
        if !self.is_swallowing() {
            self.cleaned.push_str(text);
        }
    }

    fn tag(&mut self, rest: &'t str) -> Result<(), String> {
        if let Some(rest) = rest.strip_prefix('/') {
            let (name, after) = rest.split_once('>').ok_or(UNREADABLE)?;
            let (opened, fate) = self.open.pop().ok_or(UNREADABLE)?;
            if opened != name.trim_end() {
                return Err(UNREADABLE.to_owned());
            }
            if fate == Fate::Kept {
                self.cleaned.push_str("</");
                self.cleaned.push_str(opened);
                self.cleaned.push('>');
            }
            self.rest = after;
            return Ok(());
        }
        let is_end = |c: char| c.is_whitespace() || matches!(c, '>' | '/');
        let length = rest.find(is_end).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(length);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && !name.contains(['<', '&', '"', '\'', '=']);
        if !is_name || self.open.len() >= DEEPEST {
            return Err(UNREADABLE.to_owned());
        }
        let (attributes, is_empty) = self.attributes(rest)?;
        let fate = self.fate(name, &attributes);
        if fate == Fate::Kept {
            self.begin(name, &attributes, is_empty);
        }
        if !is_empty {
            self.open.push((name, fate));
        }
        Ok(())
    }

    /// Names, values as they are quoted, and whether the element ends with its tag.
    fn attributes(&mut self, mut rest: &'t str) -> Result<(Vec<Attribute<'t>>, bool), String> {
        let mut attributes: Vec<Attribute<'t>> = Vec::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                self.rest = after;
                return Ok((attributes, true));
            }
            if let Some(after) = rest.strip_prefix('>') {
                self.rest = after;
                return Ok((attributes, false));
            }
            if attributes.len() >= ATTRIBUTES_MAX {
                return Err(UNREADABLE.to_owned());
            }
            let (name, value) = rest.split_once('=').ok_or(UNREADABLE)?;
            let value = value.trim_start();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
            let quote = quote.ok_or(UNREADABLE)?;
            let inner = value.get(1..).unwrap_or_default();
            let (value, after) = inner.split_once(quote).ok_or(UNREADABLE)?;
            let name = name.trim_end();
            // XML knows none that is given twice; the first is what readers of HTML take.
            if attributes.iter().all(|(known, ..)| *known != name) {
                attributes.push((name, value, quote));
            }
            rest = after;
        }
    }

    fn fate(&self, name: &str, attributes: &[Attribute<'_>]) -> Fate {
        let is_foreign = attributes
            .iter()
            .any(|(attribute, value, _)| *attribute == "xmlns" && *value != XHTML);
        if self.is_swallowing()
            || is_foreign
            || name.contains(':')
            || SWALLOWED.contains(&name.to_ascii_lowercase().as_str())
        {
            Fate::Swallowed
        } else if is_known(name, self.rigour) {
            Fate::Kept
        } else {
            Fate::Unwrapped
        }
    }

    fn begin(&mut self, name: &str, attributes: &[Attribute<'_>], is_empty: bool) {
        self.cleaned.push('<');
        self.cleaned.push_str(name);
        for (attribute_name, value, quote) in attributes {
            if attribute(self.rigour, (name, attribute_name), value).is_ok() {
                let shown = format!(" {attribute_name}={quote}{value}{quote}");
                self.cleaned.push_str(&shown);
            }
        }
        self.cleaned.push_str(if is_empty { "/>" } else { ">" });
    }
}

/// Name, value, and the mark that quotes it.
type Attribute<'t> = (&'t str, &'t str, char);

const UNREADABLE: &str = "The narrative is not well-formed.";

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVE: &str = include_str!("../../../fixtures/narrative/active.jsonl");
    const HARMLESS: &str = include_str!("../../../fixtures/narrative/harmless.jsonl");

    #[test]
    fn what_does_something_is_left_out_and_the_rest_is_as_it_was() {
        for (given, left) in [
            (
                "<div><p onclick=\"x()\" class=\"a\">one</p></div>",
                "<div><p class=\"a\">one</p></div>",
            ),
            ("<div>one<script>two</script></div>", "<div>one</div>"),
            (
                "<div><form action=\"/x\"><b>one</b></form></div>",
                "<div><b>one</b></div>",
            ),
            (
                "<div><a href=\"javascript:x()\">one</a> &amp; <a href='https://a.example/'>two</a></div>",
                "<div><a>one</a> &amp; <a href='https://a.example/'>two</a></div>",
            ),
            (
                "<div><img src=\"https://a.example/1.png\" alt=\"x\"/></div>",
                "<div><img alt=\"x\"/></div>",
            ),
            (
                "<div><!-- -- --><p style=\"background:url(//a.example)\" style=\"x\">one</p></div>",
                "<div><p>one</p></div>",
            ),
            (
                "<div>one<svg xmlns=\"http://www.w3.org/2000/svg\"><p>two</p></svg></div>",
                "<div>one</div>",
            ),
            ("<div>one<x:y><p>two</p></x:y></div>", "<div>one</div>"),
        ] {
            assert_eq!(clean(given, Images::Own).as_deref(), Ok(left), "{given}");
        }
        for none in [
            "<div><script>x</script></div>",
            "<div><p>one</div></p>",
            "<div>one<script>a < b</script></div>",
            "<div>one</div><div>two</div>",
            "<div>one<![CDATA[two]]></div>",
            "<div>one<?php two?></div>",
            "<script>x</script>",
            "<!DOCTYPE x><div>one</div>",
            "<div>&evil;</div>",
        ] {
            assert!(clean(none, Images::Own).is_err(), "{none}");
        }
        let deep = "<div>".repeat(30_000);
        assert!(clean(&deep, Images::Own).is_err());
        let many: String = (0..=ATTRIBUTES_MAX)
            .map(|n| format!(" a{n}=\"\""))
            .collect();
        assert!(clean(&format!("<div{many}>one</div>"), Images::Own).is_err());
    }

    #[test]
    fn of_every_vector_nothing_is_left_that_does_something() {
        let mut left = 0;
        for line in ACTIVE.lines() {
            let vector: serde_json::Value = serde_json::from_str(line).unwrap();
            let div = vector["div"].as_str().unwrap();
            let Ok(cleaned) = clean(div, Images::Own) else {
                continue;
            };
            left += 1;
            assert!(read(&cleaned, Rigour::Inert(Images::Own)).is_ok());
            let low = cleaned.to_ascii_lowercase();
            for tag in [
                "<script", "<iframe", "<svg", "<style", "<object", "<form", "<!",
            ] {
                assert!(!low.contains(tag), "{div}: {cleaned}");
            }
            // Once is enough.
            assert_eq!(clean(&cleaned, Images::Own).as_ref(), Ok(&cleaned));
        }
        assert!(left >= 100, "{left}");
    }

    #[test]
    fn what_does_nothing_stays_as_it_is() {
        for line in HARMLESS.lines() {
            let div: String = serde_json::from_str(line).unwrap();
            if div.contains("<!--") || read(&div, Rigour::Inert(Images::Own)) != Ok(true) {
                continue;
            }
            if let Ok(cleaned) = clean(&div, Images::Own) {
                let blank = |text: &str| text.split_whitespace().collect::<String>();
                assert_eq!(blank(&cleaned), blank(&div));
            }
        }
    }
}
