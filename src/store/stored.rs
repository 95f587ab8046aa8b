//! A version as the store keeps it.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    fhir::definitions::ResourceType,
    kernel::problem::{Problem, Result},
};

/// One version of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The row key: grows with creation, never leaves the server.
    pub key: i64,
    /// Its type.
    pub kind: ResourceType,
    /// Its logical id.
    pub id: String,
    /// `meta.versionId`.
    pub version: u64,
    /// `meta.lastUpdated`.
    pub updated: Timestamp,
    /// The serialised resource, or none for a version that records a deletion.
    pub body: Option<Bytes>,
}

impl Stored {
    /// Whether this version records a deletion.
    #[must_use]
    pub const fn is_deleted(&self) -> bool {
        self.body.is_none()
    }

    /// The body as a tree; a deletion has none and gives `null`.
    ///
    /// # Errors
    /// `Fault`, if what is stored is not JSON.
    pub fn tree(&self) -> Result<Value> {
        match &self.body {
            None => Ok(Value::Null),
            Some(body) => serde_json::from_slice(body).map_err(Problem::fault),
        }
    }

    /// `Type/id`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }
}
