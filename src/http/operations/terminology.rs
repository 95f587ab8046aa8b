//! `ValueSet/$expand` and the other operations of a terminology service.
//!
//! Specification: <http://hl7.org/fhir/R4/terminology-service.html>.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Invocation, State};
use crate::{
    fhir::permit::Permit,
    interactions::{
        Reply,
        terminology::{self, Operation},
    },
    kernel::problem::Result,
};

/// `ValueSet/$expand`.
pub(super) fn expand(state: Arc<State>, permit: Permit, given: Invocation) -> Answer {
    ask(Operation::Expand, state, permit, given)
}

/// `ValueSet/$validate-code`.
pub(super) fn in_value_set(state: Arc<State>, permit: Permit, given: Invocation) -> Answer {
    ask(Operation::ValidateCodeInValueSet, state, permit, given)
}

/// `CodeSystem/$validate-code`.
pub(super) fn in_code_system(state: Arc<State>, permit: Permit, given: Invocation) -> Answer {
    ask(Operation::ValidateCodeInCodeSystem, state, permit, given)
}

/// `CodeSystem/$lookup`.
pub(super) fn lookup(state: Arc<State>, permit: Permit, given: Invocation) -> Answer {
    ask(Operation::Lookup, state, permit, given)
}

/// `CodeSystem/$subsumes`.
pub(super) fn subsumes(state: Arc<State>, permit: Permit, given: Invocation) -> Answer {
    ask(Operation::Subsumes, state, permit, given)
}

/// `ConceptMap/$translate`.
pub(super) fn translate(state: Arc<State>, permit: Permit, given: Invocation) -> Answer {
    ask(Operation::Translate, state, permit, given)
}

type Answer = BoxFuture<'static, Result<Reply>>;

fn ask(operation: Operation, state: Arc<State>, permit: Permit, given: Invocation) -> Answer {
    Box::pin(async move {
        let instance = given.kind.zip(given.id.as_deref());
        let body = given.resource.as_ref().map(|resource| resource.tree());
        let caller = (&state.context, &permit);
        terminology::ask(caller, operation, instance, (&given.query, body)).await
    })
}
