//! A clause as the set of keys that it finds, through the indexes that begin with values.

use super::{
    compare, condition,
    sql::{Scope, Sql},
};
use crate::fhir::{
    definitions::ResourceType,
    scope::Action,
    search::{
        near::Vicinity,
        query::clause::{
            Clause, Codes, DateTest, NumberTest, Prefix, ReferenceTest, Rows, StringTest, Tests,
            TokenTest, UriTest,
        },
    },
};

/// Keys of all resources that a clause can find.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// `select … as key …`, not always distinct.
    pub sql: Sql,
    /// Whether all of them satisfy the clause, so that it need not be tested again.
    pub exact: bool,
    /// Whether they come distinct and in the order of keys.
    pub ordered: bool,
    /// How likely it is that they are few; 0 is best.
    pub rank: u8,
}

/// The keys that a clause finds on `kind`; none if no index leads to them.
pub(super) fn of_clause(
    clause: &Clause,
    kind: ResourceType,
    level: usize,
    scope: &Scope<'_>,
) -> Option<Keys> {
    match clause {
        Clause::Id(ids) => {
            let mut sql = Sql::new("select i.key as key from resource i where i.type = ");
            sql.text(kind.name()).push(" and i.id in ");
            sql.list(ids, ", ", |sql, id| {
                sql.text(id);
            });
            Some(Keys {
                sql,
                exact: true,
                ordered: false,
                rank: 0,
            })
        }
        Clause::Some(rows) => of_rows(rows, scope),
        Clause::Chain { param, targets } => chain(*param, targets, level, scope),
        Clause::Has {
            source,
            param,
            clause,
        } => has((kind, *source), *param, clause, level, scope),
        Clause::All(clauses) => all(clauses, kind, level, scope),
        Clause::Any(clauses) => any(clauses, kind, level, scope),
        Clause::Word(test) => {
            let mut sql = Sql::new("select t.key as key from word t where ");
            compare::word(&mut sql, test);
            Some(Keys {
                sql,
                exact: true,
                ordered: test.whole && !test.narrative,
                rank: 4,
            })
        }
        Clause::Updated(_)
        | Clause::None(_)
        | Clause::Other(_)
        | Clause::Not(_)
        | Clause::Missing(..) => None,
    }
}

/// The keys of whichever of the clauses leads to the fewest, by its kind.
fn all(clauses: &[Clause], kind: ResourceType, level: usize, scope: &Scope<'_>) -> Option<Keys> {
    let keys = clauses
        .iter()
        .filter_map(|clause| of_clause(clause, kind, level, scope));
    let best = keys.min_by_key(|keys| keys.rank)?;
    Some(Keys {
        exact: false,
        ..best
    })
}

/// The keys of each of the clauses, if all have some.
fn any(clauses: &[Clause], kind: ResourceType, level: usize, scope: &Scope<'_>) -> Option<Keys> {
    let mut keys = clauses
        .iter()
        .map(|clause| of_clause(clause, kind, level, scope))
        .collect::<Option<Vec<Keys>>>()?
        .into_iter();
    let mut any = keys.next()?;
    any.ordered = false;
    for next in keys {
        any.sql.push(" union all ").append(&next.sql);
        any.exact &= next.exact;
        any.rank = any.rank.max(next.rank);
    }
    Some(any)
}

/// The keys of the resources in a patient's compartment.
pub(super) fn of_compartment(patient: &str) -> Keys {
    let mut sql = Sql::new("select c.key as key from compartment c where c.patient = ");
    sql.text(patient);
    Keys {
        sql,
        exact: true,
        ordered: true,
        rank: 2,
    }
}

fn of_rows(rows: &Rows, scope: &Scope<'_>) -> Option<Keys> {
    let mut sql = Sql::default();
    let (mut ordered, mut exact, mut rank) = (true, true, 3);
    let count = match &rows.tests {
        Tests::Token(tests) => {
            rank = 2;
            ordered = tests.iter().all(is_point);
            arms(&mut sql, rows, tests, token)?
        }
        Tests::Codes(codes) => {
            ordered = false;
            of_codes(&mut sql, rows.param, codes)
        }
        Tests::Near(tests) => {
            (ordered, rank) = (false, 5);
            arms(&mut sql, rows, tests, near)?
        }
        Tests::String(tests) => {
            ordered = false;
            arms(&mut sql, rows, tests, string)?
        }
        Tests::Date(tests) => {
            (ordered, rank) = (false, 5);
            arms(&mut sql, rows, tests, date)?
        }
        Tests::Number(tests) => {
            (ordered, rank) = (false, 5);
            arms(&mut sql, rows, tests, number)?
        }
        Tests::Reference(tests) => {
            rank = 1;
            ordered = tests.iter().all(is_one);
            let write = |sql: &mut Sql, test: &ReferenceTest| {
                compare::reference(sql, test, scope);
                Some(())
            };
            arms(&mut sql, rows, tests, write)?
        }
        Tests::Uri(tests) => {
            ordered = tests.iter().all(|test| matches!(test, UriTest::Is(_)));
            arms(&mut sql, rows, tests, uri)?
        }
        Tests::Composite(tests) => {
            exact = false;
            for (at, test) in tests.iter().enumerate() {
                let first = of_rows(&test.first, scope)?;
                ordered &= first.ordered;
                sql.push(if at > 0 { " union all " } else { "" });
                sql.append(&first.sql);
            }
            tests.len()
        }
    };
    Some(Keys {
        sql,
        exact,
        ordered: ordered && count == 1,
        rank,
    })
}

/// One range of the index for each code.
fn of_codes(sql: &mut Sql, param: i64, codes: &Codes) -> usize {
    sql.push("select t.key as key from (");
    compare::codes(sql, codes);
    sql.push(") c cross join token t on t.param = ").int(param);
    sql.push(" and t.code = c.code and t.system = c.system");
    1
}

/// Whether a reference is one place of the index.
const fn is_one(test: &ReferenceTest) -> bool {
    matches!(
        test,
        ReferenceTest::Local { kind: Some(_), .. } | ReferenceTest::Text(_)
    )
}

const fn is_point(test: &TokenTest) -> bool {
    use crate::fhir::search::query::clause::SystemTest;
    test.code.is_some() && matches!(test.system, SystemTest::Is(_))
}

/// One `select` for each test, so that each is one range of the index.
fn arms<T>(
    sql: &mut Sql,
    rows: &Rows,
    tests: &[T],
    write: impl Fn(&mut Sql, &T) -> Option<()>,
) -> Option<usize> {
    for (at, test) in tests.iter().enumerate() {
        sql.push(if at > 0 { " union all " } else { "" });
        sql.push("select t.key as key from ")
            .push(condition::table(&rows.tests))
            .push(" t where t.param = ")
            .int(rows.param)
            .push(" and ");
        write(sql, test)?;
    }
    Some(tests.len()).filter(|&count| count > 0)
}

fn token(sql: &mut Sql, test: &TokenTest) -> Option<()> {
    test.code?;
    compare::token(sql, test, "t");
    Some(())
}

fn string(sql: &mut Sql, test: &StringTest) -> Option<()> {
    if matches!(test, StringTest::Contains(_) | StringTest::Ends(_)) {
        return None;
    }
    compare::string(sql, test, "t");
    Some(())
}

fn date(sql: &mut Sql, test: &DateTest) -> Option<()> {
    match test.prefix {
        // Nothing bounds the start: every row would have to be looked at.
        Prefix::Ne | Prefix::Gt | Prefix::Ge | Prefix::Ap => return None,
        Prefix::Eq | Prefix::Sa => {}
        // The start of what is at an end before is before, too.
        Prefix::Lt | Prefix::Eb => {
            sql.push("t.start < ").int(test.span.start).push(" and ");
        }
        Prefix::Le => {
            sql.push("t.start <= ").int(test.span.end).push(" and ");
        }
    }
    compare::date(sql, test, "t.start", "t.\"end\"");
    Some(())
}

fn number(sql: &mut Sql, test: &NumberTest) -> Option<()> {
    if test.prefix != Prefix::Eq {
        return None;
    }
    // `value` lies between `low` and `high`, and has the index.
    sql.push("t.value >= ").real(test.low);
    sql.push(" and t.value < ").real(test.high).push(" and ");
    compare::number(sql, test, "t");
    Some(())
}

#[expect(clippy::unnecessary_wraps, reason = "one of several of this shape")]
fn near(sql: &mut Sql, test: &Vicinity) -> Option<()> {
    compare::near(sql, test);
    Some(())
}

fn uri(sql: &mut Sql, test: &UriTest) -> Option<()> {
    match test {
        UriTest::Is(_) => compare::uri(sql, test),
        UriTest::Below(_) => return None,
    }
    Some(())
}

fn chain(
    param: i64,
    targets: &[(ResourceType, Clause)],
    level: usize,
    scope: &Scope<'_>,
) -> Option<Keys> {
    let mut sql = Sql::default();
    let (s, r, f) = (
        format!("s{level}"),
        format!("r{}", level + 1),
        format!("g{level}"),
    );
    for (at, (kind, inner)) in targets.iter().enumerate() {
        let keys = of_clause(inner, *kind, level + 1, scope)?;
        sql.push(if at > 0 { " union all " } else { "" });
        sql.push(&format!("select {f}.key as key from ("))
            .append(&keys.sql);
        sql.push(&format!(
            ") {s} cross join resource {r} on {r}.key = {s}.key \
             cross join reference {f} on {f}.target_id = {r}.id \
             and {f}.target_type = {r}.type and {f}.param = "
        ));
        sql.int(param).push(&format!(" where {r}.type = "));
        sql.text(kind.name()).push(" and ");
        scope.visible(&mut sql, &r, Some(*kind), &[Action::Search]);
        if !keys.exact {
            sql.push(" and ");
            condition::clause(&mut sql, inner, level + 1, scope);
        }
    }
    Some(Keys {
        sql,
        exact: true,
        ordered: false,
        rank: 4,
    })
}

fn has(
    (kind, source): (ResourceType, ResourceType),
    param: i64,
    inner: &Clause,
    level: usize,
    scope: &Scope<'_>,
) -> Option<Keys> {
    let keys = of_clause(inner, source, level + 1, scope)?;
    let (s, r, f, q) = (
        format!("s{level}"),
        format!("r{}", level + 1),
        format!("g{level}"),
        format!("q{level}"),
    );
    let mut sql = Sql::default();
    sql.push(&format!("select {q}.key as key from ("))
        .append(&keys.sql);
    sql.push(&format!(
        ") {s} cross join resource {r} on {r}.key = {s}.key \
         cross join reference {f} on {f}.key = {r}.key and {f}.target_type = "
    ));
    sql.text(kind.name()).push(&format!(" and {f}.param = "));
    sql.int(param).push(&format!(
        " cross join resource {q} on {q}.type = {f}.target_type and {q}.id = {f}.target_id where "
    ));
    scope.visible(&mut sql, &r, Some(source), &[Action::Search]);
    if !keys.exact {
        sql.push(" and ");
        condition::clause(&mut sql, inner, level + 1, scope);
    }
    Some(Keys {
        sql,
        exact: true,
        ordered: false,
        rank: 4,
    })
}
