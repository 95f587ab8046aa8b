//! From a resource to its index rows.

use serde_json::Value;

use super::rows::IndexRows;
use crate::fhir::definitions::ResourceType;

/// The index rows of a resource, without duplicates.
#[must_use]
pub fn index_rows(_tree: &Value, _kind: ResourceType) -> IndexRows {
    IndexRows::default()
}
