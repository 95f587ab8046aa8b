//! `QuestionnaireResponse/$extract`: the resources that an answer makes.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Invocation, State, populate::form_of};
use crate::{
    authoring::parameters::{once, parameters},
    fhir::permit::Permit,
    interactions::{
        Reply,
        extract::{Source, extract},
    },
    kernel::problem::{Problem, Result},
};

/// Gives the transaction that would write them.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let mut source = invocation.id.clone().map(Source::Id);
        let mut form = None;
        let body = super::as_parameters(&invocation);
        if body["resourceType"] == "QuestionnaireResponse" {
            source.get_or_insert(Source::Given(Box::new(body)));
        } else {
            for given in parameters(&body) {
                match given.name {
                    "questionnaire-response" => {
                        let answer = given.resource("QuestionnaireResponse")?.clone();
                        once(&mut source, Source::Given(Box::new(answer)), &given)?;
                    }
                    "questionnaire" => once(&mut form, form_of(&given)?, &given)?,
                    _ => return Err(given.unknown()),
                }
            }
        }
        let source = source.ok_or_else(|| {
            let says = "Give the answer: the resource `questionnaire-response`.";
            Problem::malformed("required", says).at("Parameters.parameter")
        })?;
        extract(&state.context, &permit, (source, form)).await
    })
}
