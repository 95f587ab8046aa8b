//! The order of matches, and the cursor's place in it.
//!
//! A match without a value of a sort key comes last, whatever the direction. Ties go by the row
//! key, in the direction of the first sort key; without sort keys the newest key is first.

use super::{
    plan,
    sql::{Scope, Sql},
};
use crate::{
    fhir::search::query::{Column, Query, Sort, SortBy, cursor::Place},
    kernel::problem::Result,
    store::sqlite::rows::Row,
};

/// Columns before those of the sort keys: [`crate::store::sqlite::rows::STORED_COLUMNS`].
const BEFORE: usize = 8;

/// Where a column's values are: table, and the columns of the index in their order.
const fn place(column: Column) -> (&'static str, &'static str) {
    match column {
        Column::Token => ("token", "value"),
        Column::String => ("string", "folded"),
        Column::Date => ("date", "start"),
        Column::Number => ("number", "value"),
        Column::Reference => ("reference", "target_id"),
        Column::Uri => ("uri", "value"),
    }
}

/// Whether every match has a value.
const fn is_total(sort: Sort) -> bool {
    !matches!(sort.by, SortBy::Parameter { .. })
}

/// Writes `, s0, s1 …`.
pub(super) fn columns(sql: &mut Sql, query: &Query) {
    for at in 0..query.sort.len() {
        sql.push(&format!(", s{at}"));
    }
}

/// Writes `, … as s0, … as s1 …`, the values of `r0`.
pub(super) fn values(sql: &mut Sql, query: &Query) {
    for (at, sort) in query.sort.iter().enumerate() {
        match sort.by {
            SortBy::Id => sql.push(", r0.id"),
            SortBy::Updated => sql.push(", r0.updated"),
            SortBy::Parameter { param, column } => {
                let (table, name) = place(column);
                let extreme = if sort.descending { "max" } else { "min" };
                sql.push(&format!(
                    ", (select {extreme}(v.{name}) from {table} v \
                     where v.key = r0.key and v.param = "
                ));
                sql.int(param).push(")")
            }
        };
        sql.push(&format!(" as s{at}"));
    }
}

/// Writes ` order by s0 …, k …`.
pub(super) fn order_by(sql: &mut Sql, query: &Query) {
    sql.push(" order by ");
    for (at, sort) in query.sort.iter().enumerate() {
        if !is_total(*sort) {
            sql.push(&format!("s{at} is null, "));
        }
        sql.push(&format!("s{at} {}, ", direction(sort.descending)));
    }
    sql.push(&format!("k {}", direction(is_key_descending(query))));
}

/// Writes ` order by k …`.
pub(super) fn order_by_key(sql: &mut Sql, query: &Query) {
    sql.push(&format!(
        " order by k {}",
        direction(is_key_descending(query))
    ));
}

const fn direction(descending: bool) -> &'static str {
    if descending { "desc" } else { "asc" }
}

fn is_key_descending(query: &Query) -> bool {
    query.sort.first().is_none_or(|first| first.descending)
}

/// Writes ` and …`: that a match comes after the cursor.
pub(super) fn after(sql: &mut Sql, query: &Query) {
    let Some(cursor) = &query.cursor else {
        return;
    };
    let mut open = 0;
    for (at, (sort, value)) in query.sort.iter().zip(&cursor.values).enumerate() {
        let column = format!("s{at}");
        sql.push(" and (");
        open += 1;
        if matches!(value, Place::Absent) {
            sql.push(&column).push(" is null");
            continue;
        }
        let less = if sort.descending { " < " } else { " > " };
        sql.push(&column).push(less);
        bind(sql, value);
        if !is_total(*sort) {
            sql.push(" or ").push(&column).push(" is null");
        }
        sql.push(" or ").push(&column).push(" = ");
        bind(sql, value);
    }
    after_key(sql, query);
    for _ in 0..open {
        sql.push(")");
    }
}

/// Writes ` and k …`: that a match comes after the cursor's key.
pub(super) fn after_key(sql: &mut Sql, query: &Query) {
    if let Some(cursor) = &query.cursor {
        let less = if is_key_descending(query) { "<" } else { ">" };
        sql.push(&format!(" and k {less} ")).int(cursor.key);
    }
}

fn bind(sql: &mut Sql, value: &Place) {
    match value {
        Place::Absent => sql.push("null"),
        Place::Integer(value) => sql.int(*value),
        Place::Real(value) => sql.real(*value),
        Place::Text(value) => sql.text(value),
    };
}

/// The matches that have a value, by walking along the values.
pub(super) fn walk(query: &Query, (param, column): (i64, Column), scope: &Scope<'_>) -> Sql {
    let (table, name) = place(column);
    let descending = is_key_descending(query);
    let (better, way) = if descending {
        (">", "desc")
    } else {
        ("<", "asc")
    };
    let mut sql = Sql::default();
    sql.push(&format!(
        "select w.key as k, w.{name} as s0 from {table} w \
         cross join resource r0 on r0.key = w.key where w.param = "
    ));
    sql.int(param);
    if let Some(cursor) = &query.cursor
        && let Some(value) = cursor.values.first()
    {
        let less = if descending { "<" } else { ">" };
        sql.push(&format!(" and (w.{name}, w.key) {less} ("));
        bind(&mut sql, value);
        sql.push(", ").int(cursor.key).push(")");
    }
    // A resource is met at its first value in this order, and only there.
    sql.push(&format!(
        " and not exists (select 1 from {table} v where v.key = w.key and v.param = w.param \
         and v.{name} {better} w.{name})"
    ));
    sql.push(" and +r0.type = ")
        .text(query.kind.name())
        .push(" and ");
    plan::rest(&mut sql, query, scope, None);
    // Rows that differ in other columns only are one.
    sql.push(&format!(" group by w.{name}, w.key"));
    sql.push(&format!(" order by w.{name} {way}, w.key {way}"));
    sql
}

/// Writes ` and …`: that `r0` has no value of the parameter.
pub(super) fn without_value(sql: &mut Sql, param: i64, column: Column) {
    let (table, _) = place(column);
    sql.push(&format!(
        " and not exists (select 1 from {table} v where v.key = r0.key and v.param = "
    ));
    sql.int(param).push(")");
}

/// The values of the sort keys in a row of matches.
pub(super) fn places(row: &dyn Row, query: &Query) -> Result<Vec<Place>> {
    let each = query.sort.iter().enumerate();
    each.map(|(at, sort)| value(row, BEFORE + at, sort.by))
        .collect()
}

fn value(row: &dyn Row, at: usize, by: SortBy) -> Result<Place> {
    let place = match by {
        SortBy::Updated
        | SortBy::Parameter {
            column: Column::Date,
            ..
        } => row.int(at)?.map(Place::Integer),
        SortBy::Parameter {
            column: Column::Number,
            ..
        } => row.real(at)?.map(Place::Real),
        _ => row.text(at)?.map(|text| Place::Text(text.to_owned())),
    };
    Ok(place.unwrap_or(Place::Absent))
}
