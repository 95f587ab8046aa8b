//! The tables `oauth_delegation`, `oauth_token`, `oauth_pending` and `oauth_assertion`.

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};
use serde_json::Value;

use super::{clients, rows::fault, session::SqliteSession};
use crate::{
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::{
        Client, Delegation, DelegationsOf, Digest, Held, PendingKind, Token, TokenKind,
        tokens::Tokens,
    },
};

/// A token, what it came of, and who was given it: three steps down three trees.
const HELD: &str = "select d.id, d.client, d.account, d.session, d.patient, d.terms, \
         d.created, d.expires, d.ended, c.registration, \
         t.hash, t.kind, t.scopes, t.issued, t.expires, t.used \
     from oauth_token t join oauth_delegation d on d.id = t.delegation \
     join oauth_client c on c.id = d.client where t.hash = ?";

/// What an account has given and has not ended, with who was given it.
const GIVEN: &str = "select d.id, d.client, d.account, d.session, d.patient, d.terms, \
         d.created, d.expires, d.ended, c.registration \
     from oauth_delegation d join oauth_client c on c.id = d.client \
     where d.account = ? and d.ended = 0 and d.expires > ? order by d.created desc, d.id limit ?";

/// What has expired, some of it; each table has an index by it. What was granted is kept for a week
/// more: work that is answered later asks whether it was revoked.
const SWEEPS: [&str; 4] = [
    "delete from oauth_token where hash in \
         (select hash from oauth_token where expires <= ?1 order by expires limit ?2)",
    "delete from oauth_pending where hash in \
         (select hash from oauth_pending where expires <= ?1 order by expires limit ?2)",
    "delete from oauth_assertion where (client, hash) in \
         (select client, hash from oauth_assertion where expires <= ?1 order by expires limit ?2)",
    "delete from oauth_delegation where id in \
         (select id from oauth_delegation where expires <= ?1 - 604800000 order by expires limit ?2)",
];

fn run(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement.execute(values).map_err(fault)
}

fn keep_delegation(connection: &Connection, delegation: &Delegation) -> Result<()> {
    let terms = serde_json::to_string(&delegation.terms).map_err(Problem::fault)?;
    run(
        connection,
        "insert into oauth_delegation \
         (id, client, account, session, patient, terms, created, expires, ended) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            delegation.id,
            delegation.client,
            delegation.account,
            delegation.session,
            delegation.patient,
            terms,
            delegation.created.as_millisecond(),
            delegation.expires.as_millisecond(),
            delegation.ended,
        ],
    )
    .map(|_| ())
}

fn end_delegations(connection: &Connection, of: DelegationsOf<'_>) -> Result<usize> {
    match of {
        DelegationsOf::Id(id) => end(connection, "id = ?1", params![id]),
        DelegationsOf::Client(id) => end(connection, "client = ?1", params![id]),
        DelegationsOf::Account(id) => end(connection, "account = ?1", params![id]),
        DelegationsOf::Given { account, client } => {
            let meant = "account = ?1 and client = ?2";
            end(connection, meant, params![account, client])
        }
        DelegationsOf::Session(id) => end(connection, "session = ?1", params![id]),
    }
}

/// Revokes delegations of which this holds.
fn end(connection: &Connection, meant: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let tokens = format!(
        "delete from oauth_token where kind = 'access' and delegation in \
         (select id from oauth_delegation where {meant})"
    );
    run(connection, &tokens, values)?;
    let ends = format!("update oauth_delegation set ended = 1 where {meant} and ended = 0");
    run(connection, &ends, values)
}

/// Revokes what was granted in sessions of an account, but for the one of this hash.
pub(super) fn end_sessions(connection: &Connection, account: &str, except: &[u8]) -> Result<()> {
    let meant = "account = ?1 and session is not null and session <> lower(hex(?2))";
    end(connection, meant, params![account, except]).map(|_| ())
}

fn forget_about(connection: &Connection, patient: &str) -> Result<()> {
    let tokens = "delete from oauth_token where delegation in \
                  (select id from oauth_delegation where patient = ?)";
    run(connection, tokens, params![patient])?;
    let delegations = "delete from oauth_delegation where patient = ?";
    run(connection, delegations, params![patient])?;
    // What is underway may name anybody; whoever it belongs to begins again.
    run(connection, "delete from oauth_pending", params![]).map(|_| ())
}

fn keep_token(connection: &Connection, token: &Token) -> Result<()> {
    run(
        connection,
        "insert into oauth_token (hash, kind, delegation, scopes, issued, expires, used) \
         values (?, ?, ?, ?, ?, ?, ?)",
        params![
            token.hash,
            token.kind.name(),
            token.delegation,
            token.scopes,
            token.issued.as_millisecond(),
            token.expires.as_millisecond(),
            token.used,
        ],
    )
    .map(|_| ())
}

/// What the first ten columns say.
fn read_delegation(row: &Row<'_>) -> Result<(Delegation, Client)> {
    let text = |at: usize| row.get::<_, String>(at).map_err(fault);
    let option = |at: usize| row.get::<_, Option<String>>(at).map_err(fault);
    let instant = |at: usize| row.get(at).map(from_millis).map_err(fault);
    let delegation = Delegation {
        id: text(0)?,
        client: text(1)?,
        account: option(2)?,
        session: option(3)?,
        patient: option(4)?,
        terms: serde_json::from_str(&text(5)?).map_err(Problem::fault)?,
        created: instant(6)?,
        expires: instant(7)?,
        ended: row.get(8).map_err(fault)?,
    };
    Ok((delegation, clients::read(&text(9)?)?))
}

fn read(row: &Row<'_>) -> Result<Held> {
    let (delegation, client) = read_delegation(row)?;
    let text = |at: usize| row.get::<_, String>(at).map_err(fault);
    let instant = |at: usize| row.get(at).map(from_millis).map_err(fault);
    let kind = TokenKind::named(&text(11)?);
    let token = Token {
        hash: row.get(10).map_err(fault)?,
        kind: kind.ok_or_else(|| Problem::fault("a token of no known kind"))?,
        delegation: delegation.id.clone(),
        scopes: text(12)?,
        issued: instant(13)?,
        expires: instant(14)?,
        used: row.get(15).map_err(fault)?,
    };
    Ok(Held {
        token,
        delegation,
        client,
    })
}

/// A token with all that it stands for.
pub(super) fn held(connection: &Connection, hash: &Digest) -> Result<Option<Held>> {
    let mut statement = connection.prepare_cached(HELD).map_err(fault)?;
    statement
        .query_row(params![hash], |row| Ok(read(row)))
        .optional()
        .map_err(fault)?
        .transpose()
}

fn given(
    connection: &Connection,
    (account, now, limit): (&str, i64, u32),
) -> Result<Vec<(Delegation, Client)>> {
    let mut statement = connection.prepare_cached(GIVEN).map_err(fault)?;
    let rows = statement
        .query_map(params![account, now, limit], |row| Ok(read_delegation(row)))
        .map_err(fault)?;
    rows.map(|row| row.map_err(fault)?).collect()
}

fn is_ended(connection: &Connection, delegation: &str) -> Result<Option<bool>> {
    let sql = "select ended from oauth_delegation where id = ?";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement
        .query_row(params![delegation], |row| row.get(0))
        .optional()
        .map_err(fault)
}

fn pending(
    connection: &Connection,
    (kind, hash): (PendingKind, &Digest),
    now: i64,
) -> Result<Option<Value>> {
    let sql = "select body from oauth_pending where hash = ? and kind = ? and expires > ?";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let body: Option<String> = statement
        .query_row(params![hash, kind.name(), now], |row| row.get(0))
        .optional()
        .map_err(fault)?;
    body.map(|text| serde_json::from_str(&text).map_err(Problem::fault))
        .transpose()
}

fn sweep(connection: &Connection, now: i64, limit: u32) -> Result<()> {
    for sql in SWEEPS {
        run(connection, sql, params![now, limit])?;
    }
    Ok(())
}

impl Tokens for SqliteSession {
    fn keep_delegation<'a>(&'a mut self, delegation: &'a Delegation) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { keep_delegation(&self.connection, delegation) })
    }

    fn end_delegations<'a>(&'a mut self, of: DelegationsOf<'a>) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move { end_delegations(&self.connection, of) })
    }

    fn forget_delegations_about<'a>(&'a mut self, patient: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { forget_about(&self.connection, patient) })
    }

    fn keep_token<'a>(&'a mut self, token: &'a Token) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { keep_token(&self.connection, token) })
    }

    fn held<'a>(&'a mut self, hash: &'a Digest) -> BoxFuture<'a, Result<Option<Held>>> {
        Box::pin(async move { held(&self.connection, hash) })
    }

    fn given<'a>(
        &'a mut self,
        account: &'a str,
        now: i64,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<(Delegation, Client)>>> {
        Box::pin(async move { given(&self.connection, (account, now, limit)) })
    }

    fn is_ended<'a>(&'a mut self, delegation: &'a str) -> BoxFuture<'a, Result<Option<bool>>> {
        Box::pin(async move { is_ended(&self.connection, delegation) })
    }

    fn use_up<'a>(&'a mut self, hash: &'a Digest) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let sql = "update oauth_token set used = 1 where hash = ? and used = 0";
            run(&self.connection, sql, params![hash]).map(|changed| changed > 0)
        })
    }

    fn forget_token<'a>(&'a mut self, hash: &'a Digest) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let sql = "delete from oauth_token where hash = ?";
            run(&self.connection, sql, params![hash]).map(|_| ())
        })
    }

    fn keep_pending<'a>(
        &'a mut self,
        (kind, hash): (PendingKind, &'a Digest),
        body: &'a Value,
        expires: i64,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let sql = "insert or replace into oauth_pending (hash, kind, body, expires) \
                       values (?, ?, ?, ?)";
            let values = params![hash, kind.name(), body.to_string(), expires];
            run(&self.connection, sql, values).map(|_| ())
        })
    }

    fn pending<'a>(
        &'a mut self,
        name: (PendingKind, &'a Digest),
        now: i64,
    ) -> BoxFuture<'a, Result<Option<Value>>> {
        Box::pin(async move { pending(&self.connection, name, now) })
    }

    fn forget_pending<'a>(
        &'a mut self,
        (kind, hash): (PendingKind, &'a Digest),
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let sql = "delete from oauth_pending where hash = ? and kind = ?";
            run(&self.connection, sql, params![hash, kind.name()]).map(|changed| changed > 0)
        })
    }

    fn note_assertion<'a>(
        &'a mut self,
        client: &'a str,
        hash: &'a Digest,
        expires: i64,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let sql = "insert or ignore into oauth_assertion (client, hash, expires) \
                       values (?, ?, ?)";
            let values = params![client, hash, expires];
            run(&self.connection, sql, values).map(|changed| changed > 0)
        })
    }

    fn crowd_out(&mut self, kind: PendingKind, most: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let sql = "delete from oauth_pending where hash in \
                       (select hash from oauth_pending where kind = ? \
                        order by expires desc, hash limit -1 offset ?)";
            run(&self.connection, sql, params![kind.name(), most]).map(|_| ())
        })
    }

    fn sweep(&mut self, now: i64, limit: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { sweep(&self.connection, now, limit) })
    }
}
