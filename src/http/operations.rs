//! The operations that this server offers: one table.
//!
//! To add one: write its function where it belongs, a function here that hands it the
//! [`Invocation`], and a line in [`OPERATIONS`].
//!
//! Specification: <http://hl7.org/fhir/R4/operations.html>.

use std::sync::Arc;

use axum::http::Method;
use futures_util::future::BoxFuture;

use super::{
    fhir::{Body, Endpoint, Serve},
    state::State,
};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, resource::Resource},
    interactions::Reply,
    kernel::problem::{Problem, Result},
    pathways::{self, apply::Enrolment},
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
    /// The function that runs it.
    pub run: Run,
}

/// The operations that this server offers.
pub static OPERATIONS: &[Operation] = &[Operation {
    name: "apply",
    definition: "http://hl7.org/fhir/OperationDefinition/PlanDefinition-apply",
    kind: Some("PlanDefinition"),
    levels: &[Level::Type, Level::Instance],
    verbs: &[Method::POST],
    run: apply,
}];

/// `PlanDefinition/$apply`: the CarePlan, whether made now or running already.
fn apply(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let Some(parameters) = &invocation.resource else {
            return Err(Problem::malformed(
                "required",
                "`$apply` takes a Parameters resource.",
            ));
        };
        let enrolment =
            Enrolment::read(invocation.id.as_deref(), parameters.tree(), &state.time_zone)?;
        let enrolled = pathways::apply::apply(&state.context.store, &permit, enrolment).await?;
        Ok(Reply::Version(enrolled.care_plan))
    })
}

impl Operation {
    /// Where it is served.
    pub(super) fn endpoints(&self) -> Vec<(String, Endpoint)> {
        let mut endpoints = Vec::new();
        for level in self.levels {
            let path = self.path(*level);
            for verb in self.verbs {
                let endpoint = Endpoint {
                    verb: verb.clone(),
                    kind: self.kind,
                    body: if *verb == Method::GET {
                        Body::None
                    } else {
                        Body::OptionalJson
                    },
                    serve: Serve::Operation(self.run),
                };
                endpoints.push((path.clone(), endpoint));
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
