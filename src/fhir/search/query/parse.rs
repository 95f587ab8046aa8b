//! Reading a whole request.

use std::sync::Arc;

use super::{
    Cursor, PARAMETERS_MAX, Query, Summary, Total,
    chain::Reader,
    clause::Clause,
    result::{count, include, sort, summary, total},
};
use crate::{
    fhir::{definitions::ResourceType, knowledge::Knowledge},
    kernel::problem::{Problem, Result},
};

/// What is to be done with a parameter that is not known
/// (<http://hl7.org/fhir/R4/search.html#errors>).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Handling {
    /// It is left out, from the self link too, and the answer says so.
    #[default]
    Lenient,
    /// The search is refused.
    Strict,
}

/// How a request is read.
#[derive(Debug, Clone)]
pub struct QueryOptions {
    /// What is to be done with unknown parameters.
    pub handling: Handling,
    /// Matches on a page where `_count` does not say.
    pub count_default: u32,
    /// Most matches on a page.
    pub count_max: u32,
    /// This server's base URL, which references in values may have.
    pub base: Option<String>,
    /// What the definitions say: search parameters, terminology.
    pub knowledge: Arc<Knowledge>,
}

impl Default for QueryOptions {
    fn default() -> Self {
        Self {
            handling: Handling::Lenient,
            count_default: 50,
            count_max: 1_000,
            base: None,
            knowledge: Arc::clone(Knowledge::core()),
        }
    }
}

impl Query {
    /// Reads the parameters of a search, percent-decoding done.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter: a bad value, an unsupported modifier, too much of
    /// anything, or an unknown parameter under [`Handling::Strict`].
    pub fn parse(
        kind: ResourceType,
        pairs: &[(String, String)],
        options: &QueryOptions,
    ) -> Result<Self> {
        if pairs.len() > PARAMETERS_MAX {
            return Err(Problem::malformed(
                "too-costly",
                format!("A search takes {PARAMETERS_MAX} parameters at most."),
            ));
        }
        let mut query = Self::new(kind);
        query.limit = Some(options.count_default.min(options.count_max));
        let reader = Reader::new(options.base.as_deref(), &options.knowledge);
        let mut cursor = None;
        for (key, value) in pairs {
            match key.as_str() {
                "_format" | "_pretty" => {}
                "_query" => return Err(named_query(value)),
                "_cursor" => cursor = Some(value),
                _ if query.control(key, value, options)? => {}
                _ => match reader.clause(kind, key, value, 0)? {
                    Some(clause) => {
                        query.add(clause);
                        query.applied.push((key.clone(), value.clone()));
                    }
                    None => query.leave_out(key, options)?,
                },
            }
        }
        // Only now is the order known that the cursor is a place in.
        query.cursor = match cursor {
            Some(text) => Some(Cursor::decode(text, &query.sort)?),
            None => None,
        };
        Ok(query)
    }

    /// Adds what must hold; what must hold together is looked at one by one.
    fn add(&mut self, clause: Clause) {
        match clause {
            Clause::All(clauses) => clauses.into_iter().for_each(|clause| self.add(clause)),
            one => self.clauses.push(one),
        }
    }

    /// Leaves a parameter out that is not known, or not in the index yet.
    fn leave_out(&mut self, key: &str, options: &QueryOptions) -> Result<()> {
        let code = key.split([':', '.']).next().unwrap_or_default();
        let (kind, shown) = (self.kind, shown(key));
        if options.knowledge.parameters.is_indexing(kind, code) {
            let notice = format!(
                "{kind} is being indexed by '{shown}' and cannot be searched by it yet; \
                 $reindex-status says how far that is."
            );
            if options.handling == Handling::Strict {
                return Err(Problem::malformed("incomplete", notice));
            }
            self.notices.push(notice);
            return Ok(());
        }
        let notice = format!("{kind} has no search parameter '{shown}'.");
        match options.handling {
            Handling::Lenient => {
                self.notices.push(notice);
                Ok(())
            }
            Handling::Strict => Err(Problem::malformed("not-found", notice)),
        }
    }

    /// Takes a parameter that says what is to be done with matches; `false` if it is not one.
    fn control(&mut self, key: &str, value: &str, options: &QueryOptions) -> Result<bool> {
        let mut applied = value.to_owned();
        match key {
            "_count" => {
                let count = count(value, options.count_max)?;
                self.limit = Some(count);
                applied = count.to_string();
            }
            "_sort" => self.sort = sort(&options.knowledge.parameters, self.kind, value)?,
            "_total" => self.total = total(value)?,
            "_summary" => self.summary = summary(value)?,
            "_elements" => self.elements = elements(value)?,
            "_contained" if value == "false" => {}
            "_contained" | "_containedType" => {
                return Err(Problem::malformed(
                    "not-supported",
                    "Contained resources are found by what contains them: \
                     _contained is false here.",
                ));
            }
            _ if matches!(key.split(':').next(), Some("_include" | "_revinclude")) => {
                self.includes.push(include(
                    &options.knowledge.parameters,
                    (key, value),
                    self.includes.len(),
                )?);
            }
            _ => return Ok(false),
        }
        if self.summary != Summary::False && !self.elements.is_empty() {
            return Err(Problem::malformed(
                "invalid",
                "_summary and _elements exclude each other.",
            ));
        }
        self.applied.push((key.to_owned(), applied));
        Ok(true)
    }

    /// Whether all matches are to be counted.
    #[must_use]
    pub fn is_total_wanted(&self) -> bool {
        self.total != Total::None || self.is_count_only()
    }
}

fn elements(value: &str) -> Result<Vec<String>> {
    let names: Vec<String> = value.split(',').map(str::to_owned).collect();
    let is_name = |name: &String| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
    };
    if names.len() > super::VALUES_MAX || !names.iter().all(is_name) {
        return Err(Problem::malformed(
            "value",
            "_elements is a list of element names.",
        ));
    }
    Ok(names)
}

fn named_query(name: &str) -> Problem {
    Problem::malformed(
        "not-supported",
        format!("There is no named query '{}' here.", shown(name)),
    )
}

/// A parameter's name for a message: short, and without what a name never has.
pub(super) fn shown(key: &str) -> String {
    key.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_-.:".contains(*c))
        .take(64)
        .collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
