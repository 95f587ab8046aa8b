//! create: a resource under an id that the server gives, unless one like it is there.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#create>, <http://hl7.org/fhir/R4/http.html#ccreate>.

use bytes::Bytes;

use super::{
    Context, Reply, check_kind,
    criteria::{Criteria, Match},
    gate,
};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, resource::Resource},
    kernel::problem::Result,
    store::Prepared,
};

/// Creates a resource; an id in the body is not kept.
///
/// `if_none_exist` is the text of the header of that name.
///
/// # Errors
/// `Malformed` and `Invalid`, each issue with its place; `PreconditionFailed`, if many resources
/// satisfy the condition.
pub async fn create(
    context: &Context,
    permit: &Permit,
    kind: ResourceType,
    body: &Bytes,
    if_none_exist: Option<&str>,
) -> Result<Reply> {
    let judgement = context.judgement().await?;
    let resource = judgement.read_new(body, &context.limits.json)?;
    check_kind(&resource, kind)?;
    gate::spoken(permit, &resource)?;
    let condition = if_none_exist
        .map(|text| Criteria::read(context, kind, text))
        .transpose()?;
    if let Some(condition) = &condition {
        condition.check(permit)?;
    }
    store(context, permit, resource, condition).await
}

/// Writes what has been read.
pub(super) async fn store(
    context: &Context,
    permit: &Permit,
    resource: Resource,
    condition: Option<Criteria>,
) -> Result<Reply> {
    let prepared = Prepared::new(resource);
    let id = context.new_id();
    context
        .store
        .write(permit, move |tx| {
            Box::pin(async move {
                if let Some(condition) = condition
                    && let Match::One(stored) = condition.find(tx).await?
                {
                    return Ok(Reply::Existing(stored));
                }
                tx.create(&id, prepared).await.map(Reply::Created)
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{interactions::testing::Bench, kernel::problem::Category};

    const PATIENT: &str =
        r#"{"resourceType":"Patient","identifier":[{"system":"urn:a","value":"1"}]}"#;

    async fn conditional(bench: &Bench, condition: &str) -> Result<Reply> {
        let kind = ResourceType::named("Patient").unwrap();
        let body = Bytes::from_static(PATIENT.as_bytes());
        let permit = Permit::development();
        create(&bench.context, &permit, kind, &body, Some(condition)).await
    }

    #[tokio::test]
    async fn an_id_in_the_body_is_not_kept() {
        let bench = Bench::open().await;
        let stored = bench
            .create(r#"{"resourceType":"Patient","id":"own"}"#)
            .await;
        assert_ne!(stored.id, "own");
        assert_eq!(stored.version, 1);
    }

    #[tokio::test]
    async fn a_second_like_it_is_not_created() {
        let bench = Bench::open().await;
        let condition = "identifier=urn:a|1";
        let Ok(Reply::Created(first)) = conditional(&bench, condition).await else {
            panic!("not created");
        };
        let again = conditional(&bench, condition).await;
        assert_eq!(again, Ok(Reply::Existing(first)));

        bench.create(PATIENT).await;
        let refused = conditional(&bench, condition).await.unwrap_err();
        assert_eq!(refused.category, Category::PreconditionFailed);
    }

    #[tokio::test]
    async fn a_condition_that_is_not_understood_is_refused() {
        let bench = Bench::open().await;
        for condition in ["nonsense=1", "", "_count=1"] {
            let refused = conditional(&bench, condition).await.unwrap_err();
            assert_eq!(refused.category, Category::Malformed, "{condition}");
        }
    }
}
