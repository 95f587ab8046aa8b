//! `${name}` in paths, headers, bodies and expectations.

use std::{collections::HashMap, sync::LazyLock};

use regex::{Captures, Regex};
use serde_json::Value;

/// What earlier steps have kept; `run` is unlike that of any other run.
#[derive(Debug, Clone, Default)]
pub struct Variables(HashMap<String, String>);

impl Variables {
    /// Keeps a value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Whether something is kept under this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The tree with every variable in its texts filled in; the first that is unknown is the
    /// error.
    pub fn fill(&self, tree: &Value) -> Result<Value, String> {
        Ok(match tree {
            Value::String(text) => Value::String(self.fill_text(text)?),
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|each| self.fill(each))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.fill(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    fn fill_text(&self, text: &str) -> Result<String, String> {
        static NAME: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"\$\{([A-Za-z0-9_]+)\}").ok());
        let Some(pattern) = NAME.as_ref() else {
            return Err("the pattern of variables is broken".to_owned());
        };
        let mut unknown = None;
        let filled = pattern.replace_all(text, |found: &Captures<'_>| {
            self.0.get(&found[1]).cloned().unwrap_or_else(|| {
                unknown = Some(found[1].to_owned());
                String::new()
            })
        });
        match unknown {
            None => Ok(filled.into_owned()),
            Some(name) => Err(format!("no step has kept '{name}'")),
        }
    }
}
