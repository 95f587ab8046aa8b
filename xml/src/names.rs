//! Prefixes and the namespaces that they stand for.
//!
//! Specification: <https://www.w3.org/TR/xml-names/>.

use std::borrow::Cow;

use crate::{
    characters,
    fault::{Fault, Read},
    lexer::Tag,
};

/// The namespace of `xml:lang` and its like.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The most bindings that hold at one place: each name is looked up among them.
pub const MOST_BINDINGS: usize = 64;

/// The bindings that hold at a place, the innermost last.
#[derive(Debug, Default)]
pub struct Names<'a> {
    bindings: Vec<(&'a str, Cow<'a, str>)>,
}

/// How many bindings hold outside of an element.
#[derive(Debug, Clone, Copy)]
pub struct Mark(usize);

impl<'a> Names<'a> {
    /// Takes the bindings of a tag; [`Names::leave`] forgets them.
    pub fn enter(&mut self, tag: &Tag<'a>) -> Read<Mark> {
        let mark = Mark(self.bindings.len());
        for attribute in &tag.attributes {
            let Some(prefix) = bound(attribute.name) else {
                continue;
            };
            let uri =
                characters::value(attribute.raw).map_err(|words| Fault::at(attribute.at, words))?;
            let reserved = prefix == "xmlns" || (prefix == "xml") != (uri == XML);
            if reserved || (uri.is_empty() && attribute.name != "xmlns") {
                return Err(Fault::at(attribute.at, "this prefix cannot be bound so"));
            }
            if self.bindings.len() == MOST_BINDINGS {
                return Err(Fault::at(attribute.at, "too many prefixes are bound here"));
            }
            self.bindings.push((prefix, uri));
        }
        Ok(mark)
    }

    /// Forgets what was bound since.
    pub fn leave(&mut self, mark: Mark) {
        self.bindings.truncate(mark.0);
    }

    /// The namespace of an element, empty for none, and its local name.
    pub fn element<'n>(&self, at: usize, name: &'n str) -> Read<(&str, &'n str)> {
        let (prefix, local) = split(at, name)?;
        self.space(prefix)
            .or((prefix.is_empty()).then_some(""))
            .map(|space| (space, local))
            .ok_or_else(|| Fault::at(at, "the prefix of this name is bound to no namespace"))
    }

    /// The namespace of an attribute, empty for none, and its local name.
    pub fn attribute<'n>(&self, at: usize, name: &'n str) -> Read<(&str, &'n str)> {
        match split(at, name)? {
            // What is bound without a prefix does not concern attributes.
            ("", local) => Ok(("", local)),
            _ => self.element(at, name),
        }
    }

    fn space(&self, prefix: &str) -> Option<&str> {
        if prefix == "xml" {
            return Some(XML);
        }
        let mut inner = self.bindings.iter().rev();
        inner
            .find(|(bound, _)| *bound == prefix)
            .map(|(_, uri)| uri.as_ref())
    }
}

/// The prefix that an attribute binds: empty for `xmlns` itself.
pub fn bound(name: &str) -> Option<&str> {
    match name.strip_prefix("xmlns")? {
        "" => Some(""),
        rest => rest.strip_prefix(':'),
    }
}

fn split(at: usize, name: &str) -> Read<(&str, &str)> {
    match name.split_once(':') {
        None => Ok(("", name)),
        Some((prefix, local))
            if !prefix.is_empty() && !local.is_empty() && !local.contains(':') =>
        {
            Ok((prefix, local))
        }
        Some(_) => Err(Fault::at(at, "a name has at most one prefix")),
    }
}
