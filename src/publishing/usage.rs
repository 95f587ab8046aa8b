//! Who uses a definition: what is in use is neither changed nor deleted.

use serde_json::Value;

use super::{lint::is_pathway, versions::is_published};
use crate::{
    care::kind,
    fhir::{pathway::canonical_of, search::query::Query},
    kernel::problem::Result,
    store::{Stored, Tx},
};

/// Most pathways that are looked at for their use of one form.
const PATHWAYS_MAX: u32 = 500;

/// Whether follow-ups run by this PlanDefinition, in this version.
///
/// # Errors
/// As a search.
pub async fn is_followed(tx: &mut Tx, plan: &Value) -> Result<bool> {
    let Some(canonical) = canonical_of(plan) else {
        return Ok(false);
    };
    let query = Query::new(kind("CarePlan")?)
        .reference("instantiates-canonical", &canonical)
        .tokens("status", None, &["active", "on-hold"])
        .limit(1);
    Ok(!tx.search(&query).await?.hits.is_empty())
}

/// Whether any follow-up, ended ones included, was started by this PlanDefinition in this version.
///
/// # Errors
/// As a search.
pub async fn was_followed(tx: &mut Tx, plan: &Value) -> Result<bool> {
    let Some(canonical) = canonical_of(plan) else {
        return Ok(false);
    };
    let query = Query::new(kind("CarePlan")?)
        .reference("instantiates-canonical", &canonical)
        .limit(1);
    Ok(!tx.search(&query).await?.hits.is_empty())
}

/// Whether a Questionnaire was answered, in this version.
///
/// # Errors
/// As a search.
pub async fn was_answered(tx: &mut Tx, form: &Value) -> Result<bool> {
    let Some(canonical) = canonical_of(form) else {
        return Ok(false);
    };
    let query = Query::new(kind("QuestionnaireResponse")?)
        .reference("questionnaire", &canonical)
        .limit(1);
    Ok(!tx.search(&query).await?.hits.is_empty())
}

/// The published pathways that have this Questionnaire in one of their phases.
///
/// # Errors
/// As a search.
pub async fn pathways_with(tx: &mut Tx, form: &Value) -> Result<Vec<Value>> {
    let Some(canonical) = canonical_of(form) else {
        return Ok(Vec::new());
    };
    let query = Query::new(kind("PlanDefinition")?)
        .reference("definition", &canonical)
        .limit(PATHWAYS_MAX);
    let mut found = Vec::new();
    for hit in tx.search(&query).await?.hits {
        let plan = hit.stored.tree()?;
        if is_published(&plan) && is_pathway(&plan) {
            found.push(plan);
        }
    }
    Ok(found)
}

/// Another resource under the same `url|version`, with its tree.
///
/// # Errors
/// As a search.
pub async fn namesake(tx: &mut Tx, stored: &Stored, tree: &Value) -> Result<Option<Value>> {
    let (Some(url), Some(version)) = (tree["url"].as_str(), tree["version"].as_str()) else {
        return Ok(None);
    };
    const NAMESAKES_MAX: u32 = 10;
    let query = Query::new(stored.kind)
        .uri("url", url)
        .token("version", None, version)
        .limit(NAMESAKES_MAX);
    let mut found = None;
    for hit in tx.search(&query).await?.hits {
        if hit.stored.id == stored.id {
            continue;
        }
        let other = hit.stored.tree()?;
        if is_published(&other) || found.is_none() {
            found = Some(other);
        }
    }
    Ok(found)
}
