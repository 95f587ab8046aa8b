//! A problem as an OperationOutcome.
//!
//! Specification: <http://hl7.org/fhir/R4/operationoutcome.html>.

use serde_json::{Value, json};

use crate::kernel::problem::{Issue, Severity};

/// The OperationOutcome that lists `issues`.
#[must_use]
pub fn outcome(issues: &[Issue]) -> Value {
    let issue: Vec<Value> = issues
        .iter()
        .map(|issue| {
            let mut entry = json!({
                "severity": severity(issue.severity),
                "code": issue.code,
                "diagnostics": issue.diagnostics,
            });
            if let Some(place) = &issue.expression {
                entry["expression"] = json!([place]);
            }
            entry
        })
        .collect();
    json!({ "resourceType": "OperationOutcome", "issue": issue })
}

/// The issue that shows a text to whoever reads it.
#[must_use]
pub fn shown(text: &str) -> Value {
    json!({
        "severity": severity(Severity::Information),
        "code": "informational",
        "details": { "text": text },
    })
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Information => "information",
    }
}
