//! delete: from now on the resource reads as gone; its history stays.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#delete>.

use super::{Context, Reply, VersionTag};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit},
    kernel::problem::Result,
};

/// Deletes a resource; nothing is written where nothing stands.
///
/// # Errors
/// `PreconditionFailed`, if `if_match` does not name the current version.
pub async fn delete(
    context: &Context,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
    if_match: Option<&VersionTag>,
) -> Result<Reply> {
    let if_match = if_match.map_or(Ok(None), VersionTag::demanded)?;
    let id = id.to_owned();
    context
        .store
        .write(permit, move |tx| {
            Box::pin(async move { tx.delete(kind, &id, if_match).await.map(Reply::Deleted) })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{interactions::testing::Bench, kernel::problem::Category};

    #[tokio::test]
    async fn deleting_again_changes_nothing() {
        let bench = Bench::open().await;
        let stored = bench.create(r#"{"resourceType":"Patient"}"#).await;
        let permit = Permit::development();
        let target = (stored.kind, stored.id.as_str());
        let Ok(Reply::Deleted(Some(gone))) = delete(&bench.context, &permit, target, None).await
        else {
            panic!("not deleted");
        };
        assert_eq!((gone.version, gone.is_deleted()), (2, true));
        let again = delete(&bench.context, &permit, target, None).await;
        assert_eq!(again, Ok(Reply::Deleted(None)));
    }

    #[tokio::test]
    async fn another_version_than_if_match_names_is_kept() {
        let bench = Bench::open().await;
        let stored = bench.create(r#"{"resourceType":"Patient"}"#).await;
        let target = (stored.kind, stored.id.as_str());
        let stale = VersionTag::read("W/\"7\"");
        let refused = delete(&bench.context, &Permit::development(), target, Some(&stale)).await;
        assert_eq!(refused.unwrap_err().category, Category::PreconditionFailed);
    }
}
