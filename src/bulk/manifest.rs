//! What is told of an errand that is done: the files, where they are, how long they are: pure.
//!
//! Specification: <http://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status>.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{fhir::date, store::Errand};

/// Where errands are asked after, below the service base URL.
pub const PATH: &str = "_async";

/// The manifest of an export. `parts` are the files that have lines still, as their numbers and
/// lengths.
#[must_use]
pub fn of_export(errand: &Errand, parts: &[(i64, u64)], (base, token): (&str, bool)) -> Value {
    let lengths: HashMap<i64, u64> = parts.iter().copied().collect();
    let (mut output, mut deleted) = (Vec::new(), Vec::new());
    for file in errand.result["files"].as_array().into_iter().flatten() {
        let part = file["part"].as_i64().unwrap_or_default();
        let Some(count) = lengths.get(&part) else {
            continue;
        };
        let url = format!("{base}/{PATH}/{}/{part}.ndjson", errand.id);
        if file["deleted"] == true {
            deleted.push(json!({ "type": "Bundle", "url": url, "count": count }));
        } else {
            output.push(json!({ "type": file["type"], "url": url, "count": count }));
        }
    }
    let mut manifest = frame(errand, token);
    manifest["output"] = output.into();
    if !errand.request["since"].is_null() {
        manifest["deleted"] = deleted.into();
    }
    manifest["error"] = json!([]);
    manifest
}

/// What is told of an import: how many resources of its lines are stored, and where the others'
/// faults are told.
#[must_use]
pub fn of_import(errand: &Errand, (base, token): (&str, bool)) -> Value {
    let count = |name: &str| errand.result[name].as_u64().unwrap_or_default();
    let mut manifest = frame(errand, token);
    manifest["output"] = json!([{ "type": "OperationOutcome", "count": count("stored") }]);
    let url = format!("{base}/{PATH}/{}/errors.ndjson", errand.id);
    manifest["error"] = match count("rejected") {
        0 => json!([]),
        count => json!([{ "type": "OperationOutcome", "url": url, "count": count }]),
    };
    manifest
}

fn frame(errand: &Errand, token: bool) -> Value {
    let at = errand.request["until"].as_str().map(str::to_owned);
    json!({
        "transactionTime": at.unwrap_or_else(|| date::instant(errand.created)),
        "request": errand.request["url"],
        "requiresAccessToken": token,
    })
}

/// The line of something that was deleted: a transaction that deletes it.
#[must_use]
pub fn deletion(reference: &str) -> Value {
    json!({ "resourceType": "Bundle", "type": "transaction",
        "entry": [{ "request": { "method": "DELETE", "url": reference } }] })
}
