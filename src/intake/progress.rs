//! How far an import is, as a Task: how many rows it has taken in, and every one that it refused
//! with line, column and reason.
//!
//! Specification: <http://hl7.org/fhir/R4/task.html>.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fault::Fault;
use crate::{
    fhir::{
        canonical::{IMPORT_OUTPUT, TASK_CODE},
        date,
    },
    store::RowState,
};

/// Most refused rows that the Task lists; it counts all.
pub const REJECTIONS_MAX: u32 = 1_000;

/// How many rows are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not looked at yet.
    pub waiting: u64,
    /// Something was written.
    pub created: u64,
    /// All was there already.
    pub unchanged: u64,
    /// Refused.
    pub rejected: u64,
}

impl Counts {
    /// From what the store has counted.
    #[must_use]
    pub fn of(counted: &[(RowState, u64)]) -> Self {
        let mut counts = Self::default();
        for (state, number) in counted {
            match state {
                RowState::Waiting => counts.waiting = *number,
                RowState::Created => counts.created = *number,
                RowState::Unchanged => counts.unchanged = *number,
                RowState::Rejected => counts.rejected = *number,
            }
        }
        counts
    }

    const fn all(self) -> u64 {
        self.waiting + self.created + self.unchanged + self.rejected
    }
}

/// The Task of an import that begins.
#[must_use]
pub fn begun(code: &str, now: Timestamp) -> Value {
    json!({
        "resourceType": "Task",
        "status": "in-progress",
        "intent": "order",
        "code": { "coding": [{ "system": TASK_CODE, "code": code }] },
        "authoredOn": date::instant(now),
        "executionPeriod": { "start": date::instant(now) },
    })
}

/// Writes into the Task how far the import is; it is done when no row waits.
pub fn tell(task: &mut Value, counts: Counts, rejections: &[Fault], now: Timestamp) {
    let mut output = Vec::new();
    for (code, number) in [
        ("rows", counts.all()),
        ("created", counts.created),
        ("unchanged", counts.unchanged),
        ("rejected", counts.rejected),
    ] {
        output.push(json!({ "type": kind(code), "valueInteger": number }));
    }
    if !rejections.is_empty() {
        task["contained"] = json!([outcome(rejections)]);
        output.push(json!({
            "type": kind("rejections"),
            "valueReference": { "reference": "#rejections" },
        }));
    }
    task["output"] = Value::Array(output);
    if counts.waiting == 0 {
        task["status"] = "completed".into();
        task["executionPeriod"]["end"] = date::instant(now).into();
    }
}

fn kind(code: &str) -> Value {
    json!({ "coding": [{ "system": IMPORT_OUTPUT, "code": code }] })
}

fn outcome(rejections: &[Fault]) -> Value {
    let issue: Vec<Value> = rejections
        .iter()
        .map(|fault| {
            json!({
                "severity": "error",
                "code": "value",
                "diagnostics": fault.reason,
                "expression": [fault.place()],
            })
        })
        .collect();
    json!({ "resourceType": "OperationOutcome", "id": "rejections", "issue": issue })
}
