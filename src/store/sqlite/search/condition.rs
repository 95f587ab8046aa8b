//! A clause as a condition on a resource at hand.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html>.

use super::{
    compare::{codes, date, near, number, reference, string, text_part, token, uri, word},
    sql::{Scope, Sql},
};
use crate::fhir::{
    definitions::ResourceType,
    scope::Action,
    search::{
        extract::composite::CANONICAL_PART,
        query::clause::{Clause, CompositeTest, PartTest, Rows, Tests},
    },
};

/// Writes the clause as a condition on the resource `r{level}`.
pub(super) fn clause(sql: &mut Sql, clause: &Clause, level: usize, scope: &Scope<'_>) {
    let resource = format!("r{level}");
    match clause {
        Clause::Id(ids) => {
            sql.push(&resource).push(".id in ");
            sql.list(ids, ", ", |sql, id| {
                sql.text(id);
            });
        }
        Clause::Updated(tests) => {
            let column = format!("{resource}.updated");
            sql.list(tests, " or ", |sql, test| date(sql, test, &column, &column));
        }
        Clause::Some(rows) => some(sql, rows, &resource, scope),
        Clause::None(rows) => {
            sql.push("not ");
            some(sql, rows, &resource, scope);
        }
        Clause::Other(rows) => other(sql, rows, &resource, scope),
        Clause::All(clauses) | Clause::Any(clauses) => {
            let all = matches!(clause, Clause::All(_));
            sql.list(clauses, if all { " and " } else { " or " }, |sql, inner| {
                self::clause(sql, inner, level, scope);
            });
        }
        Clause::Not(inner) => {
            sql.push("not (");
            self::clause(sql, inner, level, scope);
            sql.push(")");
        }
        Clause::Word(test) => {
            sql.push("exists (select 1 from word t where t.key = ");
            sql.push(&resource).push(".key and ");
            word(sql, test);
            sql.push(")");
        }
        Clause::Missing(tables, missing) => {
            sql.push(if *missing { "not " } else { "" });
            // An empty "or" is false.
            sql.push("(0");
            for rows in tables {
                sql.push(" or ");
                some(sql, rows, &resource, scope);
            }
            sql.push(")");
        }
        Clause::Chain { param, targets } => chain(sql, (*param, targets), level, scope),
        Clause::Has {
            source,
            param,
            clause,
        } => has(sql, (*source, *param, clause), level, scope),
    }
}

fn chain(
    sql: &mut Sql,
    (param, targets): (i64, &[(ResourceType, Clause)]),
    level: usize,
    scope: &Scope<'_>,
) {
    let (resource, reference) = (format!("r{level}"), format!("f{level}"));
    let next = format!("r{}", level + 1);
    sql.push(&format!(
        "exists (select 1 from reference {reference} cross join resource {next} \
         on {next}.type = {reference}.target_type and {next}.id = {reference}.target_id \
         where {reference}.key = {resource}.key and {reference}.param = "
    ));
    sql.int(param).push(" and ");
    sql.list(targets, " or ", |sql, (kind, inner)| {
        sql.push(&reference).push(".target_type = ");
        sql.text(kind.name()).push(" and ");
        clause(sql, inner, level + 1, scope);
        sql.push(" and ");
        scope.visible(sql, &next, Some(*kind), &[Action::Search]);
    });
    sql.push(")");
}

fn has(
    sql: &mut Sql,
    (source, param, inner): (ResourceType, i64, &Clause),
    level: usize,
    scope: &Scope<'_>,
) {
    let (resource, reference) = (format!("r{level}"), format!("f{level}"));
    let next = format!("r{}", level + 1);
    sql.push(&format!(
        "exists (select 1 from reference {reference} cross join resource {next} \
         on {next}.key = {reference}.key where {reference}.target_id = {resource}.id \
         and {reference}.target_type = {resource}.type and {reference}.param = "
    ));
    sql.int(param).push(" and ");
    clause(sql, inner, level + 1, scope);
    sql.push(" and ");
    scope.visible(sql, &next, Some(source), &[Action::Search]);
    sql.push(")");
}

/// That the resource has a row which one of the tests accepts; without tests, any row.
fn some(sql: &mut Sql, rows: &Rows, resource: &str, scope: &Scope<'_>) {
    if let Tests::Composite(tests) = &rows.tests
        && !tests.is_empty()
    {
        sql.list(tests, " or ", |sql, test| {
            composite(sql, rows.param, test, resource);
        });
        return;
    }
    sql.push("exists (select 1 from ").push(table(&rows.tests));
    sql.push(" t where t.key = ").push(resource);
    sql.push(".key and t.param = ").int(rows.param);
    tests(sql, &rows.tests, scope);
    sql.push(")");
}

/// That the resource has a row which none of the tests accepts.
fn other(sql: &mut Sql, rows: &Rows, resource: &str, scope: &Scope<'_>) {
    sql.push("exists (select 1 from ").push(table(&rows.tests));
    sql.push(" t where t.key = ").push(resource);
    sql.push(".key and t.param = ").int(rows.param);
    sql.push(" and not (1");
    tests(sql, &rows.tests, scope);
    sql.push("))");
}

/// The table that has the rows.
pub(super) const fn table(tests: &Tests) -> &'static str {
    match tests {
        Tests::Token(_) | Tests::Codes(_) => "token",
        Tests::String(_) => "string",
        Tests::Date(_) => "date",
        Tests::Number(_) | Tests::Near(_) => "number",
        Tests::Reference(_) => "reference",
        Tests::Uri(_) => "uri",
        Tests::Composite(_) => "composite",
    }
}

fn tests(sql: &mut Sql, tests: &Tests, scope: &Scope<'_>) {
    match tests {
        Tests::Token(tests) => any(sql, tests, |sql, test| token(sql, test, "t")),
        Tests::Codes(codes) => {
            sql.push(" and (t.code, t.system) in (");
            self::codes(sql, codes);
            sql.push(")");
        }
        Tests::Near(tests) => any(sql, tests, near),
        Tests::String(tests) => any(sql, tests, |sql, test| string(sql, test, "t")),
        Tests::Date(tests) => any(sql, tests, |sql, test| {
            date(sql, test, "t.start", "t.\"end\"")
        }),
        Tests::Number(tests) => any(sql, tests, |sql, test| number(sql, test, "t")),
        Tests::Reference(tests) => any(sql, tests, |sql, test| reference(sql, test, scope)),
        Tests::Uri(tests) => any(sql, tests, uri),
        Tests::Composite(_) => {}
    }
}

fn any<T>(sql: &mut Sql, tests: &[T], each: impl FnMut(&mut Sql, &T)) {
    if !tests.is_empty() {
        sql.push(" and ").list(tests, " or ", each);
    }
}

/// That one instance has rows which the tests of all parts accept.
fn composite(sql: &mut Sql, param: i64, test: &CompositeTest, resource: &str) {
    sql.push("exists (select 1 from composite p0");
    for part in 1..test.parts.len() {
        sql.push(&format!(
            " cross join composite p{part} on p{part}.key = p0.key and p{part}.param = p0.param \
             and p{part}.part = {} and p{part}.instance = p0.instance",
            place(test, part)
        ));
    }
    sql.push(" where p0.key = ").push(resource);
    sql.push(&format!(".key and p0.part = {}", place(test, 0)));
    sql.push(" and p0.param = ").int(param);
    for (at, part) in test.parts.iter().enumerate() {
        let row = format!("p{at}");
        sql.push(" and (");
        match part {
            PartTest::Token(test) => token(sql, test, &row),
            PartTest::String(test) => text_part(sql, test, &row),
            PartTest::Date(test) => date(sql, test, &format!("{row}.low"), &format!("{row}.high")),
            PartTest::Number(test) | PartTest::Canonical(test) => number(sql, test, &row),
            PartTest::Hashed(hash) => {
                sql.push(&row).push(".code = ").int(*hash);
            }
        }
        sql.push(")");
    }
    sql.push(")");
}

/// Where the rows of a part are: quantities in base units have a place of their own.
fn place(test: &CompositeTest, part: usize) -> i64 {
    let own = i64::try_from(part).unwrap_or_default();
    match test.parts.get(part) {
        Some(PartTest::Canonical(_)) => own + CANONICAL_PART,
        _ => own,
    }
}
