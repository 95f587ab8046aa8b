//! What is to be written of a packaged resource, and under which id: pure.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::{
    fhir::search::hash,
    kernel::problem::{Problem, Result},
    library::package::Packaged,
};

/// What is to be written.
pub(super) struct Write<'a> {
    pub packaged: &'a Packaged,
    pub id: String,
    pub tree: Value,
    /// Whether empty extensions were taken out.
    pub mended: bool,
}

/// What is to be written of a resource, given what stands; none where it stands already.
pub(super) fn settle<'a>(
    packaged: &'a Packaged,
    standing: &HashMap<String, Value>,
) -> Result<Option<Write<'a>>> {
    let mut tree: Value = serde_json::from_slice(&packaged.body)
        .map_err(|e| Problem::invalid("structure", e.to_string()))?;
    let mended = mend(&mut tree);
    let is_same = |other: &Value| match &packaged.url {
        Some(url) => {
            other["url"] == url.as_str() && other["version"].as_str() == packaged.version.as_deref()
        }
        None => other["id"] == tree["id"],
    };
    let present = standing.values().find(|other| is_same(other));
    let id = match (
        present.and_then(|other| other["id"].as_str()),
        tree["id"].as_str(),
    ) {
        (Some(id), _) => id.to_owned(),
        (None, Some(own)) if !standing.contains_key(own) => own.to_owned(),
        (None, _) => made(packaged),
    };
    tree["id"] = id.clone().into();
    if present.is_some_and(|other| content(other) == content(&tree)) {
        return Ok(None);
    }
    Ok(Some(Write {
        packaged,
        id,
        tree,
        mended,
    }))
}

/// Takes out extensions that have neither a value nor parts; whether there were any.
fn mend(tree: &mut Value) -> bool {
    let mut mended = false;
    match tree {
        Value::Array(items) => {
            for item in items {
                mended |= mend(item);
            }
        }
        Value::Object(members) => {
            for (_, member) in members.iter_mut() {
                mended |= mend(member);
            }
            // What had nothing but such extensions goes with them.
            members.retain(|name, member| !name.starts_with('_') || !is_emptied(member));
            if let Some(extensions) = members.get_mut("extension").and_then(Value::as_array_mut) {
                let before = extensions.len();
                extensions.retain(says_something);
                mended |= extensions.len() < before;
                if extensions.is_empty() {
                    members.shift_remove("extension");
                }
            }
        }
        _ => {}
    }
    mended
}

/// Whether nothing is left of the object beside a primitive, or of the list of them.
fn is_emptied(member: &mut Value) -> bool {
    match member {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => {
            for item in items.iter_mut() {
                if item.as_object().is_some_and(Map::is_empty) {
                    *item = Value::Null;
                }
            }
            items.iter().all(Value::is_null)
        }
        _ => false,
    }
}

fn says_something(extension: &Value) -> bool {
    let mut members = extension.as_object().into_iter().flatten();
    members.any(|(name, _)| {
        let name = name.strip_prefix('_').unwrap_or(name);
        name.starts_with("value") || name == "extension"
    })
}

/// A resource without what the server gives it.
fn content(tree: &Value) -> Value {
    let mut tree = tree.clone();
    let emptied = tree["meta"].as_object_mut().is_some_and(|meta| {
        meta.shift_remove("versionId");
        meta.shift_remove("lastUpdated");
        meta.is_empty()
    });
    if let Some(members) = tree.as_object_mut()
        && (emptied || members.get("meta").is_some_and(Value::is_null))
    {
        members.shift_remove("meta");
    }
    tree
}

/// The ids that a resource may get: its own, and one made of its address and version.
pub(super) fn ids(packaged: &Packaged) -> Vec<String> {
    let tree: Value = serde_json::from_slice(&packaged.body).unwrap_or_default();
    let own = tree["id"].as_str().map(str::to_owned);
    own.into_iter().chain([made(packaged)]).collect()
}

/// An id made of address and version, or of the content where there is no address.
fn made(packaged: &Packaged) -> String {
    let identity = match (&packaged.url, &packaged.version) {
        (Some(url), version) => format!("{url}|{}", version.as_deref().unwrap_or_default()),
        (None, _) => String::from_utf8_lossy(&packaged.body).into_owned(),
    };
    let digest = hash::of_text(&identity).cast_unsigned();
    format!("{}-{digest:016x}", packaged.kind.name().to_lowercase())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::fhir::definitions::ResourceType;

    fn packaged(version: &str) -> Packaged {
        let tree = json!({
            "resourceType": "CodeSystem", "id": "c", "url": "http://vigie.test/c",
            "version": version, "meta": { "versionId": "7", "profile": ["urn:p"] },
        });
        Packaged {
            path: "c.json".to_owned(),
            kind: ResourceType::named("CodeSystem").unwrap(),
            url: Some("http://vigie.test/c".to_owned()),
            version: Some(version.to_owned()),
            body: Bytes::from(tree.to_string()),
        }
    }

    fn stands(trees: &[Value]) -> HashMap<String, Value> {
        let named = trees.iter();
        named
            .map(|tree| (tree["id"].as_str().unwrap().to_owned(), tree.clone()))
            .collect()
    }

    #[test]
    fn it_keeps_its_id_where_that_is_free_and_is_not_written_twice() {
        let first = packaged("1");
        let write = settle(&first, &stands(&[])).unwrap().unwrap();
        assert_eq!(write.id, "c");
        let mut stored = write.tree.clone();
        stored["meta"]["versionId"] = "1".into();
        stored["meta"]["lastUpdated"] = "2026-01-01T00:00:00Z".into();
        assert!(
            settle(&first, &stands(&[stored.clone()]))
                .unwrap()
                .is_none()
        );
        stored["title"] = "changed here".into();
        let write = settle(&first, &stands(&[stored])).unwrap().unwrap();
        assert_eq!(write.id, "c");
    }

    #[test]
    fn another_version_gets_an_id_of_its_own_the_same_every_time() {
        let (first, second) = (packaged("1"), packaged("2"));
        let one = settle(&first, &stands(&[])).unwrap().unwrap().tree;
        let write = settle(&second, &stands(std::slice::from_ref(&one)))
            .unwrap()
            .unwrap();
        assert!(write.id.starts_with("codesystem-"), "{}", write.id);
        assert_eq!(write.tree["id"], write.id.as_str());
        let both = stands(&[one, write.tree]);
        assert!(settle(&second, &both).unwrap().is_none());
        assert!(settle(&first, &both).unwrap().is_none());
    }

    #[test]
    fn what_somebody_else_has_under_the_id_stays() {
        let other = json!({ "resourceType": "CodeSystem", "id": "c", "url": "http://other" });
        let one = packaged("1");
        let write = settle(&one, &stands(&[other])).unwrap().unwrap();
        assert_ne!(write.id, "c");
    }

    #[test]
    fn extensions_that_say_nothing_are_taken_out() {
        let mut tree = json!({ "_name": { "extension": [
            { "url": "t", "extension": [{ "url": "lang", "valueCode": "en" }, { "url": "content" }] },
            { "url": "u", "_valueString": { "id": "a" } },
        ]}, "concept": [
            { "code": "a", "_display": { "extension": [{ "url": "n" }] } },
            { "code": "b", "_x": ["m"], "_y": [null, { "extension": [{ "url": "n" }] }] },
        ] });
        assert!(mend(&mut tree));
        let expected = json!({ "_name": { "extension": [
            { "url": "t", "extension": [{ "url": "lang", "valueCode": "en" }] },
            { "url": "u", "_valueString": { "id": "a" } },
        ]}, "concept": [{ "code": "a" }, { "code": "b", "_x": ["m"] }] });
        assert_eq!(tree, expected);
        assert!(!mend(&mut tree));
    }
}
