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
    /// The tree of the version before it, if there was one that was not a deletion.
    pub previous: Option<Arc<Resource>>,
}

/// Sees each change inside its transaction and may add to it.
///
/// A reactor is a pure decision over the change and what it reads, followed by writes through
/// the same [`Tx`]; an error fails the whole request, so a reactor fails only where the write
/// itself must not stand.
pub trait Reactor: Send + Sync {
    /// A name for logs, such as `alerts.judge`.
    fn name(&self) -> &'static str;

    /// Whether the change concerns this reactor; cheap, called for each change.
    fn concerns(&self, change: &Change) -> bool;

    /// Adds to the transaction.
    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>>;
}
