//! A resource that has been read and checked, and what the server adds to it.
//!
//! Specification: <http://hl7.org/fhir/R4/resource.html>.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{date, definitions::ResourceType};
use crate::kernel::problem::{Problem, Result};

/// A resource as a tree whose `resourceType` is known to R4.
///
/// It is made by [`super::validate::read`] from what a client sent, or by
/// [`Resource::trusted`] from what the server builds itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    kind: ResourceType,
    tree: Value,
}

impl Resource {
    /// A resource that the server itself has built; only its `resourceType` is checked.
    pub fn trusted(tree: Value) -> Result<Self> {
        let kind = tree
            .get("resourceType")
            .and_then(Value::as_str)
            .and_then(ResourceType::named)
            .ok_or_else(|| Problem::invalid("structure", "The resource has no known type."))?;
        Ok(Self { kind, tree })
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> ResourceType {
        self.kind
    }

    /// `Resource.id`, as the client or the server gave it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.tree.get("id").and_then(Value::as_str)
    }

    /// The whole tree.
    #[must_use]
    pub const fn tree(&self) -> &Value {
        &self.tree
    }

    /// The whole tree, to be changed by its owner.
    pub const fn tree_mut(&mut self) -> &mut Value {
        &mut self.tree
    }

    /// Gives the resource its identity and version: `id`, `meta.versionId`, `meta.lastUpdated`.
    ///
    /// `resourceType`, `id` and `meta` are put first, as readers expect.
    pub fn stamp(&mut self, id: &str, version: u64, updated: Timestamp) {
        let Value::Object(old) = self.tree.take() else {
            return;
        };
        let mut members = Map::with_capacity(old.len() + 2);
        members.insert("resourceType".into(), self.kind.name().into());
        members.insert("id".into(), id.into());
        let mut meta = match old.get("meta") {
            Some(Value::Object(meta)) => meta.clone(),
            _ => Map::new(),
        };
        meta.insert("versionId".into(), version.to_string().into());
        meta.insert("lastUpdated".into(), date::instant(updated).into());
        members.insert("meta".into(), Value::Object(meta));
        for (name, value) in old {
            if !matches!(name.as_str(), "resourceType" | "id" | "meta") {
                members.insert(name, value);
            }
        }
        self.tree = Value::Object(members);
    }

    /// The resource as JSON bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from(self.tree.to_string())
    }

    /// A literal reference to it, such as `Patient/123`, once it has an id.
    #[must_use]
    pub fn reference(&self) -> Value {
        json!({ "reference": format!("{}/{}", self.kind, self.id().unwrap_or_default()) })
    }
}
