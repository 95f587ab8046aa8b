//! The tables `oauth_client` and `oauth_origin`.

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{rows::fault, session::SqliteSession};
use crate::{
    kernel::problem::{Problem, Result},
    store::{Client, clients::Clients},
};

const ONE: &str = "select registration from oauth_client where id = ?";

const ALL: &str = "select registration from oauth_client order by id";

const BY_ORIGIN: &str = "select exists (select 1 from oauth_origin where origin = ?)";

/// All that is a client's; the client itself comes last.
const OWN_ROWS: [&str; 5] = [
    "delete from oauth_token where delegation in \
         (select id from oauth_delegation where client = ?)",
    "delete from oauth_delegation where client = ?",
    "delete from oauth_assertion where client = ?",
    "delete from oauth_origin where client = ?",
    "delete from oauth_client where id = ?",
];

/// What was registered.
pub(super) fn read(registration: &str) -> Result<Client> {
    serde_json::from_str(registration).map_err(Problem::fault)
}

/// The client of an id.
pub(super) fn one(connection: &Connection, id: &str) -> Result<Option<Client>> {
    let mut statement = connection.prepare_cached(ONE).map_err(fault)?;
    let found: Option<String> = statement
        .query_row([id], |row| row.get(0))
        .optional()
        .map_err(fault)?;
    found.as_deref().map(read).transpose()
}

/// All clients, by id.
pub(super) fn all(connection: &Connection) -> Result<Vec<Client>> {
    let mut statement = connection.prepare_cached(ALL).map_err(fault)?;
    let found = statement
        .query_map([], |row| row.get::<_, String>(0))
        .map_err(fault)?;
    found.map(|text| read(&text.map_err(fault)?)).collect()
}

/// Whether pages of an origin are those of a client.
pub(super) fn is_origin(connection: &Connection, origin: &str) -> Result<bool> {
    let mut statement = connection.prepare_cached(BY_ORIGIN).map_err(fault)?;
    statement
        .query_row([origin], |row| row.get(0))
        .map_err(fault)
}

fn keep(connection: &Connection, client: &Client, now: i64) -> Result<()> {
    let registration = serde_json::to_string(client).map_err(Problem::fault)?;
    let sql = "insert into oauth_client (id, registration, created) values (?1, ?2, ?3) \
               on conflict (id) do update set registration = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement
        .execute(params![client.id, registration, now])
        .map_err(fault)?;
    let sql = "delete from oauth_origin where client = ?";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement.execute([&client.id]).map_err(fault)?;
    let sql = "insert or ignore into oauth_origin (origin, client) values (?, ?)";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    for origin in &client.origins {
        statement
            .execute(params![origin, client.id])
            .map_err(fault)?;
    }
    Ok(())
}

fn forget(connection: &Connection, id: &str) -> Result<bool> {
    let mut removed = 0;
    for sql in OWN_ROWS {
        let mut statement = connection.prepare_cached(sql).map_err(fault)?;
        removed = statement.execute([id]).map_err(fault)?;
    }
    Ok(removed > 0)
}

impl Clients for SqliteSession {
    fn keep_client<'a>(&'a mut self, client: &'a Client, now: i64) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { keep(&self.connection, client, now) })
    }

    fn client<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<Option<Client>>> {
        Box::pin(async move { one(&self.connection, id) })
    }

    fn clients(&mut self) -> BoxFuture<'_, Result<Vec<Client>>> {
        Box::pin(async move { all(&self.connection) })
    }

    fn forget_client<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { forget(&self.connection, id) })
    }
}
