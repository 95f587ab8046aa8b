//! `Questionnaire/$populate`: a form filled from what is known.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Invocation, State};
use crate::{
    authoring::parameters::{Parameter, once, parameters},
    fhir::permit::Permit,
    interactions::{
        Reply,
        forms::Form,
        populate::{Wish, populate},
    },
    kernel::problem::{Problem, Result},
};

/// Gives Parameters with the QuestionnaireResponse.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let wish = read(&invocation)?;
        populate(&state.context, &permit, wish).await
    })
}

fn read(invocation: &Invocation) -> Result<Wish> {
    let mut form = invocation.id.clone().map(Form::Id);
    let (mut subject, mut launch) = (None, Vec::new());
    let body = super::as_parameters(invocation);
    for given in parameters(&body) {
        match given.name {
            "canonical" | "questionnaire" | "questionnaireRef" => {
                once(&mut form, form_of(&given)?, &given)?;
            }
            "subject" => once(&mut subject, given.text()?.to_owned(), &given)?,
            "context" => launch.push(context(&given)?),
            "launchContext" => launch.push(context(&given)?),
            // Everything is looked for here and nowhere else.
            "local" => {}
            _ => return Err(given.unknown()),
        }
    }
    let missing = |name: &str| {
        let says = format!("The parameter `{name}` is missing.");
        Problem::malformed("required", says).at("Parameters.parameter")
    };
    Ok(Wish {
        form: form.ok_or_else(|| missing("questionnaire"))?,
        subject: subject.ok_or_else(|| missing("subject"))?,
        launch,
    })
}

/// The form that a parameter names or is.
pub(super) fn form_of(given: &Parameter<'_>) -> Result<Form> {
    if given.tree()["resource"].is_object() {
        let form = given.resource("Questionnaire")?.clone();
        return Ok(Form::Given(Box::new(form)));
    }
    let text = given.text()?;
    match text.strip_prefix("Questionnaire/") {
        Some(id) => Ok(Form::Id(id.to_owned())),
        None => Ok(Form::Canonical(text.to_owned())),
    }
}

/// A name, and the resource or reference that it stands for.
fn context(given: &Parameter<'_>) -> Result<(String, Value)> {
    let (mut name, mut content) = (None, None);
    for part in given.parts() {
        match part.name {
            "name" => {
                let own = part.tree()["valueCoding"]["code"].as_str();
                let own = own.map_or_else(|| part.text(), Ok)?;
                once(&mut name, own.to_owned(), &part)?;
            }
            "content" => {
                let resource = &part.tree()["resource"];
                let what = if resource.is_object() {
                    resource.clone()
                } else {
                    json!({ "reference": part.text()? })
                };
                once(&mut content, what, &part)?;
            }
            _ => return Err(part.unknown()),
        }
    }
    match (name, content) {
        (Some(name), Some(content)) => Ok((name, content)),
        _ => Err(given.wrong("given with a `name` and a `content`")),
    }
}
