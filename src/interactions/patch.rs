//! patch: the next version of a resource, told by what is to change.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#patch>.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::{
    Context, Reply, VersionTag,
    criteria::{Criteria, Match},
    gate, standing, update,
};
use crate::{
    fhir::{
        definitions::ResourceType,
        json::{self, Limits},
        patch::Patch,
        path::decode_base64,
        permit::Permit,
        resource::Resource,
        validate::{self, Judgement},
    },
    kernel::problem::{Category, Problem, Result},
    store::{Prepared, Stored, Tx},
};

/// The media type of JSON Patch.
pub const JSON_PATCH: &str = "application/json-patch+json";

/// The media type of JSON Merge Patch.
pub const MERGE_PATCH: &str = "application/merge-patch+json";

/// What a body is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchFormat {
    /// [`JSON_PATCH`].
    Json,
    /// [`MERGE_PATCH`].
    Merge,
    /// JSON, of which its shape says what it is: a list is a JSON Patch, a resource a FHIRPath
    /// Patch, and any other object a merge patch, as some clients send it.
    Any,
}

/// What is to be patched.
#[derive(Debug, Clone)]
pub enum Target {
    /// This resource.
    Instance(ResourceType, String),
    /// The one resource that satisfies a condition.
    Criteria(Box<Criteria>),
}

/// Reads a body: a JSON Patch, a JSON Merge Patch, or a FHIRPath Patch as Parameters.
///
/// # Errors
/// `Malformed` and `Invalid`, each issue with its place.
pub fn read(body: &Bytes, format: PatchFormat, limits: &Limits) -> Result<Patch> {
    let tree = json::parse(body, limits)?;
    match format {
        PatchFormat::Json => Patch::json(tree),
        PatchFormat::Merge => Patch::merge(tree),
        PatchFormat::Any if tree.is_array() => Patch::json(tree),
        PatchFormat::Any if tree.is_object() && tree.get("resourceType").is_none() => {
            Patch::merge(tree)
        }
        PatchFormat::Any => read_parameters(&tree),
    }
}

fn read_parameters(tree: &Value) -> Result<Patch> {
    validate::check(tree)?;
    Patch::path(tree)
}

/// Reads the resource of an entry of a bundle: Parameters, or a Binary that holds a JSON Patch.
///
/// # Errors
/// As [`read`].
pub(super) fn read_entry(tree: &Value, limits: &Limits) -> Result<Patch> {
    if tree["resourceType"] != "Binary" {
        return read_parameters(tree);
    }
    validate::check(tree)?;
    let kind = tree["contentType"].as_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(JSON_PATCH) {
        return Err(Problem::new(
            Category::UnsupportedMediaType,
            "not-supported",
            format!("A patch in a Binary must be {JSON_PATCH}."),
        )
        .at("Binary.contentType"));
    }
    let data = tree["data"].as_str().and_then(decode_base64);
    let data = data.ok_or_else(|| {
        Problem::malformed("required", "The Binary has no data.").at("Binary.data")
    })?;
    Patch::json(json::parse(&data, limits)?)
}

/// Patches a resource.
///
/// # Errors
/// `NotFound` and `Gone`, `PreconditionFailed`, and `Invalid` for a patch that does not fit or
/// whose result may not be stored.
pub async fn patch(
    context: &Context,
    permit: &Permit,
    target: Target,
    patch: Arc<Patch>,
    if_match: Option<&VersionTag>,
) -> Result<Reply> {
    if let Target::Criteria(criteria) = &target {
        criteria.check(permit)?;
    }
    let if_match = if_match.map_or(Ok(None), VersionTag::demanded)?;
    store(context, permit, (target, patch), if_match).await
}

/// Writes what has been read.
pub(super) async fn store(
    context: &Context,
    permit: &Permit,
    (target, patch): (Target, Arc<Patch>),
    if_match: Option<u64>,
) -> Result<Reply> {
    let judged = Judged {
        permit: permit.clone(),
        patch,
        limits: context.limits.json,
        judgement: context.judgement().await?,
    };
    if let Target::Instance(kind, id) = &target
        && let Some(reply) = outside(context, permit, (*kind, id), (&judged, if_match)).await?
    {
        return Ok(reply);
    }
    context
        .store
        .write(permit, move |tx| {
            Box::pin(async move { within(tx, &target, (&judged, if_match)).await })
        })
        .await
}

/// Does the work before the writer is asked; nothing, if somebody else was faster.
async fn outside(
    context: &Context,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
    (judged, if_match): (&Judged, Option<u64>),
) -> Result<Option<Reply>> {
    let stored = standing(context.store.read(permit, kind, id).await?)?;
    check_version(&stored, if_match)?;
    let prepared = Prepared::new(judged.applied_to(&stored)?);
    let id = stored.id;
    let written = context
        .store
        .write(permit, move |tx| {
            Box::pin(async move {
                let written = tx.put(&id, prepared, Some(stored.version)).await;
                written.map(update::reply)
            })
        })
        .await;
    match written {
        Err(raced) if raced.category == Category::PreconditionFailed && if_match.is_none() => {
            Ok(None)
        }
        written => written.map(Some),
    }
}

/// The same, where nobody can be faster.
async fn within(
    tx: &mut Tx,
    target: &Target,
    (judged, if_match): (&Judged, Option<u64>),
) -> Result<Reply> {
    let stored = found(tx, target).await?;
    check_version(&stored, if_match)?;
    let prepared = Prepared::new(judged.applied_to(&stored)?);
    let written = tx.put(&stored.id, prepared, Some(stored.version)).await?;
    Ok(update::reply(written))
}

/// What is to be patched, as it stands.
pub(super) async fn found(tx: &mut Tx, target: &Target) -> Result<Stored> {
    match target {
        Target::Instance(kind, id) => standing(tx.read(*kind, id).await?),
        Target::Criteria(criteria) => match criteria.find(tx).await? {
            Match::One(stored) => Ok(stored),
            Match::None => Err(Problem::not_found("No resource satisfies the condition.")),
        },
    }
}

/// A patch, and how its result is judged.
pub(super) struct Judged {
    pub permit: Permit,
    pub patch: Arc<Patch>,
    pub limits: Limits,
    pub judgement: Judgement,
}

impl Judged {
    /// The resource after the patch, checked as an update is.
    pub fn applied_to(&self, stored: &Stored) -> Result<Resource> {
        let mut tree = self.patch.apply(&stored.tree()?, &self.limits)?;
        self.judgement.settle(&mut tree)?;
        let resource = Resource::trusted(tree)?;
        gate::spoken(&self.permit, &resource)?;
        Ok(resource)
    }
}

pub(super) fn check_version(stored: &Stored, if_match: Option<u64>) -> Result<()> {
    if if_match.is_none_or(|wanted| wanted == stored.version) {
        return Ok(());
    }
    Err(Problem::new(
        Category::PreconditionFailed,
        "conflict",
        "The current version is not the one named by If-Match.",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::interactions::testing::Bench;

    const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","gender":"male",
        "identifier":[{"system":"urn:a","value":"1"}]}"#;

    fn instance() -> Target {
        Target::Instance(ResourceType::named("Patient").unwrap(), "p".to_owned())
    }

    fn condition(bench: &Bench, text: &str) -> Target {
        let kind = ResourceType::named("Patient").unwrap();
        Target::Criteria(Box::new(
            Criteria::read(&bench.context, kind, text).unwrap(),
        ))
    }

    fn to_female() -> Value {
        json!([{"op": "replace", "path": "/gender", "value": "female"}])
    }

    async fn run(bench: &Bench, target: Target, steps: Value, tag: Option<&str>) -> Result<Reply> {
        let steps = Arc::new(Patch::json(steps).unwrap());
        let tag = tag.map(VersionTag::read);
        let permit = Permit::development();
        patch(&bench.context, &permit, target, steps, tag.as_ref()).await
    }

    #[tokio::test]
    async fn a_patch_is_the_next_version() {
        let bench = Bench::open().await;
        bench.update("p", PATIENT).await;
        let Ok(Reply::Updated(stored)) =
            run(&bench, instance(), to_female(), Some("W/\"1\"")).await
        else {
            panic!("not patched");
        };
        assert_eq!(stored.version, 2);
        assert_eq!(stored.tree().unwrap()["gender"], "female");
        assert_eq!(stored.tree().unwrap()["meta"]["versionId"], "2");
        let matched = condition(&bench, "identifier=urn:a|1");
        let again = run(&bench, matched, to_female(), None).await;
        assert!(matches!(again, Ok(Reply::Updated(stored)) if stored.version == 3));
    }

    #[tokio::test]
    async fn what_cannot_be_patched_is_refused() {
        let bench = Bench::open().await;
        let absent = run(&bench, instance(), to_female(), None)
            .await
            .unwrap_err();
        assert_eq!(absent.category, Category::NotFound);
        bench.update("p", PATIENT).await;
        let stale = run(&bench, instance(), to_female(), Some("W/\"7\"")).await;
        assert_eq!(stale.unwrap_err().category, Category::PreconditionFailed);
        for wrong in [
            json!([{"op": "replace", "path": "/gender", "value": "none"}]),
            json!([{"op": "add", "path": "/nonsense", "value": 1}]),
            json!([{"op": "remove", "path": "/birthDate"}]),
        ] {
            let refused = run(&bench, instance(), wrong, None).await.unwrap_err();
            assert_eq!(refused.category, Category::Invalid);
        }
        let none = run(&bench, condition(&bench, "gender=other"), to_female(), None).await;
        assert_eq!(none.unwrap_err().category, Category::NotFound);
        bench.create(PATIENT).await;
        let many = run(&bench, condition(&bench, "gender=male"), to_female(), None).await;
        assert_eq!(many.unwrap_err().category, Category::PreconditionFailed);
    }

    #[tokio::test]
    async fn patches_at_the_same_time_are_all_kept() {
        let bench = Bench::open().await;
        bench.update("p", PATIENT).await;
        let add = json!([{"op": "add", "path": "/identifier/-", "value": {"value": "x"}}]);
        let all = (0..20).map(|_| run(&bench, instance(), add.clone(), None));
        for done in futures_util::future::join_all(all).await {
            assert!(matches!(done, Ok(Reply::Updated(_))));
        }
        let permit = Permit::development();
        let kind = ResourceType::named("Patient").unwrap();
        let stored = bench.context.store.read(&permit, kind, "p").await;
        let tree = stored.unwrap().unwrap().tree().unwrap();
        assert_eq!(tree["identifier"].as_array().unwrap().len(), 21);
    }

    #[test]
    fn a_patch_comes_as_a_body_or_as_an_entry() {
        let limits = Limits::default();
        let body = |text: &'static str| Bytes::from_static(text.as_bytes());
        assert!(read(&body("[]"), PatchFormat::Json, &limits).is_ok());
        assert!(read(&body("[]"), PatchFormat::Any, &limits).is_ok());
        assert!(
            read(
                &body(r#"{"resourceType":"Parameters"}"#),
                PatchFormat::Any,
                &limits
            )
            .is_ok()
        );
        assert!(
            read(
                &body(r#"{"resourceType":"Parameters"}"#),
                PatchFormat::Json,
                &limits
            )
            .is_err()
        );
        assert!(read(&body(r#"{"active":null}"#), PatchFormat::Any, &limits).is_ok());
        assert!(read(&body(r#"{"active":null}"#), PatchFormat::Json, &limits).is_err());
        assert!(read(&body(r#"["a"]"#), PatchFormat::Merge, &limits).is_err());
        assert!(
            read(
                &body(r#"{"resourceType":"Patient"}"#),
                PatchFormat::Any,
                &limits
            )
            .is_err()
        );
        let binary =
            |kind: &str| json!({"resourceType": "Binary", "contentType": kind, "data": "W10="});
        assert!(read_entry(&binary("application/json-patch+json"), &limits).is_ok());
        assert!(read_entry(&binary("application/xml-patch+xml"), &limits).is_err());
        assert!(read_entry(&json!({"resourceType": "Parameters"}), &limits).is_ok());
    }
}
