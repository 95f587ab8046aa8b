//! Narratives: XHTML read strictly, and held to what may be shown.
//!
//! A narrative is written by one person and shown in the browser of another. What R4 lets it have
//! ([`Rigour::Standard`], `txt-1`) is for validation; what does nothing ([`Rigour::Inert`]) is for
//! what is to be stored: it has a few more elements, which real narratives use, and less freedom
//! in links, images and styles. In both, what is not on the list is refused, and so is what one
//! reader could take for something else than another: the reading is that of XML, without
//! CDATA, processing instructions and entities of one's own.
//!
//! Specification: <http://hl7.org/fhir/R4/narrative.html#xhtml>,
//! <http://hl7.org/fhir/R4/security.html#narrative>.

mod clean;
mod link;
mod rules;

pub use self::clean::clean;
use self::rules::{ATTRIBUTES, ELEMENTS, INERT_ATTRIBUTES, INERT_ELEMENTS, OWN};

/// Deepest nesting of elements.
const DEEPEST: usize = 200;

/// What a narrative is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rigour<'a> {
    /// What R4 lets it have.
    Standard,
    /// What does nothing in a browser: nothing runs, nothing is sent, and nothing is loaded but
    /// these images.
    Inert(Images<'a>),
}

/// From where images of a narrative may be loaded: whoever serves one learns who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Images<'a> {
    /// From the narrative itself, and from beside it.
    Own,
    /// The same, and this one.
    This(&'a str),
    /// From anywhere.
    Any,
}

/// Reads a narrative; says whether it has any content.
///
/// # Errors
/// The first fault, in words that quote nothing of it.
pub fn read<'t>(div: &'t str, rigour: Rigour<'t>) -> Result<bool, String> {
    let mut reader = Reader {
        rest: div.trim(),
        open: Vec::new(),
        has_content: false,
        is_ended: false,
        rigour,
    };
    reader.read()?;
    Ok(reader.has_content)
}

struct Reader<'t> {
    rest: &'t str,
    open: Vec<&'t str>,
    has_content: bool,
    /// Whether the one `div` has been read to its end.
    is_ended: bool,
    rigour: Rigour<'t>,
}

impl<'t> Reader<'t> {
    fn read(&mut self) -> Result<(), String> {
        while let Some(at) = self.rest.find(['<', '&']) {
            let (text, rest) = self.rest.split_at(at);
            self.text(text)?;
            if let Some(rest) = rest.strip_prefix("<!--") {
                self.comment(rest)?;
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

    fn comment(&mut self, rest: &'t str) -> Result<(), String> {
        let (inner, after) = rest
            .split_once("-->")
            .ok_or("A comment of the narrative does not end.")?;
        // Readers of HTML end a comment earlier than readers of XML at these.
        let is_odd = inner.contains("--") || inner.starts_with('>') || inner.starts_with("->");
        if is_odd && self.rigour != Rigour::Standard {
            return Err("A comment of the narrative holds `--`.".to_owned());
        }
        self.rest = after;
        Ok(())
    }

    fn entity(&mut self, rest: &'t str) -> Result<(), String> {
        if self.open.is_empty() {
            return Err("The narrative must be one `div`.".to_owned());
        }
        let (name, after) = rest
            .split_once(';')
            .ok_or("An `&` of the narrative begins no entity.")?;
        if link::entity(name).is_none() {
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
            self.is_ended = self.open.is_empty();
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
        if self.open.is_empty() && (name != "div" || self.is_ended) {
            return Err("The narrative must be one `div`.".to_owned());
        }
        if self.open.len() >= DEEPEST {
            return Err("The narrative is nested too deeply.".to_owned());
        }
        if !is_known(name, self.rigour) {
            return Err("txt-1: The narrative has an element that may not be shown.".to_owned());
        }
        self.has_content |= name == "img";
        Ok(())
    }

    fn attributes(&mut self, element: &'t str, mut rest: &'t str) -> Result<(), String> {
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                self.is_ended |= self.open.is_empty();
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
            attribute(self.rigour, (element, name.trim_end()), value)?;
            rest = after;
        }
    }
}

/// Whether an element may be shown.
fn is_known(name: &str, rigour: Rigour<'_>) -> bool {
    let more = match rigour {
        Rigour::Standard => &[][..],
        Rigour::Inert(_) => INERT_ELEMENTS,
    };
    ELEMENTS.contains(&name) || more.contains(&name)
}

fn attribute(rigour: Rigour<'_>, (element, name): (&str, &str), value: &str) -> Result<(), String> {
    let own = OWN
        .iter()
        .find(|(known, _)| *known == element)
        .map_or(&[][..], |(_, own)| own);
    let known = ATTRIBUTES.contains(&name) || own.contains(&name) || name.starts_with("xmlns:");
    match rigour {
        Rigour::Standard if !known => Err(NOT_SHOWN.to_owned()),
        Rigour::Standard => link::standard((element, name), value),
        // Elements of another language have other powers under the same names.
        Rigour::Inert(_) if name == "xmlns" && value == XHTML => Ok(()),
        Rigour::Inert(_) if name == "xmlns" => Err(NOT_SHOWN.to_owned()),
        Rigour::Inert(_) if !(known || is_inert(name)) => Err(NOT_SHOWN.to_owned()),
        Rigour::Inert(images) => link::inert(name, value, images),
    }
}

/// The namespace of what a narrative is written in.
const XHTML: &str = "http://www.w3.org/1999/xhtml";

const NOT_SHOWN: &str = "txt-1: The narrative has an attribute that may not be shown.";

/// Attributes that tell programs something and do nothing by themselves.
fn is_inert(name: &str) -> bool {
    let is_plain = |rest: &str| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let mut prefixes = ["data-", "aria-"].iter();
    INERT_ATTRIBUTES.contains(&name)
        || prefixes.any(|prefix| name.strip_prefix(prefix).is_some_and(is_plain))
}

#[cfg(test)]
mod tests;
