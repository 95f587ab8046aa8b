//! Conditional delete: what satisfies a condition; one resource, or several where the operator
//! allows it.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#3.1.0.7.1>.

use super::{
    Context, Reply,
    criteria::{Criteria, Match},
};
use crate::{
    fhir::permit::Permit,
    kernel::problem::Result,
    store::{Stored, Tx},
};

/// Deletes what satisfies `criteria`; nothing is written where nothing does.
///
/// # Errors
/// `PreconditionFailed`, if more resources satisfy it than may be deleted at once.
pub async fn conditional_delete(
    context: &Context,
    permit: &Permit,
    criteria: Criteria,
) -> Result<Reply> {
    criteria.check(permit)?;
    let several = context.limits.delete_several;
    context
        .store
        .write(permit, move |tx| {
            Box::pin(async move { within(tx, &criteria, several).await.map(reply) })
        })
        .await
}

/// The same, as a part of a transaction: the deletions.
pub(super) async fn within(tx: &mut Tx, criteria: &Criteria, several: bool) -> Result<Vec<Stored>> {
    let found = if several {
        criteria.find_all(tx).await?
    } else {
        match criteria.find(tx).await? {
            Match::None => Vec::new(),
            Match::One(stored) => vec![stored],
        }
    };
    let mut gone = Vec::with_capacity(found.len());
    for stored in found {
        gone.extend(tx.delete(stored.kind, &stored.id, None).await?);
    }
    Ok(gone)
}

/// One deletion has a version; several have none in common.
pub(super) fn reply(mut gone: Vec<Stored>) -> Reply {
    let last = gone.pop();
    Reply::Deleted(last.filter(|_| gone.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fhir::{definitions::ResourceType, resource::Resource},
        interactions::{criteria::DELETED_MAX, testing::Bench},
        kernel::problem::Category,
        store::Prepared,
    };

    #[tokio::test]
    async fn one_is_deleted_many_are_not() {
        let bench = Bench::open().await;
        let body = r#"{"resourceType":"Patient","gender":"male"}"#;
        let stored = bench.create(body).await;
        let criteria = Criteria::read(&bench.context, stored.kind, "gender=male").unwrap();
        let permit = Permit::development();
        let done = conditional_delete(&bench.context, &permit, criteria.clone()).await;
        assert!(matches!(done, Ok(Reply::Deleted(Some(gone))) if gone.id == stored.id));
        let again = conditional_delete(&bench.context, &permit, criteria.clone()).await;
        assert_eq!(again, Ok(Reply::Deleted(None)));

        bench.create(body).await;
        bench.create(body).await;
        let refused = conditional_delete(&bench.context, &permit, criteria).await;
        assert_eq!(refused.unwrap_err().category, Category::PreconditionFailed);
    }

    #[tokio::test]
    async fn many_are_deleted_where_the_operator_allows_it() {
        let mut bench = Bench::open().await;
        bench.context.limits.delete_several = true;
        let body = r#"{"resourceType":"Patient","gender":"male"}"#;
        let kind = bench.create(body).await.kind;
        bench.create(body).await;
        let other = bench.create(r#"{"resourceType":"Patient"}"#).await;
        let criteria = Criteria::read(&bench.context, kind, "gender=male").unwrap();
        let permit = Permit::development();
        let done = conditional_delete(&bench.context, &permit, criteria.clone()).await;
        assert_eq!(done, Ok(Reply::Deleted(None)));
        let left = bench
            .context
            .store
            .search(&permit, &crate::fhir::search::query::Query::new(kind))
            .await
            .unwrap();
        let ids: Vec<&str> = left.hits.iter().map(|hit| hit.stored.id.as_str()).collect();
        assert_eq!(ids, [other.id]);
    }

    #[tokio::test]
    async fn too_many_are_all_kept() {
        let mut bench = Bench::open().await;
        bench.context.limits.delete_several = true;
        let kind = ResourceType::named("Basic").unwrap();
        let permit = Permit::development();
        let make = bench.context.store.write(&permit, |tx| {
            Box::pin(async move {
                for _ in 0..=DELETED_MAX {
                    let tree =
                        serde_json::json!({"resourceType": "Basic", "created": "2026-01-01"});
                    let id = tx.new_id();
                    tx.create(&id, Prepared::new(Resource::trusted(tree)?))
                        .await?;
                }
                Ok(())
            })
        });
        make.await.unwrap();
        let criteria = Criteria::read(&bench.context, kind, "created=2026-01-01").unwrap();
        let refused = conditional_delete(&bench.context, &permit, criteria).await;
        assert_eq!(refused.unwrap_err().issues[0].code, "too-costly");
        let query = crate::fhir::search::query::Query::new(kind).limit(1);
        let left = bench.context.store.search(&permit, &query).await.unwrap();
        assert_eq!(left.hits.len(), 1);
    }
}
