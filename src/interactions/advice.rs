//! What is to be shown at once to whoever has just answered.
//!
//! The advice was written in the commit of the answer, under an id that follows from the answer's.

use super::{Context, Reply};
use crate::{
    fhir::{
        canonical::{MESSAGE_KIND, code_in},
        definitions::ResourceType,
        permit::Permit,
        questionnaire_response::advice_id,
    },
    kernel::problem::Result,
};

/// As whom advice is read.
const TASK: &str = "interactions.advice";

/// Advice to the patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// `Communication/{id}`.
    pub reference: String,
    /// In the recipient's language.
    pub text: String,
}

/// The advice that belongs to what has just been written, if there is one.
///
/// It is this server's answer to what the caller has just said, so that a permit to answer is
/// enough to be told it.
pub async fn of(context: &Context, reply: &Reply) -> Option<Advice> {
    match read(context, reply).await {
        Ok(advice) => advice,
        Err(problem) => {
            // The answer stands; its advice can still be read.
            tracing::error!(reason = problem.internal, "advice could not be read");
            None
        }
    }
}

async fn read(context: &Context, reply: &Reply) -> Result<Option<Advice>> {
    let (Reply::Created(answer) | Reply::Updated(answer)) = reply else {
        return Ok(None);
    };
    if answer.kind.name() != "QuestionnaireResponse" {
        return Ok(None);
    }
    let Some(kind) = ResourceType::named("Communication") else {
        return Ok(None);
    };
    let found = context
        .store
        .read(&Permit::system(TASK), kind, &advice_id(&answer.id))
        .await?;
    // One of another commit is about an earlier version of the answer.
    let Some(stored) = found.filter(|stored| stored.updated == answer.updated) else {
        return Ok(None);
    };
    let tree = stored.tree()?;
    let text = tree["payload"][0]["contentString"].as_str();
    let is_advice = code_in(&tree["category"], MESSAGE_KIND) == Some("advice")
        && tree["about"][0]["reference"] == answer.reference();
    Ok(text.filter(|_| is_advice).map(|text| Advice {
        reference: stored.reference(),
        text: text.to_owned(),
    }))
}
