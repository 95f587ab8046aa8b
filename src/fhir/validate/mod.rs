//! Reading strictly: what is not R4 is refused, with its place.
//!
//! Specification: <http://hl7.org/fhir/R4/validation.html>, <http://hl7.org/fhir/R4/json.html>.
//! Profiles, invariants and terminology beyond required codes are not judged here.

mod judge;
mod place;
pub mod primitive;
mod structure;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::Value;

pub use judge::{MOST_JUDGED_ISSUES, Rigour, judge};
pub use structure::MOST_ISSUES;

use super::{definitions::ResourceType, json::Limits, resource::Resource};
use crate::kernel::problem::{Category, Problem, Result};

/// Reads a resource that a client sent: JSON, then structure, then primitives.
///
/// # Errors
/// `Malformed` for what is not JSON or no resource, `Invalid` for what is not R4; each issue names
/// its place.
pub fn read(body: &Bytes, limits: &Limits) -> Result<Resource> {
    let tree = super::json::parse(body, limits)?;
    check(&tree)?;
    Resource::trusted(tree)
}

/// Checks a resource against the tables of R4.
///
/// # Errors
/// `Malformed` where there is no resource of a known type, else `Invalid`; all faults are listed,
/// up to [`MOST_ISSUES`].
pub fn check(tree: &Value) -> Result<()> {
    let kind = kind(tree)?;
    let issues = structure::faults(kind, tree);
    if issues.is_empty() {
        Ok(())
    } else {
        Err(Problem::with_issues(Category::Invalid, issues))
    }
}

fn kind(tree: &Value) -> Result<ResourceType> {
    let refused = |why: &str| Problem::malformed("structure", why);
    let Value::Object(members) = tree else {
        return Err(refused("The body is not a JSON object."));
    };
    let Some(name) = members.get("resourceType") else {
        return Err(refused("The body has no `resourceType`.").at("resourceType"));
    };
    name.as_str()
        .and_then(ResourceType::named)
        .ok_or_else(|| refused("`resourceType` names no resource type of R4.").at("resourceType"))
}
