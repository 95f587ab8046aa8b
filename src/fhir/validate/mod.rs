//! Reading strictly: what is not R4 is refused, with its place.

use bytes::Bytes;

use super::{json::Limits, resource::Resource};
use crate::kernel::problem::Result;

/// Reads a resource that a client sent: JSON, then structure, then primitives.
///
/// # Errors
/// `Malformed` for what is not JSON, `Invalid` for what is not R4; each issue names its place.
pub fn read(body: &Bytes, limits: &Limits) -> Result<Resource> {
    let tree = super::json::parse(body, limits)?;
    Resource::trusted(tree)
}
