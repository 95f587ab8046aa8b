//! What is wrong with a text, and where.

use std::fmt;

/// Why a text is not read, or a value not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What is wrong: a clause without a full stop.
    pub message: String,
    /// Line and column of the text, both from 1; none where there is no text.
    pub at: Option<(usize, usize)>,
    /// The place in the resource, such as `Patient.name[0].given[1]`, as far as it is known.
    pub place: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => {
                write!(f, "line {line}, column {column}: {}", self.message)
            }
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

/// A fault while it is on its way out: its place is gathered from the inside.
#[derive(Debug)]
pub struct Fault {
    at: usize,
    message: String,
    /// Innermost first: a name, with the index of the item where it repeats.
    steps: Vec<String>,
}

pub type Read<T> = Result<T, Fault>;

impl Fault {
    pub fn at(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            steps: Vec::new(),
        }
    }

    pub fn within(mut self, name: &str, item: Option<usize>) -> Self {
        self.steps.push(match item {
            Some(item) => format!("{name}[{item}]"),
            None => name.to_owned(),
        });
        self
    }

    pub fn into_error(self, text: &str) -> Error {
        let before = text.get(..self.at).unwrap_or(text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let last = before.rsplit('\n').next().unwrap_or_default();
        let mut place = String::new();
        for step in self.steps.iter().rev() {
            if !place.is_empty() {
                place.push('.');
            }
            place.push_str(step);
        }
        Error {
            message: self.message,
            at: Some((line, last.chars().count() + 1)),
            place: (!place.is_empty()).then_some(place),
        }
    }
}
