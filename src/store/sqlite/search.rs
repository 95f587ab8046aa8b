//! A query as SQL: one statement for the matches, one for each level of includes, one for a total.
//!
//! Nothing of a request is ever part of a statement's text; values are bound. What the permit
//! reaches is part of every resource that a statement touches ([`bounds`]), before any limit.
//!
//! 1. [`plan`] chooses where to begin: the clause with the fewest resources, found by bounded
//!    counting, or the order asked for.
//! 2. [`keys`] writes a clause as the set of keys that it finds, [`condition`] as a condition on a
//!    resource at hand, [`compare`] the tests on its rows.
//! 3. [`order`] writes the order and the place of the cursor in it.
//! 4. [`include`] follows references from the matches.
//! 5. [`system`] puts the matches of several types together.

mod bounds;
mod compare;
mod condition;
mod include;
mod keys;
mod order;
mod plan;
mod sql;
mod system;

pub(super) use self::{
    bounds::narrowed,
    plan::few_keys,
    sql::{Bind, Scope, Sql},
};

use self::{
    order::places,
    plan::{Plan, Start},
};
use super::{
    rows::{STORED_COLUMNS, required, stored_from_row},
    source::Source,
};
use crate::{
    fhir::{
        permit::Permit,
        search::query::{Cursor, Query, cursor::Place},
    },
    kernel::problem::{Problem, Result},
    store::{Hit, HitMode, Page, Stored},
};

/// Searches on one connection.
///
/// # Errors
/// `Malformed`, if includes bring too much; `Fault`, if the database fails.
pub(super) async fn search(
    source: &mut impl Source,
    permit: &Permit,
    query: &Query,
) -> Result<Page> {
    if let Some(fault) = &query.fault {
        return Err(Problem::fault(fault));
    }
    let scope = Scope { permit };
    if !query.others.is_empty() {
        return system::search(source, query, &scope).await;
    }
    let plan = plan::choose(source, query, &scope).await?;
    if query.is_count_only() {
        return Ok(Page {
            total: Some(count(source, query, &plan, &scope).await?),
            ..Page::default()
        });
    }
    let found = matches(source, query, &plan, &scope).await?;
    let mut page = page(query, found)?;
    if query.is_total_wanted() {
        page.total = Some(match (&query.cursor, &page.next) {
            (None, None) => u64::try_from(page.hits.len()).map_err(Problem::fault)?,
            _ => count(source, query, &plan, &scope).await?,
        });
    }
    include::add(source, query, &scope, &mut page).await?;
    Ok(page)
}

/// The number of all matches.
async fn count(
    source: &mut impl Source,
    query: &Query,
    plan: &Plan,
    scope: &Scope<'_>,
) -> Result<u64> {
    let mut sql = Sql::new("select count(*) from ");
    plan.candidates(&mut sql, query, scope);
    let count = source.fetch(sql, |row| required(row.int(0)?)).await?;
    let count = count.first().ok_or_else(|| Problem::fault("no count"))?;
    u64::try_from(*count).map_err(Problem::fault)
}

/// One page of matches with the values that order them, and one more if there is one.
async fn matches(
    source: &mut impl Source,
    query: &Query,
    plan: &Plan,
    scope: &Scope<'_>,
) -> Result<Vec<Found>> {
    let limit = query.limit.map(i64::from);
    // One more than asked for tells whether there is a next page.
    let mut left = limit.map_or(-1, |limit| limit + 1);
    let mut rows = Vec::new();
    for statement in statements(query, plan, scope) {
        let sql = whole(query, &statement, left);
        let found = source.fetch(sql, |row| Ok((stored_from_row(row)?, places(row, query)?)));
        rows.extend(found.await?);
        let found = i64::try_from(rows.len()).map_err(Problem::fault)?;
        left = limit.map_or(-1, |limit| limit + 1 - found);
        if left == 0 {
            break;
        }
    }
    Ok(rows)
}

/// The resources that a statement finds, `most` of them (-1: all).
///
/// Only they are read whole; their order is found from keys and sort values alone.
fn whole(query: &Query, statement: &Sql, most: i64) -> Sql {
    let mut sql = Sql::new("select ");
    sql.push(STORED_COLUMNS);
    order::columns(&mut sql, query);
    sql.push(" from (").append(statement);
    sql.limit(most)
        .push(") m cross join resource r on r.key = m.k");
    order::order_by(&mut sql, query);
    sql
}

/// The statements that together find the page: a walk along an index finds only what has a value
/// there, so that a second one finds the rest.
fn statements(query: &Query, plan: &Plan, scope: &Scope<'_>) -> Vec<Sql> {
    let all = || {
        let mut sql = Sql::new("select k");
        order::columns(&mut sql, query);
        sql.push(" from (select ").push(plan.key()).push(" as k");
        order::values(&mut sql, query);
        sql.push(" from ");
        plan.candidates(&mut sql, query, scope);
        sql.push(") where 1");
        order::after(&mut sql, query);
        order::order_by(&mut sql, query);
        sql
    };
    let Start::Walk(param, column) = plan.start else {
        return vec![all()];
    };
    let past = query
        .cursor
        .as_ref()
        .is_some_and(|cursor| matches!(cursor.values.first(), Some(Place::Absent)));
    let mut statements = Vec::new();
    if !past {
        statements.push(order::walk(query, (param, column), scope));
    }
    let mut rest = Sql::new("select k, null as s0 from (select r0.key as k from ");
    plan.candidates(&mut rest, query, scope);
    order::without_value(&mut rest, param, column);
    rest.push(") where 1");
    if past {
        order::after_key(&mut rest, query);
    }
    order::order_by_key(&mut rest, query);
    statements.push(rest);
    statements
}

/// A match, and the values that order it.
type Found = (Stored, Vec<Place>);

fn page(query: &Query, mut found: Vec<Found>) -> Result<Page> {
    let wanted = match query.limit {
        Some(limit) => usize::try_from(limit).map_err(Problem::fault)?,
        None => found.len(),
    };
    let mut page = Page::default();
    if found.len() > wanted {
        found.truncate(wanted);
        let last = found.last_mut().map(|(stored, places)| Cursor {
            values: std::mem::take(places),
            key: stored.key,
        });
        page.next = last.map(|cursor| cursor.encode());
    }
    let matches = found.into_iter().map(|(stored, _)| Hit {
        stored,
        mode: HitMode::Match,
    });
    page.hits.extend(matches);
    Ok(page)
}

#[cfg(test)]
mod tests;
