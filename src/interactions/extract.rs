//! `QuestionnaireResponse/$extract`: the resources that an answer makes, as a transaction. Nothing
//! is written.
//!
//! Specification: <http://hl7.org/fhir/uv/sdc/STU3/OperationDefinition-QuestionnaireResponse-extract.html>.

use serde_json::{Value, json};

use super::{Context, Reply, forms, forms::Form, standing};
use crate::{
    fhir::{
        definitions::ResourceType,
        outcome::outcome,
        permit::Permit,
        sdc::extract::{Answered, extract as harvest},
    },
    kernel::problem::{Problem, Result},
};

/// Which answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// `QuestionnaireResponse/{id}`.
    Id(String),
    /// The resource itself.
    Given(Box<Value>),
}

/// Gives the transaction, or Parameters with `return` and `issues` where something could not be
/// taken over. The form is found by the answer, unless it is given.
///
/// # Errors
/// `NotFound`, if the answer is not there; `Invalid`, if its form is not known.
pub async fn extract(
    context: &Context,
    permit: &Permit,
    (source, form): (Source, Option<Form>),
) -> Result<Reply> {
    let answer = match source {
        Source::Given(answer) => *answer,
        Source::Id(id) => {
            let kind = ResourceType::named("QuestionnaireResponse")
                .ok_or_else(|| Problem::fault("R4 has no QuestionnaireResponse"))?;
            standing(context.store.read(permit, kind, &id).await?)?.tree()?
        }
    };
    let form = match form {
        Some(form) => forms::find(context, permit, form).await?,
        None => forms::of_answer(context, permit, &answer)
            .await?
            .ok_or_else(unknown)?,
    };
    let knowledge = context.library.knowledge().await?;
    let answered = Answered {
        answer: &answer,
        form: &form,
        terminology: &knowledge.terminology,
    };
    let (bundle, issues) = harvest(&answered);
    let document = match bundle {
        Some(bundle) if issues.is_empty() => bundle,
        bundle => {
            let bundle = bundle.map(|bundle| json!({ "name": "return", "resource": bundle }));
            let issues = (!issues.is_empty())
                .then(|| json!({ "name": "issues", "resource": outcome(&issues) }));
            let parameters: Vec<Value> = bundle.into_iter().chain(issues).collect();
            if parameters.is_empty() {
                json!({ "resourceType": "Parameters" })
            } else {
                json!({ "resourceType": "Parameters", "parameter": parameters })
            }
        }
    };
    Ok(Reply::Document(document.to_string().into()))
}

fn unknown() -> Problem {
    let says = "The form of this answer is not known here, so that nothing can be made of it.";
    Problem::invalid("not-found", says).at("QuestionnaireResponse.questionnaire")
}
