//! Answers that do not keep to their form are refused, where the operator asks for it
//! (`fhir.validation.answers`).
//!
//! By default nothing is: an answer that is odd is better than an answer that is lost, and rules
//! judge what it says. Warnings refuse nothing, nor does a form that is not known, nor a code of a
//! value set that R4 itself does not have: `$validate` judges those.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaireresponse.html>.

use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;

use crate::{
    fhir::{
        definitions::ResourceType,
        permit::Actor,
        sdc::answer::{Setting, judge},
        terminology::Terminology,
    },
    kernel::problem::{Category, Problem, Result, Severity},
    store::{Change, Reactor, Tx},
};

/// Refuses what does not keep to its form.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnswerReactor;

impl Reactor for AnswerReactor {
    fn name(&self) -> &'static str {
        "publishing.answers"
    }

    fn concerns(&self, change: &Change) -> bool {
        // What an erasure takes out of an answer is taken out, whatever the form asks.
        let erases = matches!(change.actor, Actor::System(task) if task.starts_with("erasure"));
        change.stored.kind.name() == "QuestionnaireResponse" && change.resource.is_some() && !erases
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(answer) = change.resource.as_ref().map(|resource| resource.tree()) else {
                return Ok(());
            };
            let Some(canonical) = answer["questionnaire"].as_str() else {
                return Ok(());
            };
            let kind = ResourceType::named("Questionnaire")
                .ok_or_else(|| Problem::fault("R4 has no Questionnaire"))?;
            let Some(form) = tx.find_canonical(kind, canonical).await? else {
                return Ok(());
            };
            let now = tx.now().to_zoned(TimeZone::UTC);
            let setting = Setting {
                terminology: Terminology::core(),
                now: Some(&now),
            };
            let mut issues = judge(answer, &form.tree, &setting);
            issues.retain(|issue| issue.severity == Severity::Error);
            if issues.is_empty() {
                return Ok(());
            }
            Err(Problem::with_issues(Category::Invalid, issues))
        })
    }
}
