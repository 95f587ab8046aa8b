//! Where a page begins: after the last match of the page before.
//!
//! It holds the sort values and the row key of that match, so that each match is visited once
//! as long as its row stays, whatever is written in between.

use serde_json::Value;

use super::result::{Column, Sort, SortBy};
use crate::kernel::problem::{Problem, Result};

/// Longest cursor that is read, in characters.
pub const CURSOR_LENGTH_MAX: usize = 8 * 1024;

/// A place in the order of matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    /// The value of each sort key.
    pub values: Vec<Place>,
    /// The row key.
    pub key: i64,
}

/// A value of a sort key.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// The match has no value; such matches come last.
    Absent,
    /// A date, as milliseconds.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Anything else.
    Text(String),
}

impl Cursor {
    /// The cursor as it stands in a link: hexadecimal, to be sent back unread.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut all = vec![Value::from(self.key)];
        all.extend(self.values.iter().map(|place| match place {
            Place::Absent => Value::Null,
            Place::Integer(value) => Value::from(*value),
            Place::Real(value) => Value::from(*value),
            Place::Text(value) => Value::from(value.as_str()),
        }));
        let text = Value::Array(all).to_string();
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads what [`Cursor::encode`] wrote for a search with the same `sort`.
    ///
    /// # Errors
    /// `Malformed` for anything else.
    pub fn decode(text: &str, sort: &[Sort]) -> Result<Self> {
        let refused = || Problem::malformed("value", "This _cursor is not one of this search.");
        let bytes = unhex(text).ok_or_else(refused)?;
        let all: Vec<Value> = serde_json::from_slice(&bytes).map_err(|_| refused())?;
        let (key, values) = all.split_first().ok_or_else(refused)?;
        let key = key.as_i64().ok_or_else(refused)?;
        if values.len() != sort.len() {
            return Err(refused());
        }
        let places = values
            .iter()
            .zip(sort)
            .map(|(value, sort)| place(value, sort.by));
        let values = places.collect::<Option<Vec<Place>>>().ok_or_else(refused)?;
        Ok(Self { values, key })
    }
}

fn place(value: &Value, by: SortBy) -> Option<Place> {
    if value.is_null() {
        return Some(Place::Absent);
    }
    match by {
        SortBy::Updated
        | SortBy::Parameter {
            column: Column::Date,
            ..
        } => value.as_i64().map(Place::Integer),
        SortBy::Parameter {
            column: Column::Number,
            ..
        } => value.as_f64().map(Place::Real),
        _ => value.as_str().map(|text| Place::Text(text.to_owned())),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() > CURSOR_LENGTH_MAX || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(column: Column) -> Sort {
        Sort {
            by: SortBy::Parameter { param: 1, column },
            descending: false,
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = Cursor {
            values: vec![
                Place::Absent,
                Place::Integer(i64::MIN),
                Place::Real(0.1),
                Place::Text("é".into()),
            ],
            key: 42,
        };
        let sort = [Column::String, Column::Date, Column::Number, Column::Uri].map(sort);
        assert_eq!(Cursor::decode(&cursor.encode(), &sort), Ok(cursor));
    }

    #[test]
    fn anything_else_is_refused() {
        let other = Cursor {
            values: vec![Place::Text("a".into())],
            key: 1,
        };
        let long = "00".repeat(CURSOR_LENGTH_MAX);
        for text in ["", "0", "zz", "5b5d", "é0", &other.encode(), &long] {
            let found = Cursor::decode(text, &[sort(Column::Date)]);
            assert!(found.is_err(), "{text}");
        }
        assert!(Cursor::decode(&other.encode(), &[]).is_err());
    }
}
