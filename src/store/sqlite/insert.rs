//! Index rows, in and out.
//!
//! Rows are written by cached statements of a few sizes: a statement of sixteen rows costs little
//! more than half of sixteen statements. A row that is there already is passed over, which a
//! statement of several rows needs no journal of its own for. What an update leaves as it was is not
//! written: rows present are read along the primary key, and only the difference is.

use std::cmp::Ordering;

use rusqlite::{Connection, Row, Statement, ToSql, params};

use super::{
    about::{insert_about, replace_about},
    rows::fault,
};
use crate::{
    fhir::{
        definitions::ResourceType,
        search::rows::{
            CompositeRow, DateRow, IndexRows, NumberRow, ReferenceRow, StringRow, TokenRow, UriRow,
            WordRow,
        },
    },
    kernel::problem::Result,
};

/// A reference that only earlier versions have; by it they are found when its target is erased.
const FORMER: &str = "insert or ignore into former (target_id, target_type, key) values (?, ?, ?)";

/// How many rows one statement writes, the most first.
const SIZES: [usize; 5] = [16, 8, 4, 2, 1];

/// The parameters of one row in a statement of several.
pub(super) struct Parameters<'s, 'c> {
    statement: &'s mut Statement<'c>,
    first: usize,
}

impl Parameters<'_, '_> {
    fn bind(self, values: &[&dyn ToSql]) -> rusqlite::Result<()> {
        let mut values = values.iter().enumerate();
        values.try_for_each(|(n, value)| self.statement.raw_bind_parameter(self.first + n, value))
    }
}

/// A row of an index table. All columns are its primary key.
pub(super) trait IndexRow: Sized {
    /// Columns that [`IndexRow::read`] reads, of the resource `?1`.
    const SELECT: &'static str;
    /// Takes what [`IndexRow::run`] binds.
    const INSERT: &'static str;
    /// Takes the same.
    const DELETE: &'static str;
    /// How many values [`IndexRow::bind`] binds; none where rows are few, and written one by one.
    const VALUES: usize = 0;

    /// Binds the values of a row.
    fn bind(&self, _to: Parameters<'_, '_>, _key: i64) -> rusqlite::Result<()> {
        Ok(())
    }

    fn run(&self, statement: &mut Statement<'_>, key: i64) -> rusqlite::Result<usize> {
        let first = 1;
        self.bind(Parameters { statement, first }, key)?;
        statement.raw_execute()
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self>;
    fn order(&self, other: &Self) -> Ordering;

    /// Keeps what must be known of a row that an update takes away.
    fn note_gone(&self, _connection: &Connection, _key: i64) -> Result<()> {
        Ok(())
    }
}

/// Writes all rows of a resource that has none.
pub(super) fn insert_rows(connection: &Connection, key: i64, rows: &IndexRows) -> Result<()> {
    insert(connection, key, &rows.tokens)?;
    insert(connection, key, &rows.strings)?;
    insert(connection, key, &rows.dates)?;
    insert(connection, key, &rows.numbers)?;
    insert(connection, key, &rows.references)?;
    insert(connection, key, &rows.uris)?;
    insert(connection, key, &rows.words)?;
    insert(connection, key, &rows.composites)?;
    insert(connection, key, &rows.patients)?;
    insert_about(connection, key, &rows.about)
}

/// Makes the rows of a resource these.
pub(super) fn replace_rows(connection: &Connection, key: i64, rows: &IndexRows) -> Result<()> {
    replace(connection, key, &rows.tokens)?;
    replace(connection, key, &rows.strings)?;
    replace(connection, key, &rows.dates)?;
    replace(connection, key, &rows.numbers)?;
    replace(connection, key, &rows.references)?;
    replace(connection, key, &rows.uris)?;
    replace(connection, key, &rows.words)?;
    replace(connection, key, &rows.composites)?;
    replace(connection, key, &rows.patients)?;
    replace_about(connection, key, &rows.about)
}

/// Removes the rows of a resource but those of its compartments and of whom it is about: who could
/// see the resource may see that it is gone.
pub(super) fn delete_rows(connection: &Connection, key: i64) -> Result<()> {
    const TABLES: [&str; 10] = [
        // First, what its history goes on referring to.
        "insert or ignore into former (target_id, target_type, key) \
         select target_id, target_type, key from reference where key = ? and target_type <> ''",
        "delete from token where key = ?",
        "delete from string where key = ?",
        "delete from date where key = ?",
        "delete from number where key = ?",
        "delete from reference where key = ?",
        "delete from uri where key = ?",
        "delete from word where key = ?",
        "delete from composite where key = ?",
        // What is gone puts nobody into anybody's care, but a Patient stays in theirs.
        "delete from custody where key = ?1 \
         and not exists (select 1 from resource where key = ?1 and type = 'Patient')",
    ];
    for table in TABLES {
        let mut statement = connection.prepare_cached(table).map_err(fault)?;
        statement.execute([key]).map_err(fault)?;
    }
    Ok(())
}

pub(super) fn insert<'r, R: IndexRow + 'r>(
    connection: &Connection,
    key: i64,
    rows: impl IntoIterator<Item = &'r R>,
) -> Result<()> {
    if R::VALUES == 0 {
        return run(connection, R::INSERT, key, rows);
    }
    let rows: Vec<&R> = rows.into_iter().collect();
    let mut left = rows.as_slice();
    for size in SIZES {
        while let Some((several, rest)) = left.split_at_checked(size) {
            let text = statement_of::<R>(size);
            let mut statement = connection.prepare_cached(&text).map_err(fault)?;
            for (n, row) in several.iter().enumerate() {
                let to = Parameters {
                    statement: &mut statement,
                    first: n * R::VALUES + 1,
                };
                row.bind(to, key).map_err(fault)?;
            }
            statement.raw_execute().map_err(fault)?;
            left = rest;
        }
    }
    Ok(())
}

/// The statement that writes so many rows.
fn statement_of<R: IndexRow>(rows: usize) -> String {
    let (what, _) = R::INSERT.split_once("values").unwrap_or_default();
    let what = what.strip_prefix("insert into").unwrap_or(what);
    let mut text = String::with_capacity(what.len() + 32 + rows * (R::VALUES * 2 + 2));
    text.push_str("insert or ignore into");
    text.push_str(what);
    text.push_str("values ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(?" } else { ",(?" });
        for _ in 1..R::VALUES {
            text.push_str(",?");
        }
        text.push(')');
    }
    text
}

fn run<'r, R: IndexRow + 'r>(
    connection: &Connection,
    sql: &'static str,
    key: i64,
    rows: impl IntoIterator<Item = &'r R>,
) -> Result<()> {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    for row in rows {
        row.run(&mut statement, key).map_err(fault)?;
    }
    Ok(())
}

pub(super) fn replace<R: IndexRow>(connection: &Connection, key: i64, rows: &[R]) -> Result<()> {
    let mut statement = connection.prepare_cached(R::SELECT).map_err(fault)?;
    let present = statement.query_map([key], R::read).map_err(fault)?;
    let present: rusqlite::Result<Vec<R>> = present.collect();
    let mut present = present.map_err(fault)?;
    present.sort_unstable_by(R::order);
    let (gone, fresh) = difference(&present, rows);
    for row in &gone {
        row.note_gone(connection, key)?;
    }
    // A key that is about to come again, if only by the sign of a zero, has to go first.
    run(connection, R::DELETE, key, gone)?;
    insert(connection, key, fresh)
}

/// What is in the first list only, and what in the second; both are sorted.
fn difference<'r, R: IndexRow>(present: &'r [R], wanted: &'r [R]) -> (Vec<&'r R>, Vec<&'r R>) {
    let (mut gone, mut fresh) = (Vec::new(), Vec::new());
    let (mut present, mut wanted) = (present.iter().peekable(), wanted.iter().peekable());
    loop {
        let order = match (present.peek(), wanted.peek()) {
            (Some(old), Some(new)) => old.order(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return (gone, fresh),
        };
        if order == Ordering::Less {
            gone.extend(present.next());
        } else if order == Ordering::Greater {
            fresh.extend(wanted.next());
        } else {
            present.next();
            wanted.next();
        }
    }
}

impl IndexRow for TokenRow {
    const SELECT: &'static str = "select param, code, system, value from token where key = ?";
    const INSERT: &'static str =
        "insert into token (key, param, code, system, value) values (?1, ?2, ?3, ?4, ?5)";
    const DELETE: &'static str = "delete from token where key = ?1 and param = ?2 and code = ?3 and system = ?4 \
         and value = ?5";

    const VALUES: usize = 5;

    fn bind(&self, to: Parameters<'_, '_>, key: i64) -> rusqlite::Result<()> {
        to.bind(params![key, self.param, self.code, self.system, self.value])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            param: row.get(0)?,
            code: row.get(1)?,
            system: row.get(2)?,
            value: row.get(3)?,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

impl IndexRow for StringRow {
    const SELECT: &'static str = "select param, folded, exact from string where key = ?";
    const INSERT: &'static str =
        "insert into string (key, param, folded, exact) values (?, ?, ?, ?)";
    const DELETE: &'static str =
        "delete from string where key = ? and param = ? and folded = ? and exact = ?";

    const VALUES: usize = 4;

    fn bind(&self, to: Parameters<'_, '_>, key: i64) -> rusqlite::Result<()> {
        to.bind(params![key, self.param, self.folded, self.exact])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            param: row.get(0)?,
            folded: row.get(1)?,
            exact: row.get(2)?,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

impl IndexRow for DateRow {
    const SELECT: &'static str = "select param, start, \"end\" from date where key = ?";
    const INSERT: &'static str =
        "insert into date (key, param, start, \"end\") values (?, ?, ?, ?)";
    const DELETE: &'static str =
        "delete from date where key = ? and param = ? and start = ? and \"end\" = ?";

    const VALUES: usize = 4;

    fn bind(&self, to: Parameters<'_, '_>, key: i64) -> rusqlite::Result<()> {
        to.bind(params![key, self.param, self.start, self.end])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            param: row.get(0)?,
            start: row.get(1)?,
            end: row.get(2)?,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

impl IndexRow for NumberRow {
    const SELECT: &'static str =
        "select param, low, high, value, system, code from number where key = ?";
    const INSERT: &'static str = "insert into number (key, param, low, high, value, system, code) \
                                  values (?, ?, ?, ?, ?, ?, ?)";
    const DELETE: &'static str = "delete from number where key = ? and param = ? and low = ? \
                                  and high = ? and value = ? and system = ? and code = ?";

    const VALUES: usize = 7;

    fn bind(&self, to: Parameters<'_, '_>, key: i64) -> rusqlite::Result<()> {
        let (low, high, value) = (self.low, self.high, self.value);
        to.bind(params![
            key,
            self.param,
            low,
            high,
            value,
            self.system,
            self.code
        ])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            param: row.get(0)?,
            low: row.get(1)?,
            high: row.get(2)?,
            value: row.get(3)?,
            system: row.get(4)?,
            code: row.get(5)?,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        Self::order(self, other)
    }
}

impl IndexRow for ReferenceRow {
    const SELECT: &'static str =
        "select param, target_type, target_id from reference where key = ?";
    const INSERT: &'static str =
        "insert into reference (key, param, target_type, target_id) values (?, ?, ?, ?)";
    const DELETE: &'static str = "delete from reference where key = ? and param = ? \
                                  and target_type = ? and target_id = ?";

    const VALUES: usize = 4;

    fn bind(&self, to: Parameters<'_, '_>, key: i64) -> rusqlite::Result<()> {
        let kind = self.target_type.map_or("", ResourceType::name);
        to.bind(params![key, self.param, kind, self.target_id])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            param: row.get(0)?,
            target_type: ResourceType::named(row.get_ref(1)?.as_str()?),
            target_id: row.get(2)?,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn note_gone(&self, connection: &Connection, key: i64) -> Result<()> {
        let Some(kind) = self.target_type else {
            return Ok(());
        };
        let mut statement = connection.prepare_cached(FORMER).map_err(fault)?;
        let values = params![self.target_id, kind.name(), key];
        statement.execute(values).map(|_| ()).map_err(fault)
    }
}

impl IndexRow for UriRow {
    const SELECT: &'static str = "select param, value from uri where key = ?";
    const INSERT: &'static str = "insert into uri (key, param, value) values (?, ?, ?)";
    const DELETE: &'static str = "delete from uri where key = ? and param = ? and value = ?";

    const VALUES: usize = 3;

    fn bind(&self, to: Parameters<'_, '_>, key: i64) -> rusqlite::Result<()> {
        to.bind(params![key, self.param, self.value])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            param: row.get(0)?,
            value: row.get(1)?,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

impl IndexRow for WordRow {
    const SELECT: &'static str = "select word, narrative from word where key = ?";
    const INSERT: &'static str = "insert into word (key, word, narrative) values (?, ?, ?)";
    const DELETE: &'static str = "delete from word where key = ? and word = ? and narrative = ?";

    const VALUES: usize = 3;

    fn bind(&self, to: Parameters<'_, '_>, key: i64) -> rusqlite::Result<()> {
        to.bind(params![key, self.word, self.narrative])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            word: row.get(0)?,
            narrative: row.get(1)?,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

impl IndexRow for CompositeRow {
    const SELECT: &'static str = "select param, instance, part, code, system, low, high, text \
                                  from composite where key = ?";
    const INSERT: &'static str = "insert into composite (key, param, instance, part, code, system, low, high, text) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const DELETE: &'static str = "delete from composite where key = ? and param = ? \
                                  and instance = ? and part = ? and code = ? and system = ? \
                                  and low = ? and high = ? and text = ?";

    const VALUES: usize = 9;

    fn bind(&self, to: Parameters<'_, '_>, key: i64) -> rusqlite::Result<()> {
        to.bind(params![
            key,
            self.param,
            self.instance,
            self.part,
            self.code,
            self.system,
            self.low,
            self.high,
            self.text
        ])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            param: row.get(0)?,
            instance: row.get(1)?,
            part: row.get(2)?,
            code: row.get(3)?,
            system: row.get(4)?,
            low: row.get(5)?,
            high: row.get(6)?,
            text: row.get(7)?,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        Self::order(self, other)
    }
}

/// A patient whose compartment holds the resource.
impl IndexRow for String {
    const SELECT: &'static str = super::lookups::PATIENTS;
    const INSERT: &'static str = "insert into compartment (key, patient) values (?, ?)";
    const DELETE: &'static str = "delete from compartment where key = ? and patient = ?";

    const VALUES: usize = 2;

    fn bind(&self, to: Parameters<'_, '_>, key: i64) -> rusqlite::Result<()> {
        to.bind(params![key, self])
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        row.get(0)
    }

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

#[cfg(test)]
mod tests;
