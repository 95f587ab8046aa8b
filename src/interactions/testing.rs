//! What the tests of the interactions share: a store in a folder that vanishes.

use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;

use super::{Context, Limits, Reply, create, update};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit},
    kernel::{
        chance::Generator,
        clock::{SimulatedClock, from_millis},
    },
    library::Library,
    store::{Store, StoreOptions, Stored},
};

/// 2026-03-01T08:00:00Z.
const START_MILLIS: i64 = 1_772_352_000_000;

/// A context over an empty database; time stands still until it is moved.
pub struct Bench {
    /// What the interactions take.
    pub context: Context,
    /// The context's clock.
    pub clock: Arc<SimulatedClock>,
    folder: TempDir,
}

impl Bench {
    /// Opens it.
    pub async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(SimulatedClock::starting_at(from_millis(START_MILLIS)));
        let chance = Arc::new(Generator::from_seed(1));
        let store = Store::open(StoreOptions {
            path: folder.path().join("vigie.db"),
            readers: 2,
            clock: clock.clone(),
            chance: chance.clone(),
            reactors: Vec::new(),
        })
        .await
        .unwrap();
        let context = Context {
            library: Library::of(store.clone()),
            store,
            clock: clock.clone(),
            chance,
            base: "http://vigie.test/fhir".into(),
            limits: Limits::default(),
        };
        Self {
            context,
            clock,
            folder,
        }
    }

    /// The folder of the database.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Creates a resource.
    pub async fn create(&self, body: &str) -> Stored {
        let kind = kind_of(body);
        let body = Bytes::copy_from_slice(body.as_bytes());
        match create::create(&self.context, &Permit::development(), kind, &body, None).await {
            Ok(Reply::Created(stored)) => stored,
            other => panic!("not created: {other:?}"),
        }
    }

    /// Updates a resource.
    pub async fn update(&self, id: &str, body: &str) -> Stored {
        let target = (kind_of(body), id);
        let body = Bytes::copy_from_slice(body.as_bytes());
        let permit = Permit::development();
        match update::update(&self.context, &permit, target, &body, None).await {
            Ok(Reply::Updated(stored) | Reply::Created(stored)) => stored,
            other => panic!("not updated: {other:?}"),
        }
    }
}

fn kind_of(body: &str) -> ResourceType {
    let tree: serde_json::Value = serde_json::from_str(body).unwrap();
    ResourceType::named(tree["resourceType"].as_str().unwrap()).unwrap()
}
