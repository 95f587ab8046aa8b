//! The writing connection, and the index rows that it has yet to write.
//!
//! A savepoint keeps a copy of each page that is touched after it for the first time, and the index
//! rows of one resource touch dozens: that was a third of what a create cost. So the rows wait. Where
//! nobody asks for them while their part of the group runs they are written once its savepoint is
//! released, when nothing of the part can fail any more but the database itself; that fails the
//! whole group, as a commit that fails does. Whoever asks the connection anything finds them
//! written; what is known to read no index row asks [`WritingConnection::without_rows`].
//!
//! <https://www.sqlite.org/tempfiles.html#statement_journal_files>

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
};

use rusqlite::Connection;

use super::{
    insert::{insert_rows, replace_rows},
    rows::Row,
    search::Sql,
    source::Source,
};
use crate::{
    fhir::search::rows::IndexRows,
    kernel::problem::{Problem, Result},
};

/// Most resources whose rows wait: more are written where they stand, so that a great transaction
/// is not held in memory.
pub(super) const WAITING_MAX: usize = 64;

/// Rows that wait.
struct Waiting {
    key: i64,
    rows: IndexRows,
    /// Whether the resource has none yet.
    fresh: bool,
}

/// A connection that writes what waits before it is asked anything.
pub(super) struct WritingConnection {
    connection: Connection,
    waiting: RefCell<Vec<Waiting>>,
    /// Why rows could not be written, when somebody asked for them.
    failed: RefCell<Option<Problem>>,
}

impl WritingConnection {
    pub(super) const fn new(connection: Connection) -> Self {
        Self {
            connection,
            waiting: RefCell::new(Vec::new()),
            failed: RefCell::new(None),
        }
    }

    /// The connection, for what neither reads nor writes index rows.
    pub(super) const fn without_rows(&self) -> &Connection {
        &self.connection
    }

    /// Takes the rows of a resource, to be written later; `fresh` where it has none yet.
    pub(super) fn take(&self, key: i64, rows: &IndexRows, fresh: bool) -> Result<()> {
        let rows = rows.clone();
        let mut waiting = self.waiting.borrow_mut();
        waiting.push(Waiting { key, rows, fresh });
        if waiting.len() < WAITING_MAX {
            return Ok(());
        }
        drop(waiting);
        self.settle()
    }

    /// Writes what waits.
    pub(super) fn settle(&self) -> Result<()> {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        for Waiting { key, rows, fresh } in &waiting {
            if *fresh {
                insert_rows(&self.connection, *key, rows)?;
            } else {
                replace_rows(&self.connection, *key, rows)?;
            }
        }
        Ok(())
    }

    /// Forgets what waits, with the part that it belonged to.
    pub(super) fn forget(&self) {
        self.waiting.borrow_mut().clear();
        self.failed.borrow_mut().take();
    }

    /// Why rows that were asked for are not there, if they are not.
    pub(super) fn failure(&self) -> Option<Problem> {
        self.failed.borrow().clone()
    }

    fn settle_for_reading(&self) {
        if let Err(problem) = self.settle() {
            self.failed.borrow_mut().get_or_insert(problem);
        }
    }
}

impl Deref for WritingConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.settle_for_reading();
        &self.connection
    }
}

impl Source for WritingConnection {
    fn fetch<T: Send>(
        &mut self,
        sql: Sql,
        each: impl Fn(&dyn Row) -> Result<T> + Send,
    ) -> impl Future<Output = Result<Vec<T>>> + Send {
        (**self).fetch(sql, each)
    }
}

impl DerefMut for WritingConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        self.settle_for_reading();
        &mut self.connection
    }
}
