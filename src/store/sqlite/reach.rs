//! Whether a permit reaches one resource: a look-up or two, in the calling thread.
//!
//! What is a condition of each search ([`super::search`]) is decided here for a resource at hand.
//! Both say the same, and a test holds them to it: a resource is reached by a grant if it is about
//! somebody, and each of whom it is about is among the grant's marks or in the custody of one of its
//! custodians, and kept from none of them.
//!
//! A superseded version may have been about others; who reads it must reach these as well
//! (`about_former`). Whether what narrows a grant held of it is not known, since only the current
//! version has rows to search by: a grant that is narrowed shows none.

use rusqlite::{Connection, params_from_iter};

use super::{
    lookups,
    rows::fault,
    search::{Bind, Sql, narrowed},
};
use crate::{
    fhir::{
        about::{self, About},
        consent::PURPOSE,
        definitions::ResourceType,
        permit::{Bound, Bounds, Concern, Permit, Reach},
        scope::Action,
    },
    kernel::problem::Result,
};

/// Whom a resource is about.
const WHOM: &str = "select whom from about where key = ?";

/// Whom its earlier versions were about.
const FORMER: &str = "select whom from about_former where key = ?";

/// Who has somebody in custody, or is kept from them; these come first.
const CUSTODY: &str =
    "select denied, custodian, key from custody where patient = ? order by denied desc";

/// Who is excepted from a rule of a Consent.
const EXCEPTED: &str = "select custodian from custody where key = ? and patient = ? and denied = ?";

/// Which versions of a resource are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versions {
    /// The current one.
    Current,
    /// Any, so that those whom earlier ones were about count as well.
    All,
}

/// A resource that is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// Its type.
    pub kind: ResourceType,
    /// Its key.
    pub key: i64,
    /// What is read of it.
    pub versions: Versions,
}

/// Whether the permit reaches a resource by one of these actions.
pub(super) fn reaches(
    connection: &Connection,
    permit: &Permit,
    standing: Standing,
    actions: &[Action],
) -> Result<bool> {
    let key = standing.key;
    if let Some(patient) = permit.patient()
        && !lookups::patients(connection, key)?
            .iter()
            .any(|one| one == patient)
    {
        return Ok(false);
    }
    if let Some(concern) = permit.concern()
        && !is_concerned(connection, concern, standing)?
    {
        return Ok(false);
    }
    let bounds = match permit.bounds(Some(standing.kind), actions) {
        Bounds::All => return Ok(true),
        Bounds::Within(bounds) => bounds,
    };
    if bounds.is_empty() {
        return Ok(false);
    }
    let current = texts(connection, WHOM, key)?;
    let mut whom = current.clone();
    if standing.versions == Versions::All {
        whom.extend(texts(connection, FORMER, key)?);
    }
    for bound in bounds {
        let is_about = bound.reach == &Reach::Everything || !current.is_empty();
        let is_known = standing.versions == Versions::Current || bound.clause.is_none();
        if is_about
            && is_known
            && reaches_all(connection, bound.reach, &whom)?
            && holds(connection, &bound, key)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whom a resource is about, and with `former` whom its earlier versions were about; sorted.
pub(super) fn whom(connection: &Connection, key: i64, former: bool) -> Result<Vec<String>> {
    let mut whom = texts(connection, WHOM, key)?;
    if former {
        whom.extend(texts(connection, FORMER, key)?);
    }
    whom.sort_unstable();
    whom.dedup();
    Ok(whom)
}

/// Whether every patient whom a resource is about is one whom a concern has.
fn is_concerned(connection: &Connection, concern: &Concern, standing: Standing) -> Result<bool> {
    let whom = whom(connection, standing.key, standing.versions == Versions::All)?;
    for one in whom.iter().filter(|one| about::is_patient(one)) {
        if !concerns(connection, concern, one)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a concern has a patient.
pub(super) fn concerns(connection: &Connection, concern: &Concern, patient: &str) -> Result<bool> {
    if concern.whom.iter().any(|one| one == patient) {
        return Ok(true);
    }
    for reach in &concern.reaches {
        if reaches_whom(connection, reach, patient)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// By which of its bounds the permit may write what is about these: their places. A resource that
/// was not there is about itself by its own word; for the rest, what it says of custody does not
/// count, since nobody is to take somebody into their care by saying so.
pub(super) fn admitting(
    connection: &Connection,
    permit: &Permit,
    (kind, action): (ResourceType, Action),
    (about, own): (&About, Option<&str>),
) -> Result<Vec<usize>> {
    let Bounds::Within(bounds) = permit.bounds(Some(kind), &[action]) else {
        return Ok(vec![0]);
    };
    let mut admitting = Vec::new();
    for (at, bound) in bounds.iter().enumerate() {
        if admits(connection, bound.reach, (about, own))? {
            admitting.push(at);
        }
    }
    Ok(admitting)
}

fn admits(
    connection: &Connection,
    reach: &Reach,
    (about, own): (&About, Option<&str>),
) -> Result<bool> {
    let Reach::Of { marks, custodians } = reach else {
        return Ok(true);
    };
    for whom in &about.whom {
        let by_own_word = own == Some(whom) && {
            let rows = about.custody.iter().filter(|row| row.patient == *whom);
            let mut rows = rows.map(|row| (row.denied, row.custodian.as_str()));
            rows.any(|(denied, name)| denied == 0 && custodians.iter().any(|one| one == name))
        };
        if !by_own_word && !reaches_one(connection, (marks, custodians), whom)? {
            return Ok(false);
        }
    }
    Ok(!about.whom.is_empty())
}

/// Whether one of the bounds that admit what was written holds of it as it stands now.
pub(super) fn admitted(
    connection: &Connection,
    permit: &Permit,
    (kind, action): (ResourceType, Action),
    (admitting, key): (&[usize], i64),
) -> Result<bool> {
    let Bounds::Within(bounds) = permit.bounds(Some(kind), &[action]) else {
        return Ok(true);
    };
    for (at, bound) in bounds.iter().enumerate() {
        if admitting.contains(&at) && holds(connection, bound, key)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether somebody is reached.
pub(super) fn reaches_whom(connection: &Connection, reach: &Reach, whom: &str) -> Result<bool> {
    match reach {
        Reach::Everything => Ok(true),
        Reach::Of { marks, custodians } => reaches_one(connection, (marks, custodians), whom),
    }
}

fn reaches_all(connection: &Connection, reach: &Reach, whom: &[String]) -> Result<bool> {
    for one in whom {
        if !reaches_whom(connection, reach, one)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether somebody, or a mark, is among the marks or in custody, and not denied.
fn reaches_one(
    connection: &Connection,
    (marks, custodians): (&[String], &[String]),
    whom: &str,
) -> Result<bool> {
    let is_marked = marks.iter().any(|mark| mark == whom);
    if custodians.is_empty() {
        return Ok(is_marked);
    }
    let mut statement = connection.prepare_cached(CUSTODY).map_err(fault)?;
    let mut rows = statement.query([whom]).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        let denied: i64 = row.get(0).map_err(fault)?;
        if is_marked && denied <= 0 || denied < 0 {
            break;
        }
        let name = row.get_ref(1).map_err(fault)?;
        let name = name
            .as_str()
            .map_err(crate::kernel::problem::Problem::fault)?;
        let is_meant = is_meant(name, custodians);
        if denied == 0 && is_meant {
            return Ok(true);
        }
        if is_meant {
            let rule = (row.get(2).map_err(fault)?, whom, denied);
            if !is_excepted(connection, rule, custodians)? {
                return Ok(false);
            }
        }
    }
    Ok(is_marked)
}

/// Whether a name is that of one of the custodians, and its purpose, if it has one, is one of theirs.
fn is_meant(name: &str, custodians: &[String]) -> bool {
    let is_own = |name: &str| custodians.iter().any(|one| one == name);
    match name.find(PURPOSE) {
        None => is_own(name),
        Some(at) => is_own(&name[..at]) && is_own(&name[at..]),
    }
}

/// Whether one of the custodians is excepted from the rule of a Consent.
fn is_excepted(
    connection: &Connection,
    (key, whom, rule): (i64, &str, i64),
    custodians: &[String],
) -> Result<bool> {
    let mut statement = connection.prepare_cached(EXCEPTED).map_err(fault)?;
    let values = rusqlite::params![key, whom, -rule];
    let mut rows = statement.query(values).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        let name: String = row.get(0).map_err(fault)?;
        if custodians.contains(&name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether what narrows a bound holds of a resource.
fn holds(connection: &Connection, bound: &Bound<'_>, key: i64) -> Result<bool> {
    let Some(clause) = bound.clause else {
        return Ok(true);
    };
    let sql: Sql = narrowed(clause, key);
    let mut statement = connection.prepare_cached(&sql.text).map_err(fault)?;
    let values = params_from_iter(sql.binds.iter().map(|bind| -> &dyn rusqlite::ToSql {
        match bind {
            Bind::Int(value) => value,
            Bind::Real(value) => value,
            Bind::Text(value) => value,
        }
    }));
    statement.exists(values).map_err(fault)
}

fn texts(connection: &Connection, sql: &str, key: i64) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let rows = statement
        .query_map([key], |row| row.get(0))
        .map_err(fault)?;
    rows.map(|row| row.map_err(fault)).collect()
}
