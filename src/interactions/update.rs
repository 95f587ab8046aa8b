//! update: the next version of a resource, or its first one under the client's own id.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#update>, <http://hl7.org/fhir/R4/http.html#upsert>.

use bytes::Bytes;

use super::{Context, Reply, VersionTag, check_kind, gate};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, resource::Resource},
    kernel::problem::{Problem, Result},
    store::{Prepared, Written},
};

/// Writes the next version of a resource.
///
/// # Errors
/// `Malformed`, if the body has no id or another than the URL; `PreconditionFailed`, if
/// `if_match` does not name the current version.
pub async fn update(
    context: &Context,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
    body: &Bytes,
    if_match: Option<&VersionTag>,
) -> Result<Reply> {
    let if_match = if_match.map_or(Ok(None), VersionTag::demanded)?;
    let judgement = context.judgement().await?;
    let resource = judgement.read(body, &context.limits.json)?;
    check_kind(&resource, kind)?;
    check_id(&resource, id)?;
    gate::spoken(permit, &resource)?;
    store(context, permit, resource, if_match).await
}

/// Writes what has been read, under its own id.
pub(super) async fn store(
    context: &Context,
    permit: &Permit,
    resource: Resource,
    if_match: Option<u64>,
) -> Result<Reply> {
    let id = resource.id().unwrap_or_default().to_owned();
    let prepared = Prepared::new(resource);
    context
        .store
        .write(permit, move |tx| {
            Box::pin(async move { tx.put(&id, prepared, if_match).await.map(reply) })
        })
        .await
}

/// Refuses a body whose id is not the URL's.
pub(super) fn check_id(resource: &Resource, id: &str) -> Result<()> {
    match resource.id() {
        Some(own) if own == id => Ok(()),
        Some(_) => Err(
            Problem::malformed("value", "The id of the body is not the id of the URL.")
                .at(format!("{}.id", resource.kind())),
        ),
        None => Err(
            Problem::malformed("required", "The body must carry the id of the URL.")
                .at(format!("{}.id", resource.kind())),
        ),
    }
}

pub(super) fn reply(written: Written) -> Reply {
    if written.created {
        Reply::Created(written.stored)
    } else {
        Reply::Updated(written.stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{interactions::testing::Bench, kernel::problem::Category};

    async fn put(bench: &Bench, id: &str, body: &str, tag: Option<&str>) -> Result<Reply> {
        let target = (ResourceType::named("Patient").unwrap(), id);
        let body = Bytes::copy_from_slice(body.as_bytes());
        let tag = tag.map(VersionTag::read);
        let permit = Permit::development();
        update(&bench.context, &permit, target, &body, tag.as_ref()).await
    }

    #[tokio::test]
    async fn the_first_version_is_created_the_next_updates() {
        let bench = Bench::open().await;
        let body = r#"{"resourceType":"Patient","id":"p1"}"#;
        let first = put(&bench, "p1", body, None).await;
        assert!(matches!(first, Ok(Reply::Created(stored)) if stored.version == 1));
        let second = put(&bench, "p1", body, Some("W/\"1\"")).await;
        assert!(matches!(second, Ok(Reply::Updated(stored)) if stored.version == 2));
    }

    #[tokio::test]
    async fn what_the_url_and_the_condition_do_not_say_is_refused() {
        let bench = Bench::open().await;
        let body = r#"{"resourceType":"Patient","id":"p1"}"#;
        put(&bench, "p1", body, None).await.unwrap();
        let table = [
            ("p2", body, None, Category::Malformed),
            (
                "p1",
                r#"{"resourceType":"Patient"}"#,
                None,
                Category::Malformed,
            ),
            (
                "p1",
                r#"{"resourceType":"Organization"}"#,
                None,
                Category::Malformed,
            ),
            ("p1", body, Some("W/\"7\""), Category::PreconditionFailed),
            ("p1", body, Some("W/\"x\""), Category::PreconditionFailed),
        ];
        for (id, body, tag, category) in table {
            let refused = put(&bench, id, body, tag).await.unwrap_err();
            assert_eq!(refused.category, category, "{body}");
        }
    }
}
