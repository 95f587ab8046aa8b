//! What an operation answers: a Parameters resource.

use serde_json::{Value, json};

use crate::fhir::terminology::code_system::Designation;

/// A Parameters resource being made.
#[derive(Debug, Default)]
pub(super) struct Answer {
    parameters: Vec<Value>,
}

impl Answer {
    /// Adds a value: `valueString` and so on.
    pub fn put(&mut self, name: &str, member: &str, value: impl Into<Value>) {
        self.parameters.push(value_part(name, member, value.into()));
    }

    /// Adds a value, if there is one.
    pub fn put_some(&mut self, name: &str, member: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(name, member, value);
        }
    }

    /// Adds one that is made of parts.
    pub fn put_parts(&mut self, name: &str, parts: Vec<Value>) {
        self.parameters.push(json!({ "name": name, "part": parts }));
    }

    /// The resource.
    pub fn into_resource(self) -> Value {
        json!({ "resourceType": "Parameters", "parameter": self.parameters })
    }
}

/// A part that is a value.
pub(super) fn value_part(name: &str, member: &str, value: Value) -> Value {
    let mut part = json!({ "name": name });
    part[member] = value;
    part
}

/// A designation as `ValueSet.expansion.contains` has it.
pub(super) fn designation(each: &Designation) -> Value {
    let mut written = json!({});
    if let Some(language) = &each.language {
        written["language"] = (**language).into();
    }
    if let Some(usage) = &each.usage {
        written["use"] = usage.clone();
    }
    written["value"] = (*each.value).into();
    written
}
