//! The tables `about` and `custody`, and whom somebody can act for.

use std::cmp::Ordering;

use rusqlite::{Connection, Row, Statement, params};
use serde_json::json;

use super::{
    insert::{IndexRow, insert, replace},
    rows::fault,
};
use crate::{
    fhir::about::{About, CustodyRow},
    kernel::problem::{Category, Problem, Result},
    store::{CUSTODIANS_MAX, CUSTODY_LEVELS_MAX},
};

/// Whom somebody can act for: themselves; the parts of their establishments, their functions, the
/// teams that one of these is of; and, marked, the establishments above theirs. Besides, what a
/// Consent names them by: everybody ([`crate::fhir::consent::EVERYBODY`]), among whom those who stand
/// for a patient are not, and their purposes, or that they state none.
const CUSTODIANS: &str = "with recursive \
     own(name, level) as ( \
         select value, 0 from json_each(?1) \
         union select substr(u.patient, 2), o.level + 1 from own o \
             cross join custody u on u.custodian = o.name and u.denied = 0 \
                 and u.patient >= '@' and u.patient < 'A' \
             where o.level < ?2 and substr(u.patient, 2, instr(u.patient, '/') - 2) \
                 in ('CareTeam', 'Organization', 'PractitionerRole')), \
     above(name, level) as ( \
         select value, 0 from json_each(?1) where value like 'Organization/%' \
         union select u.custodian, a.level + 1 from above a \
             cross join custody u on u.patient = '@' || a.name and u.denied = 0 \
             where a.level < ?2) \
     select distinct name from own \
     union select '*' where exists (select 1 from json_each(?1) \
         where value not like 'RelatedPerson/%' and value not like '~%') \
     union select '~?' where exists (select 1 from json_each(?1)) \
         and not exists (select 1 from json_each(?1) where value like '~%') \
     union select '^' || name from above where level > 0 \
     order by 1";

/// Those who belong to custodians, by the names that the record of accesses has for them: their
/// patients (of marks, which begin with `@`, only those of practitioners are people), who has a role
/// with them, and they themselves.
const BELONGING: &str = "with own(name) as (select value from json_each(?1) where value not like '^%') \
     select value from json_each(?1) where value like 'Practitioner%' \
     union select 'Patient/' || u.patient from own o \
         cross join custody u on u.custodian = o.name and u.denied = 0 \
             and (u.patient < '@' or u.patient >= 'A') \
     union select a.fhir_user from own o \
         cross join account_role r on r.organization = o.name join account a on a.id = r.account \
     union select 'User/' || a.id from own o \
         cross join account_role r on r.organization = o.name join account a on a.id = r.account \
     union select 'Login/' || a.login from own o \
         cross join account_role r on r.organization = o.name join account a on a.id = r.account";

/// Writes the rows of a resource that has none.
pub(super) fn insert_about(connection: &Connection, key: i64, about: &About) -> Result<()> {
    insert(connection, key, &whom(about))?;
    insert(connection, key, &about.custody)
}

/// Makes the rows of a resource these.
pub(super) fn replace_about(connection: &Connection, key: i64, about: &About) -> Result<()> {
    replace(connection, key, &whom(about))?;
    replace(connection, key, &about.custody)
}

fn whom(about: &About) -> Vec<Whom> {
    about.whom.iter().cloned().map(Whom).collect()
}

/// Whom somebody can act for.
///
/// # Errors
/// `TooLarge`, if they are more than [`CUSTODIANS_MAX`].
pub(super) fn custodians(connection: &Connection, seeds: &[String]) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(CUSTODIANS).map_err(fault)?;
    let values = params![json!(seeds).to_string(), CUSTODY_LEVELS_MAX];
    let rows = statement
        .query_map(values, |row| row.get(0))
        .map_err(fault)?;
    let mut found = Vec::new();
    for row in rows {
        if found.len() == CUSTODIANS_MAX {
            return Err(Problem::new(
                Category::TooLarge,
                "too-costly",
                format!(
                    "One person can act for {CUSTODIANS_MAX} establishments and teams at most."
                ),
            ));
        }
        found.push(row.map_err(fault)?);
    }
    Ok(found)
}

/// The names of those who belong to custodians.
pub(super) fn belonging(connection: &Connection, custodians: &[String]) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(BELONGING).map_err(fault)?;
    let names = statement
        .query_map([json!(custodians).to_string()], |row| row.get(0))
        .map_err(fault)?;
    names.map(|name| name.map_err(fault)).collect()
}

/// One of those whom a resource is about.
#[derive(Debug, PartialEq, Eq)]
struct Whom(String);

impl IndexRow for Whom {
    const SELECT: &'static str = "select whom from about where key = ?";
    const INSERT: &'static str = "insert into about (key, whom) values (?, ?)";
    const DELETE: &'static str = "delete from about where key = ? and whom = ?";

    fn run(&self, statement: &mut Statement<'_>, key: i64) -> rusqlite::Result<usize> {
        statement.execute(params![key, self.0])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        row.get(0).map(Self)
    }

    fn order(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }

    /// Earlier versions go on being about them.
    fn note_gone(&self, connection: &Connection, key: i64) -> Result<()> {
        let sql = "insert or ignore into about_former (key, whom) values (?, ?)";
        let mut statement = connection.prepare_cached(sql).map_err(fault)?;
        let values = params![key, self.0];
        statement.execute(values).map(|_| ()).map_err(fault)
    }
}

impl IndexRow for CustodyRow {
    const SELECT: &'static str = "select patient, custodian, denied from custody where key = ?";
    const INSERT: &'static str =
        "insert into custody (key, patient, custodian, denied) values (?, ?, ?, ?)";
    const DELETE: &'static str = "delete from custody where key = ? and patient = ? \
                                  and custodian = ? and denied = ?";

    fn run(&self, statement: &mut Statement<'_>, key: i64) -> rusqlite::Result<usize> {
        statement.execute(params![key, self.patient, self.custodian, self.denied])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            patient: row.get(0)?,
            custodian: row.get(1)?,
            denied: row.get(2)?,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}
