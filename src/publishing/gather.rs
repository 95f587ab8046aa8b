//! What the examination of a definition needs from the store, read before it begins.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{form::ValueSets, terms};
use crate::{
    care::kind,
    fhir::{canonical::ALERT_ROUTE, search::query::Query},
    kernel::problem::Result,
    store::Tx,
};

/// Most versions of a Questionnaire that a fault names.
const VERSIONS_TOLD_MAX: u32 = 10;

/// What the store has under the name of a form.
#[derive(Debug, Clone)]
pub enum Form {
    /// The Questionnaire.
    Found(Value),
    /// None of this version, but these.
    OtherVersions(Vec<String>),
    /// None of this url.
    Missing,
}

/// What a definition is examined with.
#[derive(Debug, Clone, Default)]
pub struct Materials {
    /// The forms of the phases, by the canonical that names them.
    pub forms: BTreeMap<String, Form>,
    /// The options of their value sets.
    pub value_sets: ValueSets,
    /// The codes of `alert-route`; none where they are not stored.
    pub routes: Option<BTreeSet<String>>,
}

/// Reads what a PlanDefinition names.
///
/// # Errors
/// As a search.
pub async fn for_plan(tx: &mut Tx, plan: &Value) -> Result<Materials> {
    let mut materials = Materials::default();
    for action in plan["action"].as_array().into_iter().flatten() {
        let Some(canonical) = action["definitionCanonical"].as_str() else {
            continue;
        };
        if materials.forms.contains_key(canonical) {
            continue;
        }
        let form = find_form(tx, canonical).await?;
        if let Form::Found(form) = &form {
            add_value_sets(tx, form, &mut materials.value_sets).await?;
        }
        materials.forms.insert(canonical.to_owned(), form);
    }
    let routes = tx.find_canonical(kind("CodeSystem")?, ALERT_ROUTE).await?;
    materials.routes = routes.map(|found| terms::codes(&found.tree));
    Ok(materials)
}

/// Reads what a Questionnaire names.
///
/// # Errors
/// As a search.
pub async fn for_form(tx: &mut Tx, form: &Value) -> Result<ValueSets> {
    let mut value_sets = ValueSets::new();
    add_value_sets(tx, form, &mut value_sets).await?;
    Ok(value_sets)
}

async fn find_form(tx: &mut Tx, canonical: &str) -> Result<Form> {
    let kind = kind("Questionnaire")?;
    if let Some(found) = tx.find_canonical(kind, canonical).await? {
        return Ok(Form::Found(found.tree.clone()));
    }
    let url = canonical.split('|').next().unwrap_or_default();
    let query = Query::new(kind).uri("url", url).limit(VERSIONS_TOLD_MAX);
    let mut versions = Vec::new();
    for hit in tx.search(&query).await?.hits {
        let tree = hit.stored.tree()?;
        versions.extend(tree["version"].as_str().map(str::to_owned));
    }
    Ok(if versions.is_empty() {
        Form::Missing
    } else {
        Form::OtherVersions(versions)
    })
}

async fn add_value_sets(tx: &mut Tx, form: &Value, known: &mut ValueSets) -> Result<()> {
    for canonical in terms::value_sets_of(form) {
        if known.contains_key(&canonical) {
            continue;
        }
        let Some(set) = value_set(tx, form, &canonical).await? else {
            continue;
        };
        let mut systems = BTreeMap::new();
        for url in terms::systems_of(&set) {
            if let Some(found) = tx.find_canonical(kind("CodeSystem")?, &url).await? {
                systems.insert(url, found.tree.clone());
            }
        }
        if let Some(codings) = terms::expand(&set, &systems) {
            known.insert(canonical, codings);
        }
    }
    Ok(())
}

/// A value set that stands in the form (`#id`) or in the store.
async fn value_set(tx: &mut Tx, form: &Value, canonical: &str) -> Result<Option<Value>> {
    if let Some(id) = canonical.strip_prefix('#') {
        let mut contained = form["contained"].as_array().into_iter().flatten();
        return Ok(contained.find(|one| one["id"] == id).cloned());
    }
    let found = tx.find_canonical(kind("ValueSet")?, canonical).await?;
    Ok(found.map(|found| found.tree.clone()))
}
