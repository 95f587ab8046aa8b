//! Conditional update: the one resource that satisfies a condition, or a new one.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#cond-update>.

use bytes::Bytes;

use super::{
    Context, Reply, VersionTag, check_kind,
    criteria::{Criteria, Match},
    gate, update,
};
use crate::{
    fhir::{permit::Permit, resource::Resource},
    kernel::problem::{Category, Problem, Result},
    store::{Prepared, Tx},
};

/// Updates what satisfies `criteria`, or creates it.
///
/// # Errors
/// `PreconditionFailed`, if many resources satisfy it; `Malformed`, if the body has the id of
/// another resource; `Forbidden`, if the permit does not cover what the condition asks.
pub async fn conditional_update(
    context: &Context,
    permit: &Permit,
    criteria: Criteria,
    body: &Bytes,
    if_match: Option<&VersionTag>,
) -> Result<Reply> {
    criteria.check(permit)?;
    let if_match = if_match.map_or(Ok(None), VersionTag::demanded)?;
    let judgement = context.judgement().await?;
    let resource = judgement.read(body, &context.limits.json)?;
    check_kind(&resource, criteria.kind())?;
    gate::spoken(permit, &resource)?;
    store(context, permit, (criteria, resource), if_match).await
}

/// Writes what has been read.
pub(super) async fn store(
    context: &Context,
    permit: &Permit,
    (criteria, resource): (Criteria, Resource),
    if_match: Option<u64>,
) -> Result<Reply> {
    let own = resource.id().map(str::to_owned);
    let fresh = context.new_id();
    let prepared = Prepared::new(resource);
    context
        .store
        .write(permit, move |tx| {
            Box::pin(async move {
                let found = criteria.find(tx).await?;
                if is_fresh(&found, own.as_deref(), if_match) {
                    return tx.put_fresh(&fresh, prepared).await.map(update::reply);
                }
                let id = identity(tx, &criteria, &found, own, fresh).await?;
                tx.put(&id, prepared, if_match).await.map(update::reply)
            })
        })
        .await
}

/// Whether something is created under an id of the server's own.
pub(super) const fn is_fresh(found: &Match, own: Option<&str>, if_match: Option<u64>) -> bool {
    matches!(found, Match::None) && own.is_none() && if_match.is_none()
}

/// The id to write under: that of the match, else the body's own, else a fresh one.
pub(super) async fn identity(
    tx: &mut Tx,
    criteria: &Criteria,
    found: &Match,
    own: Option<String>,
    fresh: String,
) -> Result<String> {
    match (found, own) {
        (Match::One(stored), Some(own)) if stored.id != own => Err(Problem::malformed(
            "value",
            "The id of the body is not that of the resource that satisfies the condition.",
        )
        .at(format!("{}.id", criteria.kind()))),
        (Match::One(stored), _) => Ok(stored.id.clone()),
        (Match::None, None) => Ok(fresh),
        (Match::None, Some(own)) => match tx.read(criteria.kind(), &own).await? {
            Some(stored) if !stored.is_deleted() => Err(Problem::new(
                Category::Conflict,
                "conflict",
                "The resource of the body's id does not satisfy the condition.",
            )),
            _ => Ok(own),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fhir::definitions::ResourceType, interactions::testing::Bench};

    async fn put(bench: &Bench, id: &str) -> Result<Reply> {
        let kind = ResourceType::named("Patient").unwrap();
        let criteria = Criteria::read(&bench.context, kind, "identifier=urn:a|1").unwrap();
        let body = format!(
            r#"{{"resourceType":"Patient",{id}"identifier":[{{"system":"urn:a","value":"1"}}]}}"#
        );
        let permit = Permit::development();
        conditional_update(&bench.context, &permit, criteria, &body.into(), None).await
    }

    #[tokio::test]
    async fn none_is_created_one_updated_many_refused() {
        let bench = Bench::open().await;
        let Ok(Reply::Created(first)) = put(&bench, "").await else {
            panic!("not created");
        };
        let Ok(Reply::Updated(second)) = put(&bench, "").await else {
            panic!("not updated");
        };
        assert_eq!((second.id, second.version), (first.id, 2));
        let twin = r#"{"resourceType":"Patient","identifier":[{"system":"urn:a","value":"1"}]}"#;
        bench.create(twin).await;
        let refused = put(&bench, "").await.unwrap_err();
        assert_eq!(refused.category, Category::PreconditionFailed);
    }

    #[tokio::test]
    async fn the_id_of_the_body_must_agree() {
        let bench = Bench::open().await;
        bench
            .update("p2", r#"{"resourceType":"Patient","id":"p2"}"#)
            .await;
        let taken = put(&bench, r#""id":"p2","#).await.unwrap_err();
        assert_eq!(taken.category, Category::Conflict);
        let created = put(&bench, r#""id":"p1","#).await;
        assert!(matches!(created, Ok(Reply::Created(stored)) if stored.id == "p1"));
        let other = put(&bench, r#""id":"p3","#).await.unwrap_err();
        assert_eq!(other.category, Category::Malformed);
    }
}
