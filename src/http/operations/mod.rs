//! The operations that this server offers: one table.
//!
//! To add one: write its function in the layer where it belongs, a file here that hands it the
//! [`Invocation`], and a line in [`OPERATIONS`], which stands in `table`.
//!
//! Specification: <http://hl7.org/fhir/R4/operations.html>.

mod apply;
mod asked;
mod convert;
mod everything;
mod export;
mod extend;
mod extract;
mod fhirpath;
mod figures;
mod gate;
mod import;
mod invite;
mod judge;
mod lists;
mod matching;
mod meta;
mod populate;
mod purge;
mod reindex;
mod restart;
mod simulate;
mod stop;
mod table;
mod terminology;
mod transfer;
mod validate;

use std::sync::Arc;

use axum::http::Method;
use bytes::Bytes;
use futures_util::future::BoxFuture;

pub(super) use self::gate::allowed;
pub use self::{
    gate::{Needs, Of, Runs},
    table::OPERATIONS,
};
use super::{
    audit::events,
    fhir::{Body, Endpoint, Serve},
    state::State,
};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, resource::Resource},
    interactions::{
        Reply,
        bundle::{Elsewhere, Operate, OperationCall},
    },
    kernel::problem::{Category, Problem, Result},
};

/// What an operation is called on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The whole system: `[base]/$name`.
    System,
    /// A type: `[base]/[type]/$name`.
    Type,
    /// An instance: `[base]/[type]/[id]/$name`.
    Instance,
}

/// What an operation is given.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The type, unless it is called on the system.
    pub kind: Option<ResourceType>,
    /// The instance, if it is called on one.
    pub id: Option<String>,
    /// The query, `_format` left out.
    pub query: Vec<(String, String)>,
    /// The body: a Parameters resource, or the one resource parameter.
    pub resource: Option<Resource>,
    /// The body, where it is CSV.
    pub table: Option<Bytes>,
    /// Whether the answer is wanted as CSV.
    pub csv: bool,
    /// Whether the answer may come later (`Prefer: respond-async`).
    pub respond_async: bool,
}

/// What runs an operation.
pub type Run = fn(Arc<State>, Permit, Invocation) -> BoxFuture<'static, Result<Reply>>;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The name, without `$`.
    pub name: &'static str,
    /// The canonical URL of its OperationDefinition.
    pub definition: &'static str,
    /// The type it belongs to; none for every type, and for the system.
    pub kind: Option<&'static str>,
    /// What it can be called on.
    pub levels: &'static [Level],
    /// GET only where it changes nothing.
    pub verbs: &'static [Method],
    /// What it needs of a permit.
    pub needs: Needs,
    /// The function that runs it.
    pub run: Run,
}

/// Runs an operation for who may call it.
///
/// # Errors
/// `Forbidden`, `NotFound`; else as the operation.
pub(super) async fn perform(
    operation: &'static Operation,
    (state, permit): (Arc<State>, Permit),
    invocation: Invocation,
) -> Result<Reply> {
    let permit = gate::pass(&state.context, &permit, operation, &invocation).await?;
    (operation.run)(state, permit, invocation).await
}

/// Holds `$import` of lines, which the table only lists, to the permit.
///
/// # Errors
/// `Forbidden`.
pub(super) fn may_import(permit: &Permit) -> Result<()> {
    let mut lines = OPERATIONS.iter();
    match lines.find(|line| line.name == "import" && line.kind.is_none()) {
        Some(line) => allowed(permit, line, None),
        None => Err(Problem::fault("the table has no $import")),
    }
}

/// The table, for the entries of a batch.
pub(super) struct Table(pub(super) Arc<State>);

impl Operate for Table {
    fn operate(&self, permit: Permit, call: OperationCall) -> BoxFuture<'static, Result<Reply>> {
        let level = match (call.kind, &call.id) {
            (None, _) => Level::System,
            (Some(_), None) => Level::Type,
            (Some(_), Some(_)) => Level::Instance,
        };
        let verb = if call.is_post {
            Method::POST
        } else {
            Method::GET
        };
        let serves = |operation: &&Operation| {
            let of_kind = operation
                .kind
                .is_none_or(|kind| call.kind.is_some_and(|called| called.name() == kind));
            operation.name == call.name
                && of_kind
                && operation.levels.contains(&level)
                && operation.verbs.contains(&verb)
        };
        let Some(operation) = OPERATIONS.iter().find(serves) else {
            let refused = unknown(&format!("${}", call.name));
            let refused = refused.unwrap_or_else(|| Problem::fault("an operation without a name"));
            return Box::pin(async move { Err(refused) });
        };
        let invocation = Invocation {
            kind: call.kind,
            id: call.id,
            query: call.query,
            resource: call.resource,
            table: None,
            csv: false,
            respond_async: false,
        };
        Box::pin(perform(operation, (self.0.clone(), permit), invocation))
    }

    fn elsewhere<'a>(
        &'a self,
        permit: &'a Permit,
        asked: &'a Elsewhere,
    ) -> BoxFuture<'a, Result<Option<Reply>>> {
        Box::pin(events::elsewhere(&self.0, permit, asked))
    }
}

/// Operations that are given what may be wrong.
const UNJUDGED: &[&str] = &["validate"];

/// Operations that take a table as CSV, beside JSON.
const CSV_IN: &[&str] = &["import"];

/// Operations that can answer with CSV, beside JSON.
const CSV_OUT: &[&str] = &["evaluate-measure", "line-list", "daily-list"];

/// The body of an invocation, the parameters of its query added to it as texts.
fn as_parameters(invocation: &Invocation) -> serde_json::Value {
    let body = invocation.resource.as_ref().map(|body| body.tree().clone());
    let mut body = body.unwrap_or_else(|| serde_json::json!({ "resourceType": "Parameters" }));
    let given = invocation.query.iter();
    let given = given.map(|(name, text)| serde_json::json!({ "name": name, "valueString": text }));
    let given: Vec<serde_json::Value> = given.collect();
    if body["resourceType"] == "Parameters" && !given.is_empty() {
        match body["parameter"].as_array_mut() {
            Some(parameters) => parameters.extend(given),
            None => body["parameter"] = given.into(),
        }
    }
    body
}

/// The refusal of a path that ends in `$name`, as no line of the table serves it.
pub(super) fn unknown(segment: &str) -> Option<Problem> {
    let name = segment.strip_prefix('$')?;
    let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let shown: String = name.chars().filter(is_name).take(64).collect();
    Some(Problem::new(
        Category::NotSupported,
        "not-supported",
        format!("This server does not offer the operation ${shown} here."),
    ))
}

impl Operation {
    /// Where it is served.
    pub(super) fn endpoints(&'static self) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        for level in self.levels {
            let path = self.path(*level);
            for verb in self.verbs {
                endpoints.push(Endpoint {
                    verb: verb.clone(),
                    path: path.clone(),
                    kind: self.kind,
                    body: if *verb == Method::GET {
                        Body::None
                    } else if UNJUDGED.contains(&self.name) {
                        Body::UnjudgedJson
                    } else if CSV_IN.contains(&self.name) {
                        Body::JsonOrCsv
                    } else {
                        Body::OptionalJson
                    },
                    csv: CSV_OUT.contains(&self.name),
                    serve: Serve::Operation(self),
                });
            }
        }
        endpoints
    }

    fn path(&self, level: Level) -> String {
        let (kind, name) = (self.kind.unwrap_or("{type}"), self.name);
        match level {
            Level::System => format!("/${name}"),
            Level::Type => format!("/{kind}/${name}"),
            Level::Instance => format!("/{kind}/{{id}}/${name}"),
        }
    }
}

#[cfg(test)]
mod tests;
