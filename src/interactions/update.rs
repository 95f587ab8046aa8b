//! update: the next version of a resource, or its first one under the client's own id.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#update>, <http://hl7.org/fhir/R4/http.html#upsert>.

use bytes::Bytes;

use super::{Context, Reply, VersionTag, check_kind};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, resource::Resource, validate},
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
    let resource = validate::read(body, &context.limits.json)?;
    check_kind(&resource, kind)?;
    check_id(&resource, id)?;
    let prepared = Prepared::new(resource);
    let id = id.to_owned();
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
