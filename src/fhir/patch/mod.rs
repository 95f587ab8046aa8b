//! Patches: changes to a resource instead of a new one. Pure.
//!
//! Either kind is read first, so that what is no patch is refused before anything is looked up,
//! and then applied as a whole: a step that does not fit leaves the resource as it was. What the
//! steps have emptied is gone, as FHIR knows no empty lists and objects. The caller judges the
//! result as it would an update.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#patch>.

mod bounds;
mod json;
mod merge;
mod path;
mod place;
#[cfg(test)]
mod tests;
mod value;

use serde_json::Value;

use self::{bounds::Room, json::JsonPatch, merge::MergePatch, path::PathPatch};
use super::json::Limits;
use crate::kernel::problem::{Category, Issue, Problem, Result};

/// Most steps of one patch.
pub const STEPS_MAX: usize = 1_000;

/// Most bytes that a patch goes through, over all its steps: each may look at the whole resource,
/// and does so while nobody else can write, where a condition decides what is patched.
pub const WORK_MAX: usize = 64 << 20;

/// A patch that has been read.
#[derive(Debug)]
pub struct Patch(Kind);

#[derive(Debug)]
enum Kind {
    Json(JsonPatch),
    Merge(MergePatch),
    Path(PathPatch),
}

impl Patch {
    /// Reads a JSON Patch (RFC 6902).
    ///
    /// # Errors
    /// `Malformed`, naming the step.
    pub fn json(tree: Value) -> Result<Self> {
        JsonPatch::read(tree).map(|patch| Self(Kind::Json(patch)))
    }

    /// Reads a JSON Merge Patch (RFC 7396).
    ///
    /// # Errors
    /// `Malformed`, where it is no object.
    pub fn merge(tree: Value) -> Result<Self> {
        MergePatch::read(tree).map(|patch| Self(Kind::Merge(patch)))
    }

    /// Reads a FHIRPath Patch, a Parameters resource that has been checked
    /// (<http://hl7.org/fhir/R4/fhirpatch.html>).
    ///
    /// # Errors
    /// `Malformed`, naming the step.
    pub fn path(parameters: &Value) -> Result<Self> {
        PathPatch::read(parameters).map(|patch| Self(Kind::Path(patch)))
    }

    /// Applies it; the resource keeps its type and its id.
    ///
    /// # Errors
    /// `Invalid`, naming the step that does not fit; `TooLarge`, if the resource outgrows what may
    /// be sent.
    pub fn apply(&self, tree: &Value, limits: &Limits) -> Result<Value> {
        self.check_work(tree)?;
        let mut room = Room::of(limits);
        let mut patched = tree.clone();
        match &self.0 {
            Kind::Json(patch) => patch.apply(&mut patched, &mut room)?,
            Kind::Merge(patch) => patch.apply(&mut patched, &mut room)?,
            Kind::Path(patch) => patch.apply(&mut patched, &mut room)?,
        }
        bounds::prune(&mut patched);
        for name in ["resourceType", "id"] {
            if patched.get(name) != tree.get(name) {
                return Err(Problem::invalid(
                    "business-rule",
                    format!("A patch may not change {name}."),
                ));
            }
        }
        Ok(patched)
    }
}

impl Patch {
    /// Refuses more work than [`WORK_MAX`].
    fn check_work(&self, tree: &Value) -> Result<()> {
        let steps = match &self.0 {
            Kind::Json(patch) => patch.len(),
            Kind::Merge(_) => 1,
            Kind::Path(patch) => patch.len(),
        };
        if bounds::bytes(tree).saturating_mul(steps) <= WORK_MAX {
            return Ok(());
        }
        Err(Problem::new(
            Category::TooLarge,
            "too-costly",
            "The patch has too many steps for a resource of this size; send it in parts.",
        ))
    }
}

/// Refuses more steps than [`STEPS_MAX`].
fn check_count(steps: usize) -> Result<()> {
    if steps <= STEPS_MAX {
        return Ok(());
    }
    Err(Problem::malformed(
        "too-costly",
        format!("A patch has at most {STEPS_MAX} steps."),
    ))
}

/// A step that does not fit the resource.
fn misfit(code: &'static str, diagnostics: impl Into<String>) -> Issue {
    Issue::error(code, diagnostics)
}
