//! `$export`: resources in bulk, of the system, of patients, of a group.
//!
//! The answer is 202 with or without `Prefer: respond-async`, since no export is made at once.
//! Specification: <http://hl7.org/fhir/uv/bulkdata/STU2/export.html>.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Invocation, State};
use crate::{
    bulk::{
        asked::{Asked, Scope},
        export, manifest,
    },
    fhir::{definitions::ResourceType, outcome::outcome, permit::Permit, reference},
    interactions::Reply,
    kernel::problem::{Category, Issue, Problem, Result, Severity},
};

/// Begins an export, and tells where to ask after it.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let scope = match (invocation.kind, &invocation.id) {
            (Some(_), Some(id)) => Scope::Patients(Some(members(&state, &permit, id).await?)),
            (Some(_), None) => Scope::Patients(None),
            (None, _) => Scope::System,
        };
        let url = address(&state.context.base, &invocation);
        let pairs = given(&invocation);
        let asked = match &scope {
            Scope::Patients(Some(members)) => within(&pairs, members)?,
            _ => Asked::read(scope.clone(), &pairs)?,
        };
        let begun = export::begin(&state.context, &permit, &asked, &url).await?;
        let issue = Issue {
            severity: Severity::Information,
            code: "informational",
            diagnostics: "The export is under way.".to_owned(),
            expression: None,
        };
        Ok(Reply::Underway {
            status: format!("{}/{}", manifest::PATH, begun.id),
            outcome: outcome(&[issue]).to_string().into(),
        })
    })
}

/// What is asked of a group: its members, or those of them that are named.
fn within(pairs: &[(String, String)], members: &[String]) -> Result<Asked> {
    let mut asked = Asked::read(Scope::Patients(None), pairs)?;
    let wanted = match &asked.scope {
        Scope::Patients(Some(named)) => {
            let stranger = named.iter().find(|id| !members.contains(id));
            if stranger.is_some() {
                let says = "A patient that is named is no member of the group.";
                return Err(Problem::malformed("value", says).at("patient"));
            }
            named.clone()
        }
        _ => members.to_vec(),
    };
    asked.scope = Scope::Patients(Some(wanted));
    Ok(asked)
}

/// The patients of a group that are members at present.
async fn members(state: &State, permit: &Permit, id: &str) -> Result<Vec<String>> {
    let kind = ResourceType::named("Group").ok_or_else(|| Problem::fault("R4 has no Group"))?;
    let found = state.context.store.read(permit, kind, id).await?;
    let group = match found {
        Some(stored) if stored.is_deleted() => {
            let says = "The group has been deleted.";
            return Err(Problem::new(Category::Gone, "deleted", says));
        }
        Some(stored) => stored.tree()?,
        None => return Err(Problem::not_found("There is no such group.")),
    };
    let members = group["member"].as_array().into_iter().flatten();
    let present = members.filter(|member| member["inactive"] != true);
    Ok(present
        .filter_map(|member| reference::local(member["entity"]["reference"].as_str()?))
        .filter(|local| local.kind.name() == "Patient")
        .map(|local| local.id)
        .collect())
}

/// The parameters of the query and of the body.
fn given(invocation: &Invocation) -> Vec<(String, String)> {
    let mut pairs = invocation.query.clone();
    let body = invocation.resource.as_ref().map(|resource| resource.tree());
    let parts = body.and_then(|tree| tree["parameter"].as_array());
    for part in parts.into_iter().flatten() {
        let mut members = part.as_object().into_iter().flatten();
        let value = members.find(|(name, _)| name.starts_with("value"));
        let text = value.map(|(_, value)| match value {
            Value::String(text) => text.clone(),
            other => match other["reference"].as_str() {
                Some(reference) => reference.to_owned(),
                None => other.to_string(),
            },
        });
        if let (Some(name), Some(text)) = (part["name"].as_str(), text) {
            pairs.push((name.to_owned(), text));
        }
    }
    pairs
}

/// The address that was asked, as the manifest repeats it.
fn address(base: &str, invocation: &Invocation) -> String {
    let mut url = base.to_owned();
    for part in [
        invocation.kind.map(ResourceType::name),
        invocation.id.as_deref(),
    ]
    .into_iter()
    .flatten()
    {
        url.push('/');
        url.push_str(part);
    }
    url.push_str("/$export");
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&invocation.query);
    let query = query.finish();
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query);
    }
    url
}
