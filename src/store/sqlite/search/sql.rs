//! SQL text and the values bound to it, kept together.

use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteRow};

use crate::{kernel::problem::Result, store::sqlite::rows::problem};

/// A statement, or a part of one.
#[derive(Debug, Clone, Default)]
pub(super) struct Sql {
    text: String,
    binds: Vec<Bind>,
}

#[derive(Debug, Clone)]
enum Bind {
    Int(i64),
    Real(f64),
    Text(String),
}

impl Sql {
    pub fn new(text: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            binds: Vec::new(),
        }
    }

    /// Adds text; it is of this program, never of a request.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub fn int(&mut self, value: i64) -> &mut Self {
        self.bind(Bind::Int(value))
    }

    pub fn real(&mut self, value: f64) -> &mut Self {
        self.bind(Bind::Real(value))
    }

    pub fn text(&mut self, value: &str) -> &mut Self {
        self.bind(Bind::Text(value.to_owned()))
    }

    pub fn append(&mut self, other: &Self) -> &mut Self {
        self.text.push_str(&other.text);
        self.binds.extend(other.binds.iter().cloned());
        self
    }

    /// Adds what `each` writes for each item, with `separator` in between, in brackets.
    pub fn list<T>(
        &mut self,
        items: &[T],
        separator: &str,
        mut each: impl FnMut(&mut Self, &T),
    ) -> &mut Self {
        self.text.push('(');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.text.push_str(separator);
            }
            each(self, item);
        }
        self.text.push(')');
        self
    }

    fn bind(&mut self, value: Bind) -> &mut Self {
        self.text.push('?');
        self.binds.push(value);
        self
    }

    /// How SQLite would run the statement.
    #[cfg(test)]
    pub async fn explain(mut self, connection: &mut SqliteConnection) -> Vec<String> {
        self.text.insert_str(0, "explain query plan ");
        let rows = self.fetch(connection).await.unwrap();
        rows.iter().map(|row| sqlx::Row::get(row, 3)).collect()
    }

    /// Runs the statement.
    pub async fn fetch(self, connection: &mut SqliteConnection) -> Result<Vec<SqliteRow>> {
        let mut statement = sqlx::query(AssertSqlSafe(self.text));
        for bind in self.binds {
            statement = match bind {
                Bind::Int(value) => statement.bind(value),
                Bind::Real(value) => statement.bind(value),
                Bind::Text(value) => statement.bind(value),
            };
        }
        statement.fetch_all(connection).await.map_err(problem)
    }
}

/// What of the store may be seen.
pub(super) struct Scope<'a> {
    /// The patient whose compartment bounds it, if any.
    pub patient: Option<&'a str>,
}

impl Scope<'_> {
    /// That the resource `alias` is there and may be seen.
    pub fn visible(&self, sql: &mut Sql, alias: &str) {
        sql.push(alias).push(".deleted = 0");
        if let Some(patient) = self.patient {
            sql.push(" and exists (select 1 from compartment c where c.key = ")
                .push(alias)
                .push(".key and c.patient = ")
                .text(patient)
                .push(")");
        }
    }
}
