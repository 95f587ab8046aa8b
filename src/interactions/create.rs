//! create: a resource under an id that the server gives.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#create>.

use bytes::Bytes;

use super::{Context, Reply, check_kind};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, validate},
    kernel::problem::Result,
    store::Prepared,
};

/// Creates a resource; an id in the body is not kept.
///
/// # Errors
/// `Malformed` and `Invalid`, each issue with its place.
pub async fn create(
    context: &Context,
    permit: &Permit,
    kind: ResourceType,
    body: &Bytes,
) -> Result<Reply> {
    let resource = validate::read(body, &context.limits.json)?;
    check_kind(&resource, kind)?;
    let prepared = Prepared::new(resource);
    let id = context.new_id();
    context
        .store
        .write(permit, move |tx| {
            Box::pin(async move { tx.create(&id, prepared).await.map(Reply::Created) })
        })
        .await
}
