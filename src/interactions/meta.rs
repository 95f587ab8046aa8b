//! meta: profiles, tags and security labels, read, added and taken away.
//!
//! What is added or taken away makes a new version, as every change does; where nothing changes,
//! nothing is written. Specification: <http://hl7.org/fhir/R4/resource-operation-meta.html>,
//! <http://hl7.org/fhir/R4/resource-operation-meta-add.html>,
//! <http://hl7.org/fhir/R4/resource-operation-meta-delete.html>.

use serde_json::{Map, Value, json};

use super::{Context, Reply, standing};
use crate::{
    fhir::{
        definitions::{ResourceType, definitions},
        permit::Permit,
        resource::Resource,
    },
    kernel::problem::{Problem, Result},
    store::{Prepared, Stored},
};

/// The members that the operations concern.
const LABELS: [&str; 3] = ["profile", "security", "tag"];

/// What is to be done with labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// They are added, where they are not there yet.
    Add,
    /// They are taken away, where they are there.
    Delete,
}

/// `meta` of a resource.
///
/// # Errors
/// `NotFound` and `Gone`.
pub async fn of_instance(
    context: &Context,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
) -> Result<Reply> {
    let stored = standing(context.store.read(permit, kind, id).await?)?;
    answer(meta_of(&stored)?)
}

/// All labels that resources of a type have, or all resources.
///
/// # Errors
/// `TooLarge`, if they are very many.
pub async fn in_use(
    context: &Context,
    permit: &Permit,
    kind: Option<ResourceType>,
) -> Result<Reply> {
    let kinds = kind.map_or_else(|| definitions().resource_types.clone(), |kind| vec![kind]);
    let mut all = json!({});
    for stored in context.store.labelled(permit, kinds).await? {
        change(&mut all, &meta_of(&stored)?, Change::Add);
    }
    answer(all)
}

/// Adds labels to a resource, or takes them away; gives its `meta` after that.
///
/// # Errors
/// `NotFound` and `Gone`; `Malformed`, if no Meta is given.
pub async fn relabel(
    context: &Context,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
    (verb, parameters): (Change, Option<&Value>),
) -> Result<Reply> {
    let labels = given(parameters)?;
    let judgement = context.judgement().await?;
    let id = id.to_owned();
    let written = context.store.write(permit, move |tx| {
        Box::pin(async move {
            let stored = standing(tx.read(kind, &id).await?)?;
            let mut tree = stored.tree()?;
            if !change(&mut tree["meta"], &labels, verb) {
                return Ok(stored);
            }
            judgement.check(&tree)?;
            let prepared = Prepared::new(Resource::trusted(tree)?);
            let written = tx.put(&id, prepared, Some(stored.version)).await?;
            Ok(written.stored)
        })
    });
    answer(meta_of(&written.await?)?)
}

/// The parameter `meta`.
fn given(parameters: Option<&Value>) -> Result<Value> {
    let parts = parameters.and_then(|tree| tree["parameter"].as_array());
    let mut parts = parts.into_iter().flatten();
    let part = parts.find(|part| part["name"] == "meta" && part["valueMeta"].is_object());
    part.map(|part| part["valueMeta"].clone()).ok_or_else(|| {
        Problem::malformed("required", "The parameter meta must be a Meta.")
            .at("Parameters.parameter")
    })
}

fn meta_of(stored: &Stored) -> Result<Value> {
    Ok(stored.tree()?["meta"].take())
}

fn answer(meta: Value) -> Result<Reply> {
    let mut part = json!({ "name": "return" });
    if meta.as_object().is_some_and(|members| !members.is_empty()) {
        part["valueMeta"] = meta;
    }
    let parameters = json!({ "resourceType": "Parameters", "parameter": [part] });
    Ok(Reply::Document(parameters.to_string().into()))
}

/// Changes the labels of `meta`; says whether anything has changed.
fn change(meta: &mut Value, labels: &Value, verb: Change) -> bool {
    if !meta.is_object() {
        *meta = Value::Object(Map::new());
    }
    let Value::Object(members) = meta else {
        return false;
    };
    let mut changed = false;
    for name in LABELS {
        let Some(wanted) = labels[name].as_array() else {
            continue;
        };
        let list = members.entry(name).or_insert_with(|| json!([]));
        if let Value::Array(present) = list {
            let before = present.len();
            for label in wanted {
                match verb {
                    Change::Add if present.iter().any(|each| is_same(each, label)) => {}
                    Change::Add => present.push(label.clone()),
                    Change::Delete => present.retain(|each| !is_same(each, label)),
                }
            }
            changed |= present.len() != before;
        }
    }
    members.retain(|_, member| member.as_array().is_none_or(|list| !list.is_empty()));
    changed
}

/// Whether two labels are one: by URL, or by system and code.
fn is_same(a: &Value, b: &Value) -> bool {
    if a.is_string() || b.is_string() {
        return a == b;
    }
    a["system"] == b["system"] && a["code"] == b["code"]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{interactions::testing::Bench, kernel::problem::Category};

    fn told(reply: Result<Reply>) -> Value {
        match reply {
            Ok(Reply::Document(bytes)) => {
                let tree: Value = serde_json::from_slice(&bytes).unwrap();
                tree["parameter"][0]["valueMeta"].clone()
            }
            other => panic!("no Parameters: {other:?}"),
        }
    }

    fn codes(meta: &Value) -> Vec<&str> {
        let tags = meta["tag"].as_array().into_iter().flatten();
        tags.map(|tag| tag["code"].as_str().unwrap()).collect()
    }

    async fn with(bench: &Bench, verb: Change, id: &str, meta: Value) -> Result<Reply> {
        let target = (ResourceType::named("Patient").unwrap(), id);
        let parameters = json!({"resourceType": "Parameters",
            "parameter": [{"name": "meta", "valueMeta": meta}]});
        let permit = Permit::development();
        relabel(&bench.context, &permit, target, (verb, Some(&parameters))).await
    }

    #[tokio::test]
    async fn labels_are_added_and_taken_away_once() {
        let bench = Bench::open().await;
        bench
            .update("p", r#"{"resourceType":"Patient","id":"p"}"#)
            .await;
        let tags = json!({"tag": [{"system": "urn:t", "code": "a"}, {"system": "urn:t", "code": "b"}],
            "profile": ["http://vigie.test/p"]});
        let meta = told(with(&bench, Change::Add, "p", tags.clone()).await);
        assert_eq!(codes(&meta), ["a", "b"]);
        assert_eq!(
            (&meta["profile"][0], &meta["versionId"]),
            (&"http://vigie.test/p".into(), &"2".into())
        );
        let again = told(with(&bench, Change::Add, "p", tags).await);
        assert_eq!(again["versionId"], "2");
        let one = json!({"tag": [{"system": "urn:t", "code": "a", "display": "A"}]});
        let meta = told(with(&bench, Change::Delete, "p", one).await);
        assert_eq!((codes(&meta), &meta["versionId"]), (vec!["b"], &"3".into()));
        let rest = json!({"tag": [{"system": "urn:t", "code": "b"}]});
        let meta = told(with(&bench, Change::Delete, "p", rest).await);
        assert_eq!(meta.get("tag"), None);
        let absent = with(&bench, Change::Add, "q", json!({})).await.unwrap_err();
        assert_eq!(absent.category, Category::NotFound);
        assert!(given(Some(&json!({"parameter": [{"name": "meta"}]}))).is_err());
    }

    #[tokio::test]
    async fn labels_in_use_are_told_for_a_type_and_for_all() {
        let bench = Bench::open().await;
        let tagged = |kind: &str, id: &str, code: &str| {
            json!({"resourceType": kind, "id": id, "code": {"text": "x"},
                "meta": {"tag": [{"system": "urn:t", "code": code}]}})
        };
        for (kind, id, code) in [
            ("Patient", "p", "a"),
            ("Patient", "q", "a"),
            ("Basic", "b", "c"),
        ] {
            let mut tree = tagged(kind, id, code);
            if kind == "Patient" {
                tree.as_object_mut().unwrap().remove("code");
            }
            bench.update(id, &tree.to_string()).await;
        }
        let permit = Permit::development();
        let kind = ResourceType::named("Patient");
        assert_eq!(
            codes(&told(in_use(&bench.context, &permit, kind).await)),
            ["a"]
        );
        assert_eq!(
            codes(&told(in_use(&bench.context, &permit, None).await)),
            ["a", "c"]
        );
        let narrow = Permit::development().within_patient("other");
        assert_eq!(
            told(in_use(&bench.context, &narrow, None).await),
            Value::Null
        );
        let own = of_instance(&bench.context, &permit, (kind.unwrap(), "p")).await;
        assert_eq!(codes(&told(own)), ["a"]);
    }
}
