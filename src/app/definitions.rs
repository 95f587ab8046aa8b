//! Bringing the embedded definitions into the store.
//!
//! A definition is written where it is absent, and again where a new program brings another text.
//! What an operator has changed since stays as the operator wants it: a tag on what we write holds
//! the hash of its content, so that a change by others shows.
//!
//! A pathway or form that people were followed by keeps the text that they started with, as
//! everything that is published does. A program that brings another text under the same version
//! says so in the log, leaves what stands, and starts all the same. A program that means to change
//! a pathway brings it as a new version in a new file with a new id.

use serde_json::{Value, json};

use super::EMBEDDED;
use crate::{
    fhir::{permit::Permit, resource::Resource},
    kernel::problem::{Category, Problem, Result},
    publishing::{usage, versions},
    store::{Prepared, Store, Stored, Tx},
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
/// What an operator has published may stand in the way of what the program brings. Then each
/// definition is written for itself, those that are refused are told in the log, and the server
/// starts: people are being followed.
///
/// # Errors
/// As the store.
pub(super) async fn load(store: &Store) -> Result<usize> {
    let definitions = EMBEDDED
        .iter()
        .map(|(path, text)| read(path, text))
        .collect::<Result<Vec<_>>>()?;
    let written = match write(store, definitions.clone()).await {
        Err(problem) if is_refusal(&problem) => write_each(store, definitions).await?,
        outcome => outcome?,
    };
    tracing::info!(written, of = EMBEDDED.len(), "definitions are in place");
    Ok(written)
}

const fn is_refusal(problem: &Problem) -> bool {
    matches!(problem.category, Category::Invalid | Category::Conflict)
}

async fn write(store: &Store, definitions: Vec<Resource>) -> Result<usize> {
    let permit = Permit::system("app.definitions");
    store
        .write(&permit, |tx| {
            Box::pin(async move {
                let mut written = 0;
                for definition in definitions {
                    written += usize::from(settle(tx, definition).await?);
                }
                Ok(written)
            })
        })
        .await
}

async fn write_each(store: &Store, definitions: Vec<Resource>) -> Result<usize> {
    let mut written = 0;
    for definition in definitions {
        let kind = definition.kind().name();
        let id = definition.id().unwrap_or_default().to_owned();
        match write(store, vec![definition]).await {
            Ok(one) => written += one,
            Err(problem) if is_refusal(&problem) => {
                tracing::error!(kind, id, %problem, "a definition of this program is refused");
            }
            Err(problem) => return Err(problem),
        }
    }
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
    let mut expected = current.as_ref().map(|stored| stored.version);
    if let Some(stored) = current
        && is_bound(&stored, &definition)?
    {
        if is_in_use(tx, &stored).await? {
            tracing::warn!(
                kind = definition.kind().name(),
                id,
                "this program brings another text of a definition in use under the same id; \
                 the one that people were followed by is kept"
            );
            return Ok(false);
        }
        // Nobody was ever followed by it: it begins anew instead of changing.
        let gone = tx.delete(stored.kind, &id, expected).await?;
        expected = gone.map(|stored| stored.version);
    }
    tx.put(&id, Prepared::new(definition), expected).await?;
    Ok(true)
}

/// Whether a definition stands that keeps its content, and other content is brought.
fn is_bound(stored: &Stored, brought: &Resource) -> Result<bool> {
    let pathway_or_form = matches!(stored.kind.name(), "PlanDefinition" | "Questionnaire");
    if !pathway_or_form || stored.is_deleted() {
        return Ok(false);
    }
    let standing = stored.tree()?;
    let changed = !versions::changed(&standing, brought.tree()).is_empty();
    Ok(changed && versions::is_published(&standing))
}

/// Whether anybody was followed by what stands, or has answered it.
async fn is_in_use(tx: &mut Tx, stored: &Stored) -> Result<bool> {
    let standing = stored.tree()?;
    if stored.kind.name() == "PlanDefinition" {
        return usage::was_followed(tx, &standing).await;
    }
    if usage::was_answered(tx, &standing).await? {
        return Ok(true);
    }
    for pathway in usage::pathways_with(tx, &standing).await? {
        if usage::was_followed(tx, &pathway).await? {
            return Ok(true);
        }
    }
    Ok(false)
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
        service,
        store::{Reactor, StoreOptions},
    };

    async fn store(folder: &tempfile::TempDir) -> Store {
        with_reactors(folder, Vec::new()).await
    }

    async fn with_reactors(folder: &tempfile::TempDir, reactors: Vec<Arc<dyn Reactor>>) -> Store {
        Store::open(StoreOptions {
            path: folder.path().join("vigie.db"),
            readers: 1,
            clock: Arc::new(SystemClock),
            chance: Arc::new(Generator::from_seed(1)),
            reactors,
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

    /// An earlier program's text of the contacts' pathway, in the store.
    async fn earlier(store: &Store) {
        let (path, text) = EMBEDDED
            .iter()
            .find(|(path, _)| path.ends_with("PlanDefinition-covid-contact.json"))
            .unwrap();
        let text = text.replacen("Suivi", "Ancien suivi", 1);
        let early = read(path, &text).unwrap();
        let permit = Permit::system("test");
        let write = async |resource: Resource| {
            let id = resource.id().unwrap_or_default().to_owned();
            store
                .write(&permit, move |tx| {
                    Box::pin(async move { tx.put(&id, Prepared::new(resource), None).await })
                })
                .await
                .unwrap();
        };
        for (path, text) in EMBEDDED {
            if path.contains("Questionnaire-covid-contact") {
                write(read(path, text).unwrap()).await;
            }
        }
        write(early).await;
    }

    async fn title(store: &Store) -> String {
        let kind = ResourceType::named("PlanDefinition").unwrap();
        let permit = Permit::system("test");
        let stored = store.read(&permit, kind, "covid-contact").await.unwrap();
        stored.unwrap().tree().unwrap()["title"].to_string()
    }

    #[tokio::test]
    async fn another_text_of_a_pathway_replaces_it_only_where_nobody_was_followed_by_it() {
        for followed in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let store = with_reactors(&folder, service::reactors()).await;
            earlier(&store).await;
            assert!(title(&store).await.contains("Ancien"));
            if followed {
                let plan = Resource::trusted(json!({
                    "resourceType": "CarePlan", "status": "completed", "intent": "plan",
                    "subject": { "reference": "Patient/1" },
                    "instantiatesCanonical":
                        ["https://vigie.example/fhir/PlanDefinition/covid-contact|1.0.0"],
                }))
                .unwrap();
                let permit = Permit::system("test");
                store
                    .write(&permit, move |tx| {
                        Box::pin(async move { tx.create("c", Prepared::new(plan)).await })
                    })
                    .await
                    .unwrap();
            }
            load(&store).await.unwrap();
            assert_eq!(title(&store).await.contains("Ancien"), followed);
            assert_eq!(load(&store).await.unwrap(), 0);
        }
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
