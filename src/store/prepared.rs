//! A resource ready to be written: checked, and its index rows extracted, outside the writer.

use crate::fhir::{
    about, compartment,
    resource::Resource,
    search::{extract, rows::IndexRows},
};

/// A resource with its index rows.
///
/// Rows depend neither on the version nor on the time of writing, so that this work is done by
/// the request, in parallel, and not by the one writer.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(super) resource: Resource,
    pub(super) rows: IndexRows,
}

impl Prepared {
    /// Extracts the index rows of `resource`.
    #[must_use]
    pub fn new(resource: Resource) -> Self {
        let rows = extract::index_rows(resource.tree(), resource.kind());
        Self { resource, rows }
    }

    /// Settles the compartments, and whom it is about, under the id that the resource is written with: a client's own
    /// `id` in the body of a create is not it.
    pub(super) fn settle_compartments(&mut self, id: &str) {
        let kind = self.resource.kind();
        self.rows.patients = compartment::patients(kind, Some(id), &self.rows.references);
        if about::names_itself(kind) {
            let (tree, references) = (self.resource.tree(), &self.rows.references);
            self.rows.about = about::of(kind, id, tree, references);
        }
    }

    /// Logical ids of the patients whom it is about under the id that it is written with.
    #[must_use]
    pub fn patients(&self, id: &str) -> Vec<String> {
        if self.resource.kind().name() == "Patient" {
            return vec![id.to_owned()];
        }
        let whom = self.rows.about.whom.iter();
        let is_patient = |one: &&String| **one != about::SHARED && !one.starts_with('@');
        whom.filter(is_patient).cloned().collect()
    }

    /// The resource.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        &self.resource
    }
}
