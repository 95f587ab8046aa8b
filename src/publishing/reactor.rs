//! Sees definitions as they are written, and refuses those that people must not be followed by.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{
    faults::Faults,
    gather, lint,
    texts::{self, Languages},
    usage,
    versions::{self, is_published},
};
use crate::{
    kernel::problem::{Category, Problem, Result},
    store::{Change, Reactor, Stored, Tx},
};

/// Sees PlanDefinitions and Questionnaires.
#[derive(Debug, Clone, Copy, Default)]
pub struct PublishReactor;

impl Reactor for PublishReactor {
    fn name(&self) -> &'static str {
        "publishing.lint"
    }

    fn concerns(&self, change: &Change) -> bool {
        matches!(
            change.stored.kind.name(),
            "PlanDefinition" | "Questionnaire"
        )
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let before = match &change.previous {
                Some(stored) => Some(stored.tree()?),
                None => None,
            };
            let is_plan = change.stored.kind.name() == "PlanDefinition";
            match (&change.resource, before) {
                (Some(now), before) if is_plan => {
                    plan(tx, &change.stored, now.tree(), before.as_ref()).await
                }
                (Some(now), before) => form(tx, &change.stored, now.tree(), before.as_ref()).await,
                (None, None) => Ok(()),
                (None, Some(_)) if is_outdated(tx, &change.stored).await? => Ok(()),
                (None, Some(before)) if is_plan => plan_deleted(tx, &before).await,
                (None, Some(before)) => form_deleted(tx, &before).await,
            }
        })
    }
}

/// Whether the same request has written another version since: of several, the last one counts.
async fn is_outdated(tx: &mut Tx, stored: &Stored) -> Result<bool> {
    let current = tx.read(stored.kind, &stored.id).await?;
    Ok(current.is_some_and(|current| current.version != stored.version))
}

async fn plan(tx: &mut Tx, stored: &Stored, now: &Value, before: Option<&Value>) -> Result<()> {
    let mut faults = Faults::default();
    let published = before.filter(|before| is_published(before) && lint::is_pathway(before));
    if let Some(published) = published {
        versions::lint(published, now, &mut faults);
    }
    if lint::is_pathway(now) && !is_outdated(tx, stored).await? {
        check_name(tx, stored, now, &mut faults).await?;
        // What was examined when it became active, and has not changed since, stays as it is.
        let unchanged = published.is_some_and(|published| {
            published["status"] == "active" && versions::changed(published, now).is_empty()
        });
        if now["status"] == "active" && !unchanged {
            let materials = gather::for_plan(tx, now).await?;
            for issue in lint::pathway(now, &materials) {
                faults.add(issue);
            }
        }
    }
    faults.into_result()
}

async fn form(tx: &mut Tx, stored: &Stored, now: &Value, before: Option<&Value>) -> Result<()> {
    let mut faults = Faults::default();
    if let Some(published) = before.filter(|before| is_published(before))
        && (!usage::pathways_with(tx, published).await?.is_empty()
            || usage::was_answered(tx, published).await?)
    {
        versions::lint(published, now, &mut faults);
    }
    if is_outdated(tx, stored).await? {
        return faults.into_result();
    }
    let pathways = usage::pathways_with(tx, now).await?;
    let in_force: Vec<&Value> = pathways
        .iter()
        .filter(|pathway| pathway["status"] == "active")
        .collect();
    if !in_force.is_empty() {
        check_name(tx, stored, now, &mut faults).await?;
        if now["status"] == "active" {
            let languages: Languages = in_force
                .iter()
                .flat_map(|pathway| texts::wanted(pathway))
                .collect();
            let value_sets = gather::for_form(tx, now).await?;
            for issue in lint::questionnaire(now, &languages, &value_sets) {
                faults.add(issue);
            }
        } else {
            faults.clash(
                "Questionnaire.status",
                "An active pathway asks these questions: retire the pathway first, or with it.",
            );
        }
    }
    faults.into_result()
}

/// What is found by `url|version` must be one.
async fn check_name(tx: &mut Tx, stored: &Stored, now: &Value, faults: &mut Faults) -> Result<()> {
    let Some(other) = usage::namesake(tx, stored, now).await? else {
        return Ok(());
    };
    if is_published(now) || is_published(&other) {
        faults.clash(
            format!("{}.version", stored.kind),
            "Another resource has this url and version already: give this one a version of its \
             own.",
        );
    }
    Ok(())
}

async fn plan_deleted(tx: &mut Tx, before: &Value) -> Result<()> {
    if lint::is_pathway(before) && usage::is_followed(tx, before).await? {
        return Err(in_use(
            "PlanDefinition",
            "People are followed by this pathway: retire it, and delete it when they have ended.",
        ));
    }
    Ok(())
}

async fn form_deleted(tx: &mut Tx, before: &Value) -> Result<()> {
    for pathway in usage::pathways_with(tx, before).await? {
        if pathway["status"] == "active" || usage::is_followed(tx, &pathway).await? {
            return Err(in_use(
                "Questionnaire",
                "A pathway that is active, or by which people are followed, asks these questions.",
            ));
        }
    }
    Ok(())
}

fn in_use(place: &str, says: &str) -> Problem {
    Problem::new(Category::Conflict, "conflict", says).at(place)
}
