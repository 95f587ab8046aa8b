//! A search request, read.

use crate::fhir::definitions::ResourceType;

/// A search over one resource type.
#[derive(Debug, Clone)]
pub struct Query {
    /// The type searched.
    pub kind: ResourceType,
}
