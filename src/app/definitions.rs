//! Bringing the embedded definitions into the store.
//!
//! A definition is written where it is absent, and again where a new program brings another text.
//! What an operator has changed since stays as the operator wants it: a tag on what we write holds
//! the hash of its content, so that a change by others shows.

use serde_json::{Value, json};

use super::EMBEDDED;
use crate::{
    fhir::{permit::Permit, resource::Resource},
    kernel::problem::{Problem, Result},
    store::{Prepared, Store, Tx},
};

/// The system of the tag that holds the hash of an embedded definition's content.
const CONTENT_HASH: &str = "https://vigie.example/fhir/NamingSystem/embedded-content";

/// What became of one definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It stands as it should.
    Untouched,
    /// It is absent, or what an earlier program wrote.
    Write,
    /// An operator has changed or deleted it.
    Kept,
}

/// Writes what is absent or outdated, in one transaction; says how many definitions it wrote.
///
/// # Errors
/// As the store.
pub(super) async fn load(store: &Store) -> Result<usize> {
    let definitions = EMBEDDED
        .iter()
        .map(|(path, text)| read(path, text))
        .collect::<Result<Vec<_>>>()?;
    let permit = Permit::system("app.definitions");
    let written = store
        .write(&permit, |tx| {
            Box::pin(async move {
                let mut written = 0;
                for definition in definitions {
                    written += usize::from(settle(tx, definition).await?);
                }
                Ok(written)
            })
        })
        .await?;
    tracing::info!(written, of = EMBEDDED.len(), "definitions are in place");
    Ok(written)
}

/// An embedded definition with its tag.
fn read(path: &str, text: &str) -> Result<Resource> {
    let mut tree: Value = serde_json::from_str(text)
        .map_err(|e| Problem::fault(format!("the embedded {path} is not JSON: {e}")))?;
    tree["meta"] = json!({ "tag": [{ "system": CONTENT_HASH, "code": content_hash(&tree) }] });
    Resource::trusted(tree)
}

async fn settle(tx: &mut Tx, definition: Resource) -> Result<bool> {
    let id = definition.id().unwrap_or_default().to_owned();
    let current = tx.read(definition.kind(), &id).await?;
    let verdict = match &current {
        None => Verdict::Write,
        Some(stored) => judge(&stored.tree()?, definition.tree()),
    };
    if verdict == Verdict::Kept {
        tracing::info!(
            kind = definition.kind().name(),
            id,
            "a definition was changed here and is kept"
        );
    }
    if verdict != Verdict::Write {
        return Ok(false);
    }
    let expected = current.map(|stored| stored.version);
    tx.put(&id, Prepared::new(definition), expected).await?;
    Ok(true)
}

/// Compares what stands (null for a deletion) with what the program brings.
fn judge(current: &Value, embedded: &Value) -> Verdict {
    let (standing, brought) = (tag(current), tag(embedded));
    if standing != Some(content_hash(current).as_str()) {
        Verdict::Kept
    } else if standing == brought {
        Verdict::Untouched
    } else {
        Verdict::Write
    }
}

fn tag(tree: &Value) -> Option<&str> {
    let tags = tree["meta"]["tag"].as_array()?;
    tags.iter().find(|tag| tag["system"] == CONTENT_HASH)?["code"].as_str()
}

/// A hash of everything but `meta`.
fn content_hash(tree: &Value) -> String {
    let mut content = tree.clone();
    if let Some(members) = content.as_object_mut() {
        members.shift_remove("meta");
    }
    let hash = blake3::hash(content.to_string().as_bytes()).to_hex();
    hash.as_str()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        fhir::definitions::ResourceType,
        kernel::{chance::Generator, clock::SystemClock},
        store::StoreOptions,
    };

    async fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(StoreOptions {
            path: folder.path().join("vigie.db"),
            readers: 1,
            clock: Arc::new(SystemClock),
            chance: Arc::new(Generator::from_seed(1)),
            reactors: Vec::new(),
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn a_second_start_writes_nothing_and_a_change_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        assert_eq!(load(&store).await.unwrap(), EMBEDDED.len());
        assert_eq!(load(&store).await.unwrap(), 0);

        let permit = Permit::system("test");
        let kind = ResourceType::named("PlanDefinition").unwrap();
        let stored = store
            .read(&permit, kind, "covid-case")
            .await
            .unwrap()
            .unwrap();
        let mut tree = stored.tree().unwrap();
        tree["status"] = "retired".into();
        let changed = Prepared::new(Resource::trusted(tree).unwrap());
        store
            .write(&permit, move |tx| {
                Box::pin(async move { tx.put("covid-case", changed, None).await.map(|_| ()) })
            })
            .await
            .unwrap();
        assert_eq!(load(&store).await.unwrap(), 0);
        let stored = store
            .read(&permit, kind, "covid-case")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(stored.tree().unwrap()["status"], "retired");
    }

    #[test]
    fn a_new_text_replaces_the_text_of_an_earlier_program_only() {
        let written = |text: &str| read("x", text).unwrap().tree().clone();
        let early = written(r#"{"resourceType":"CodeSystem","id":"a","status":"draft"}"#);
        let late = written(r#"{"resourceType":"CodeSystem","id":"a","status":"active"}"#);
        assert_eq!(judge(&early, &late), Verdict::Write);
        assert_eq!(judge(&late, &late), Verdict::Untouched);
        let mut by_hand = early.clone();
        by_hand["status"] = "retired".into();
        assert_eq!(judge(&by_hand, &late), Verdict::Kept);
        assert_eq!(judge(&Value::Null, &late), Verdict::Kept);
    }
}
