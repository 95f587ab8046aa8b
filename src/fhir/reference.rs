//! Literal references: `Type/id`, `Type/id/_history/v`, absolute, `#contained`, `urn:uuid:`.
//!
//! Specification: <http://hl7.org/fhir/R4/references.html>.

use super::definitions::ResourceType;

/// A reference to a resource of this server: `Type/id`, a version left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LocalReference {
    /// The type named.
    pub kind: ResourceType,
    /// The logical id.
    pub id: String,
}

/// Reads `Type/id` or `Type/id/_history/v`; anything else is not local.
#[must_use]
pub fn local(text: &str) -> Option<LocalReference> {
    let mut parts = text.split('/');
    let (kind, id) = (parts.next()?, parts.next()?);
    match (parts.next(), parts.next(), parts.next()) {
        (None, None, None) | (Some("_history"), Some(_), None) => {}
        _ => return None,
    }
    let kind = ResourceType::named(kind)?;
    is_id(id).then(|| LocalReference {
        kind,
        id: id.to_owned(),
    })
}

/// Whether `text` is a logical id: 1 to 64 of `A-Z a-z 0-9 - .`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}
