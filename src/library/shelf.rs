//! What has been read of the definitions, so that a change costs what has changed.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use crate::{
    fhir::{
        knowledge::Knowledge,
        profile::Profiles,
        search::parameters::{Definition, Parameters},
        terminology::Terminology,
    },
    kernel::problem::Result,
    store::{IndexedParameter, Known, Loaded, Stored},
};

/// The definitions that stand, in the order of creation, and what they say.
#[derive(Debug)]
pub(super) struct Shelf {
    books: Vec<Book>,
    indexed: Vec<IndexedParameter>,
    /// What they say.
    pub knowledge: Arc<Knowledge>,
}

/// One version of a definition.
#[derive(Debug, Clone)]
struct Book {
    key: i64,
    version: u64,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Profile(Arc<Value>),
    Terminology(Arc<Value>),
    /// None where it cannot be read as a search parameter.
    Parameter(Option<Arc<Definition>>),
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            books: Vec::new(),
            indexed: Vec::new(),
            knowledge: Arc::clone(Knowledge::core()),
        }
    }
}

impl Shelf {
    /// The versions at hand.
    pub fn known(&self) -> Known {
        let versions = self.books.iter();
        versions.map(|book| (book.key, book.version)).collect()
    }

    /// The shelf after a reading. A part of the knowledge none of whose sources has changed stays
    /// the same.
    pub fn with(&self, loaded: Loaded) -> Result<Self> {
        let mut books: HashMap<i64, Book> = self
            .books
            .iter()
            .map(|book| (book.key, book.clone()))
            .collect();
        // One by one: the texts of thousands are not held beside their trees.
        for stored in loaded.fresh {
            books.insert(stored.key, Book::read(&stored)?);
        }
        let standing = loaded.standing.iter();
        let books: Vec<Book> = standing.filter_map(|(key, _)| books.remove(key)).collect();
        let mut next = Self {
            books,
            indexed: loaded.parameters,
            knowledge: Arc::clone(&self.knowledge),
        };
        next.knowledge = Arc::new(next.say(self));
        Ok(next)
    }

    fn say(&self, before: &Self) -> Knowledge {
        let mut known = Knowledge::clone(&before.knowledge);
        if self.versions(Book::profile) != before.versions(Book::profile) {
            let trees: Vec<_> = self.books.iter().filter_map(Book::profile).collect();
            known.profiles = Arc::new(Profiles::with(&trees));
        }
        if self.versions(Book::terminology) != before.versions(Book::terminology) {
            let trees: Vec<_> = self.books.iter().filter_map(Book::terminology).collect();
            known.terminology = Arc::new(Terminology::with(&trees));
        }
        if self.versions(Book::parameter) != before.versions(Book::parameter)
            || self.indexed != before.indexed
        {
            let read: Vec<_> = self.books.iter().filter_map(Book::parameter).collect();
            let ready = |param: i64, rules: i64| is_ready(&self.indexed, param, rules);
            known.parameters = Arc::new(Parameters::of(&read, &ready));
        }
        known
    }

    /// Key and version of the definitions of one part.
    fn versions<T>(&self, part: fn(&Book) -> Option<T>) -> Vec<(i64, u64)> {
        let books = self.books.iter().filter(|book| part(book).is_some());
        books.map(|book| (book.key, book.version)).collect()
    }
}

/// What of an element is written for people: half of a profile, which judges nothing.
const PROSE: [&str; 10] = [
    "alias",
    "comment",
    "definition",
    "example",
    "isModifierReason",
    "mapping",
    "meaningWhenMissing",
    "orderMeaning",
    "requirements",
    "short",
];

/// Takes out of a definition what is meant for the eye: it would be the greater part of what is
/// held in memory.
pub(super) fn forget_prose(tree: &mut Value) {
    let is_profile = tree["resourceType"] == "StructureDefinition";
    if let Some(members) = tree.as_object_mut() {
        members.shift_remove("text");
    }
    for part in ["snapshot", "differential"] {
        let elements = tree.get_mut(part).filter(|_| is_profile);
        let elements = elements.and_then(|part| part["element"].as_array_mut());
        for element in elements.into_iter().flatten() {
            if let Some(members) = element.as_object_mut() {
                members.retain(|name, _| !PROSE.contains(&name.trim_start_matches('_')));
            }
        }
    }
}

/// Whether the index has all rows of a parameter.
pub(super) fn is_ready(indexed: &[IndexedParameter], param: i64, rules: i64) -> bool {
    let mut known = indexed.iter();
    known.any(|each| each.param == param && each.rules == rules && each.ready)
}

impl Book {
    fn read(stored: &Stored) -> Result<Self> {
        let mut tree = stored.tree()?;
        forget_prose(&mut tree);
        let content = match stored.kind.name() {
            "SearchParameter" => Content::Parameter(Definition::of(&tree).map(Arc::new)),
            "StructureDefinition" => Content::Profile(Arc::new(tree)),
            _ => Content::Terminology(Arc::new(tree)),
        };
        Ok(Self {
            key: stored.key,
            version: stored.version,
            content,
        })
    }

    fn profile(&self) -> Option<Arc<Value>> {
        match &self.content {
            Content::Profile(tree) => Some(Arc::clone(tree)),
            _ => None,
        }
    }

    fn terminology(&self) -> Option<Arc<Value>> {
        match &self.content {
            Content::Terminology(tree) => Some(Arc::clone(tree)),
            _ => None,
        }
    }

    fn parameter(&self) -> Option<Arc<Definition>> {
        match &self.content {
            Content::Parameter(definition) => definition.clone(),
            _ => None,
        }
    }
}
