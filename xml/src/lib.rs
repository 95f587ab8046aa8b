//! FHIR R4 resources from JSON to XML and back: the wall around fhirbolt.
//!
//! What fhirbolt knows of R4 (which elements repeat, which hold numbers, in which order they
//! stand) is taken from its tables; reading and writing are our own, because its reader tells no
//! place, trims narrative and leaves out what it does not know, and its writer leaves line breaks
//! in attributes, where every conformant reader turns them into spaces.
//!
//! What comes out of [`from_xml`] has the JSON shape of R4 wherever the text allows it. It is not
//! judged: a word where a number is due stays a string, for who judges JSON to refuse with its
//! place. Narrative is taken and given letter by letter.
//!
//! Specification: <http://hl7.org/fhir/R4/xml.html>, <https://www.w3.org/TR/xml/>,
//! <https://www.w3.org/TR/xml-names/>.

mod characters;
mod fault;
mod lexer;
mod names;
mod narrative;
mod read;
mod shape;
#[cfg(test)]
mod tests;
mod write;

use serde_json::Value;

pub use fault::Error;

/// The namespace of FHIR's elements.
const FHIR: &str = "http://hl7.org/fhir";

/// The namespace of narrative.
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// How XML is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Without white space between elements.
    #[default]
    Compact,
    /// One element a line, indented.
    Pretty,
}

/// Writes a resource as XML.
///
/// Nothing is lost of a resource that R4 would accept. What XML cannot hold is given in its place:
/// U+FFFD for a control character; the text of a narrative that is no XHTML, with its markup
/// shown.
///
/// # Errors
/// If the value is no resource, or one nested deeper than a parser of JSON would have read.
pub fn to_xml(resource: &Value, layout: Layout) -> Result<String, Error> {
    write::document(resource, layout)
}

/// Reads a resource from XML.
///
/// `depth` bounds the nesting of objects and lists in what comes out. No DOCTYPE is read, hence no
/// entity but the five of XML; the text is UTF-8, as FHIR wants.
///
/// # Errors
/// If the text is not well-formed, has another namespace, element or attribute than FHIR's, or is
/// nested too deeply. The error tells line, column, and the place as a path.
pub fn from_xml(text: &str, depth: usize) -> Result<Value, Error> {
    read::document(text, depth)
}

/// Whether the text of a narrative is one well-formed `div` of XHTML, as R4 wants it.
#[must_use]
pub fn is_narrative(div: &str) -> bool {
    narrative::is_sound(div)
}
