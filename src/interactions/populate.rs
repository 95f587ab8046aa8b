//! `Questionnaire/$populate`: a form filled from what the caller may see.
//!
//! Specification: <http://hl7.org/fhir/uv/sdc/STU3/OperationDefinition-Questionnaire-populate.html>.

use serde_json::{Value, json};

use super::{
    Context, Reply,
    forms::{self, Form},
    gate,
};
use crate::{
    fhir::{
        outcome::outcome,
        permit::Permit,
        reference,
        sdc::populate::{Known, Wanted, populate as fill, queries},
        search::query::Handling,
    },
    kernel::problem::{Category, Problem, Result},
};

/// Most resources that a form is launched with.
pub const CONTEXTS_MAX: usize = 50;

/// Most matches of one of the form's queries.
pub const MATCHES_MAX: usize = 500;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The form.
    pub form: Form,
    /// Whom it is about.
    pub subject: String,
    /// Resources, or references to them, by the names that the form has for them.
    pub launch: Vec<(String, Value)>,
}

/// Gives Parameters: the `response`, and the `issues` where something could not be filled.
///
/// # Errors
/// `NotFound`, if the form or what it is launched with is not there, or the permit does not reach
/// it; `Invalid`, if too much is given.
pub async fn populate(context: &Context, permit: &Permit, wish: Wish) -> Result<Reply> {
    if wish.launch.len() > CONTEXTS_MAX {
        let says = format!("A form is launched with at most {CONTEXTS_MAX} resources.");
        return Err(Problem::invalid("too-costly", says));
    }
    let form = forms::find(context, permit, wish.form).await?;
    let launch = launched(context, permit, (&wish.subject, wish.launch)).await?;
    let knowledge = context.library.knowledge().await?;
    let now = context.clock.now().to_zoned(jiff::tz::TimeZone::UTC);
    let known = Known {
        form: &form,
        subject: &wish.subject,
        launch: &launch,
        now: &now,
        terminology: &knowledge.terminology,
    };
    let mut found = Vec::new();
    let mut issues = Vec::new();
    for wanted in queries(&known) {
        match run(context, permit, &wanted).await {
            Ok(bundle) => found.push((wanted.key, bundle)),
            // The form's fault, not the caller's: what the query would fill stays open.
            Err(problem) if problem.category != Category::Fault => {
                issues.extend(problem.within("Questionnaire").issues);
            }
            Err(problem) => return Err(problem),
        }
    }
    for issue in &mut issues {
        issue.severity = crate::kernel::problem::Severity::Warning;
    }
    let (response, more) = fill(&known, &found);
    issues.extend(more);
    let mut parameters = vec![json!({ "name": "response", "resource": response })];
    if !issues.is_empty() {
        parameters.push(json!({ "name": "issues", "resource": outcome(&issues) }));
    }
    let answer = json!({ "resourceType": "Parameters", "parameter": parameters });
    Ok(Reply::Document(answer.to_string().into()))
}

/// The resources that the form is launched with; the subject is there as `patient` unless another
/// is given.
async fn launched(
    context: &Context,
    permit: &Permit,
    (subject, given): (&str, Vec<(String, Value)>),
) -> Result<Vec<(String, Vec<Value>)>> {
    let mut launch: Vec<(String, Vec<Value>)> = Vec::new();
    for (name, what) in given {
        let resource = match what["resourceType"].as_str() {
            Some(_) => what,
            None => {
                referred(
                    context,
                    permit,
                    what["reference"].as_str().unwrap_or_default(),
                )
                .await?
            }
        };
        match launch.iter_mut().find(|(known, _)| *known == name) {
            Some((_, resources)) => resources.push(resource),
            None => launch.push((name, vec![resource])),
        }
    }
    let is_known = |name: &str| launch.iter().any(|(known, _)| known == name);
    if subject.starts_with("Patient/") && !is_known("patient") {
        let patient = referred(context, permit, subject).await?;
        launch.push(("patient".to_owned(), vec![patient]));
    }
    Ok(launch)
}

async fn referred(context: &Context, permit: &Permit, text: &str) -> Result<Value> {
    let local = reference::local(text).ok_or_else(|| {
        let says = "A context is a resource, or a reference to one of this server.";
        Problem::malformed("value", says).at("Parameters.parameter")
    })?;
    let found = context.store.read(permit, local.kind, &local.id).await?;
    super::standing(found)?.tree()
}

/// Runs one of the form's queries with the caller's own permit, which must cover the types that it
/// asks: a form that found nothing would look as if nothing were there.
async fn run(context: &Context, permit: &Permit, wanted: &Wanted) -> Result<Value> {
    let mut query = super::search::query(context, wanted.kind, &wanted.pairs, Handling::Strict)?;
    let is_counted = wanted.pairs.iter().any(|(name, _)| name == "_count");
    if !is_counted {
        query = query.limit(u32::try_from(MATCHES_MAX).unwrap_or(u32::MAX));
    }
    gate::search(permit, &query)?;
    let page = context.store.search(permit, &query).await?;
    let entries: Vec<Value> = page
        .hits
        .iter()
        .map(|hit| Ok(json!({ "resource": hit.stored.tree()? })))
        .collect::<Result<_>>()?;
    Ok(json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries }))
}
