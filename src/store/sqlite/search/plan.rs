//! Where a search begins.
//!
//! SQLite keeps no statistics that would know that a patient's observations are few and those of
//! a code are many. So candidates are counted, up to [`PROBE_MAX`]: few keys are all looked at;
//! where every clause finds many, the order asked for is walked until the page is full.

use super::{
    condition,
    keys::{self, Keys},
    sql::{Scope, Sql},
};
use crate::{
    fhir::{
        definitions::ResourceType,
        scope::Action,
        search::query::{Column, Query, Sort, SortBy},
    },
    kernel::problem::Result,
    store::sqlite::source::Source,
};

/// Most keys that are counted before a clause is held to find many.
const PROBE_MAX: i64 = 4_096;

/// A clause that finds so few is not compared with others.
const FEW: i64 = 64;

/// Where a search begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// All resources of the type, in the order asked for or in that of keys.
    Type,
    /// The keys of one clause, all of them.
    Keys,
    /// The keys of one clause, in their order, until the page is full.
    Stream,
    /// The values of a parameter, in their order, until the page is full.
    Walk(i64, Column),
}

/// How a search is carried out.
pub(super) struct Plan {
    /// Where the first page's worth is looked for.
    pub start: Start,
    /// The clause with the fewest keys: its place among the clauses and its keys.
    best: Option<(Option<usize>, Keys)>,
}

/// Chooses the plan, by counting where there is a choice.
pub(super) async fn choose(
    source: &mut impl Source,
    query: &Query,
    scope: &Scope<'_>,
) -> Result<Plan> {
    let mut candidates: Vec<(Option<usize>, Keys)> = Vec::new();
    for (at, clause) in query.clauses.iter().enumerate() {
        if let Some(keys) = keys::of_clause(clause, query.kind, 0, scope) {
            candidates.push((Some(at), keys));
        }
    }
    if let Some(patient) = scope.permit.patient() {
        candidates.push((None, keys::of_compartment(patient)));
    }
    if let Some(keys) = scope.keys(Some(query.kind), &[Action::Search]) {
        candidates.push((None, keys));
    }
    candidates.sort_by_key(|(_, keys)| keys.rank);
    let mut best: Option<((Option<usize>, Keys), i64)> = None;
    for candidate in candidates {
        let found = if candidate.1.rank == 0 {
            0
        } else {
            probe(source, &candidate.1).await?
        };
        if best.as_ref().is_none_or(|(_, least)| found < *least) {
            best = Some((candidate, found));
        }
        if best.as_ref().is_some_and(|(_, least)| *least <= FEW) {
            break;
        }
    }
    let Some((best, found)) = best else {
        return Ok(Plan {
            start: walk(query).unwrap_or(Start::Type),
            best: None,
        });
    };
    let start = start(source, query, &best.1, found).await?;
    Ok(Plan {
        start,
        best: Some(best),
    })
}

/// How many keys, up to [`PROBE_MAX`].
async fn probe(source: &mut impl Source, keys: &Keys) -> Result<i64> {
    let mut sql = Sql::new("select count(*) from (select key from (");
    sql.append(&keys.sql).push(")").limit(PROBE_MAX).push(")");
    number(source, sql).await
}

/// The keys of what the permit reaches of this type, or of all types, if they are few.
pub(in crate::store::sqlite) async fn few_keys(
    source: &mut impl Source,
    scope: &Scope<'_>,
    kind: Option<ResourceType>,
) -> Result<Option<Sql>> {
    let Some(keys) = scope.keys(kind, &[Action::Search]) else {
        return Ok(None);
    };
    let found = probe(source, &keys).await?;
    Ok((found < PROBE_MAX).then_some(keys.sql))
}

/// The one number that a statement gives; none is 0.
async fn number(source: &mut impl Source, sql: Sql) -> Result<i64> {
    let found = source.fetch(sql, |row| Ok(row.int(0)?.unwrap_or(0)));
    Ok(found.await?.first().copied().unwrap_or(0))
}

async fn start(source: &mut impl Source, query: &Query, best: &Keys, found: i64) -> Result<Start> {
    let Some(limit) = query
        .limit
        .map(i64::from)
        .filter(|_| !query.is_count_only())
    else {
        return Ok(Start::Keys);
    };
    if found <= FEW {
        return Ok(Start::Keys);
    }
    if query.sort.is_empty() && best.ordered {
        return Ok(Start::Stream);
    }
    let Some(walk) = walk(query) else {
        return Ok(Start::Keys);
    };
    if found >= PROBE_MAX {
        return Ok(walk);
    }
    // Along the order, one in (all / found) is a match; among the keys, each one is.
    let newest = Sql::new("select max(key) from resource");
    let all = number(source, newest).await?;
    let steps = (limit + 1).saturating_mul(all) / found;
    Ok(if steps < found { walk } else { Start::Keys })
}

/// The index that has the order asked for, if one has.
fn walk(query: &Query) -> Option<Start> {
    match query.sort.as_slice() {
        []
        | [
            Sort {
                by: SortBy::Updated,
                ..
            },
        ] => Some(Start::Type),
        [
            Sort {
                by: SortBy::Parameter { param, column },
                ..
            },
        ] if !matches!(column, Column::Reference | Column::Token) => {
            Some(Start::Walk(*param, *column))
        }
        _ => None,
    }
}

impl Plan {
    /// The key of a match, by the table whose index has the order of keys.
    pub const fn key(&self) -> &'static str {
        match self.start {
            Start::Stream => "d.key",
            _ => "r0.key",
        }
    }

    /// Writes the matches as `… r0 … where …`: what follows `from`.
    pub fn candidates(&self, sql: &mut Sql, query: &Query, scope: &Scope<'_>) {
        let by_update = matches!(
            query.sort.as_slice(),
            [Sort {
                by: SortBy::Updated,
                ..
            }]
        );
        let (done, keys) = match (&self.best, self.start) {
            (Some((at, keys)), Start::Keys | Start::Walk(..) | Start::Stream) => {
                (at.filter(|_| keys.exact), Some(keys))
            }
            _ => (None, None),
        };
        match (keys, self.start) {
            (None, _) if by_update && !query.is_count_only() => {
                sql.push("resource r0 indexed by resource_updated where r0.type = ");
            }
            (None, _) => {
                sql.push("resource r0 indexed by resource_live where r0.type = ");
            }
            (Some(keys), Start::Stream) => {
                sql.push("(").append(&keys.sql);
                // The plus keeps the index on the type out of the planner's mind.
                sql.push(") d cross join resource r0 on r0.key = d.key where +r0.type = ");
            }
            (Some(keys), _) => {
                sql.push("resource r0 where r0.key in (").append(&keys.sql);
                sql.push(") and +r0.type = ");
            }
        }
        sql.text(query.kind.name()).push(" and ");
        rest(sql, query, scope, done);
    }
}

/// Writes what must hold of `r0` besides its type, without the clause at `done`.
pub(super) fn rest(sql: &mut Sql, query: &Query, scope: &Scope<'_>, done: Option<usize>) {
    scope.visible(sql, "r0", Some(query.kind), &[Action::Search]);
    for (at, clause) in query.clauses.iter().enumerate() {
        if Some(at) != done {
            sql.push(" and ");
            condition::clause(sql, clause, 0, scope);
        }
    }
}
