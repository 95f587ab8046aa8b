//! Where a search reads: a connection of either driver.

use std::future::Future;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{
    rows::{Row, fault, problem},
    search::{Bind, Sql},
};
use crate::kernel::problem::Result;

/// A connection that answers a statement with rows.
pub(super) trait Source: Send {
    /// Runs a statement and gives what `each` makes of its rows.
    fn fetch<T: Send>(
        &mut self,
        sql: Sql,
        each: impl Fn(&dyn Row) -> Result<T> + Send,
    ) -> impl Future<Output = Result<Vec<T>>> + Send;
}

impl Source for SqliteConnection {
    async fn fetch<T: Send>(
        &mut self,
        sql: Sql,
        each: impl Fn(&dyn Row) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        let mut statement = sqlx::query(AssertSqlSafe(sql.text));
        for bind in sql.binds {
            statement = match bind {
                Bind::Int(value) => statement.bind(value),
                Bind::Real(value) => statement.bind(value),
                Bind::Text(value) => statement.bind(value),
            };
        }
        let rows = statement.fetch_all(self).await.map_err(problem)?;
        rows.iter().map(|row| each(row)).collect()
    }
}

impl Source for rusqlite::Connection {
    async fn fetch<T: Send>(
        &mut self,
        sql: Sql,
        each: impl Fn(&dyn Row) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        let mut statement = self.prepare_cached(&sql.text).map_err(fault)?;
        for (at, bind) in sql.binds.iter().enumerate() {
            match bind {
                Bind::Int(value) => statement.raw_bind_parameter(at + 1, value),
                Bind::Real(value) => statement.raw_bind_parameter(at + 1, value),
                Bind::Text(value) => statement.raw_bind_parameter(at + 1, value),
            }
            .map_err(fault)?;
        }
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(fault)? {
            found.push(each(row)?);
        }
        Ok(found)
    }
}
