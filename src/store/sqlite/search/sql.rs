//! SQL text and the values bound to it, kept together.

use std::fmt::Write as _;

use crate::fhir::permit::Permit;
#[cfg(test)]
use crate::store::sqlite::{rows::Row, source::Source};

/// A statement, or a part of one.
#[derive(Debug, Clone, Default)]
pub(in crate::store::sqlite) struct Sql {
    pub text: String,
    pub binds: Vec<Bind>,
}

/// A value bound to a statement.
#[derive(Debug, Clone)]
pub(in crate::store::sqlite) enum Bind {
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

    /// Adds ` limit …`, as text: SQLite looks at a bound limit when it plans, and plans anew
    /// whenever one is bound. The limits of everyday are few.
    pub fn limit(&mut self, most: i64) -> &mut Self {
        let _ = write!(self.text, " limit {most}");
        self
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
    pub async fn explain(mut self, source: &mut impl Source) -> Vec<String> {
        self.text.insert_str(0, "explain query plan ");
        let step = |row: &dyn Row| Ok(row.text(3)?.unwrap_or_default().to_owned());
        source.fetch(self, step).await.unwrap()
    }
}

/// What of the store may be seen: [`super::bounds`].
pub(in crate::store::sqlite) struct Scope<'a> {
    /// Under which right.
    pub permit: &'a Permit,
}
