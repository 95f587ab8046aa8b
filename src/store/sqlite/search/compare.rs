//! Tests on the rows of one table, as conditions.
//!
//! Comparisons: <http://hl7.org/fhir/R4/search.html#prefix>.

use super::sql::{Scope, Sql};
use crate::fhir::{
    definitions::ResourceType,
    scope::Action,
    search::{
        hash,
        near::Vicinity,
        query::clause::{
            Codes, DateTest, NumberTest, Prefix, ReferenceTest, StringTest, SystemTest, TokenTest,
            UriTest, WordTest,
        },
    },
};

/// The last character of all, which ends a range of texts with a common beginning.
const LAST: char = char::MAX;

/// A test on the columns `code` and `system` of `row`.
pub(super) fn token(sql: &mut Sql, test: &TokenTest, row: &str) {
    let mut and = "";
    if let Some(code) = test.code {
        sql.push(row).push(".code = ").int(code);
        and = " and ";
    }
    match test.system {
        SystemTest::Any => {
            sql.push(if test.code.is_none() { "1" } else { "" });
        }
        SystemTest::Is(system) => {
            sql.push(and).push(row).push(".system = ").int(system);
        }
        SystemTest::IsOrImplied(system) => {
            sql.push(and).push(row).push(".system in (").int(system);
            sql.push(", ").int(hash::IMPLIED).push(")");
        }
    }
}

/// A test on the columns `folded` and `exact` of `t`.
pub(super) fn string(sql: &mut Sql, test: &StringTest, row: &str) {
    match test {
        StringTest::Prefix(folded) => {
            let end = format!("{folded}{LAST}");
            sql.push(row).push(".folded >= ").text(folded);
            sql.push(" and ").push(row).push(".folded < ").text(&end);
        }
        StringTest::Contains(folded) => {
            sql.push("instr(")
                .push(row)
                .push(".folded, ")
                .text(folded)
                .push(") > 0");
        }
        StringTest::Exact { folded, exact } => {
            sql.push(row).push(".folded = ").text(folded);
            sql.push(" and ").push(row).push(".exact = ").text(exact);
        }
        StringTest::Whole(folded) => {
            sql.push(row).push(".folded = ").text(folded);
        }
        StringTest::Ends(folded) => ends(sql, (row, "folded"), folded),
    }
}

/// That a text has this end. A negative place is counted from the end, a text that is shorter is
/// compared as a whole.
fn ends(sql: &mut Sql, (row, column): (&str, &str), end: &str) {
    let length = i64::try_from(end.chars().count()).unwrap_or(i64::MAX);
    sql.push("substr(").push(row).push(".").push(column);
    sql.push(", ").int(-length).push(") = ").text(end);
}

/// A test on the columns of `word`, as `t`.
pub(super) fn word(sql: &mut Sql, test: &WordTest) {
    if test.whole {
        sql.push("t.word = ").text(&test.word);
    } else {
        let end = format!("{}{LAST}", test.word);
        sql.push("t.word >= ").text(&test.word);
        sql.push(" and t.word < ").text(&end);
    }
    if test.narrative {
        sql.push(" and t.narrative = 1");
    }
}

/// Writes a `select` of the codes and systems; however many they are, it is one statement.
pub(super) fn codes(sql: &mut Sql, codes: &Codes) {
    let list: Vec<[i64; 2]> = codes
        .codes
        .iter()
        .map(|&(code, system)| [code, system])
        .collect();
    let list = serde_json::json!(list).to_string();
    sql.push("select j.value ->> 0 as code, j.value ->> 1 as system from json_each(")
        .text(&list);
    sql.push(") j");
    if codes.implied {
        sql.push(" union all select j.value ->> 0, ")
            .int(hash::IMPLIED);
        sql.push(" from json_each(").text(&list).push(") j");
    }
}

/// A test on the columns of a position: `low`, `high` and `value` are its coordinates.
pub(super) fn near(sql: &mut Sql, test: &Vicinity) {
    sql.push("t.value >= ").real(test.south);
    sql.push(" and t.value <= ").real(test.north).push(" and ");
    let centre = test.centre;
    for (at, (column, value)) in [("low", centre.x), ("high", centre.y), ("value", centre.z)]
        .into_iter()
        .enumerate()
    {
        sql.push(if at > 0 { " + " } else { "" });
        sql.push(&format!("(t.{column} - ")).real(value);
        sql.push(&format!(") * (t.{column} - "))
            .real(value)
            .push(")");
    }
    sql.push(" <= ").real(test.chord_squared);
}

/// A test on a range of two columns, both ends included.
pub(super) fn date(sql: &mut Sql, test: &DateTest, start: &str, end: &str) {
    let (first, last) = (test.span.start, test.span.end);
    let within = |sql: &mut Sql| {
        sql.push(start).push(" >= ").int(first).push(" and ");
        // The second bound on the start adds nothing but a range for the index.
        sql.push(start).push(" <= ").int(last).push(" and ");
        sql.push(end).push(" <= ").int(last);
    };
    match test.prefix {
        Prefix::Eq => within(sql),
        Prefix::Ne => {
            sql.push("not (");
            within(sql);
            sql.push(")");
        }
        Prefix::Gt => {
            sql.push(end).push(" > ").int(last);
        }
        Prefix::Lt => {
            sql.push(start).push(" < ").int(first);
        }
        Prefix::Ge => {
            sql.push("(").push(end).push(" > ").int(last).push(" or ");
            within(sql);
            sql.push(")");
        }
        Prefix::Le => {
            sql.push("(")
                .push(start)
                .push(" < ")
                .int(first)
                .push(" or ");
            within(sql);
            sql.push(")");
        }
        Prefix::Sa => {
            sql.push(start).push(" > ").int(last);
        }
        Prefix::Eb => {
            sql.push(end).push(" < ").int(first);
        }
        Prefix::Ap => {
            sql.push(start).push(" <= ").int(last).push(" and ");
            sql.push(end).push(" >= ").int(first);
        }
    }
}

/// A test on the columns `low`, `high`, `system` and `code` of `row`.
pub(super) fn number(sql: &mut Sql, test: &NumberTest, row: &str) {
    let column = |sql: &mut Sql, column: &str, operator: &str, value: f64| {
        sql.push(row).push(column).push(operator).real(value);
    };
    let value = test.value;
    match test.prefix {
        Prefix::Eq | Prefix::Ne => {
            sql.push(if test.prefix == Prefix::Ne {
                "not ("
            } else {
                "("
            });
            column(sql, ".low", " >= ", test.low);
            sql.push(" and ");
            column(sql, ".high", " < ", test.high);
            sql.push(")");
        }
        Prefix::Gt => column(sql, ".high", " > ", value),
        Prefix::Lt => column(sql, ".low", " < ", value),
        Prefix::Ge => column(sql, ".high", " >= ", value),
        Prefix::Le => column(sql, ".low", " <= ", value),
        Prefix::Sa => column(sql, ".low", " > ", value),
        Prefix::Eb => column(sql, ".high", " < ", value),
        Prefix::Ap => {
            column(sql, ".low", " <= ", test.high);
            sql.push(" and ");
            column(sql, ".high", " >= ", test.low);
        }
    }
    if let Some(system) = test.system {
        sql.push(" and ").push(row).push(".system = ").int(system);
    }
    if let Some(code) = test.code {
        sql.push(" and ").push(row).push(".code = ").int(code);
    }
}

/// A test on the columns `target_type` and `target_id` of `t`.
pub(super) fn reference(sql: &mut Sql, test: &ReferenceTest, scope: &Scope<'_>) {
    match test {
        ReferenceTest::Local { kind, id } => {
            sql.push("t.target_id = ").text(id);
            match kind {
                Some(kind) => sql.push(" and t.target_type = ").text(kind.name()),
                None => sql.push(" and t.target_type <> ''"),
            };
        }
        ReferenceTest::Within {
            kind,
            id,
            parent,
            above,
        } => {
            sql.push("t.target_type = ").text(kind.name());
            sql.push(" and t.target_id in (");
            within(sql, (*kind, id), (*parent, *above), scope);
            sql.push(")");
        }
        ReferenceTest::Text(text) => {
            sql.push("t.target_id = ")
                .text(text)
                .push(" and t.target_type = ''");
        }
    }
}

/// Writes a `select` of the ids of a resource and of those above or below it, as far as the permit
/// reaches what lies between. What goes round in a circle is met once.
fn within(
    sql: &mut Sql,
    (kind, id): (ResourceType, &str),
    (parent, above): (i64, bool),
    scope: &Scope<'_>,
) {
    sql.push("with recursive h(id) as (select ")
        .text(id)
        .push(" union ");
    if above {
        sql.push("select p.target_id from h cross join resource x on x.type = ");
        sql.text(kind.name());
        sql.push(
            " and x.id = h.id cross join reference p on p.key = x.key \
             and p.target_type = x.type and p.param = ",
        );
        sql.int(parent);
    } else {
        sql.push("select x.id from h cross join reference p on p.target_id = h.id and p.param = ");
        sql.int(parent)
            .push(" and p.target_type = ")
            .text(kind.name());
        sql.push(" cross join resource x on x.key = p.key and x.type = p.target_type");
    }
    sql.push(" where ");
    scope.visible(sql, "x", Some(kind), &[Action::Search]);
    sql.push(") select id from h");
}

/// A test on the column `value` of `t`.
pub(super) fn uri(sql: &mut Sql, test: &UriTest) {
    match test {
        UriTest::Is(value) => {
            sql.push("t.value = ").text(value);
        }
        UriTest::Below(value) => {
            let (from, to) = (format!("{value}/"), format!("{value}/{LAST}"));
            sql.push("(t.value = ")
                .text(value)
                .push(" or t.value >= ")
                .text(&from);
            sql.push(" and t.value < ").text(&to).push(")");
        }
    }
}

/// A test on the column `text` of a composite's row, which holds the folded text.
pub(super) fn text_part(sql: &mut Sql, test: &StringTest, row: &str) {
    match test {
        StringTest::Prefix(folded) | StringTest::Exact { folded, .. } => {
            let end = format!("{folded}{LAST}");
            sql.push(row).push(".text >= ").text(folded);
            sql.push(" and ").push(row).push(".text < ").text(&end);
        }
        StringTest::Whole(folded) => {
            sql.push(row).push(".text = ").text(folded);
        }
        StringTest::Ends(folded) => ends(sql, (row, "text"), folded),
        StringTest::Contains(folded) => {
            sql.push("instr(")
                .push(row)
                .push(".text, ")
                .text(folded)
                .push(") > 0");
        }
    }
}
