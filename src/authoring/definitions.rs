//! What a simulation copies from the server: a pathway and its forms, drafts included.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::request::{DAYS_MAX, Request, Source};
use crate::{
    care::kind,
    fhir::{
        canonical::ALERT_ROUTE,
        pathway::{Pathway, canonical_of},
        permit::Permit,
        search::query::Query,
    },
    kernel::problem::{Category, Issue, Problem, Result},
    pathways::enrolment::PlanName,
    store::Store,
};

/// Most value sets, and most code systems, that are copied.
const TERMS_MAX: usize = 100;

/// A pathway and its forms, made active for the simulation.
#[derive(Debug, Clone)]
pub struct Definitions {
    /// The PlanDefinition.
    pub plan: Value,
    /// What is read of it.
    pub pathway: Pathway,
    /// The Questionnaires by `url|version`.
    pub questionnaires: BTreeMap<String, Value>,
    /// The ValueSets and CodeSystems that they name.
    pub terms: Vec<Value>,
    /// Whether it is in force on the server as it is here: it was examined when it came into
    /// force, and need not be again.
    pub in_force: bool,
}

/// Reads what the request names, with the caller's own permit, and checks it.
///
/// # Errors
/// `NotFound`, if there is no such PlanDefinition; `Invalid`, if it is no pathway or a form is
/// missing, with every fault and its place.
pub async fn gather(store: &Store, permit: &Permit, request: &Request) -> Result<Definitions> {
    let mut plan = match &request.plan {
        Source::Given(plan) => plan.as_ref().clone(),
        Source::Stored(name) => stored_plan(store, permit, name).await?,
    };
    let pathway = Pathway::read(&plan)?;
    check_length(&pathway)?;
    let mut questionnaires = BTreeMap::new();
    let mut faults = Vec::new();
    for (canonical, place) in forms(&plan) {
        if questionnaires.contains_key(&canonical) {
            continue;
        }
        match form(store, permit, (&canonical, request)).await? {
            Some(form) => {
                questionnaires.insert(canonical, active(form, "form"));
            }
            None => faults.push(
                Issue::error("not-found", "There is no Questionnaire of this canonical.").at(place),
            ),
        }
    }
    if !faults.is_empty() {
        return Err(Problem::with_issues(Category::Invalid, faults));
    }
    let terms = terms(store, permit, &questionnaires).await?;
    let in_force = matches!(request.plan, Source::Stored(_))
        && request.questionnaires.is_empty()
        && plan["status"] == "active";
    plan = active(plan, "pathway");
    Ok(Definitions {
        plan,
        pathway,
        questionnaires,
        terms,
        in_force,
    })
}

/// A draft is tried as if it were published; only the copy changes.
fn active(mut definition: Value, id: &str) -> Value {
    definition["status"] = "active".into();
    if !definition["id"].is_string() {
        definition["id"] = id.into();
    }
    definition
}

fn check_length(pathway: &Pathway) -> Result<()> {
    let last = |phase: &crate::fhir::pathway::Phase| {
        let steps = u64::from(phase.count.saturating_sub(1)) * u64::from(phase.every_days);
        u64::from(phase.first_day) + steps
    };
    let longest = pathway.phases.iter().map(last).max().unwrap_or(0);
    if longest <= u64::from(DAYS_MAX) {
        return Ok(());
    }
    let says = format!("A pathway of more than {DAYS_MAX} days is not simulated.");
    Err(Problem::invalid("too-costly", says).at("PlanDefinition.action"))
}

async fn stored_plan(store: &Store, permit: &Permit, name: &PlanName) -> Result<Value> {
    let kind = kind("PlanDefinition")?;
    let found = match name {
        PlanName::Id(id) => match store.read(permit, kind, id).await? {
            Some(stored) if !stored.is_deleted() => Some(stored.tree()?),
            _ => None,
        },
        PlanName::Canonical(canonical) => {
            by_canonical(store, permit, ("PlanDefinition", canonical)).await?
        }
    };
    found.ok_or_else(|| Problem::not_found("There is no such PlanDefinition."))
}

async fn by_canonical(
    store: &Store,
    permit: &Permit,
    (name, canonical): (&str, &str),
) -> Result<Option<Value>> {
    let (url, version) = match canonical.split_once('|') {
        Some((url, version)) => (url, Some(version)),
        None => (canonical, None),
    };
    let mut query = Query::new(kind(name)?).uri("url", url);
    if let Some(version) = version {
        query = query.token("version", None, version);
    }
    let mut hits = store.search(permit, &query.limit(1)).await?.hits;
    hits.pop().map(|hit| hit.stored.tree()).transpose()
}

/// The form of a canonical: one given with the request, else the server's.
async fn form(
    store: &Store,
    permit: &Permit,
    (canonical, request): (&str, &Request),
) -> Result<Option<Value>> {
    let url = |canonical: &str| canonical.split('|').next().map(str::to_owned);
    let named = |form: &&Value| match canonical.contains('|') {
        true => canonical_of(form).as_deref() == Some(canonical),
        false => canonical_of(form).and_then(|of| url(&of)) == url(canonical),
    };
    match request.questionnaires.iter().find(named) {
        Some(given) => Ok(Some(given.clone())),
        None => by_canonical(store, permit, ("Questionnaire", canonical)).await,
    }
}

/// The value sets that the questions name, the code systems of these, and the codes of routes.
async fn terms(
    store: &Store,
    permit: &Permit,
    forms: &BTreeMap<String, Value>,
) -> Result<Vec<Value>> {
    let mut named = BTreeSet::new();
    for form in forms.values() {
        value_sets(&form["item"], &mut named);
    }
    let mut terms = Vec::new();
    let mut systems = BTreeSet::from([ALERT_ROUTE.to_owned()]);
    for canonical in named.iter().take(TERMS_MAX) {
        let found = by_canonical(store, permit, ("ValueSet", canonical)).await?;
        for include in found.iter().flat_map(|set| {
            let includes = set["compose"]["include"].as_array();
            includes.into_iter().flatten()
        }) {
            systems.extend(include["system"].as_str().map(str::to_owned));
        }
        terms.extend(found);
    }
    for system in systems.iter().take(TERMS_MAX) {
        terms.extend(by_canonical(store, permit, ("CodeSystem", system)).await?);
    }
    Ok(terms)
}

fn value_sets(items: &Value, named: &mut BTreeSet<String>) {
    for item in items.as_array().into_iter().flatten() {
        let set = item["answerValueSet"].as_str();
        named.extend(set.filter(|set| !set.starts_with('#')).map(str::to_owned));
        value_sets(&item["item"], named);
    }
}

/// The forms that a PlanDefinition names, each with its place.
fn forms(plan: &Value) -> Vec<(String, String)> {
    let actions = plan["action"].as_array().into_iter().flatten().enumerate();
    actions
        .filter_map(|(n, action)| {
            let canonical = action["definitionCanonical"].as_str()?;
            let place = format!("PlanDefinition.action[{n}].definitionCanonical");
            Some((canonical.to_owned(), place))
        })
        .collect()
}
