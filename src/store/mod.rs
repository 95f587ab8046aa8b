//! The store: versions, index rows, changes and jobs, in one transaction.
//!
//! - [`Store`] is what the other layers hold; reads go to a pool, writes to the one writer.
//! - [`Tx`] is the one door to write. [`Tx::put`] writes the version, its history, its index
//!   rows, its compartments and its change in the caller's transaction, and then lets the
//!   [`Reactor`]s see the change and add to it.
//! - Everything takes a [`Permit`](crate::fhir::permit::Permit).
//!
//! To add a database: implement `Session` (rows of one connection) and `Readers` in a folder
//! beside `sqlite/`; nothing above this module changes.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#transactional-integrity>.

mod accounts;
mod audit;
mod canonical;
mod change;
mod clients;
mod counters;
mod custody;
mod definitions;
mod erase;
mod errands;
mod facade;
mod imports;
mod indexing;
mod jobs;
mod page;
mod prepared;
mod registry;
mod session;
mod sqlite;
mod stored;
#[cfg(test)]
mod tests;
mod tokens;
mod tx;
pub mod witness;
mod writer;

/// The version of the rules by which index rows are made of a resource: the tables, the extraction,
/// the hashes.
///
/// A change that makes rows wrong that were written before raises it; a database that was indexed
/// by another version is indexed anew when it is next opened.
pub const INDEX_VERSION: i64 = 4;

#[cfg(test)]
pub use self::sqlite::{count_tokens, pretend_index_version, tamper};
pub use self::{
    accounts::{
        Account, AccountBy, AccountKind, AccountRole, AccountState, Failures, LoginSession,
        LoginStage, Ticket, TicketKind,
    },
    audit::{AuditAnchor, AuditFile, AuditQuery, AuditRow, AuditTip, ChainHash, Pseudonym},
    canonical::Canonical,
    change::{Change, Draft, Reactor},
    clients::{Client, Proof},
    counters::Count,
    custody::{CUSTODIANS_MAX, CUSTODY_LEVELS_MAX},
    definitions::{IndexedParameter, Known, Loaded},
    erase::{DroppedJobs, ErasureRecord},
    errands::{Errand, ErrandKind, ErrandState, Listed, Listing},
    facade::{ScratchOptions, Store, StoreOptions},
    imports::{ImportRow, RowState},
    indexing::Reindex,
    jobs::{Job, LeasedJob},
    page::{Excerpt, History, HistoryOf, Hit, HitMode, LABELS_MAX, Moment, Page},
    prepared::Prepared,
    sqlite::{back_up, check_copy, hold_alone, known_erasures, put_in_place, stage},
    stored::Stored,
    tokens::{
        Delegation, DelegationsOf, Digest, Held, LaunchContext, PendingKind, SWEPT_AT_ONCE, Terms,
        Token, TokenKind,
    },
    tx::{CONSENT_JOB, Tx, Written},
};
