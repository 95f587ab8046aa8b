//! The `div` of a narrative: taken and given letter by letter, once it is known to be sound.
//!
//! Specification: <http://hl7.org/fhir/R4/narrative.html>, <http://hl7.org/fhir/R4/xml.html#xhtml>.

use crate::{
    XHTML, characters,
    fault::{Fault, Read},
    lexer::{Lexer, Tag, Token},
    names::{self, Names},
};

/// The deepest nesting of elements in a narrative.
pub const DEEPEST: usize = 256;

/// The text of a `div` whose opening tag has just been read, up to and with its closing tag.
///
/// What relies on prefixes is written without them, as the text must stand on its own.
pub fn take<'a>(lexer: &mut Lexer<'a>, names: &mut Names<'a>, tag: &Tag<'a>) -> Read<String> {
    let plain = walk(lexer, names, tag)?;
    let text = lexer.slice(tag.at, lexer.at());
    let bound = |name: &str| tag.attributes.iter().any(|each| each.name == name);
    if plain && bound("xmlns") {
        return Ok(text.to_owned());
    }
    restated(text)
}

/// Whether a text is one well-formed `div` of XHTML; its namespace may be left out.
pub fn is_sound(text: &str) -> bool {
    enclosed(text).is_ok()
}

/// The text as XML can hold it: itself, or with its namespace; what is no XHTML, as words.
pub fn written(out: &mut String, text: &str) {
    match enclosed(text) {
        Ok(true) => out.push_str(text),
        Ok(false) => {
            let rest = text.trim_start().strip_prefix("<div").unwrap_or_default();
            out.push_str(&format!("<div xmlns=\"{XHTML}\"{rest}"));
        }
        Err(_) => {
            out.push_str(&format!("<div xmlns=\"{XHTML}\">"));
            characters::push_text(out, text);
            out.push_str("</div>");
        }
    }
}

/// Whether the `div` of a text names its namespace itself.
fn enclosed(text: &str) -> Read<bool> {
    let mut lexer = Lexer::new(text);
    let outer = Tag {
        at: 0,
        name: "",
        attributes: vec![crate::lexer::Attribute {
            at: 0,
            name: "xmlns",
            raw: XHTML,
        }],
        empty: false,
    };
    let mut names = Names::default();
    names.enter(&outer)?;
    let mut found = None;
    loop {
        match lexer.token()? {
            Token::Text(words) if words.trim_matches(SPACE).is_empty() => {}
            Token::Start(tag) if found.is_none() => {
                names.enter(&tag)?;
                if names.element(tag.at, tag.name)? != (XHTML, "div") {
                    return Err(Fault::at(tag.at, NO_DIV));
                }
                let plain = walk(&mut lexer, &mut names, &tag)?;
                let named = tag.attributes.iter().any(|each| each.name == "xmlns");
                found = Some(named || !plain || tag.name.contains(':'));
            }
            Token::Done => return found.ok_or_else(|| lexer.fault(NO_DIV)),
            _ => return Err(lexer.fault("a narrative is one `div` and nothing else")),
        }
    }
}

const NO_DIV: &str = "a `div` of XHTML is due here";

/// White space of XML; other spaces are text.
pub const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Reads on to the closing tag; whether no name has a prefix.
fn walk<'a>(lexer: &mut Lexer<'a>, names: &mut Names<'a>, tag: &Tag<'a>) -> Read<bool> {
    let mut plain = check(names, tag)?;
    if tag.empty {
        return Ok(plain);
    }
    let mut open = vec![(tag.name, None)];
    while let Some((name, _)) = open.last() {
        match lexer.token()? {
            Token::Start(inner) => {
                let mark = names.enter(&inner)?;
                plain &= check(names, &inner)?;
                if inner.empty {
                    names.leave(mark);
                } else if open.len() == DEEPEST {
                    return Err(Fault::at(inner.at, "the narrative is nested too deeply"));
                } else {
                    open.push((inner.name, Some(mark)));
                }
            }
            Token::End(ended) if ended == *name => {
                if let Some((_, Some(mark))) = open.pop() {
                    names.leave(mark);
                }
            }
            Token::End(_) => return Err(lexer.fault(format!("`</{name}>` is due before this"))),
            Token::Done => return Err(lexer.fault("the text ends too early")),
            Token::Text(_) | Token::Data | Token::Aside => {}
        }
    }
    Ok(plain)
}

fn check(names: &Names<'_>, tag: &Tag<'_>) -> Read<bool> {
    if names.element(tag.at, tag.name)?.0 != XHTML {
        let words = "what stands in a narrative belongs to the namespace of XHTML";
        return Err(Fault::at(tag.at, words));
    }
    for attribute in &tag.attributes {
        if names::bound(attribute.name).is_some() {
            continue;
        }
        names.attribute(attribute.at, attribute.name)?;
        if attribute.name.contains(':') && !attribute.name.starts_with("xml:") {
            let words = "an attribute in a narrative has no prefix";
            return Err(Fault::at(attribute.at, words));
        }
    }
    Ok(!tag.name.contains(':'))
}

/// A sound text again, its names without prefixes, its namespace said once.
fn restated(text: &str) -> Read<String> {
    let local = |name: &str| name.rsplit(':').next().unwrap_or_default().to_owned();
    let mut lexer = Lexer::new(text);
    let mut out = String::with_capacity(text.len());
    loop {
        let from = lexer.at();
        match lexer.token()? {
            Token::Start(tag) => {
                out.push('<');
                out.push_str(&local(tag.name));
                if from == 0 {
                    out.push_str(&format!(" xmlns=\"{XHTML}\""));
                }
                for attribute in &tag.attributes {
                    if names::bound(attribute.name).is_none() {
                        let raw = attribute.raw.replace('"', "&quot;");
                        out.push_str(&format!(" {}=\"{raw}\"", attribute.name));
                    }
                }
                out.push_str(if tag.empty { "/>" } else { ">" });
            }
            Token::End(name) => out.push_str(&format!("</{}>", local(name))),
            Token::Done => return Ok(out),
            Token::Text(_) | Token::Data | Token::Aside => {
                out.push_str(lexer.slice(from, lexer.at()));
            }
        }
    }
}
