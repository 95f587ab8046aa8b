//! Which follow-up an answer belongs to.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::kind;
use crate::{
    fhir::{
        care_plan::FollowUp,
        questionnaire_response::{effective_time, follow_up_reference},
        reference,
        search::query::Query,
    },
    kernel::problem::{Problem, Result},
    store::{Canonical, Stored, Tx},
};

/// A follow-up, its CarePlan and its PlanDefinition.
#[derive(Debug, Clone)]
pub struct Followed {
    /// What Vigie reads of the CarePlan.
    pub follow_up: FollowUp,
    /// The CarePlan.
    pub plan: Arc<Value>,
    /// The PlanDefinition in the version that the follow-up started with, if it is still there.
    pub definition: Option<Arc<Canonical>>,
}

/// The follow-ups that an answer belongs to.
///
/// That is the CarePlan which it is based on. An answer that names none, or one that is not a
/// follow-up or is gone, belongs to each running
/// follow-up of its subject that uses its form: an alert is not lost for a missing link.
///
/// # Errors
/// `Invalid`, if the answer is about somebody else than the CarePlan that it names.
pub async fn of_answer(tx: &mut Tx, answer: &Value) -> Result<Vec<Followed>> {
    let subject = answer["subject"]["reference"].as_str();
    if let Some(followed) = named(tx, answer).await? {
        if !is_of(answer, &followed.follow_up.patient) {
            return Err(Problem::invalid(
                "business-rule",
                "The answer is not about the patient of the CarePlan that it is based on.",
            )
            .at("QuestionnaireResponse.subject"));
        }
        return Ok(vec![followed]);
    }
    match subject {
        Some(subject) if subject.starts_with("Patient/") => by_form(tx, answer, subject).await,
        _ => Ok(Vec::new()),
    }
}

/// Whether an answer can be about a patient: it says so, or names neither another subject nor
/// another patient as its author.
#[must_use]
pub fn is_of(answer: &Value, patient: &str) -> bool {
    let named = |name: &str| answer[name]["reference"].as_str();
    let is_theirs = |text: &str| text.strip_prefix("Patient/") == Some(patient);
    match named("subject") {
        Some(subject) => is_theirs(subject),
        None => named("author").is_none_or(|one| !one.starts_with("Patient/") || is_theirs(one)),
    }
}

/// The follow-up that an answer names, if it names one that is there.
async fn named(tx: &mut Tx, answer: &Value) -> Result<Option<Followed>> {
    let Some(local) = follow_up_reference(answer).and_then(reference::local) else {
        return Ok(None);
    };
    match tx.read(local.kind, &local.id).await? {
        Some(stored) if !stored.is_deleted() => followed(tx, stored).await,
        _ => Ok(None),
    }
}

/// The running follow-ups of a patient that use the form of an answer.
async fn by_form(tx: &mut Tx, answer: &Value, subject: &str) -> Result<Vec<Followed>> {
    let Some(form) = answer["questionnaire"].as_str() else {
        return Ok(Vec::new());
    };
    let query = Query::new(kind("CarePlan")?)
        .reference("subject", subject)
        .tokens("status", None, &["active", "on-hold"]);
    let mut found = Vec::new();
    for hit in tx.search(&query).await?.hits {
        let Some(followed) = followed(tx, hit.stored).await? else {
            continue;
        };
        let Some(definition) = &followed.definition else {
            continue;
        };
        if uses_form(&definition.tree, form) {
            found.push(followed);
        }
    }
    Ok(found)
}

fn uses_form(definition: &Value, form: &str) -> bool {
    let url = |canonical: &str| canonical.split('|').next().map(str::to_owned);
    definition["action"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|action| action["definitionCanonical"].as_str())
        .any(|canonical| url(canonical) == url(form))
}

/// When an answer was true: as it says itself, else when it was first received, however late it
/// was amended.
///
/// # Errors
/// As a read.
pub async fn effective(
    tx: &mut Tx,
    follow_up: &FollowUp,
    (stored, answer): (&Stored, &Value),
) -> Result<Timestamp> {
    match effective_time(answer, &follow_up.zone) {
        Some(at) => Ok(at),
        None => tx.first_received(stored).await,
    }
}

/// Reads a CarePlan as a follow-up, with its definition.
///
/// # Errors
/// As a search.
pub async fn followed(tx: &mut Tx, plan: Stored) -> Result<Option<Followed>> {
    let plan = plan.tree()?;
    let Some(follow_up) = FollowUp::read(&plan) else {
        return Ok(None);
    };
    let definition = tx
        .find_canonical(kind("PlanDefinition")?, &follow_up.pathway)
        .await?;
    Ok(Some(Followed {
        follow_up,
        plan: Arc::new(plan),
        definition,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_of_whom_it_says_and_otherwise_of_nobody_else() {
        let refer = |text: &str| json!({ "reference": text });
        for (answer, is) in [
            (json!({ "subject": refer("Patient/a") }), true),
            (json!({ "subject": refer("Patient/b") }), false),
            (
                json!({ "subject": refer("Patient/b"), "author": refer("Patient/a") }),
                false,
            ),
            (json!({ "author": refer("Patient/a") }), true),
            (json!({ "author": refer("Patient/b") }), false),
            (json!({ "author": refer("Practitioner/n") }), true),
            (json!({}), true),
        ] {
            assert_eq!(is_of(&answer, "a"), is, "{answer}");
        }
    }
}
