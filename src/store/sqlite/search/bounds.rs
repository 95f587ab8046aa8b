//! What of the store a permit reaches, as a condition on each resource that a statement touches.
//!
//! A resource is reached if each of whom it is about is: `min` over its rows of `about`, which is
//! null, and so not true, where it has none. [`crate::store::sqlite::reach`] decides the same for
//! one resource at hand.

use serde_json::json;

use super::{
    condition,
    keys::Keys,
    sql::{Scope, Sql},
};
use crate::fhir::{
    about::{self, SHARED},
    definitions::ResourceType,
    permit::{Bound, Bounds, Concern, Permit, Reach},
    scope::Action,
    search::query::Clause,
};

/// The level of the resource that a narrowing is looked up for: no chain is so deep.
const NARROWED: usize = 9;

/// The right under which a narrowing is looked at: what it asks lies within the resource.
static WITHIN: Permit = Permit::system("store.narrowing");

/// Most marks that are compared one by one.
const INLINE_MAX: usize = 4;

impl Scope<'_> {
    /// That the resource `alias`, of this type if that is known, is there and may be used by one of
    /// these actions.
    pub fn visible(
        &self,
        sql: &mut Sql,
        alias: &str,
        kind: Option<ResourceType>,
        actions: &[Action],
    ) {
        sql.push(alias).push(".deleted = 0");
        self.reached(sql, alias, kind, actions);
    }

    /// ` and …`: that the resource `alias`, deleted or not, may be used by one of these actions.
    pub fn reached(
        &self,
        sql: &mut Sql,
        alias: &str,
        kind: Option<ResourceType>,
        actions: &[Action],
    ) {
        if let Some(patient) = self.permit.patient() {
            sql.push(" and exists (select 1 from compartment c where c.key = ")
                .push(alias)
                .push(".key and c.patient = ")
                .text(patient)
                .push(")");
        }
        if let Some(concern) = self.permit.concern() {
            concerned(sql, concern, ("about", alias));
        }
        if let Bounds::Within(bounds) = self.permit.bounds(kind, actions) {
            // An empty "or" is false.
            sql.push(" and (0");
            for bound in &bounds {
                sql.push(" or (");
                within(sql, alias, bound);
                sql.push(")");
            }
            sql.push(")");
        }
    }

    /// ` and …`: that whom the earlier versions of the resource `alias` were about is reached too,
    /// or the version of `change` is the current one.
    pub fn reached_before(
        &self,
        sql: &mut Sql,
        (alias, change): (&str, &str),
        kind: Option<ResourceType>,
        actions: &[Action],
    ) {
        if let Some(concern) = self.permit.concern() {
            concerned(sql, concern, ("about_former", alias));
        }
        let Bounds::Within(bounds) = self.permit.bounds(kind, actions) else {
            return;
        };
        sql.push(&format!(
            " and ({change}.version = {alias}.version or not exists \
             (select 1 from about_former a where a.key = {alias}.key)"
        ));
        for bound in &bounds {
            sql.push(" or (");
            within(sql, alias, bound);
            if let Reach::Of { marks, custodians } = bound.reach {
                sql.push(" and (select min(");
                each(sql, marks, custodians);
                sql.push(") from about_former a where a.key = ");
                sql.push(alias).push(".key) = 1");
            }
            sql.push(")");
        }
        sql.push(")");
    }

    /// As [`Self::reached_before`], of who is shown an earlier version for what it was: only the
    /// current one has rows to search by, so that a grant which a search narrows shows no other.
    pub fn shown_before(
        &self,
        sql: &mut Sql,
        (alias, change): (&str, &str),
        kind: Option<ResourceType>,
        actions: &[Action],
    ) {
        let Bounds::Within(bounds) = self.permit.bounds(kind, actions) else {
            return;
        };
        if bounds.iter().all(|bound| bound.clause.is_none()) {
            return self.reached_before(sql, (alias, change), kind, actions);
        }
        sql.push(&format!(" and ({change}.version = {alias}.version"));
        for bound in bounds.iter().filter(|bound| bound.clause.is_none()) {
            sql.push(" or (");
            within(sql, alias, bound);
            if let Reach::Of { marks, custodians } = bound.reach {
                sql.push(" and ifnull((select min(");
                each(sql, marks, custodians);
                sql.push(") from about_former a where a.key = ");
                sql.push(alias).push(".key), 1) = 1");
            }
            sql.push(")");
        }
        sql.push(")");
    }

    /// Keys of all resources of this type, or of all types, that the permit can reach; none where
    /// that would be no beginning. They are not always distinct.
    pub(super) fn keys(&self, kind: Option<ResourceType>, actions: &[Action]) -> Option<Keys> {
        let Bounds::Within(bounds) = self.permit.bounds(kind, actions) else {
            return None;
        };
        let is_shared = kind.is_none_or(about::is_shared);
        let mut keys = Keys {
            sql: Sql::default(),
            exact: false,
            ordered: bounds.len() == 1,
            rank: 3,
        };
        for bound in &bounds {
            let Reach::Of { marks, custodians } = bound.reach else {
                return None;
            };
            let marks: Vec<&String> = marks
                .iter()
                .filter(|mark| is_shared || *mark != SHARED)
                .collect();
            keys.ordered &= marks.len() <= 1 && custodians.is_empty();
            if !marks.is_empty() {
                or(
                    &mut keys.sql,
                    "select a.key as key from about a where a.whom in ",
                );
                keys.sql.list(&marks, ", ", |sql, mark| {
                    sql.text(mark);
                });
            }
            if !custodians.is_empty() {
                in_custody(&mut keys.sql, custodians);
            }
        }
        if keys.sql.text.is_empty() {
            keys.sql.push("select key from resource where 0");
        }
        Some(keys)
    }
}

/// Begins one more way to find keys.
fn or(sql: &mut Sql, text: &str) {
    let is_first = sql.text.is_empty();
    sql.push(if is_first { "" } else { " union all " })
        .push(text);
}

/// Keys of what is about those whom somebody has in custody.
fn in_custody(sql: &mut Sql, custodians: &[String]) {
    or(
        sql,
        "select a.key as key from (select distinct u.patient as whom \
         from custody u where u.denied = 0 and u.custodian in (select value from json_each(",
    );
    sql.text(&json!(custodians).to_string());
    sql.push("))) p cross join about a on a.whom = p.whom");
}

/// ` and …`: that no patient is among those whom the resource `alias` is about whom a concern does
/// not have.
fn concerned(sql: &mut Sql, concern: &Concern, (table, alias): (&str, &str)) {
    sql.push(&format!(
        " and not exists (select 1 from {table} a where a.key = {alias}.key \
         and a.whom > '' and substr(a.whom, 1, 1) <> '@' and not ("
    ));
    each(sql, &concern.whom, &[]);
    for reach in &concern.reaches {
        sql.push(" or ");
        match reach {
            Reach::Everything => {
                sql.push("1");
            }
            Reach::Of { marks, custodians } => each(sql, marks, custodians),
        }
    }
    sql.push("))");
}

/// That the resource `alias` lies within a bound.
fn within(sql: &mut Sql, alias: &str, bound: &Bound<'_>) {
    sql.push("1");
    if let Some(kinds) = &bound.kinds {
        sql.push(" and ").push(alias).push(".type in ");
        sql.list(kinds, ", ", |sql, kind| {
            sql.text(kind.name());
        });
    }
    if let Reach::Of { marks, custodians } = bound.reach {
        sql.push(" and (select min(");
        each(sql, marks, custodians);
        sql.push(") from about a where a.key = ");
        sql.push(alias).push(".key) = 1");
    }
    if let Some(clause) = bound.clause {
        sql.push(" and exists (");
        let key = format!("{alias}.key");
        narrowed_by(sql, clause, |sql| {
            sql.push(&key);
        });
        sql.push(")");
    }
}

/// That one of whom a resource is about, `a.whom`, is reached.
fn each(sql: &mut Sql, marks: &[String], custodians: &[String]) {
    sql.push("((a.whom in ");
    if marks.len() <= INLINE_MAX {
        sql.list(marks, ", ", |sql, mark| {
            sql.text(mark);
        });
    } else {
        sql.push("(select value from json_each(");
        sql.text(&json!(marks).to_string()).push("))");
    }
    if !custodians.is_empty() {
        let custodians = json!(custodians).to_string();
        sql.push(" or ");
        in_care(sql, &custodians);
        sql.push(") and not (");
        kept_out(sql, &custodians);
    }
    sql.push("))");
}

/// That somebody, `a.whom`, is in the care of one of the custodians. The plus keeps the search from
/// beginning at each of the custodians: a patient has few.
fn in_care(sql: &mut Sql, custodians: &str) {
    sql.push(
        "exists (select 1 from custody u indexed by custody_by_patient \
         where u.patient = a.whom and u.denied = 0 \
         and +u.custodian in (select value from json_each(",
    );
    sql.text(custodians).push(")))");
}

/// That a Consent of somebody, `a.whom`, keeps one of the custodians out, for one of their purposes,
/// and none of them is excepted from that rule.
fn kept_out(sql: &mut Sql, custodians: &str) {
    let mut own = |text: &str| {
        sql.push(text).push(" in (select value from json_each(");
        sql.text(custodians).push("))");
    };
    own(
        "exists (select 1 from custody u indexed by custody_by_patient \
         where u.patient = a.whom and u.denied > 0 and (+u.custodian",
    );
    own(" or instr(u.custodian, '~') > 0 \
         and substr(u.custodian, 1, instr(u.custodian, '~') - 1)");
    own(" and substr(u.custodian, instr(u.custodian, '~'))");
    own(
        ") and not exists (select 1 from custody e where e.key = u.key \
         and e.patient = u.patient and e.denied = -u.denied and e.custodian",
    );
    sql.push("))");
}

/// What narrows a bound, of the resource of a key.
pub(in crate::store::sqlite) fn narrowed(clause: &Clause, key: i64) -> Sql {
    let mut sql = Sql::default();
    narrowed_by(&mut sql, clause, |sql| {
        sql.int(key);
    });
    sql
}

fn narrowed_by(sql: &mut Sql, clause: &Clause, key: impl FnOnce(&mut Sql)) {
    let scope = Scope { permit: &WITHIN };
    sql.push(&format!(
        "select 1 from resource r{NARROWED} where r{NARROWED}.key = "
    ));
    key(sql);
    sql.push(" and ");
    condition::clause(sql, clause, NARROWED, &scope);
}
