//! From a text to tags: the part of XML 1.0 that resources and their narrative need.
//!
//! What is not well-formed is refused. A document type declaration is refused as such, and with it
//! every entity that a text could define.

use crate::{
    characters::{self, UNKNOWN_REFERENCE},
    fault::{Fault, Read},
};

/// The most attributes of one tag.
pub const MOST_ATTRIBUTES: usize = 64;

/// The longest name of an element or an attribute, in bytes.
pub const LONGEST_NAME: usize = 256;

/// A piece of the text.
#[derive(Debug)]
pub enum Token<'a> {
    /// `<name attribute="value">`, or the same with `/>`.
    Start(Tag<'a>),
    /// `</name>`.
    End(&'a str),
    /// What stands between tags; its references are sound, and not yet resolved.
    Text(&'a str),
    /// `<![CDATA[…]]>`.
    Data,
    /// A comment or a processing instruction.
    Aside,
    /// Nothing follows.
    Done,
}

/// An opening tag.
#[derive(Debug)]
pub struct Tag<'a> {
    /// Where it begins.
    pub at: usize,
    /// The name, with its prefix.
    pub name: &'a str,
    /// In the order of the text.
    pub attributes: Vec<Attribute<'a>>,
    /// Whether it closes itself.
    pub empty: bool,
}

/// An attribute: its value is sound, and its references are not yet resolved.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a> {
    pub at: usize,
    pub name: &'a str,
    pub raw: &'a str,
}

/// Reads piece after piece.
#[derive(Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the next piece begins.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The text from one place to another.
    pub fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::at(self.at, message)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn takes(&mut self, prefix: &str) -> bool {
        let takes = self.rest().starts_with(prefix);
        if takes {
            self.at += prefix.len();
        }
        takes
    }

    /// Takes what comes before `end`, and `end`.
    fn until(&mut self, end: &str, early: &'static str) -> Read<&'a str> {
        let from = self.at;
        let Some(length) = self.rest().find(end) else {
            return Err(Fault::at(self.text.len(), early));
        };
        let inner = self.slice(from, from + length);
        if let Some(at) = inner.find(|c| !characters::is_allowed(c)) {
            return Err(Fault::at(from + at, FORBIDDEN));
        }
        self.at = from + length + end.len();
        Ok(inner)
    }

    fn space(&mut self) -> bool {
        let from = self.at;
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
        self.at > from
    }

    /// `<?xml version="1.0" encoding="UTF-8"?>`, if the text begins with it.
    pub fn declaration(&mut self) -> Read<()> {
        let head = self.rest();
        if !(head.starts_with("<?xml") && head[5..].starts_with([' ', '\t', '\n', '\r'])) {
            return Ok(());
        }
        self.at += 5;
        let mut expected = ["version", "encoding", "standalone"].as_slice();
        loop {
            let spaced = self.space();
            if self.takes("?>") {
                return match expected.first() {
                    Some(&"version") => Err(self.fault("the XML declaration names no version")),
                    _ => Ok(()),
                };
            }
            let attribute = self.attribute()?;
            let place = expected.iter().position(|name| *name == attribute.name);
            let sound = match (attribute.name, attribute.raw) {
                ("version", raw) => raw == "1.0",
                ("encoding", raw) => raw.eq_ignore_ascii_case("utf-8"),
                (_, raw) => raw == "yes" || raw == "no",
            };
            let Some(place) = place.filter(|place| {
                spaced && sound && (*place == 0 || expected.first() != Some(&"version"))
            }) else {
                let words = "the XML declaration must be of version 1.0 and of encoding UTF-8";
                return Err(Fault::at(attribute.at, words));
            };
            expected = &expected[place + 1..];
        }
    }

    /// The next piece.
    pub fn token(&mut self) -> Read<Token<'a>> {
        let rest = self.rest();
        if rest.is_empty() {
            return Ok(Token::Done);
        }
        if !rest.starts_with('<') {
            return self.words().map(Token::Text);
        }
        if rest.starts_with("<!") {
            return self.marked();
        }
        if self.takes("<?") {
            return self.instruction();
        }
        if self.takes("</") {
            let name = self.name()?;
            self.space();
            return match self.takes(">") {
                true => Ok(Token::End(name)),
                false => Err(self.fault("`>` is expected here")),
            };
        }
        self.tag().map(Token::Start)
    }

    fn marked(&mut self) -> Read<Token<'a>> {
        let from = self.at;
        if self.takes("<!--") {
            let inner = self.until("-->", "a comment has no end")?;
            return match inner.contains("--") || inner.ends_with('-') {
                true => Err(Fault::at(from, "a comment may not hold `--`")),
                false => Ok(Token::Aside),
            };
        }
        if self.takes("<![CDATA[") {
            self.until("]]>", "a CDATA section has no end")?;
            return Ok(Token::Data);
        }
        if self.rest().starts_with("<!DOCTYPE") {
            return Err(self.fault("a document type declaration is not read"));
        }
        Err(self.fault("`<!` begins neither a comment nor a CDATA section"))
    }

    fn instruction(&mut self) -> Read<Token<'a>> {
        let from = self.at;
        let name = self.name()?;
        if name.eq_ignore_ascii_case("xml") {
            let words = "an XML declaration stands only at the beginning of the text";
            return Err(Fault::at(from, words));
        }
        self.until("?>", "a processing instruction has no end")?;
        Ok(Token::Aside)
    }

    /// What stands before the next `<`.
    fn words(&mut self) -> Read<&'a str> {
        let from = self.at;
        let length = self.rest().find('<').unwrap_or(self.rest().len());
        let words = self.slice(from, from + length);
        self.sound(from, words)?;
        if let Some(at) = words.find("]]>") {
            return Err(Fault::at(from + at, "`]]>` stands outside a CDATA section"));
        }
        self.at = from + length;
        Ok(words)
    }

    /// Refuses characters that XML cannot hold, and references that it does not define.
    fn sound(&self, from: usize, raw: &str) -> Read<()> {
        let plain = |b: u8| (b' '..0x7f).contains(&b) && b != b'&';
        if raw.bytes().all(plain) {
            return Ok(());
        }
        for (at, c) in raw.char_indices() {
            if !characters::is_allowed(c) {
                return Err(Fault::at(from + at, FORBIDDEN));
            }
            if c == '&' {
                let reference = raw[at + 1..].split_once(';');
                if reference
                    .and_then(|(name, _)| characters::referred(name))
                    .is_none()
                {
                    return Err(Fault::at(from + at, UNKNOWN_REFERENCE));
                }
            }
        }
        Ok(())
    }

    fn name(&mut self) -> Read<&'a str> {
        let rest = self.rest();
        let mut letters = rest.char_indices();
        if !letters
            .next()
            .is_some_and(|(_, c)| characters::begins_name(c))
        {
            return Err(self.fault("a name is expected here"));
        }
        let length = letters
            .find(|(_, c)| !characters::continues_name(*c))
            .map_or(rest.len(), |(at, _)| at);
        if length > LONGEST_NAME {
            return Err(self.fault("this name is too long"));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn tag(&mut self) -> Read<Tag<'a>> {
        let at = self.at;
        self.at += 1;
        let mut tag = Tag {
            at,
            name: self.name()?,
            attributes: Vec::new(),
            empty: false,
        };
        loop {
            let spaced = self.space();
            if self.takes(">") {
                return Ok(tag);
            }
            if self.takes("/>") {
                tag.empty = true;
                return Ok(tag);
            }
            if self.at >= self.text.len() {
                return Err(self.fault("the text ends too early"));
            }
            if !spaced {
                return Err(self.fault("`>` is expected here"));
            }
            let attribute = self.attribute()?;
            if tag
                .attributes
                .iter()
                .any(|other| other.name == attribute.name)
            {
                return Err(Fault::at(attribute.at, "this attribute occurs twice"));
            }
            if tag.attributes.len() == MOST_ATTRIBUTES {
                return Err(Fault::at(attribute.at, "the tag has too many attributes"));
            }
            tag.attributes.push(attribute);
        }
    }

    fn attribute(&mut self) -> Read<Attribute<'a>> {
        let at = self.at;
        let name = self.name()?;
        self.space();
        if !self.takes("=") {
            return Err(self.fault("`=` is expected here"));
        }
        self.space();
        let quote = match self.rest().as_bytes().first() {
            Some(b'"') => "\"",
            Some(b'\'') => "'",
            _ => return Err(self.fault("a value in quotes is expected here")),
        };
        self.at += 1;
        let from = self.at;
        let Some(length) = self.rest().find(quote) else {
            return Err(Fault::at(self.text.len(), "a value has no closing quote"));
        };
        let raw = self.slice(from, from + length);
        if let Some(open) = raw.find('<') {
            return Err(Fault::at(from + open, "a value may not hold `<`"));
        }
        self.sound(from, raw)?;
        self.at = from + length + 1;
        Ok(Attribute { at, name, raw })
    }
}

/// What is said of a character that XML cannot hold.
const FORBIDDEN: &str = "XML may not hold this character";
