//! read: the current version of a resource.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#read>, <http://hl7.org/fhir/R4/http.html#cread>.

use jiff::{SignedDuration, Timestamp};

use super::{Context, Reply, VersionTag, search, standing, subset};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::Permit,
        search::query::{Handling, Summary},
    },
    kernel::problem::{Problem, Result},
    store::Stored,
};

/// What the client holds already.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// `If-None-Match`.
    pub none_match: Option<VersionTag>,
    /// `If-Modified-Since`; looked at only without `none_match`.
    pub modified_since: Option<Timestamp>,
}

impl Held {
    /// Whether the client's copy is `stored`.
    fn is_current(&self, stored: &Stored) -> bool {
        match (&self.none_match, self.modified_since) {
            (Some(tag), _) => tag.names(stored.version),
            // The header has whole seconds, `lastUpdated` has milliseconds.
            (None, Some(since)) => {
                stored.updated.duration_since(since) < SignedDuration::from_secs(1)
            }
            (None, None) => false,
        }
    }
}

/// Reads the current version.
///
/// # Errors
/// `NotFound` and `Gone`.
pub async fn read(
    context: &Context,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
    held: &Held,
) -> Result<Reply> {
    let stored = standing(context.store.read(permit, kind, id).await?)?;
    Ok(conclude(stored, held))
}

/// The part of a version that `_summary` or `_elements` wants; other parameters are left out.
///
/// # Errors
/// `Malformed` for a bad value, and for a number, which there is none of.
pub fn part(context: &Context, reply: Reply, pairs: &[(String, String)]) -> Result<Reply> {
    let is_part = |pair: &&(String, String)| matches!(pair.0.as_str(), "_summary" | "_elements");
    let pairs: Vec<(String, String)> = pairs.iter().filter(is_part).cloned().collect();
    let Reply::Version(mut stored) = reply else {
        return Ok(reply);
    };
    if !pairs.is_empty() {
        let query = search::query(context, stored.kind, &pairs, Handling::Strict)?;
        if query.summary == Summary::Count {
            return Err(Problem::malformed(
                "value",
                "A resource has no _summary=count.",
            ));
        }
        if let Some(part) = subset::of(&query, &stored)? {
            stored.body = Some(part);
        }
    }
    Ok(Reply::Version(stored))
}

/// The version, unless the client holds it.
pub(super) fn conclude(stored: Stored, held: &Held) -> Reply {
    if held.is_current(&stored) {
        Reply::NotModified(stored)
    } else {
        Reply::Version(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{interactions::testing::Bench, kernel::problem::Category};

    #[tokio::test]
    async fn what_stands_is_given_unless_the_client_holds_it() {
        let bench = Bench::open().await;
        let stored = bench.create(r#"{"resourceType":"Patient"}"#).await;
        let target = (stored.kind, stored.id.as_str());
        let permit = Permit::development();
        let held = Held::default();
        let reply = read(&bench.context, &permit, target, &held).await;
        assert_eq!(reply, Ok(Reply::Version(stored.clone())));

        let held = Held {
            none_match: Some(VersionTag::read("W/\"1\"")),
            modified_since: None,
        };
        let reply = read(&bench.context, &permit, target, &held).await;
        assert_eq!(reply, Ok(Reply::NotModified(stored.clone())));

        let held = Held {
            none_match: None,
            modified_since: Some(stored.updated),
        };
        let reply = read(&bench.context, &permit, target, &held).await;
        assert_eq!(reply, Ok(Reply::NotModified(stored)));
    }

    #[tokio::test]
    async fn what_never_was_and_what_is_gone_differ() {
        let bench = Bench::open().await;
        let stored = bench.create(r#"{"resourceType":"Patient"}"#).await;
        let permit = Permit::development();
        let held = Held::default();
        let target = (stored.kind, stored.id.as_str());
        super::super::delete::delete(&bench.context, &permit, target, None)
            .await
            .unwrap();
        let gone = read(&bench.context, &permit, target, &held).await;
        assert_eq!(gone.unwrap_err().category, Category::Gone);
        let absent = read(&bench.context, &permit, (stored.kind, "absent"), &held).await;
        assert_eq!(absent.unwrap_err().category, Category::NotFound);
    }
}
