//! `Measure/$evaluate-measure`: figures as a MeasureReport, or as CSV.
//!
//! Specification: <http://hl7.org/fhir/R4/measure-operation-evaluate-measure.html>. Beside its
//! parameters stand `planDefinition` and `organization`, which narrow the figures to one pathway
//! or establishment.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Invocation, State, asked::Asked};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::{Permit, Reach},
        reference,
        scope::Action,
        search::query::Query,
    },
    figures::{
        live,
        measure::Measure,
        measure_report::{self, Heading},
        report::{self, Narrowing},
    },
    interactions::{Reply, gate},
    kernel::problem::{Category, Problem, Result},
};

/// Evaluates a Measure.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let asked = Asked::read(&invocation);
        if let Some(kind) = asked.text("reportType")
            && !matches!(kind, "summary" | "population")
        {
            return Err(Problem::new(
                Category::NotSupported,
                "not-supported",
                "Reports are summaries: they name nobody.",
            ));
        }
        let tree = measure(&state, &permit, &invocation, &asked).await?;
        let measure = Measure::read(&tree)?;
        let days = asked.days()?;
        let narrowing = Narrowing {
            pathway: asked.pathway(&state, &permit).await?,
            establishment: establishment(&permit, asked.establishment()?)?,
        };
        let figures = live::figures(&state.context.store, &permit, days).await?;
        let report = report::report(&measure, &figures.tally, &narrowing, state.small_cell);
        if invocation.csv {
            let bytes = measure_report::table(&measure, &report, asked.form()?.style)?;
            return Ok(Reply::Table(bytes.into(), "figures"));
        }
        let heading = Heading {
            days,
            at: state.context.clock.now(),
            left_out: figures.left_out,
        };
        let tree = measure_report::resource(&measure, &report, &heading);
        Ok(Reply::Document(tree.to_string().into()))
    })
}

/// Whose figures they are. The numbers of those who were erased are nobody's but their
/// establishment's, so that whoever does not reach everybody has the figures of an establishment of
/// theirs: the one that is named, or the only one.
fn establishment(permit: &Permit, named: Option<String>) -> Result<Option<String>> {
    let own = match own_establishments(permit) {
        None => return Ok(named),
        Some(own) => own,
    };
    match named {
        Some(named) if own.contains(&named) => Ok(Some(named)),
        Some(_) => Err(gate::refusal()),
        None => match &own[..] {
            [only] => Ok(Some(only.clone())),
            [] => Err(gate::refusal()),
            _ => Err(Problem::malformed(
                "required",
                "Name one of your establishments: the parameter `organization`.",
            )),
        },
    }
}

/// The organisations by which a permit finds CarePlans; none, where it finds all.
fn own_establishments(permit: &Permit) -> Option<Vec<String>> {
    permit.grants()?;
    let kind = ResourceType::named("CarePlan")?;
    let mut own = BTreeSet::new();
    for grant in permit.grants_for(kind, Action::Search) {
        match &grant.reach {
            Reach::Everything if grant.scope.narrowed.is_empty() => return None,
            Reach::Everything => {}
            Reach::Of { custodians, .. } => {
                let all = custodians.iter();
                own.extend(all.filter(|one| one.starts_with("Organization/")).cloned());
            }
        }
    }
    Some(own.into_iter().collect())
}

/// The Measure that is named by id, or by its canonical URL.
async fn measure(
    state: &State,
    permit: &Permit,
    invocation: &Invocation,
    asked: &Asked,
) -> Result<Value> {
    let missing = || Problem::not_found("There is no such Measure.");
    let kind = invocation.kind.ok_or_else(missing)?;
    let store = &state.context.store;
    let named = asked.text("measure");
    let named = named.map(|text| text.strip_prefix("Measure/").unwrap_or(text));
    let id = invocation.id.as_deref().or(named);
    let id = id.ok_or_else(|| asked.wrong("measure", "the canonical of a Measure"))?;
    if reference::is_id(id) {
        let found = store.read(permit, kind, id).await?;
        return found
            .filter(|stored| !stored.is_deleted())
            .ok_or_else(missing)?
            .tree();
    }
    let (url, version) = id.split_once('|').unwrap_or((id, ""));
    let mut query = Query::new(kind).uri("url", url);
    if !version.is_empty() {
        query = query.token("version", None, version);
    }
    let hit = store.search(permit, &query.limit(1)).await?.hits.pop();
    hit.ok_or_else(missing)?.stored.tree()
}
