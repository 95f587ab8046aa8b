//! Forms, and answers held to them.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaireresponse.html>.

use serde_json::Value;

use super::{Context, standing};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::Permit,
        sdc::answer::{self, Setting},
    },
    kernel::problem::{Issue, Problem, Result, Severity},
};

/// Which form is meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// `Questionnaire/{id}`.
    Id(String),
    /// Its canonical URL, with or without `|version`.
    Canonical(String),
    /// The resource itself.
    Given(Box<Value>),
}

/// Finds a form.
///
/// # Errors
/// `NotFound` and `Gone`.
pub async fn find(context: &Context, permit: &Permit, form: Form) -> Result<Value> {
    let kind = questionnaire()?;
    match form {
        Form::Given(form) => Ok(*form),
        Form::Id(id) => standing(context.store.read(permit, kind, &id).await?)?.tree(),
        Form::Canonical(canonical) => by_canonical(context, permit, &canonical)
            .await?
            .ok_or_else(|| Problem::not_found("There is no Questionnaire of this canonical URL.")),
    }
}

/// The form of an answer: one that it contains, or the one that its canonical URL names; none, if
/// it names none that is known.
///
/// # Errors
/// As reading does.
pub async fn of_answer(
    context: &Context,
    permit: &Permit,
    answer: &Value,
) -> Result<Option<Value>> {
    let Some(canonical) = answer["questionnaire"].as_str() else {
        return Ok(None);
    };
    if let Some(id) = canonical.strip_prefix('#') {
        let mut contained = answer["contained"].as_array().into_iter().flatten();
        return Ok(contained
            .find(|one| one["id"] == id && one["resourceType"] == "Questionnaire")
            .cloned());
    }
    by_canonical(context, permit, canonical).await
}

/// Every fault of an answer by its form; a warning alone where the form is not known.
///
/// # Errors
/// As reading does.
pub async fn judge(context: &Context, permit: &Permit, answer: &Value) -> Result<Vec<Issue>> {
    let Some(form) = of_answer(context, permit, answer).await? else {
        let says = "The form is not known here, so that the answer cannot be held to it.";
        let mut issue = Issue::error("not-found", says).at("QuestionnaireResponse.questionnaire");
        issue.severity = Severity::Warning;
        return Ok(vec![issue]);
    };
    let knowledge = context.library.knowledge().await?;
    let now = context.clock.now().to_zoned(jiff::tz::TimeZone::UTC);
    let setting = Setting {
        terminology: &knowledge.terminology,
        now: Some(&now),
    };
    Ok(answer::judge(answer, &form, &setting))
}

async fn by_canonical(
    context: &Context,
    permit: &Permit,
    canonical: &str,
) -> Result<Option<Value>> {
    let kind = questionnaire()?;
    let canonical = canonical.to_owned();
    let found = context.store.write(permit, move |tx| {
        Box::pin(async move { tx.find_canonical(kind, &canonical).await })
    });
    Ok(found.await?.map(|found| found.tree.clone()))
}

fn questionnaire() -> Result<ResourceType> {
    ResourceType::named("Questionnaire").ok_or_else(|| Problem::fault("R4 has no Questionnaire"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::interactions::testing::Bench;

    #[tokio::test]
    async fn an_answer_is_held_to_the_version_that_it_names() {
        let bench = Bench::open().await;
        for (version, kind) in [("1", "string"), ("2", "boolean")] {
            let form = json!({ "resourceType": "Questionnaire", "url": "urn:f", "version": version,
                "status": "active", "item": [{ "linkId": "a", "type": kind }] });
            bench.create(&form.to_string()).await;
        }
        let permit = Permit::development();
        for (canonical, faults) in [("urn:f|1", 0), ("urn:f|2", 1), ("urn:f|3", 1), ("#own", 1)] {
            let answer = json!({ "resourceType": "QuestionnaireResponse", "status": "completed",
                "questionnaire": canonical,
                "contained": [{ "resourceType": "Questionnaire", "id": "own" }],
                "item": [{ "linkId": "a", "answer": [{ "valueString": "x" }] }] });
            let issues = judge(&bench.context, &permit, &answer).await.unwrap();
            assert_eq!(issues.len(), faults, "{canonical} {issues:?}");
        }
    }
}
