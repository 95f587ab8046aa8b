//! What tests of other layers look at in the file itself.

use std::path::Path;

use rusqlite::Connection;

/// Token rows of a parameter.
pub fn count_tokens(path: &Path, param: i64) -> i64 {
    let connection = Connection::open(path).unwrap();
    let sql = "select count(*) from token where param = ?";
    connection
        .query_row(sql, [param], |row| row.get(0))
        .unwrap()
}

/// Makes the database one that another program has indexed.
pub fn pretend_index_version(path: &Path, version: i64) {
    let connection = Connection::open(path).unwrap();
    let sql = "update index_state set version = ?1, wanted = ?1";
    connection.execute(sql, [version]).unwrap();
}

/// Does to a file what somebody with a database shell can do to it.
pub fn tamper(path: &Path, sql: &str) -> rusqlite::Result<()> {
    Connection::open(path)?.execute_batch(sql)
}
