//! `Patient/$match`: who among the known could be this person.
//!
//! Nobody is merged. Specification:
//! <http://hl7.org/fhir/R4/patient-operation-match.html>.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Invocation, State};
use crate::{
    fhir::permit::Permit,
    intake::{
        candidates::{Candidate, Source, candidates},
        matching::{Grade, Identity},
    },
    interactions::Reply,
    kernel::problem::{Problem, Result},
};

/// How sure a match is: <http://hl7.org/fhir/R4/extension-match-grade.html>.
const MATCH_GRADE: &str = "http://hl7.org/fhir/StructureDefinition/match-grade";

/// Most matches of one answer; a greater `count` is cut to this.
const MATCHES_MAX: usize = 100;

/// Gives the likeliest first.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let body = invocation.resource.as_ref();
        let body = body.ok_or_else(missing)?.tree();
        let patient = match body["resourceType"].as_str() {
            Some("Patient") => body,
            _ => &parameter(body, "resource")["resource"],
        };
        if patient["resourceType"] != "Patient" {
            return Err(missing());
        }
        let certain_only = parameter(body, "onlyCertainMatches")["valueBoolean"] == true;
        let count = parameter(body, "count")["valueInteger"].as_u64();
        let count = count.and_then(|count| usize::try_from(count).ok());
        let source = Source::Store(&state.context.store, &permit);
        let mut found = candidates(source, &Identity::of(patient)).await?;
        if certain_only {
            found.retain(|candidate| candidate.likeness.grade == Grade::Certain);
        }
        found.truncate(count.unwrap_or(MATCHES_MAX).min(MATCHES_MAX));
        let bundle = searchset(&state.context.base, &found);
        Ok(Reply::Document(bundle.to_string().into()))
    })
}

fn searchset(base: &str, found: &[Candidate]) -> Value {
    let entry = |candidate: &Candidate| {
        let grade = candidate.likeness.grade.code();
        json!({
            "fullUrl": format!("{base}/{}", candidate.stored.reference()),
            "resource": candidate.tree,
            "search": {
                "extension": [{ "url": MATCH_GRADE, "valueCode": grade }],
                "mode": "match",
                "score": candidate.likeness.score,
            },
        })
    };
    let mut bundle = json!({
        "resourceType": "Bundle",
        "type": "searchset",
        "total": found.len(),
    });
    if !found.is_empty() {
        bundle["entry"] = found.iter().map(entry).collect();
    }
    bundle
}

fn parameter<'a>(body: &'a Value, name: &str) -> &'a Value {
    let mut parts = body["parameter"].as_array().into_iter().flatten();
    parts
        .find(|part| part["name"] == name)
        .unwrap_or(&Value::Null)
}

fn missing() -> Problem {
    Problem::malformed("required", "`$match` takes a Patient as `resource`.")
        .at("Parameters.parameter.where(name='resource')")
}
