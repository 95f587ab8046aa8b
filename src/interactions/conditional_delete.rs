//! Conditional delete: the one resource that satisfies a condition.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#3.1.0.7.1>.

use super::{
    Context, Reply,
    criteria::{Criteria, Match},
};
use crate::{fhir::permit::Permit, kernel::problem::Result, store::Tx};

/// Deletes what satisfies `criteria`; nothing is written where nothing does.
///
/// # Errors
/// `PreconditionFailed`, if many resources satisfy it.
pub async fn conditional_delete(
    context: &Context,
    permit: &Permit,
    criteria: Criteria,
) -> Result<Reply> {
    context
        .store
        .write(permit, move |tx| {
            Box::pin(async move { within(tx, &criteria).await })
        })
        .await
}

/// The same, as a part of a transaction.
pub(super) async fn within(tx: &mut Tx, criteria: &Criteria) -> Result<Reply> {
    match criteria.find(tx).await? {
        Match::None => Ok(Reply::Deleted(None)),
        Match::One(stored) => tx
            .delete(stored.kind, &stored.id, None)
            .await
            .map(Reply::Deleted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{interactions::testing::Bench, kernel::problem::Category};

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
}
