//! The FHIR interactions, one a file; nothing here knows HTTP's statuses.
//!
//! Each file has the same order: the address of its specification, its input, its function, its
//! tests. To add one: write `src/interactions/NAME.rs`, list it here, and give it a line in the
//! table of `http::router`; the CapabilityStatement follows from that table.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html>.

mod assembly;
mod batch;
mod etag;
mod links;
mod transaction;

pub mod advice;
pub mod bundle;
pub mod capabilities;
pub mod compartment;
pub mod conditional_delete;
pub mod conditional_update;
pub mod create;
pub mod criteria;
pub mod delete;
pub mod everything;
pub mod extract;
pub mod forms;
pub mod gate;
pub mod history;
pub mod meta;
pub mod pairs;
pub mod patch;
pub mod populate;
pub mod read;
pub mod search;
pub mod subset;
pub mod terminology;
pub mod update;
pub mod validate;
pub mod vread;

#[cfg(test)]
pub mod testing;

use std::sync::Arc;

use bytes::Bytes;

pub use self::etag::VersionTag;
use crate::{
    fhir::{definitions::ResourceType, json, resource::Resource, validate::Judgement},
    kernel::{
        chance::Chance,
        clock::Clock,
        id,
        problem::{Category, Problem, Result},
    },
    library::Library,
    store::{Store, Stored},
};

/// What every interaction needs.
#[derive(Clone)]
pub struct Context {
    /// Versions and their index.
    pub store: Store,
    /// The definitions that are loaded.
    pub library: Library,
    /// The time that new ids carry.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub chance: Arc<dyn Chance>,
    /// The service base URL, such as `https://example.org/fhir`, without a slash at its end.
    pub base: Arc<str>,
    /// Bounds on what one request may ask.
    pub limits: Limits,
}

/// Bounds on what one request may ask, and how what it brings is judged.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bounds on JSON.
    pub json: json::Limits,
    /// Whether a conditional deletion may concern several resources.
    pub delete_several: bool,
    /// Most entries of a batch or transaction.
    pub bundle_entries_max: usize,
    /// Entries of a page that names no `_count`.
    pub page_default: u32,
    /// Most entries of a page; a greater `_count` is cut to this.
    pub page_max: u32,
    /// How what is to be stored is judged.
    pub on_write: OnWrite,
    /// What becomes of narratives that do something in a browser.
    pub narratives: Narratives,
}

/// How what is to be stored is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnWrite {
    /// What R4 requires may be absent.
    Lenient,
    /// The structure of R4.
    #[default]
    Base,
    /// That, and what definitions say.
    Profiles,
}

/// What becomes of a narrative that does something in a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Narratives {
    /// It is refused.
    #[default]
    Refuse,
    /// What does something is taken out of it.
    Clean,
    /// It is stored as it is.
    Keep,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json: json::Limits::default(),
            delete_several: false,
            bundle_entries_max: 5_000,
            page_default: 20,
            page_max: 1_000,
            on_write: OnWrite::default(),
            narratives: Narratives::default(),
        }
    }
}

impl Context {
    /// An id that no resource has.
    #[must_use]
    pub fn new_id(&self) -> String {
        id::new_id(self.clock.now(), self.chance.as_ref())
    }

    /// How what is to be stored is judged now.
    ///
    /// # Errors
    /// `Fault`, if the definitions cannot be read.
    pub async fn judgement(&self) -> Result<Judgement> {
        let judgement = match self.limits.on_write {
            OnWrite::Lenient => Judgement::Lenient,
            OnWrite::Base => Judgement::Base,
            OnWrite::Profiles => Judgement::Profiles(self.library.knowledge().await?),
        };
        Ok(match self.limits.narratives {
            Narratives::Refuse => Judgement::Inert(Box::new(judgement)),
            Narratives::Clean => Judgement::Cleaned(Box::new(judgement)),
            Narratives::Keep => judgement,
        })
    }
}

/// What an interaction came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The version asked for.
    Version(Stored),
    /// The client holds the current version already.
    NotModified(Stored),
    /// A resource came to be.
    Created(Stored),
    /// A resource has a new version.
    Updated(Stored),
    /// Nothing was written: this resource satisfies the condition already.
    Existing(Stored),
    /// A deletion was recorded, or nothing stood there.
    Deleted(Option<Stored>),
    /// The headers of a version, or of something else, without a body: an entry that is a HEAD.
    Headed(Option<Stored>),
    /// A resource made for this answer, such as a Bundle.
    Document(Bytes),
    /// A table as CSV, and the name of the file that it may be kept in.
    Table(Bytes, &'static str),
    /// The work goes on; this Task tells how far it is.
    Accepted(Stored),
    /// The work goes on; how far it is is told elsewhere
    /// (<http://hl7.org/fhir/R4/async.html>).
    Underway {
        /// Where, below the service base URL.
        status: String,
        /// What is known by now.
        outcome: Bytes,
    },
}

/// Refuses a resource of another type than the URL names.
fn check_kind(resource: &Resource, kind: ResourceType) -> Result<()> {
    if resource.kind() == kind {
        return Ok(());
    }
    Err(Problem::malformed(
        "invalid",
        format!("The URL names {kind}, the body is a {}.", resource.kind()),
    )
    .at("resourceType"))
}

/// The version, or why there is none to show.
fn standing(found: Option<Stored>) -> Result<Stored> {
    match found {
        Some(stored) if stored.is_deleted() => Err(Problem::new(
            Category::Gone,
            "deleted",
            "The resource has been deleted.",
        )),
        Some(stored) => Ok(stored),
        None => Err(Problem::not_found("There is no such resource.")),
    }
}
