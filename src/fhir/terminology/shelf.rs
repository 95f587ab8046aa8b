//! Definitions of one kind by their canonical URL, each read when it is first asked for.
//!
//! R4 alone has more than a thousand code systems: a server that starts reads none of them.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use serde_json::Value;

/// Definitions of one kind.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    by_url: HashMap<Box<str>, Vec<Volume<T>>>,
}

/// One version of one definition.
#[derive(Debug)]
pub(super) struct Volume<T> {
    version: Option<Box<str>>,
    source: Source,
    read: OnceLock<T>,
}

#[derive(Debug)]
enum Source {
    /// A line of the embedded tables.
    Embedded(&'static str),
    /// A resource that has been loaded.
    Loaded(Arc<Value>),
}

/// What stands on a shelf.
pub(super) trait Read {
    /// Reads a resource; what is not as R4 wants it is passed over, for resources are judged when
    /// they are written.
    fn read(tree: &Value) -> Self;
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            by_url: HashMap::new(),
        }
    }
}

impl<T: Read> Shelf<T> {
    /// The lines of an embedded table. Each begins with its URL and its version, if it has one.
    pub fn embedded(lines: &'static str) -> Self {
        let mut shelf = Self::default();
        for line in lines.lines() {
            if let Some((url, version)) = heading(line) {
                shelf.put(url, version, Source::Embedded(line));
            }
        }
        shelf
    }

    /// Adds a resource that has been loaded; one without a URL is passed over.
    pub fn add(&mut self, resource: &Arc<Value>) {
        let text = |name| resource.get(name).and_then(Value::as_str);
        if let Some(url) = text("url") {
            self.put(url, text("version"), Source::Loaded(Arc::clone(resource)));
        }
    }

    fn put(&mut self, url: &str, version: Option<&str>, source: Source) {
        let volume = Volume {
            version: version.map(Into::into),
            source,
            read: OnceLock::new(),
        };
        self.by_url.entry(url.into()).or_default().push(volume);
    }

    /// Puts what is to be preferred first; of equals, what came last.
    pub fn sort(&mut self) {
        for volumes in self.by_url.values_mut().filter(|volumes| volumes.len() > 1) {
            volumes.sort_by(|a, b| a.rank().cmp(&b.rank()));
            volumes.reverse();
        }
    }

    /// The versions of a definition, the one to be preferred first.
    pub fn versions(&self, url: &str) -> &[Volume<T>] {
        self.by_url.get(url).map_or(&[], Vec::as_slice)
    }

    /// The URLs of all definitions, sorted.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        let mut urls: Vec<&str> = self.by_url.keys().map(|url| &**url).collect();
        urls.sort_unstable();
        urls.into_iter()
    }
}

impl<T: Read> Volume<T> {
    /// Its version.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// What it says.
    pub fn content(&self) -> &T {
        self.read.get_or_init(|| T::read(&self.tree()))
    }

    /// The resource itself.
    pub fn tree(&self) -> Arc<Value> {
        match &self.source {
            Source::Embedded(line) => Arc::new(serde_json::from_str(line).unwrap_or_default()),
            Source::Loaded(resource) => Arc::clone(resource),
        }
    }

    /// A member of the resource that has been loaded; none of an embedded one.
    pub fn loaded(&self, member: &str) -> Option<&str> {
        match &self.source {
            Source::Embedded(_) => None,
            Source::Loaded(resource) => resource.get(member)?.as_str(),
        }
    }

    /// Whether it is a code system without concepts of its own; it is not read for this.
    pub fn is_without_concepts(&self) -> bool {
        let is = |content: &str| matches!(content, "not-present" | "supplement");
        match &self.source {
            Source::Embedded(line) => line
                .split_once(r#""content":""#)
                .and_then(|(_, rest)| rest.split_once('"'))
                .is_some_and(|(content, _)| is(content)),
            Source::Loaded(resource) => resource["content"].as_str().is_some_and(is),
        }
    }

    /// What is to be preferred: the active, then the newer, then what was changed last.
    fn rank(&self) -> (u8, Vec<u64>, &str, &str) {
        let status = match self.loaded("status") {
            Some("active") => 3,
            Some("draft") => 2,
            Some("retired") => 0,
            _ => 1,
        };
        let version = self.version().unwrap_or_default();
        let changed = match &self.source {
            Source::Embedded(_) => "",
            Source::Loaded(tree) => tree["meta"]["lastUpdated"].as_str().unwrap_or_default(),
        };
        (status, numbers(version), version, changed)
    }
}

/// The numbers of a version, so that 4.10 comes after 4.9.
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// The URL and version with which a line of a table begins.
fn heading(line: &'static str) -> Option<(&'static str, Option<&'static str>)> {
    let (url, rest) = line.strip_prefix(r#"{"url":""#)?.split_once('"')?;
    let version = rest.strip_prefix(r#","version":""#);
    Some((url, version.and_then(|rest| Some(rest.split_once('"')?.0))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct Name(String);

    impl Read for Name {
        fn read(tree: &Value) -> Self {
            Self(tree["name"].as_str().unwrap_or_default().to_owned())
        }
    }

    fn shelf(resources: &[Value]) -> Shelf<Name> {
        let mut shelf = Shelf::default();
        for each in resources {
            shelf.add(&Arc::new(each.clone()));
        }
        shelf.sort();
        shelf
    }

    #[test]
    fn a_line_is_known_by_its_heading() {
        let shelf: Shelf<Name> = Shelf::embedded(
            "{\"url\":\"a\",\"version\":\"1\",\"name\":\"A\"}\n{\"url\":\"b\",\"name\":\"B\"}\n",
        );
        assert_eq!(shelf.versions("a")[0].version(), Some("1"));
        assert_eq!(shelf.versions("b")[0].version(), None);
        assert_eq!(shelf.versions("b")[0].content().0, "B");
        assert!(shelf.versions("c").is_empty());
    }

    #[test]
    fn the_active_and_newest_version_comes_first() {
        let shelf = shelf(&[
            json!({"url": "a", "version": "4.9.0", "status": "active", "name": "old"}),
            json!({"url": "a", "version": "4.10.0", "status": "active", "name": "new"}),
            json!({"url": "a", "version": "5.0.0", "status": "draft", "name": "draft"}),
            json!({"name": "without a URL"}),
        ]);
        let names: Vec<_> = shelf.versions("a").iter().map(|v| &v.content().0).collect();
        assert_eq!(names, ["new", "old", "draft"]);
        assert_eq!(shelf.urls().collect::<Vec<_>>(), ["a"]);
    }
}
