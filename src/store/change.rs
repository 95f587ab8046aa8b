//! What a write tells those who react to it.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Stored, Tx};
use crate::{fhir::resource::Resource, kernel::problem::Result};

/// One version just written, inside its transaction.
#[derive(Debug, Clone)]
pub struct Change {
    /// The new version.
    pub stored: Stored,
    /// Its tree; none for a deletion.
    pub resource: Option<Arc<Resource>>,
    /// The version before it, unless that was a deletion or nothing.
    pub previous: Option<Stored>,
}

/// Sees each change inside its transaction and may add to it.
///
/// A reactor is a pure decision over the change and what it reads, followed by writes through
/// the same [`Tx`]. It acts under its own system permit. An error fails the whole request, so a
/// reactor fails only where the write itself must not stand.
pub trait Reactor: Send + Sync {
    /// A name for the permit and the logs, such as `alerts.judge`.
    fn name(&self) -> &'static str;

    /// Whether the change concerns this reactor; cheap, called for each change.
    fn concerns(&self, change: &Change) -> bool;

    /// Adds to the transaction.
    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>>;
}
