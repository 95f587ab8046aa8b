//! vread: one version of a resource, current or not.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#vread>.

use super::{Context, Reply, standing};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit},
    kernel::problem::{Problem, Result},
};

/// Reads one version.
///
/// # Errors
/// `NotFound`; `Gone` for the version that records a deletion.
pub async fn vread(
    context: &Context,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
    version: &str,
) -> Result<Reply> {
    let version = number(version)?;
    let found = context.store.vread(permit, kind, id, version).await?;
    Ok(Reply::Version(standing(found)?))
}

/// Our versions are numbers; any other text is a version that never was.
pub(super) fn number(version: &str) -> Result<u64> {
    // `01` and `+1` can be read as numbers too, and name nothing.
    let number = version
        .parse()
        .ok()
        .filter(|n: &u64| n.to_string() == version);
    number.ok_or_else(|| Problem::not_found("There is no such version."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::testing::Bench;

    #[tokio::test]
    async fn a_version_stays_as_it_was() {
        let bench = Bench::open().await;
        let first = bench
            .create(r#"{"resourceType":"Patient","gender":"male"}"#)
            .await;
        let body = format!(
            r#"{{"resourceType":"Patient","id":"{}","gender":"female"}}"#,
            first.id
        );
        let second = bench.update(&first.id, &body).await;
        let permit = Permit::development();
        let target = (first.kind, first.id.as_str());
        let old = vread(&bench.context, &permit, target, "1").await;
        assert_eq!(old, Ok(Reply::Version(first.clone())));
        let current = vread(&bench.context, &permit, target, "2").await;
        assert_eq!(current, Ok(Reply::Version(second)));
        for absent in ["3", "x", "-1", "01", "+1"] {
            assert!(
                vread(&bench.context, &permit, target, absent)
                    .await
                    .is_err()
            );
        }
    }
}
