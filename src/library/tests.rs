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
