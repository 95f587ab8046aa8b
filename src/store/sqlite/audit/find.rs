//! What is looked for in the record of accesses, as a statement.
//!
//! Where a pseudonym is asked for, the statement begins at the rows that it leads to, and looks
//! through those that nothing leads to yet; else at the index of instants.

use rusqlite::{params_from_iter, types::Value};

use super::{AuditConnection, COLUMNS, entry, fault, number};
use crate::{
    kernel::problem::Result,
    store::{AuditQuery, AuditRow, Pseudonym},
};

/// A condition in the making, and the values that it binds.
#[derive(Default)]
struct Condition {
    text: String,
    values: Vec<Value>,
}

impl Condition {
    fn add(&mut self, text: &str, values: impl IntoIterator<Item = Value>) {
        self.text.push_str(if self.text.is_empty() {
            "where "
        } else {
            " and "
        });
        self.text.push_str(text);
        self.values.extend(values);
    }

    fn one_of(&mut self, column: &str, values: Option<&[Value]>) {
        self.among(column, "in", values);
    }

    fn among(&mut self, column: &str, how: &str, values: Option<&[Value]>) {
        if let Some(values) = values {
            let marks = vec!["?"; values.len()].join(", ");
            self.add(&format!("{column} {how} ({marks})"), values.iter().cloned());
        }
    }

    /// One of these pseudonyms stands where `holds` says.
    fn named(&mut self, names: Option<&[Pseudonym]>, holds: &str) {
        let Some(names) = names else { return };
        let each = format!(
            "seq in (select n.seq from named n where n.name = ? union all \
             select e.seq from entry e where e.seq > (select seq from naming) and {holds}) \
             and {holds}"
        );
        let all = vec![each.as_str(); names.len()].join(" or ");
        let all = if names.is_empty() { "false" } else { &all };
        let thrice = names.iter().flat_map(|name| {
            let name = Value::Blob(name.to_vec());
            [name.clone(), name.clone(), name]
        });
        self.add(&format!("({all})"), thrice);
    }
}

fn texts(texts: Option<&Vec<String>>) -> Option<Vec<Value>> {
    texts.map(|texts| texts.iter().cloned().map(Value::Text).collect())
}

fn numbers(numbers: Option<impl Iterator<Item = i64>>) -> Option<Vec<Value>> {
    numbers.map(|numbers| numbers.map(Value::Integer).collect())
}

fn condition(query: &AuditQuery) -> Condition {
    let mut condition = Condition::default();
    if let Some(from) = query.from {
        condition.add("at >= ?", [Value::Integer(from)]);
    }
    if let Some(until) = query.until {
        condition.add("at < ?", [Value::Integer(until)]);
    }
    let rows = query.rows.as_ref();
    let rows = numbers(rows.map(|rows| rows.iter().map(|row| row.cast_signed())));
    condition.one_of("seq", rows.as_deref());
    condition.named(query.patients.as_deref(), "instr(patients, ?) > 0");
    condition.named(query.entities.as_deref(), "entity = ?");
    condition.named(query.agents.as_deref(), "agent = ?");
    condition.one_of("client", texts(query.clients.as_ref()).as_deref());
    condition.one_of("action", texts(query.actions.as_ref()).as_deref());
    condition.one_of("event", texts(query.events.as_ref()).as_deref());
    let others = texts(query.other_than.as_ref());
    condition.among("event", "not in", others.as_deref());
    condition.one_of("session", texts(query.sessions.as_ref()).as_deref());
    let outcomes = query.outcomes.as_ref();
    let outcomes = numbers(outcomes.map(|all| all.iter().map(|each| i64::from(*each))));
    condition.one_of("outcome", outcomes.as_deref());
    condition
}

impl AuditConnection {
    pub fn search(&self, query: &AuditQuery) -> Result<Vec<AuditRow>> {
        let mut condition = condition(query);
        let (beyond, order) = if query.ascending {
            (">", "asc")
        } else {
            ("<", "desc")
        };
        if let Some((at, seq)) = query.after {
            let values = [Value::Integer(at), Value::Integer(seq.cast_signed())];
            condition.add(&format!("(at, seq) {beyond} (?, ?)"), values);
        }
        condition.values.push(Value::Integer(query.limit.into()));
        let text = format!(
            "select {COLUMNS} from entry {} order by at {order}, seq {order} limit ?",
            condition.text
        );
        let mut statement = self.connection.prepare_cached(&text).map_err(fault)?;
        let rows = statement
            .query_map(params_from_iter(condition.values), entry)
            .map_err(fault)?;
        rows.collect::<Result<_, _>>().map_err(fault)
    }

    pub fn count(&self, query: &AuditQuery) -> Result<u64> {
        let condition = condition(query);
        let text = format!("select count(*) from entry {}", condition.text);
        self.connection
            .query_row(&text, params_from_iter(condition.values), |row| {
                number(row, 0)
            })
            .map_err(fault)
    }
}
