//! What comes along with the matches.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#include>.

use serde_json::json;

use super::sql::{Scope, Sql};
use crate::{
    fhir::{
        scope::Action,
        search::query::{Include, Including, Query},
    },
    kernel::problem::{Problem, Result},
    store::{
        Hit, HitMode, Page,
        sqlite::{
            rows::{STORED_COLUMNS, stored_from_row},
            source::Source,
        },
    },
};

/// Most resources that includes add to a page.
pub(super) const INCLUDED_MAX: usize = 1_000;

/// Most times that `:iterate` goes on from what it has brought.
pub(super) const ITERATIONS_MAX: usize = 8;

/// Adds what the query's includes ask for; each resource is in the page once.
///
/// # Errors
/// `Malformed`, if it is more than [`INCLUDED_MAX`] resources or [`ITERATIONS_MAX`] levels.
pub(super) async fn add(
    source: &mut impl Source,
    query: &Query,
    scope: &Scope<'_>,
    page: &mut Page,
) -> Result<()> {
    if query.includes.is_empty() {
        return Ok(());
    }
    let matches = page.hits.len();
    let mut from = 0;
    for level in 0.. {
        let includes: Vec<&Include> = query
            .includes
            .iter()
            .filter(|include| level == 0 || include.iterate)
            .collect();
        if from == page.hits.len() || includes.is_empty() {
            return Ok(());
        }
        if level > ITERATIONS_MAX {
            let text = format!("The includes go on over more than {ITERATIONS_MAX} levels.");
            return Err(Problem::malformed("too-costly", text));
        }
        let room = INCLUDED_MAX + matches - page.hits.len();
        let next = page.hits.len();
        let sql = level_sql(&includes, (&page.hits, from), scope, room);
        let found = source.fetch(sql, stored_from_row).await?;
        page.hits.extend(found.into_iter().map(|stored| Hit {
            stored,
            mode: HitMode::Include,
        }));
        if page.hits.len() - matches > INCLUDED_MAX {
            let text = format!(
                "The includes bring more than {INCLUDED_MAX} resources: ask for a smaller _count."
            );
            return Err(Problem::malformed("too-costly", text));
        }
        from = next;
    }
    Ok(())
}

/// All that one level brings: keys through references, then the resources, without those that
/// are in the page already.
fn level_sql(
    includes: &[&Include],
    (hits, from): (&[Hit], usize),
    scope: &Scope<'_>,
    room: usize,
) -> Sql {
    let keys = |hits: &[Hit]| json!(hits.iter().map(|hit| hit.stored.key).collect::<Vec<i64>>());
    let fresh = keys(hits.get(from..).unwrap_or_default()).to_string();
    let present = keys(hits).to_string();
    let mut sql = Sql::default();
    sql.push("select ").push(STORED_COLUMNS);
    sql.push(" from resource r where r.key in (");
    for (at, include) in includes.iter().enumerate() {
        sql.push(if at > 0 { " union " } else { "" });
        if include.reverse {
            reverse(&mut sql, include, &fresh);
        } else {
            forward(&mut sql, include, &fresh);
        }
        if !include.canonicals.urls.is_empty() {
            sql.push(" union ");
            by_canonical(&mut sql, include, &fresh);
        }
    }
    sql.push(") and r.key not in (select value from json_each(");
    sql.text(&present).push(")) and ");
    scope.visible(&mut sql, "r", None, &[Action::Read, Action::Search]);
    sql.push(" order by r.key");
    sql.limit(i64::try_from(room).unwrap_or(i64::MAX).saturating_add(1));
    sql
}

/// Keys of what the resources of `fresh` refer to.
fn forward(sql: &mut Sql, include: &Include, fresh: &str) {
    sql.push("select x.key from json_each(").text(fresh);
    sql.push(") j cross join reference f on f.key = j.value");
    params(sql, include);
    sql.push(" cross join resource x on x.type = f.target_type and x.id = f.target_id");
    sql.push(" where f.target_type <> ''");
    if let Some(target) = include.target {
        sql.push(" and f.target_type = ").text(target.name());
    }
}

/// Keys of what refers to the resources of `fresh`.
fn reverse(sql: &mut Sql, include: &Include, fresh: &str) {
    sql.push("select f.key from json_each(").text(fresh);
    sql.push(") j cross join resource x on x.key = j.value");
    sql.push(" cross join reference f on f.target_id = x.id and f.target_type = x.type");
    params(sql, include);
    sql.push(" where 1");
    if let Some(target) = include.target {
        sql.push(" and x.type = ").text(target.name());
    }
}

/// Keys of what the resources of `fresh` refer to by a canonical URL, or of what refers to them by
/// theirs.
///
/// A canonical with a version has two rows, of which the one without it leads nowhere.
fn by_canonical(sql: &mut Sql, include: &Include, fresh: &str) {
    let key = if include.reverse { "f.key" } else { "u.key" };
    sql.push(&format!("select {key} from json_each("))
        .text(fresh);
    sql.push(") j cross join ");
    if include.reverse {
        sql.push("uri u on u.key = j.value and u.param in ");
        numbers(sql, &include.canonicals.urls);
        sql.push(
            " cross join reference f on f.target_type = '' and (f.target_id = u.value \
             or f.target_id in (select u.value || '|' || v.value from token v \
             where v.key = u.key and v.param in ",
        );
        numbers(sql, &include.canonicals.versions);
        sql.push("))");
        params(sql, include);
    } else {
        sql.push("reference f on f.key = j.value and f.target_type = ''");
        params(sql, include);
        sql.push(" cross join uri u on u.param in ");
        numbers(sql, &include.canonicals.urls);
        sql.push(
            " and u.value = substr(f.target_id, 1, instr(f.target_id || '|', '|') - 1) \
             and (instr(f.target_id, '|') = 0 or exists (select 1 from token v \
             where v.key = u.key and v.param in ",
        );
        numbers(sql, &include.canonicals.versions);
        sql.push(" and v.value = substr(f.target_id, instr(f.target_id, '|') + 1)))");
    }
    sql.push(
        " where instr(f.target_id, '|') > 0 or not exists (select 1 from reference g \
         where g.key = f.key and g.param = f.param and g.target_type = '' \
         and g.target_id > f.target_id || '|' and g.target_id < f.target_id || '}')",
    );
}

fn numbers(sql: &mut Sql, numbers: &[i64]) {
    sql.list(numbers, ", ", |sql, number| {
        sql.int(*number);
    });
}

fn params(sql: &mut Sql, include: &Include) {
    if let Including::Params(params) = &include.params {
        sql.push(" and f.param in ");
        numbers(sql, params);
    }
}
