//! What a write tells those who react to it.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use jiff::Timestamp;

use super::{Stored, Tx};
use crate::{
    fhir::{permit::Actor, resource::Resource},
    kernel::problem::Result,
};

/// One version just written, inside its transaction.
#[derive(Debug, Clone)]
pub struct Change {
    /// The new version.
    pub stored: Stored,
    /// Its tree; none for a deletion.
    pub resource: Option<Arc<Resource>>,
    /// The version before it, unless that was a deletion or nothing.
    pub previous: Option<Stored>,
    /// Who wrote it.
    pub actor: Actor,
}

/// A version that is about to be written.
#[derive(Debug)]
pub struct Draft<'a> {
    /// The version that stands, unless there is none or it is a deletion.
    pub before: Option<&'a Stored>,
    /// Who writes.
    pub actor: &'a Actor,
    /// The instant that the version will carry.
    pub now: Timestamp,
    resource: &'a mut Resource,
    changed: bool,
}

impl<'a> Draft<'a> {
    /// Lets all reactors check and complete a version; says whether one has changed it.
    pub(super) fn shape(
        reactors: &[Arc<dyn Reactor>],
        before: Option<&'a Stored>,
        resource: &'a mut Resource,
        (actor, now): (&'a Actor, Timestamp),
    ) -> Result<bool> {
        let mut draft = Draft {
            before,
            actor,
            now,
            resource,
            changed: false,
        };
        for reactor in reactors {
            reactor.shape(&mut draft)?;
        }
        Ok(draft.changed)
    }

    /// What is about to be written.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        self.resource
    }

    /// The same, to be completed; its index rows are extracted anew.
    pub const fn change(&mut self) -> &mut Resource {
        self.changed = true;
        self.resource
    }
}

/// Sees each change inside its transaction and may add to it.
///
/// A reactor is a pure decision over the change and what it reads, followed by writes through
/// the same [`Tx`]. It acts under its own system permit. An error fails the whole request, so a
/// reactor fails only where the write itself must not stand.
pub trait Reactor: Send + Sync {
    /// A name for the permit and the logs, such as `alerts.judge`.
    fn name(&self) -> &'static str;

    /// Checks a version before it is written, and completes it with what only the server knows;
    /// pure, and called for each version, those of other reactors included.
    ///
    /// What is added here needs no second version, so that the writer's client holds the current
    /// one.
    ///
    /// # Errors
    /// Where the version must not stand.
    fn shape(&self, draft: &mut Draft<'_>) -> Result<()> {
        let _ = draft;
        Ok(())
    }

    /// Whether the change concerns this reactor; cheap, called for each change.
    fn concerns(&self, change: &Change) -> bool;

    /// Adds to the transaction.
    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>>;
}
