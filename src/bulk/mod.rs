//! Work that is answered later, and resources in bulk: exports and imports.
//!
//! Each is an *errand*: durable in the database from the answer 202 on, done by a job that goes on
//! after a crash where it was, seen only by who asked, forgotten when it expires. Reading order:
//! [`asked`] (pure: what an export is asked), [`asker`] (who asked), [`export`], [`manifest`] (pure), [`errand`] (how far
//! one is, calling off, expiry), [`import`].
//!
//! What holds of an export:
//!
//! - it is the state of one instant, `transactionTime`: what changes later is given as it was then
//!   (what a type filter matches is looked up while the export runs);
//! - it is kept as references to versions and never as a copy, so that what is erased is in no
//!   export: a file that is downloaded afterwards is shorter;
//! - an export that was asked for single people or by their properties is erased as a whole.
//!
//! Specification: <http://hl7.org/fhir/R4/async.html>,
//! <http://hl7.org/fhir/uv/bulkdata/STU2/export.html>.

pub mod asked;
pub mod asker;
pub mod errand;
pub mod export;
pub mod import;
pub mod manifest;

use std::sync::Arc;

use jiff::SignedDuration;

pub use self::asker::{NoLogins, Renew};
use crate::{interactions::Context, queue::Handler};

/// How long an errand is kept after it was asked.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Most errands of one asker that are kept at the same time.
pub const ERRANDS_MAX: usize = 50;

/// Who does the jobs of errands.
#[must_use]
pub fn handlers(context: &Context, renew: &Arc<dyn Renew>) -> Vec<Arc<dyn Handler>> {
    vec![
        Arc::new(export::ExportHandler::new(
            context.clone(),
            Arc::clone(renew),
        )),
        Arc::new(import::ImportHandler::new(context.clone())),
        Arc::new(errand::ExpiryHandler),
    ]
}
