//! Histories: the changes of a resource, of a type or of all, newest first, with their versions.
//!
//! Changes are walked along an index that has their order, so that a page costs the same wherever
//! it begins; what a later commit adds lies before every page that was given out. What the permit
//! reaches is a condition of the walk, before any limit, or its beginning where that is little.

use super::{
    rows::{required, stored_from_row},
    search::{self, Scope, Sql},
    source::Source,
};
use crate::{
    fhir::{permit::Permit, scope::Action},
    kernel::problem::{Problem, Result},
    store::{Excerpt, History, HistoryOf, Moment, Stored},
};

/// A version is in `version`, unless it is the current one. The last two columns are its place in
/// the order of changes.
const COLUMNS: &str = "select r.key, r.type, r.id, c.version, coalesce(v.updated, r.updated), \
     coalesce(v.deleted, r.deleted), coalesce(v.hash, r.hash), coalesce(v.body, r.body), \
     c.at, c.seq from ";

const VERSIONS: &str = " cross join resource r on r.key = c.key \
     left join version v on v.key = c.key and v.version = c.version \
     where (v.version is not null or r.version = c.version)";

/// When a version ceased to be the current one.
const SUPERSEDED: &str = " and coalesce((select n.at from change n indexed by change_by_key \
     where n.key = c.key and n.seq > c.seq order by n.seq limit 1), 9223372036854775807) > ";

/// One page; `newest` is the current version of the one resource whose history it is.
///
/// # Errors
/// `Fault`, if the database fails or a version does not match its hash.
pub(super) async fn page(
    source: &mut impl Source,
    permit: &Permit,
    excerpt: &Excerpt,
    newest: Option<&Stored>,
) -> Result<History> {
    let counted = newest.filter(|_| excerpt.since.is_none() && excerpt.at.is_none());
    let mut history = History {
        total: match counted {
            Some(newest) => Some(total(source, permit, excerpt, newest).await?),
            None => None,
        },
        ..History::default()
    };
    let wanted = usize::try_from(excerpt.count).map_err(Problem::fault)?;
    if wanted == 0 {
        return Ok(history);
    }
    let few = few(source, permit, excerpt).await?;
    let statement = statement(permit, excerpt, newest, few.as_ref());
    let rows = source.fetch(statement, |row| {
        let (at, seq) = (required(row.int(8)?)?, required(row.int(9)?)?);
        Ok((stored_from_row(row)?, Moment { at, seq }))
    });
    let mut rows = rows.await?;
    if rows.len() > wanted {
        rows.truncate(wanted);
        history.next = rows.last().map(|(_, moment)| *moment);
    }
    history.versions = rows.into_iter().map(|(stored, _)| stored).collect();
    Ok(history)
}

/// How many versions of one resource are shown: who is bounded may not be shown all of them.
async fn total(
    source: &mut impl Source,
    permit: &Permit,
    excerpt: &Excerpt,
    newest: &Stored,
) -> Result<u64> {
    if permit.grants().is_none() {
        return Ok(newest.version);
    }
    let mut sql = Sql::new("select count(*) from change c indexed by change_by_key");
    sql.push(VERSIONS).push(" and c.key = ").int(newest.key);
    reached(&mut sql, permit, excerpt);
    let rows = source.fetch(sql, |row| required(row.int(0)?)).await?;
    let count: i64 = rows.first().copied().unwrap_or_default();
    Ok(count.unsigned_abs())
}

fn statement(
    permit: &Permit,
    excerpt: &Excerpt,
    newest: Option<&Stored>,
    few: Option<&Sql>,
) -> Sql {
    let mut sql = Sql::new(COLUMNS);
    match (newest, permit.patient(), &excerpt.of, few) {
        // That the permit reaches the one resource has been seen.
        (Some(_), ..) | (None, None, _, Some(_)) => sql.push("change c indexed by change_by_key"),
        (None, Some(_), ..) => {
            sql.push("compartment m cross join change c indexed by change_by_key on c.key = m.key")
        }
        (None, None, HistoryOf::System, None) => sql.push("change c indexed by change_by_time"),
        (None, None, ..) => sql.push("change c indexed by change_by_type"),
    };
    sql.push(VERSIONS);
    match (newest, permit.patient(), few) {
        (Some(newest), ..) => {
            sql.push(" and c.key = ").int(newest.key);
        }
        (None, Some(patient), _) => {
            sql.push(" and m.patient = ").text(patient);
        }
        (None, None, Some(few)) => {
            sql.push(" and c.key in (select key from (")
                .append(few)
                .push("))");
        }
        (None, None, None) => {}
    }
    if let HistoryOf::Type(kind) = &excerpt.of {
        sql.push(" and c.type = ").text(kind.name());
    }
    reached(&mut sql, permit, excerpt);
    bounds(&mut sql, excerpt);
    // One more than asked for tells whether there is a next page.
    sql.push(" order by c.at desc, c.seq desc")
        .limit(i64::from(excerpt.count) + 1);
    sql
}

/// ` and …`: that the permit reaches the version.
fn reached(sql: &mut Sql, permit: &Permit, excerpt: &Excerpt) {
    let scope = Scope { permit };
    let (kind, actions) = match &excerpt.of {
        HistoryOf::Instance(kind, _) => (Some(*kind), [Action::Read]),
        HistoryOf::Type(kind) => (Some(*kind), [Action::Search]),
        HistoryOf::System => (None, [Action::Search]),
    };
    if !matches!(excerpt.of, HistoryOf::Instance(..)) {
        scope.reached(sql, "r", kind, &actions);
    }
    scope.shown_before(sql, ("r", "c"), kind, &actions);
}

/// The keys of what the permit reaches, if they are few: then the walk begins at them.
async fn few(source: &mut impl Source, permit: &Permit, excerpt: &Excerpt) -> Result<Option<Sql>> {
    let kind = match &excerpt.of {
        HistoryOf::Instance(..) => return Ok(None),
        HistoryOf::Type(kind) => Some(*kind),
        HistoryOf::System => None,
    };
    search::few_keys(source, &Scope { permit }, kind).await
}

fn bounds(sql: &mut Sql, excerpt: &Excerpt) {
    if let Some(since) = excerpt.since {
        sql.push(" and c.at >= ").int(since.as_millisecond());
    }
    if let Some(span) = excerpt.at {
        sql.push(" and c.at <= ").int(span.end);
        sql.push(SUPERSEDED).int(span.start);
    }
    if let Some(after) = excerpt.after {
        sql.push(" and (c.at, c.seq) < (").int(after.at);
        sql.push(", ").int(after.seq).push(")");
    }
}
