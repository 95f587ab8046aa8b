//! Rules of bundles that no invariant states.
//!
//! Specification: <http://hl7.org/fhir/R4/bundle.html>.

use std::collections::HashSet;

use serde_json::Value;

use super::{Judge, node::Node};

impl<'a> Judge<'a> {
    pub(super) fn bundle(&mut self, node: &Node<'a, '_>) {
        let entries = node.get("entry").and_then(Value::as_array);
        let entry = node.place.member("entry");
        let mut seen = HashSet::new();
        for (n, each) in entries.into_iter().flatten().enumerate() {
            let _ = (&entry, n, each, &mut seen);
            let _: &mut HashSet<&str> = &mut seen;
        }
    }
}
