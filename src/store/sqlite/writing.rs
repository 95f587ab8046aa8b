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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::{
        fhir::search::rows::TokenRow,
        store::{session::Session, sqlite::open_scratch_session},
    };

    fn rows(code: i64) -> IndexRows {
        IndexRows {
            tokens: vec![TokenRow {
                param: 1,
                code,
                system: 0,
                value: String::new(),
            }],
            ..IndexRows::default()
        }
    }

    /// The codes that stand in the table.
    fn written(connection: &Connection) -> Vec<i64> {
        let mut statement = connection
            .prepare("select code from token order by code")
            .unwrap();
        let found = statement.query_map([], |row| row.get(0)).unwrap();
        found.map(rusqlite::Result::unwrap).collect()
    }

    fn now<T>(done: impl Future<Output = Result<T>>) -> Result<T> {
        done.now_or_never().unwrap()
    }

    #[test]
    fn rows_wait_until_their_part_is_kept() {
        let mut session = open_scratch_session().unwrap();
        now(session.begin()).unwrap();
        now(session.begin_part()).unwrap();
        session.connection.take(1, &rows(11), true).unwrap();
        assert!(written(session.connection.without_rows()).is_empty());
        now(session.keep_part()).unwrap();
        assert_eq!(written(session.connection.without_rows()), [11]);
        now(session.begin_part()).unwrap();
        session.connection.take(1, &rows(12), false).unwrap();
        now(session.keep_part()).unwrap();
        now(session.commit()).unwrap();
        assert_eq!(written(&session.connection), [12]);
    }

    #[test]
    fn whoever_asks_finds_them_written() {
        let mut session = open_scratch_session().unwrap();
        now(session.begin()).unwrap();
        now(session.begin_part()).unwrap();
        session.connection.take(1, &rows(11), true).unwrap();
        session.connection.take(1, &rows(12), false).unwrap();
        assert_eq!(written(&session.connection), [12]);
        // What was written within the part goes with it, and so does what still waits.
        session.connection.take(2, &rows(21), true).unwrap();
        now(session.undo_part()).unwrap();
        now(session.commit()).unwrap();
        assert!(written(&session.connection).is_empty());
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let connection = open_scratch_session().unwrap().connection;
        for key in 1..=i64::try_from(WAITING_MAX).unwrap() {
            assert!(written(connection.without_rows()).is_empty());
            connection.take(key, &rows(key), true).unwrap();
        }
        assert_eq!(written(connection.without_rows()).len(), WAITING_MAX);
    }

    /// From here on the table takes no rows, as that of a disk that is full.
    fn fill(connection: &Connection) {
        let full = "create temp trigger full before insert on main.token \
             begin select raise(abort, 'full'); end";
        connection.execute_batch(full).unwrap();
    }

    #[test]
    fn rows_that_cannot_be_written_fail_the_group() {
        let mut session = open_scratch_session().unwrap();
        now(session.begin()).unwrap();
        now(session.begin_part()).unwrap();
        session.connection.take(1, &rows(11), true).unwrap();
        now(session.keep_part()).unwrap();
        fill(session.connection.without_rows());
        now(session.begin_part()).unwrap();
        session.connection.take(2, &rows(21), true).unwrap();
        assert!(now(session.keep_part()).is_err());
        assert!(now(session.begin_part()).is_err());
        assert!(now(session.commit()).is_err());
        assert!(written(&session.connection).is_empty());
    }

    #[test]
    fn rows_that_cannot_be_written_when_asked_for_fail_their_part() {
        let mut session = open_scratch_session().unwrap();
        now(session.begin()).unwrap();
        now(session.begin_part()).unwrap();
        session.connection.take(1, &rows(11), true).unwrap();
        now(session.keep_part()).unwrap();
        fill(session.connection.without_rows());
        now(session.begin_part()).unwrap();
        session.connection.take(2, &rows(21), true).unwrap();
        assert_eq!(written(&session.connection), [11]);
        assert!(now(session.keep_part()).is_err());
        now(session.commit()).unwrap();
        assert_eq!(written(&session.connection), [11]);
    }
}
