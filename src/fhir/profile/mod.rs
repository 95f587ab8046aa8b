//! Profiles: StructureDefinitions at hand by their canonical URL, those of R4 and those loaded.
//!
//! A definition is read when it is first wanted, and kept. Reading order: [`model`], `read`,
//! [`snapshot`], and here how definitions are found.
//!
//! Specification: <http://hl7.org/fhir/R4/profiling.html>.

mod controls;
pub mod model;
mod read;
pub mod snapshot;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, RwLock},
};

use serde_json::Value;

use self::model::{ExtensionContext, Profile};
use super::path::Expression;

const EMBEDDED: &str = include_str!("../../../profiles/r4/structure-definitions.jsonl");

/// Where the definitions of R4 have their URLs.
pub const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// The version of R4's own definitions.
pub const CORE_VERSION: &str = "4.0.1";

/// The longest chain of definitions that are made of one another.
const LONGEST_CHAIN: usize = 32;

/// The StructureDefinitions that are known.
#[derive(Debug, Default)]
pub struct Profiles {
    /// By URL; several where there are several versions, the latest first.
    known: HashMap<String, Vec<Source>>,
    /// What has been read, by canonical; none: it cannot be read.
    read: RwLock<HashMap<String, Option<Arc<Profile>>>>,
    /// What stands behind: R4's own.
    base: Option<&'static Self>,
    loaded: usize,
}

/// Where a definition stands before it is read.
#[derive(Debug)]
enum Source {
    Embedded(&'static str),
    Loaded(Arc<Value>),
}

impl Source {
    fn version(&self) -> Option<&str> {
        match self {
            Self::Embedded(_) => Some(CORE_VERSION),
            Self::Loaded(value) => value.get("version").and_then(Value::as_str),
        }
    }
}

impl Profiles {
    /// Those of R4 itself.
    #[must_use]
    pub fn core() -> &'static Arc<Self> {
        static CORE: LazyLock<Arc<Profiles>> = LazyLock::new(|| Arc::new(Profiles::embedded()));
        &CORE
    }

    fn embedded() -> Self {
        let mut known: HashMap<String, Vec<Source>> = HashMap::new();
        for line in EMBEDDED.lines() {
            // Every line begins with its URL.
            let url = line
                .strip_prefix("{\"url\":\"")
                .and_then(|rest| rest.split('"').next());
            if let Some(url) = url {
                known
                    .entry(url.to_owned())
                    .or_default()
                    .push(Source::Embedded(line));
            }
        }
        Self {
            known,
            ..Self::default()
        }
    }

    /// Those of R4 and these; other resources are passed over.
    #[must_use]
    pub fn with(loaded: &[Arc<Value>]) -> Self {
        let mut profiles = Self {
            base: Some(Self::core()),
            ..Self::default()
        };
        for resource in loaded {
            let text = |name: &str| resource.get(name).and_then(Value::as_str);
            if text("resourceType") != Some("StructureDefinition") {
                continue;
            }
            if let Some(url) = text("url") {
                let sources = profiles.known.entry(url.to_owned()).or_default();
                sources.push(Source::Loaded(Arc::clone(resource)));
                profiles.loaded += 1;
            }
        }
        for sources in profiles.known.values_mut() {
            sources.sort_by(|a, b| order(b.version()).cmp(&order(a.version())));
        }
        profiles
    }

    /// How many have been loaded beside R4's own.
    #[must_use]
    pub const fn loaded(&self) -> usize {
        self.loaded
    }

    /// The definition of a canonical, with or without `|version`.
    #[must_use]
    pub fn get(&self, canonical: &str) -> Option<Arc<Profile>> {
        self.read(canonical, &[])
    }

    /// The definition of a type of R4 or of a logical model that is loaded.
    #[must_use]
    pub fn of_type(&self, name: &str) -> Option<Arc<Profile>> {
        self.type_read(name, &[])
    }

    /// What cannot be read of a definition that is given, upon those that are known; none where its
    /// base is not known.
    #[must_use]
    pub fn defects(&self, given: &Value) -> Option<Vec<String>> {
        let url = given.get("url").and_then(Value::as_str).unwrap_or_default();
        Some(snapshot::tree(self, given, &[url])?.defects)
    }

    /// Whether a canonical is known at all, be it readable or not.
    #[must_use]
    pub fn knows(&self, canonical: &str) -> bool {
        self.find(canonical).is_some()
    }

    fn find(&self, canonical: &str) -> Option<&Source> {
        let canonical = canonical.split('#').next().unwrap_or(canonical);
        let (url, version) = match canonical.split_once('|') {
            Some((url, version)) => (url, Some(version)),
            None => (canonical, None),
        };
        let fits = |source: &&Source| {
            version.is_none_or(|asked| {
                source.version().is_some_and(|has| {
                    has == asked
                        || has
                            .strip_prefix(asked)
                            .is_some_and(|rest| rest.starts_with('.'))
                })
            })
        };
        self.known
            .get(url)
            .and_then(|sources| sources.iter().find(fits))
            .or_else(|| self.base?.find(canonical))
    }

    fn type_read(&self, name: &str, chain: &[&str]) -> Option<Arc<Profile>> {
        if name.contains(':') {
            return self.read(name, chain);
        }
        let mut url = String::with_capacity(CORE.len() + name.len());
        url.push_str(CORE);
        url.push_str(name);
        self.read(&url, chain)
    }

    /// As [`Profiles::get`], where the definitions of `chain` are being read already.
    fn read(&self, canonical: &str, chain: &[&str]) -> Option<Arc<Profile>> {
        if let Some(kept) = self.kept(canonical) {
            return kept;
        }
        let url = canonical.split(['|', '#']).next().unwrap_or(canonical);
        let own = self.known.contains_key(url);
        if !own && let Some(base) = self.base {
            return base.read(canonical, &[]);
        }
        if chain.contains(&url) || chain.len() >= LONGEST_CHAIN {
            return None;
        }
        let mut longer = chain.to_vec();
        longer.push(url);
        let profile = self.find(canonical).and_then(|source| match source {
            Source::Embedded(line) => profile(self, &serde_json::from_str(line).ok()?, &longer),
            Source::Loaded(value) => profile(self, value, &longer),
        });
        let profile = profile.map(Arc::new);
        // Within a circle a definition may be unreadable that is readable on its own.
        if (profile.is_some() || chain.is_empty())
            && own
            && let Ok(mut read) = self.read.write()
        {
            let kept = read.entry(canonical.to_owned()).or_insert(profile);
            return kept.clone();
        }
        profile
    }

    fn kept(&self, canonical: &str) -> Option<Option<Arc<Profile>>> {
        self.read.read().ok()?.get(canonical).cloned()
    }
}

/// Versions by their numbers, then by their text.
fn order(version: Option<&str>) -> Option<(Vec<u64>, &str)> {
    let version = version?;
    let numbers = version
        .split(['.', '-'])
        .map_while(|part| part.parse().ok())
        .collect();
    Some((numbers, version))
}

fn profile(profiles: &Profiles, given: &Value, chain: &[&str]) -> Option<Profile> {
    let grown = snapshot::tree(profiles, given, chain)?;
    let text = |name: &str| read::text(given, name);
    let list = |name: &str| {
        given
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    Some(Profile {
        url: text("url")?,
        version: text("version")
            .or_else(|| profiles.base.is_none().then(|| CORE_VERSION.to_owned())),
        title: text("title").or_else(|| text("name")).unwrap_or_default(),
        kind: text("type")?,
        is_constraint: text("derivation").as_deref() == Some("constraint"),
        is_modifier: is_modifier(given),
        contexts: list("context")
            .filter_map(|each| {
                Some(ExtensionContext {
                    kind: read::text(each, "type")?,
                    expression: read::text(each, "expression")?,
                })
            })
            .collect(),
        context_invariants: list("contextInvariant")
            .filter_map(Value::as_str)
            .filter_map(|text| Expression::compile(text).ok())
            .collect(),
        root: grown.root,
        defects: grown.defects,
    })
}

/// Whether the root element says so.
fn is_modifier(given: &Value) -> bool {
    let root = |part: &str| {
        given
            .get(part)?
            .get("element")?
            .get(0)?
            .get("isModifier")?
            .as_bool()
    };
    root("snapshot")
        .or_else(|| root("differential"))
        .unwrap_or_default()
}
