//! Whether what has been defined is known.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    fhir::resource::Resource,
    kernel::{
        chance::Generator,
        clock::{SimulatedClock, from_millis},
        problem::Category,
    },
    store::{Prepared, ScratchOptions, StoreOptions},
};

static ANY: Permit = Permit::development();

fn clock() -> Arc<SimulatedClock> {
    Arc::new(SimulatedClock::starting_at(from_millis(0)))
}

async fn open(folder: &TempDir) -> Store {
    let options = StoreOptions {
        path: folder.path().join("vigie.db"),
        readers: 2,
        clock: clock(),
        chance: Arc::new(Generator::from_seed(1)),
        reactors: Vec::new(),
    };
    Store::open(options).await.unwrap()
}

fn profile(id: &str) -> Value {
    json!({
        "resourceType": "StructureDefinition", "id": id, "status": "active", "name": "P",
        "url": format!("http://vigie.test/StructureDefinition/{id}"), "kind": "resource",
        "abstract": false, "type": "Patient", "derivation": "constraint",
        "text": { "status": "empty", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"/>" },
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    })
}

async fn put(store: &Store, tree: Value) -> Result<()> {
    let id = tree["id"].as_str().unwrap().to_owned();
    let prepared = Prepared::new(Resource::trusted(tree).unwrap());
    let put = store.write(&ANY, move |tx| {
        Box::pin(async move { tx.put(&id, prepared, None).await })
    });
    put.await.map(|_| ())
}

#[tokio::test]
async fn whoever_has_defined_something_finds_it() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let library = Library::of(store.clone());
    assert_eq!(library.knowledge().await.unwrap().profiles.loaded(), 0);
    for count in 1..=3 {
        put(&store, profile(&format!("p{count}"))).await.unwrap();
        assert_eq!(library.at_hand().unwrap().profiles.loaded(), count);
        let known = library.clone().knowledge().await.unwrap();
        assert_eq!(known.profiles.loaded(), count);
    }
    let kind = ResourceType::named("StructureDefinition").unwrap();
    let delete = store.write(&ANY, move |tx| {
        Box::pin(async move { tx.delete(kind, "p2", None).await })
    });
    delete.await.unwrap();
    assert_eq!(library.knowledge().await.unwrap().profiles.loaded(), 2);
}

#[test]
fn what_is_written_for_people_is_not_held() {
    let mut tree = profile("p");
    tree["differential"] = json!({ "element": [
        { "id": "Patient", "path": "Patient", "short": "A person.", "min": 1, "_short": {} },
    ]});
    shelf::forget_prose(&mut tree);
    assert!(tree.get("text").is_none());
    let element = json!({ "id": "Patient", "path": "Patient", "min": 1 });
    assert_eq!(tree["differential"]["element"], json!([element]));
    assert!(tree.get("snapshot").is_none());
}

#[tokio::test]
async fn what_has_not_changed_stays_the_same_value() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let library = Library::of(store.clone());
    put(&store, profile("p")).await.unwrap();
    let before = library.knowledge().await.unwrap();
    put(&store, json!({"resourceType": "Patient", "id": "a"}))
        .await
        .unwrap();
    let after = library.knowledge().await.unwrap();
    assert!(Arc::ptr_eq(&before, &after));
    let codes = json!({
        "resourceType": "CodeSystem", "id": "c", "status": "active", "content": "complete",
        "url": "http://vigie.test/CodeSystem/c",
    });
    put(&store, codes).await.unwrap();
    let after = library.knowledge().await.unwrap();
    assert!(!Arc::ptr_eq(&before.terminology, &after.terminology));
    assert!(Arc::ptr_eq(&before.profiles, &after.profiles));
}

#[tokio::test]
async fn what_was_given_up_is_not_known() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let library = Library::of(store.clone());
    let prepared = Prepared::new(Resource::trusted(profile("p")).unwrap());
    let given_up: Result<()> = store
        .write(&ANY, |tx| {
            Box::pin(async move {
                tx.put("p", prepared, None).await?;
                Err(Problem::not_found("on purpose"))
            })
        })
        .await;
    assert_eq!(given_up.unwrap_err().category, Category::NotFound);
    assert_eq!(library.knowledge().await.unwrap().profiles.loaded(), 0);
}

#[tokio::test]
async fn what_another_process_has_defined_is_known_soon() {
    let folder = TempDir::new().unwrap();
    let (here, elsewhere) = (open(&folder).await, open(&folder).await);
    let library = Library::of(here.clone());
    put(&here, profile("own")).await.unwrap();
    assert_eq!(library.knowledge().await.unwrap().profiles.loaded(), 1);
    put(&elsewhere, profile("theirs")).await.unwrap();
    // The queue's look for due jobs is such a write.
    put(&here, json!({"resourceType": "Patient", "id": "a"}))
        .await
        .unwrap();
    assert_eq!(library.knowledge().await.unwrap().profiles.loaded(), 2);
}

#[tokio::test]
async fn a_store_in_memory_has_a_library_too() {
    let store = Store::scratch(ScratchOptions {
        clock: clock(),
        chance: Arc::new(Generator::from_seed(1)),
        reactors: Vec::new(),
    });
    let store = store.unwrap();
    let library = Library::of(store.clone());
    put(&store, profile("p")).await.unwrap();
    assert_eq!(library.knowledge().await.unwrap().profiles.loaded(), 1);
    assert_eq!(library.at_hand().unwrap().profiles.loaded(), 1);
}

mod parameters {
    use super::*;
    use crate::{
        fhir::search::query::{Handling, Query, QueryOptions},
        store::Reindex,
    };

    async fn open(folder: &TempDir) -> Store {
        let options = StoreOptions {
            path: folder.path().join("vigie.db"),
            readers: 2,
            clock: clock(),
            chance: Arc::new(Generator::from_seed(1)),
            reactors: vec![Arc::new(ParameterReactor)],
        };
        Store::open(options).await.unwrap()
    }

    fn patient(id: &str, eyes: &str) -> Value {
        json!({
            "resourceType": "Patient", "id": id,
            "extension": [{ "url": "urn:eyes", "valueCode": eyes }],
        })
    }

    fn definition(status: &str, expression: &str) -> Value {
        json!({
            "resourceType": "SearchParameter", "id": "eyes", "status": status, "name": "Eyes",
            "url": "http://vigie.test/SearchParameter/eyes", "description": "Eyes.",
            "code": "eyes", "base": ["Patient"], "type": "token", "expression": expression,
        })
    }

    const EYES: &str = "Patient.extension('urn:eyes').value";

    fn options(library: &Library) -> QueryOptions {
        QueryOptions {
            handling: Handling::Strict,
            knowledge: library.at_hand().unwrap(),
            ..QueryOptions::default()
        }
    }

    /// The ids found by the colour of the eyes; none where that cannot be searched by.
    async fn found(library: &Library, eyes: &str) -> Option<Vec<String>> {
        let kind = ResourceType::named("Patient").unwrap();
        let pairs = [("eyes".to_owned(), eyes.to_owned())];
        let query = Query::parse(kind, &pairs, &options(library)).ok()?;
        let page = library.store.search(&ANY, &query).await.unwrap();
        let mut ids: Vec<String> = page.hits.into_iter().map(|hit| hit.stored.id).collect();
        ids.sort();
        Some(ids)
    }

    async fn open_ones(store: &Store) -> Vec<Reindex> {
        let mut all = reindex::status(store, &ANY).await.unwrap();
        all.retain(|each| each.ended.is_none());
        all
    }

    #[tokio::test]
    async fn a_parameter_finds_what_stood_before_it_once_that_is_indexed() {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        let library = Library::of(store.clone());
        let many = i32::try_from(reindex::RUN_MAX).unwrap() + 1;
        for n in 0..many {
            put(&store, patient(&format!("p{n}"), "green"))
                .await
                .unwrap();
        }
        put(&store, definition("active", EYES)).await.unwrap();
        put(&store, patient("late", "brown")).await.unwrap();
        assert_eq!(found(&library, "brown").await, None);
        let kind = ResourceType::named("Patient").unwrap();
        assert!(
            library
                .at_hand()
                .unwrap()
                .parameters
                .is_indexing(kind, "eyes")
        );
        let open = open_ones(&store).await;
        assert_eq!(
            (open[0].total, open[0].done),
            (many.unsigned_abs().into(), 0)
        );

        reindex::work(&store, 1).await.unwrap();
        assert_eq!(open_ones(&store).await[0].done, u64::from(reindex::RUN_MAX));
        assert_eq!(found(&library, "brown").await, None);
        assert!(reindex::work(&store, 9).await.unwrap().is_empty());
        assert_eq!(found(&library, "brown").await.unwrap(), ["late"]);
        assert_eq!(found(&library, "green").await.unwrap().len(), 50);
    }

    #[tokio::test]
    async fn where_nothing_stands_it_is_ready_at_once() {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        let library = Library::of(store.clone());
        put(&store, definition("active", EYES)).await.unwrap();
        put(&store, patient("a", "green")).await.unwrap();
        assert_eq!(found(&library, "green").await.unwrap(), ["a"]);
    }

    #[tokio::test]
    async fn a_change_is_indexed_and_a_withdrawal_removes_the_rows() {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        let library = Library::of(store.clone());
        put(&store, patient("a", "green")).await.unwrap();
        put(&store, definition("active", EYES)).await.unwrap();
        reindex::work(&store, 9).await.unwrap();
        put(&store, definition("active", "Patient.gender"))
            .await
            .unwrap();
        assert_eq!(found(&library, "green").await, None);
        reindex::work(&store, 9).await.unwrap();
        assert!(found(&library, "green").await.unwrap().is_empty());

        put(&store, definition("active", EYES)).await.unwrap();
        reindex::work(&store, 9).await.unwrap();
        assert_eq!(found(&library, "green").await.unwrap(), ["a"]);
        put(&store, definition("retired", EYES)).await.unwrap();
        assert_eq!(found(&library, "green").await, None);
        assert_eq!(open_ones(&store).await.len(), 1);
        reindex::work(&store, 9).await.unwrap();
        assert_eq!(rows(&folder), 0);
    }

    /// Rows of the parameter, whatever they are of.
    fn rows(folder: &TempDir) -> i64 {
        let id = crate::fhir::search::hash::of_parameter("Patient", "eyes");
        crate::store::count_tokens(&folder.path().join("vigie.db"), id)
    }

    #[tokio::test]
    async fn a_definition_that_is_begun_anew_midway_loses_nothing() {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        let library = Library::of(store.clone());
        for n in 0..3 {
            put(&store, patient(&format!("p{n}"), "green"))
                .await
                .unwrap();
        }
        put(&store, definition("active", "Patient.gender"))
            .await
            .unwrap();
        // A run that was read before the change, and is written after it.
        let at = open_ones(&store).await[0];
        let run = store.to_reindex(&ANY, &at, reindex::RUN_MAX).await.unwrap();
        put(&store, definition("active", EYES)).await.unwrap();
        let write = store.write(&ANY, move |tx| {
            Box::pin(async move { tx.reindex(&at, run).await })
        });
        write.await.unwrap();
        reindex::work(&store, 9).await.unwrap();
        assert_eq!(found(&library, "green").await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn what_was_changed_while_it_was_read_keeps_its_rows() {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        let library = Library::of(store.clone());
        put(&store, patient("a", "green")).await.unwrap();
        put(&store, definition("active", EYES)).await.unwrap();
        let at = open_ones(&store).await[0];
        let run = store.to_reindex(&ANY, &at, reindex::RUN_MAX).await.unwrap();
        put(&store, patient("a", "brown")).await.unwrap();
        let write = store.write(&ANY, move |tx| {
            Box::pin(async move { tx.reindex(&at, run).await })
        });
        write.await.unwrap();
        reindex::work(&store, 9).await.unwrap();
        assert_eq!(found(&library, "brown").await.unwrap(), ["a"]);
        assert!(found(&library, "green").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_cannot_take_effect_is_refused_and_leaves_nothing() {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        let library = Library::of(store.clone());
        put(&store, patient("a", "green")).await.unwrap();
        let refused = put(&store, definition("active", "Patient.name(")).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.category, Category::Invalid);
        let place = refused.issues[0].expression.as_deref();
        assert_eq!(place, Some("SearchParameter.expression"));
        assert!(open_ones(&store).await.is_empty());
        assert_eq!(found(&library, "green").await, None);
        // A draft may be anything.
        put(&store, definition("draft", "Patient.name("))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn another_version_of_the_rules_begins_with_everything() {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        assert!(!reindex::begin_if_outdated(&store).await.unwrap());
        put(&store, patient("a", "green")).await.unwrap();
        crate::store::pretend_index_version(&folder.path().join("vigie.db"), 0);
        assert!(reindex::begin_if_outdated(&store).await.unwrap());
        assert_eq!(open_ones(&store).await.len(), 1);
        // Whoever starts meanwhile does not begin again.
        assert!(reindex::begin_if_outdated(&store).await.unwrap());
        reindex::work(&store, 9).await.unwrap();
        assert!(!reindex::begin_if_outdated(&store).await.unwrap());
    }
}
