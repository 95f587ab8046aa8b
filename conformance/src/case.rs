//! What is asked: sections of cases, read from JSON and checked against `case.schema.json`.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::{expect::Expectation, smart::Filling};

/// A part of the specification.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its name on the command line.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// The page of the specification.
    pub spec: String,
    /// Steps that cases take by name.
    #[serde(default)]
    pub parts: BTreeMap<String, Vec<Value>>,
    /// What the file of logins must give for any of its cases.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Steps that all its cases build on, done once before them.
    #[serde(default)]
    pub fixture: Vec<Value>,
    /// What is asked.
    pub cases: Vec<Case>,
}

/// How binding a requirement is (RFC 2119).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// It must be so.
    Shall,
    /// It should be so.
    Should,
    /// It may be so; a server that says it offers it must do it right.
    May,
}

impl Level {
    /// As the specification writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shall => "SHALL",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// One requirement, and how it is seen whether it holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name, which no other case has.
    pub id: String,
    /// How binding it is.
    pub level: Level,
    /// The place in the specification, where it is not the section's.
    pub spec: Option<String>,
    /// The names that the suites of Inferno give the same test.
    #[serde(default)]
    pub inferno: Vec<String>,
    /// What is required.
    pub title: String,
    /// What the file of logins must give for the case to apply.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What the CapabilityStatement must say for the case to apply: all of it.
    #[serde(default)]
    pub when: Vec<Expectation>,
    /// Requests, one after the other; the case fails with the first that does.
    pub steps: Vec<Value>,
}

/// A request and what is expected of its answer. It is read after its variables are filled in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The verb.
    #[serde(rename = "do")]
    pub verb: String,
    /// Below the service base URL, with query; or an absolute URL.
    pub path: String,
    /// Headers, those that the runner sets of itself included.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A resource as JSON.
    pub body: Option<Value>,
    /// A body as it is.
    pub text: Option<String>,
    /// Names and values of a form.
    pub form: Option<BTreeMap<String, String>>,
    /// The client that shows who it is in the form.
    pub client: Option<String>,
    /// What is unlike itself in the client's assertion.
    pub assertion: Option<Value>,
    /// Who visits the page.
    #[serde(rename = "as")]
    pub user: Option<String>,
    /// What they type that they do not type elsewhere.
    #[serde(default)]
    pub walk: Vec<Filling>,
    /// A field at whose form the visit ends.
    pub until: Option<String>,
    /// Whether the visit begins with a POST.
    #[serde(default)]
    pub post: bool,
    /// Whether they come without the cookies of earlier visits.
    #[serde(default)]
    pub fresh: bool,
    /// Variables from the answer: `json:PATH`, `header:NAME` or `header:NAME:REGEX`.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
    /// Follows `next` links and takes all pages as one Bundle.
    #[serde(default)]
    pub pages: bool,
    /// Asks again, for some seconds, while the answer has this status.
    #[serde(rename = "while")]
    pub again: Option<u16>,
    /// What must hold of the answer.
    #[serde(default)]
    pub expect: Vec<Expectation>,
}

const SCHEMA: &str = include_str!("../case.schema.json");

/// The cases that come with the program.
const OWN: &[(&str, &str)] = &[
    ("capabilities", include_str!("../cases/capabilities.json")),
    ("read", include_str!("../cases/read.json")),
    ("create", include_str!("../cases/create.json")),
    ("update", include_str!("../cases/update.json")),
    ("delete", include_str!("../cases/delete.json")),
    ("conditional", include_str!("../cases/conditional.json")),
    ("patch", include_str!("../cases/patch.json")),
    ("history", include_str!("../cases/history.json")),
    ("formats", include_str!("../cases/formats.json")),
    ("search-token", include_str!("../cases/search-token.json")),
    ("search-string", include_str!("../cases/search-string.json")),
    ("search-date", include_str!("../cases/search-date.json")),
    ("search-number", include_str!("../cases/search-number.json")),
    (
        "search-reference",
        include_str!("../cases/search-reference.json"),
    ),
    (
        "search-special",
        include_str!("../cases/search-special.json"),
    ),
    (
        "search-results",
        include_str!("../cases/search-results.json"),
    ),
    ("batch", include_str!("../cases/batch.json")),
    ("transaction", include_str!("../cases/transaction.json")),
    ("operations", include_str!("../cases/operations.json")),
    ("validation", include_str!("../cases/validation.json")),
    ("terminology", include_str!("../cases/terminology.json")),
    ("sdc", include_str!("../cases/sdc.json")),
    ("bulk", include_str!("../cases/bulk.json")),
    ("binary", include_str!("../cases/binary.json")),
    ("smart", include_str!("../cases/smart.json")),
    ("smart-ehr", include_str!("../cases/smart-ehr.json")),
    ("smart-backend", include_str!("../cases/smart-backend.json")),
    (
        "smart-introspection",
        include_str!("../cases/smart-introspection.json"),
    ),
    ("smart-g10", include_str!("../cases/smart-g10.json")),
    ("smart-more", include_str!("../cases/smart-more.json")),
];

/// The sections of a folder, or those that come with the program; `only` names what is wanted.
///
/// # Errors
/// A file that cannot be read or does not fit the schema, a name that nothing has.
pub fn sections(folder: Option<&Path>, only: &[String]) -> Result<Vec<Section>, String> {
    let texts = match folder {
        None => OWN
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
        Some(folder) => of_folder(folder)?,
    };
    let schema: Value = serde_json::from_str(SCHEMA).map_err(|error| error.to_string())?;
    let schema = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
    let mut sections = Vec::new();
    for (name, text) in &texts {
        let value: Value =
            serde_json::from_str(text).map_err(|error| format!("{name}: {error}"))?;
        if let Some(fault) = schema.iter_errors(&value).next() {
            return Err(format!("{name}: at {}: {fault}", fault.instance_path()));
        }
        let section: Section =
            serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))?;
        sections.push(section);
    }
    select(sections, only)
}

fn of_folder(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let shown = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(shown)? {
        let path = entry.map_err(shown)?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let text = fs::read_to_string(&path).map_err(shown)?;
            found.push((path.display().to_string(), text));
        }
    }
    found.sort();
    Ok(found)
}

fn select(mut sections: Vec<Section>, only: &[String]) -> Result<Vec<Section>, String> {
    if only.is_empty() {
        return Ok(sections);
    }
    let wanted = |name: &str| only.iter().any(|each| each == name);
    for section in &mut sections {
        if !wanted(&section.id) {
            section.cases.retain(|case| wanted(&case.id));
        }
    }
    sections.retain(|section| !section.cases.is_empty());
    if sections.is_empty() {
        return Err("nothing has any of these names; --list tells what there is".to_owned());
    }
    Ok(sections)
}
