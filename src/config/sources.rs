//! Merging: the manual's defaults, a file, variables and flags, in this order.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    path::{Path, PathBuf},
};

use config::{File, FileFormat, Map, Value, ValueKind};

use super::{
    Config, DEFAULT,
    manual::{self, SECRETS},
    nearest::nearest,
    secret::MASK,
};
use crate::kernel::problem::{Problem, Result};

/// What the operator gave, beside the defaults.
#[derive(Debug, Default)]
pub struct Sources {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// The environment; what does not begin with `VIGIE_` is passed over.
    pub environment: Vec<(String, String)>,
    /// Flags of the command line: their key and their text.
    pub flags: Vec<(&'static str, String)>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The manual.
    Default,
    /// The file of `--config`.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// The configuration in effect, and where each value comes from.
#[derive(Debug)]
pub struct Effective {
    /// The values, read and checked.
    pub config: Config,
    values: Layers,
}

/// Merges and checks what the operator gave.
///
/// # Errors
/// `Invalid`, with one issue for each key or variable at fault.
pub fn load(sources: &Sources) -> Result<Effective> {
    let mut values = Layers::defaults()?;
    if let Some(path) = &sources.file {
        values.add_file(path)?;
    }
    for (name, text) in &sources.environment {
        if name.starts_with("VIGIE_") {
            values.add_variable(name, text)?;
        }
    }
    for (key, text) in &sources.flags {
        values.set_text(key, text, Origin::Flag)?;
    }
    let mut config = values.read()?;
    config.mail.read_files()?;
    config.sms.read_files()?;
    config.federation.read_files()?;
    config.outbound.read_files()?;
    config.check()?;
    Ok(Effective { config, values })
}

impl Effective {
    /// The configuration as a file of its own, secrets masked, origins as comments.
    #[must_use]
    pub fn print(&self) -> String {
        let mut text = String::new();
        let mut section = String::new();
        for key in &self.values.order {
            let Some((value, origin)) = self.values.values.get(key) else {
                continue;
            };
            let (of, name) = key.split_once('.').unwrap_or(("", key));
            if of != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                let _ = writeln!(text, "{gap}[{of}]");
                of.clone_into(&mut section);
            }
            let _ = writeln!(text, "{name} = {}  # {origin}", literal(key, value));
        }
        text
    }
}

/// Every key with its value and where that comes from.
struct Layers {
    order: Vec<String>,
    values: BTreeMap<String, (ValueKind, Origin)>,
}

impl fmt::Debug for Layers {
    /// Values may be secrets, so only the keys are told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.order).finish()
    }
}

impl Layers {
    fn defaults() -> Result<Self> {
        let parsed = parse(DEFAULT, "default.toml")?;
        let values = parsed
            .into_iter()
            .map(|(key, value)| (key, (value, Origin::Default)))
            .collect();
        let order = manual::keys();
        Ok(Self { order, values })
    }

    fn add_file(&mut self, path: &Path) -> Result<()> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Problem::invalid("value", e.to_string()).at(&*place))?;
        for (key, value) in parse(&text, &place)? {
            let Some((default, _)) = self.values.get(&key) else {
                return Err(self.unknown(&key).within(&place));
            };
            if std::mem::discriminant(default) != std::mem::discriminant(&value) {
                let reason = format!("It is {} here.", noun(default));
                return Err(Problem::invalid("value", reason).at(key).within(&place));
            }
            self.set(&key, value, Origin::File(path.to_owned()));
        }
        Ok(())
    }

    fn add_variable(&mut self, name: &str, text: &str) -> Result<()> {
        let found = self.order.iter().find(|key| manual::variable(key) == name);
        if let Some(key) = found.cloned() {
            return self
                .set_text(&key, text, Origin::Variable(name.to_owned()))
                .map_err(|problem| problem.within(name));
        }
        let known: Vec<String> = self.order.iter().map(|key| manual::variable(key)).collect();
        let near = nearest(name, known.iter().map(String::as_str));
        Err(Problem::invalid("value", unknown_text("variable", near)).at(name))
    }

    /// Reads `text` as what the default of `key` is: a number, a truth value or a text.
    fn set_text(&mut self, key: &str, text: &str, origin: Origin) -> Result<()> {
        let Some((default, _)) = self.values.get(key) else {
            return Err(self.unknown(key));
        };
        let value = match default {
            ValueKind::I64(_) => text.parse().map(ValueKind::I64).ok(),
            ValueKind::Boolean(_) => text.parse().map(ValueKind::Boolean).ok(),
            _ => Some(ValueKind::String(text.to_owned())),
        };
        let Some(value) = value else {
            let reason = format!("It is {} here.", noun(default));
            return Err(Problem::invalid("value", reason).at(key));
        };
        self.set(key, value, origin);
        Ok(())
    }

    fn set(&mut self, key: &str, value: ValueKind, origin: Origin) {
        self.values.insert(key.to_owned(), (value, origin));
    }

    fn unknown(&self, key: &str) -> Problem {
        let near = nearest(key, self.order.iter().map(String::as_str));
        Problem::invalid("value", unknown_text("key", near)).at(key)
    }

    /// Reads the values into the sections.
    fn read(&self) -> Result<Config> {
        let values = self.values.iter();
        let values = values.map(|(key, (value, _))| (key.as_str(), value));
        Value::new(None, sections(values))
            .try_deserialize()
            .map_err(|e| read_problem(&e))
    }
}

/// Keys such as `section.key` and `section.part.key` as tables.
fn sections<'a>(values: impl Iterator<Item = (&'a str, &'a ValueKind)>) -> Map<String, Value> {
    let mut whole = Map::new();
    let mut inner: BTreeMap<&str, Vec<(&str, &ValueKind)>> = BTreeMap::new();
    for (key, value) in values {
        match key.split_once('.') {
            Some((section, name)) => inner.entry(section).or_default().push((name, value)),
            None => {
                whole.insert(key.to_owned(), Value::new(None, value.clone()));
            }
        }
    }
    for (section, values) in inner {
        let table = sections(values.into_iter());
        whole.insert(section.to_owned(), Value::new(None, table));
    }
    whole
}

/// The keys of a file, as `section.key`.
fn parse(text: &str, place: &str) -> Result<Vec<(String, ValueKind)>> {
    let refuse = |e: config::ConfigError| Problem::invalid("value", e.to_string()).at(place);
    let parsed = config::Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .build()
        .map_err(refuse)?;
    let mut keys = Vec::new();
    for (section, value) in parsed.cache.into_table().map_err(refuse)? {
        flatten(section, value.kind, &mut keys);
    }
    keys.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(keys)
}

fn flatten(key: String, value: ValueKind, keys: &mut Vec<(String, ValueKind)>) {
    match value {
        ValueKind::Table(entries) => {
            for (name, value) in entries {
                flatten(format!("{key}.{name}"), value.kind, keys);
            }
        }
        other => keys.push((key, other)),
    }
}

/// What the library says about a value, at its key.
fn read_problem(error: &config::ConfigError) -> Problem {
    let text = error.to_string();
    match text.split_once(" for key `") {
        Some((reason, rest)) => {
            let key = rest.split('`').next().unwrap_or_default();
            Problem::invalid("value", format!("{reason}.")).at(key)
        }
        None => Problem::invalid("value", text),
    }
}

fn unknown_text(what: &str, near: Option<&str>) -> String {
    match near {
        Some(near) => format!("There is no such {what}; {near} is the nearest."),
        None => format!("There is no such {what}."),
    }
}

const fn noun(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::I64(_) => "a whole number",
        ValueKind::Boolean(_) => "true or false",
        _ => "a text in quotes",
    }
}

fn literal(key: &str, value: &ValueKind) -> String {
    match value {
        ValueKind::String(text) if SECRETS.contains(&key) && !text.is_empty() => {
            format!("\"{MASK}\"")
        }
        ValueKind::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
