//! Version ids as entity tags.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#versioning>.

use crate::kernel::problem::{Category, Problem, Result};

/// What `If-Match` or `If-None-Match` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionTag {
    /// `*`: any version.
    Any,
    /// These versions; tags that this server never gives are left out.
    Versions(Vec<u64>),
}

impl VersionTag {
    /// Reads `W/"3"`, `"3"`, a list of them, or `*`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::Any;
        }
        Self::Versions(text.split(',').filter_map(version).collect())
    }

    /// Whether `version` is named.
    #[must_use]
    pub fn names(&self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }

    /// The one version that `If-Match` demands.
    ///
    /// # Errors
    /// `PreconditionFailed`, if it names none or several: no current version can be all of them.
    pub fn demanded(&self) -> Result<Option<u64>> {
        match self {
            Self::Any => Ok(None),
            Self::Versions(versions) => match versions.as_slice() {
                [version] => Ok(Some(*version)),
                _ => Err(Problem::new(
                    Category::PreconditionFailed,
                    "conflict",
                    "If-Match must name one version, such as W/\"3\".",
                )),
            },
        }
    }
}

fn version(tag: &str) -> Option<u64> {
    let tag = tag.trim();
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    quoted.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_and_strong_tags_name_their_version() {
        assert!(VersionTag::read("W/\"3\"").names(3));
        assert!(VersionTag::read("\"3\", W/\"4\"").names(4));
        assert!(!VersionTag::read("W/\"3\"").names(4));
        assert!(VersionTag::read("*").names(9));
    }

    #[test]
    fn a_tag_that_is_not_ours_demands_what_cannot_be() {
        assert_eq!(VersionTag::read("W/\"7\"").demanded().unwrap(), Some(7));
        let refused = VersionTag::read("W/\"no-such-version\"").demanded();
        assert_eq!(refused.unwrap_err().category, Category::PreconditionFailed);
    }
}
