//! Profiles, tags and security labels that are in use: one resource for each.

use super::{
    rows::{STORED_COLUMNS, stored_from_row},
    search::{Scope, Sql},
    source::Source,
};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit, scope::Action, search::hash},
    kernel::problem::{Category, Problem, Result},
    store::{LABELS_MAX, Stored},
};

/// Current versions that together have every label that resources of these types have.
///
/// # Errors
/// `TooLarge`, if there are more labels than [`LABELS_MAX`].
pub(super) async fn labelled(
    source: &mut impl Source,
    permit: &Permit,
    kinds: &[ResourceType],
) -> Result<Vec<Stored>> {
    let mut sql = Sql::new("select ");
    sql.push(STORED_COLUMNS)
        .push(" from resource r where r.key in (");
    for (at, (table, codes, value)) in [
        ("token", &["_tag", "_security"][..], "t.code, t.system"),
        ("uri", &["_profile"][..], "t.value"),
    ]
    .into_iter()
    .enumerate()
    {
        sql.push(if at > 0 { " union " } else { "" });
        sql.push("select min(t.key) from ")
            .push(table)
            .push(" t where t.param in ");
        let params: Vec<i64> = kinds
            .iter()
            .flat_map(|kind| {
                codes
                    .iter()
                    .map(|code| hash::of_parameter(kind.name(), code))
            })
            .collect();
        sql.list(&params, ", ", |sql, param| {
            sql.int(*param);
        });
        if is_bounded(permit) {
            sql.push(" and exists (select 1 from resource x where x.key = t.key and ");
            let scope = Scope { permit };
            scope.visible(&mut sql, "x", None, &[Action::Read, Action::Search]);
            sql.push(")");
        }
        sql.push(" group by t.param, ").push(value);
    }
    sql.push(") and r.deleted = 0 order by r.key");
    let most = i64::try_from(LABELS_MAX).map_err(Problem::fault)?;
    sql.limit(most + 1);
    let found = source.fetch(sql, |row| stored_from_row(row)).await?;
    if found.len() > LABELS_MAX {
        return Err(Problem::new(
            Category::TooLarge,
            "too-costly",
            format!("More than {LABELS_MAX} profiles, tags and labels are in use."),
        ));
    }
    Ok(found)
}

/// Whether there is anything that the permit does not reach.
fn is_bounded(permit: &Permit) -> bool {
    permit.patient().is_some() || permit.grants().is_some()
}
