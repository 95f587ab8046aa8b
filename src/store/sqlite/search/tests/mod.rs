//! Searches against a real database file, by the rows that real resources give.

mod comparisons;
mod every;
mod joined;
mod paging;
mod plans;
mod special;

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    fhir::{
        definitions::ResourceType,
        permit::Permit,
        resource::Resource,
        search::{
            extract::index_rows,
            query::{Query, QueryOptions},
        },
    },
    kernel::problem::Result,
    store::{
        HitMode, Page,
        sqlite::{
            READER_CACHE_KIB, connect, insert::insert_rows, open_session, rows::version_hash,
        },
    },
};

pub(super) fn kind(name: &str) -> ResourceType {
    ResourceType::named(name).unwrap()
}

/// A database with the schema, and nothing else of the store.
pub(super) struct Base {
    pub connection: Connection,
    pub permit: Permit,
    _folder: TempDir,
}

impl Base {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("search.db");
        drop(open_session(&path).await.unwrap());
        let connection = connect(&path, READER_CACHE_KIB).unwrap();
        // Nothing here has to outlive a power cut.
        connection
            .execute_batch("pragma synchronous = off")
            .unwrap();
        Self {
            connection,
            permit: Permit::development(),
            _folder: folder,
        }
    }

    /// Writes a resource as the store would; `updated` is its key in seconds.
    pub async fn put(&mut self, tree: Value) -> i64 {
        let resource = Resource::trusted(tree).unwrap();
        let (kind, id) = (resource.kind(), resource.id().unwrap().to_owned());
        let body = resource.to_bytes();
        let hash = version_hash(kind, &id, 1, &body);
        let sql = "insert into resource (type, id, version, updated, hash, body) \
             values (?, ?, 1, 0, ?, ?)";
        self.connection
            .execute(sql, params![kind.name(), id, hash, body.as_ref()])
            .unwrap();
        let key = self.connection.last_insert_rowid();
        let sql = "update resource set updated = ? where key = ?";
        self.connection.execute(sql, [key * 1_000, key]).unwrap();
        let rows = index_rows(resource.tree(), kind);
        insert_rows(&self.connection, key, &rows).unwrap();
        key
    }

    /// Marks a resource as deleted but leaves its rows, which is worse than what the store does.
    pub async fn hide(&mut self, id: &str) {
        let sql = "update resource set deleted = 1 where id = ?";
        self.connection.execute(sql, [id]).unwrap();
    }

    pub async fn run(&mut self, query: &Query) -> Result<Page> {
        super::search(&mut self.connection, &self.permit, query).await
    }

    /// Searches as a URL would: `Type?a=b&c=d`.
    pub async fn page(&mut self, url: &str) -> Page {
        let query = parse(url).unwrap();
        self.run(&query).await.unwrap()
    }

    /// The ids of the matches, in the order of the page.
    pub async fn ids(&mut self, url: &str) -> Vec<String> {
        of_mode(&self.page(url).await, HitMode::Match)
    }

    /// The ids of the matches, sorted.
    pub async fn found(&mut self, url: &str) -> Vec<String> {
        let mut ids = self.ids(url).await;
        ids.sort();
        ids
    }
}

pub(super) fn of_mode(page: &Page, mode: HitMode) -> Vec<String> {
    let hits = page.hits.iter().filter(|hit| hit.mode == mode);
    hits.map(|hit| hit.stored.id.clone()).collect()
}

pub(super) fn parse(url: &str) -> Result<Query> {
    let (name, query) = url.split_once('?').unwrap();
    let pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Query::parse(kind(name), &pairs, &QueryOptions::default())
}

pub(super) fn patient(id: &str, more: Value) -> Value {
    with(json!({"resourceType": "Patient", "id": id}), more)
}

pub(super) fn observation(id: &str, code: &str, more: Value) -> Value {
    let coding = json!({"system": "urn:codes", "code": code});
    let bare = json!({
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [coding]},
    });
    with(bare, more)
}

pub(super) fn with(mut tree: Value, more: Value) -> Value {
    if let (Value::Object(members), Value::Object(more)) = (&mut tree, more) {
        members.extend(more);
    }
    tree
}

pub(super) fn mg(value: &str) -> Value {
    let text = format!(
        r#"{{"value": {value}, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}"#
    );
    serde_json::from_str(&text).unwrap()
}
