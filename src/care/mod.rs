//! What `pathways` and `alerts` share: which follow-up an answer belongs to, and who is told. And who
//! has a patient in their care for a time.

pub mod consent;
pub mod cover;
pub mod plan;
pub mod team;

use crate::{
    fhir::definitions::ResourceType,
    kernel::problem::{Problem, Result},
};

/// A type that R4 has; its absence would be a broken build.
///
/// # Errors
/// `Fault`, if R4 has no such type.
pub fn kind(name: &str) -> Result<ResourceType> {
    ResourceType::named(name).ok_or_else(|| Problem::fault(format!("no type {name}")))
}
