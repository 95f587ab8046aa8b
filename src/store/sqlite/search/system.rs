//! The matches of several types, in one order.

use std::cmp::Ordering;

use super::{Found, count, include, matches, page, plan, sql::Scope};
use crate::{
    fhir::search::query::{Query, cursor::Place},
    kernel::problem::{Problem, Result},
    store::{Page, sqlite::source::Source},
};

/// Searches each type in turn: a page of all is among the first pages of each.
///
/// # Errors
/// As a search of one type.
pub(super) async fn search(
    source: &mut impl Source,
    query: &Query,
    scope: &Scope<'_>,
) -> Result<Page> {
    let wants_page = !query.is_count_only();
    let (mut found, mut total) = (Vec::new(), 0);
    for part in parts(query) {
        if let Some(fault) = &part.fault {
            return Err(Problem::fault(fault));
        }
        let plan = plan::choose(source, &part, scope).await?;
        if query.is_total_wanted() {
            total += count(source, &part, &plan, scope).await?;
        }
        if wants_page {
            found.extend(matches(source, &part, &plan, scope).await?);
            keep_first(query, &mut found);
        }
    }
    let mut page = if wants_page {
        page(query, found)?
    } else {
        Page::default()
    };
    page.total = query.is_total_wanted().then_some(total);
    if wants_page {
        include::add(source, query, scope, &mut page).await?;
    }
    Ok(page)
}

/// The search of each type, with the page that is asked for.
fn parts(query: &Query) -> impl Iterator<Item = Query> + Send {
    let own = Query {
        others: Vec::new(),
        ..query.clone()
    };
    let (limit, cursor, total) = (query.limit, query.cursor.clone(), query.total);
    let (summary, others) = (query.summary, query.others.clone());
    let others = others.into_iter().map(move |other| Query {
        limit,
        total,
        summary,
        cursor: cursor.clone(),
        ..other
    });
    std::iter::once(own).chain(others)
}

/// Puts what is found in its order, and lets go of what is beyond the page.
fn keep_first(query: &Query, found: &mut Vec<Found>) {
    found.sort_by(|a, b| compare(query, a, b));
    if let Some(limit) = query.limit {
        found.truncate(
            usize::try_from(limit)
                .unwrap_or(usize::MAX)
                .saturating_add(1),
        );
    }
}

/// The order of [`super::order`]: absent values last, then by key.
fn compare(query: &Query, (a, a_values): &Found, (b, b_values): &Found) -> Ordering {
    let directed = |order: Ordering, descending: bool| {
        if descending { order.reverse() } else { order }
    };
    for (sort, (a, b)) in query.sort.iter().zip(a_values.iter().zip(b_values)) {
        let order = match (a, b) {
            (Place::Absent, Place::Absent) => Ordering::Equal,
            (Place::Absent, _) => Ordering::Greater,
            (_, Place::Absent) => Ordering::Less,
            (Place::Integer(a), Place::Integer(b)) => directed(a.cmp(b), sort.descending),
            (Place::Real(a), Place::Real(b)) => directed(a.total_cmp(b), sort.descending),
            (Place::Text(a), Place::Text(b)) => directed(a.cmp(b), sort.descending),
            // One key has values of one kind.
            _ => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    let descending = query.sort.first().is_none_or(|first| first.descending);
    directed(a.key.cmp(&b.key), descending)
}
