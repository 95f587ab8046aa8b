//! The rows of the record of accesses, in a file of its own beside the database.
//!
//! Rows are only ever added, by [`AuditFile::append`], and taken away at the beginning alone, by
//! [`AuditFile::shorten`]. What a row says and how it is chained to the one before is for who keeps
//! the record to decide; here rows go in and come out.

use std::path::Path;

use super::sqlite::AuditConnection;
use crate::kernel::problem::Result;

/// What stands for somebody or something: not a name, and not to be led back without the key.
pub type Pseudonym = [u8; 16];

/// The hash of a row and of all rows before it.
pub type ChainHash = [u8; 32];

/// One access, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditRow {
    /// The number of the row; each is one more than that before.
    pub seq: u64,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// What was done: an interaction of R4, an operation such as `$apply`, or an event of login.
    pub event: String,
    /// `C`, `R`, `U`, `D` or `E`.
    pub action: String,
    /// A code of AuditEvent.outcome: 0, 4, 8 or 12.
    pub outcome: u8,
    /// The HTTP status; 0 where there was no answer.
    pub status: u16,
    /// The type of resource.
    pub kind: Option<String>,
    /// What stands for the resource.
    pub entity: Option<Pseudonym>,
    /// What stands for the patients whose data it was; sorted, each once.
    pub patients: Vec<Pseudonym>,
    /// What stands for the person who acted.
    pub agent: Option<Pseudonym>,
    /// The client that asked.
    pub client: Option<String>,
    /// What the person is here, separated by spaces.
    pub roles: Option<String>,
    /// The name of the token for records.
    pub session: Option<String>,
    /// The purpose of use.
    pub purpose: Option<String>,
    /// The network that the request came from, not the machine.
    pub address: Option<String>,
    /// The request's number, by which the log of the server is matched.
    pub request: Option<String>,
    /// Names of parameters, a version, a number of resources.
    pub detail: Option<String>,
    /// The hash of this row and of the one before.
    pub hash: ChainHash,
}

impl AuditRow {
    /// By which pseudonyms it is found; sorted, each once.
    #[must_use]
    pub fn names(&self) -> Vec<Pseudonym> {
        let mut names = self.patients.clone();
        names.extend(self.entity);
        names.extend(self.agent);
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Where the record begins or ends: a row that is there, or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditTip {
    /// The number of the row.
    pub seq: u64,
    /// Its hash.
    pub hash: ChainHash,
}

/// A beginning of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditAnchor {
    /// The last row that has been taken away; number 0 and a draw where none has.
    pub tip: AuditTip,
    /// When it was set, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// What only the holder of the key can make of it.
    pub seal: Vec<u8>,
}

/// What is looked for in the record; each condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditQuery {
    /// Not before this instant, in milliseconds.
    pub from: Option<i64>,
    /// Before this instant, in milliseconds.
    pub until: Option<i64>,
    /// One of these rows.
    pub rows: Option<Vec<u64>>,
    /// About one of these patients.
    pub patients: Option<Vec<Pseudonym>>,
    /// Of one of these resources.
    pub entities: Option<Vec<Pseudonym>>,
    /// By one of these people.
    pub agents: Option<Vec<Pseudonym>>,
    /// By one of these clients.
    pub clients: Option<Vec<String>>,
    /// One of these actions.
    pub actions: Option<Vec<String>>,
    /// One of these events.
    pub events: Option<Vec<String>>,
    /// None of these events.
    pub other_than: Option<Vec<String>>,
    /// By one of these sessions.
    pub sessions: Option<Vec<String>>,
    /// One of these outcomes.
    pub outcomes: Option<Vec<u8>>,
    /// Oldest first.
    pub ascending: bool,
    /// Only what stands behind this row (instant, number) in that order.
    pub after: Option<(i64, u64)>,
    /// Most rows given.
    pub limit: u32,
}

/// The file of the record.
pub struct AuditFile(AuditConnection);

impl AuditFile {
    /// Opens the file, which is made if absent.
    ///
    /// # Errors
    /// `Fault`, if it cannot be opened, or is of a later version.
    pub fn open(path: &Path) -> Result<Self> {
        AuditConnection::open(path).map(Self)
    }

    /// Opens the file, which must be there, to read it only.
    ///
    /// # Errors
    /// `Fault`, if it cannot be opened.
    pub fn open_to_read(path: &Path) -> Result<Self> {
        AuditConnection::open_to_read(path).map(Self)
    }

    /// The beginnings, in the order of their numbers; the last one counts.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn anchors(&self) -> Result<Vec<AuditAnchor>> {
        self.0.anchors()
    }

    /// The last row: where there is none, the last beginning; number 0 where there is none either.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn tip(&self) -> Result<AuditTip> {
        self.0.tip()
    }

    /// Adds the rows that `make` makes for behind the last one; durable when it returns.
    ///
    /// Others may add rows meanwhile: the last one is read and the rows are added as one.
    ///
    /// # Errors
    /// As `make` does; `Fault`, if the file fails. Nothing is added then.
    pub fn append(
        &mut self,
        make: &mut dyn FnMut(AuditTip) -> Result<Vec<AuditRow>>,
    ) -> Result<AuditTip> {
        self.0.append(make)
    }

    /// Rows behind a number, in order.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn rows(&self, after: u64, limit: u32) -> Result<Vec<AuditRow>> {
        self.0.rows(after, limit)
    }

    /// The rows that satisfy a query.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn search(&self, query: &AuditQuery) -> Result<Vec<AuditRow>> {
        self.0.search(query)
    }

    /// How many rows satisfy a query, page and order apart.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn count(&self, query: &AuditQuery) -> Result<u64> {
        self.0.count(query)
    }

    /// Holds on to the present state: what is read from now on is of one instant.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn hold(&self) -> Result<()> {
        self.0.hold()
    }

    /// The last row that is led to by its pseudonyms; those behind it are looked through.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn named_until(&self) -> Result<u64> {
        self.0.named_until()
    }

    /// Makes pseudonyms lead to at most so many more rows; gives the last.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn name(&mut self, limit: u32) -> Result<u64> {
        self.0.name(limit)
    }

    /// How many pseudonyms lead to rows behind a number.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn named_count(&self, after: u64) -> Result<u64> {
        self.0.named_count(after)
    }

    /// Which pseudonyms of a row do not lead to it.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn unnamed(&self, row: &AuditRow) -> Result<Vec<Pseudonym>> {
        self.0.unnamed(row)
    }

    /// The last row that was written before this instant and behind which no earlier one stands.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn last_before(&self, instant: i64) -> Result<Option<AuditTip>> {
        self.0.last_before(instant)
    }

    /// Sets a beginning.
    ///
    /// # Errors
    /// `Fault`, if the file fails, or there is a later beginning.
    pub fn set_anchor(&mut self, anchor: &AuditAnchor) -> Result<()> {
        self.0.set_anchor(anchor)
    }

    /// Takes away at most so many rows that stand before the last beginning; gives how many.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn shorten(&mut self, limit: u32) -> Result<u64> {
        self.0.shorten(limit)
    }
}
