//! The tables of people: `account`, `login_session`, `account_ticket` and what belongs to them.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use super::{rows::fault, session::SqliteSession, tokens};
use crate::{
    kernel::{
        clock::from_millis,
        phi::Phi,
        problem::{Problem, Result},
    },
    store::{
        Account, AccountBy, AccountKind, AccountRole, AccountState, Failures, LoginSession,
        LoginStage, Ticket, TicketKind, accounts::Accounts,
    },
};

const ACCOUNT: &str = "select id, kind, login, fhir_user, state, password, authenticator, \
     authenticator_step, generation, created from account";

const KEEP_ACCOUNT: &str = "insert into account (id, kind, login, fhir_user, state, tenant, \
     password, authenticator, authenticator_step, generation, created) \
     values (?1, ?2, ?3, ?4, ?5, '', ?6, ?7, ?8, ?9, ?10) \
     on conflict (id) do update set kind = ?2, login = ?3, fhir_user = ?4, state = ?5, \
     password = ?6, authenticator = ?7, authenticator_step = ?8, generation = ?9";

const LOGIN: &str = "select hash, account, generation, stage, factor, created, seen, \
     authenticated, pending from login_session";

const KEEP_LOGIN: &str = "insert or replace into login_session (hash, account, generation, stage, \
     factor, created, seen, authenticated, pending) values (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Everything that belongs to an account; the account itself comes last.
const OWN_ROWS: [&str; 7] = [
    "delete from account_role where account = ?",
    "delete from account_identity where account = ?",
    "delete from login_session where account = ?",
    "delete from oauth_token where delegation in \
         (select id from oauth_delegation where account = ?)",
    "delete from oauth_delegation where account = ?",
    "delete from account_ticket where account = ?",
    "delete from account where id = ?",
];

fn run(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement.execute(values).map_err(fault)
}

fn unknown() -> Problem {
    Problem::fault("a row of people that is not understood")
}

fn account_of(connection: &Connection, row: &Row<'_>) -> Result<Account> {
    let text = |at: usize| row.get::<_, String>(at).map_err(fault);
    let number = |at: usize| row.get::<_, i64>(at).map_err(fault);
    let id = text(0)?;
    let roles = roles(connection, &id)?;
    Ok(Account {
        id,
        kind: AccountKind::named(&text(1)?).ok_or_else(unknown)?,
        login: Phi::new(text(2)?),
        fhir_user: text(3)?,
        state: AccountState::named(&text(4)?).ok_or_else(unknown)?,
        password: Phi::new(text(5)?),
        authenticator: Phi::new(row.get(6).map_err(fault)?),
        authenticator_step: number(7)?,
        generation: number(8)?,
        created: from_millis(number(9)?),
        roles,
    })
}

fn roles(connection: &Connection, account: &str) -> Result<Vec<AccountRole>> {
    let sql = "select role, organization from account_role where account = ? \
               order by role, organization";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let found = statement
        .query_map([account], |row| {
            Ok(AccountRole {
                role: row.get(0)?,
                organization: row.get(1)?,
            })
        })
        .map_err(fault)?;
    found.map(|role| role.map_err(fault)).collect()
}

/// An account.
pub(super) fn account(connection: &Connection, by: AccountBy<'_>) -> Result<Option<Account>> {
    let (condition, values): (&str, Vec<&str>) = match by {
        AccountBy::Id(id) => ("where id = ?", vec![id]),
        AccountBy::Login(login) => ("where login = ?", vec![login]),
        AccountBy::Person(person) => ("where fhir_user = ?", vec![person]),
        AccountBy::Identity(issuer, subject) => (
            "where id = (select account from account_identity where issuer = ? and subject = ?)",
            vec![issuer, subject],
        ),
    };
    let sql = format!("{ACCOUNT} {condition}");
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let mut rows = statement
        .query(rusqlite::params_from_iter(values))
        .map_err(fault)?;
    let row = rows.next().map_err(fault)?;
    row.map(|row| account_of(connection, row)).transpose()
}

fn accounts(connection: &Connection, after: &str, limit: u32) -> Result<Vec<Account>> {
    let sql = format!("{ACCOUNT} where id > ? order by id limit ?");
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let mut rows = statement.query(params![after, limit]).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(account_of(connection, row)?);
    }
    Ok(found)
}

fn keep_account(connection: &Connection, account: &Account) -> Result<bool> {
    let taken = "select exists (select 1 from account where id <> ?1 \
                 and (login = ?2 or fhir_user = ?3))";
    let mut statement = connection.prepare_cached(taken).map_err(fault)?;
    let person = (&account.id, account.login.reveal(), &account.fhir_user);
    let is_taken: bool = statement
        .query_row(params![person.0, person.1, person.2], |row| row.get(0))
        .map_err(fault)?;
    if is_taken {
        return Ok(false);
    }
    run(
        connection,
        KEEP_ACCOUNT,
        params![
            account.id,
            account.kind.name(),
            account.login.reveal(),
            account.fhir_user,
            account.state.name(),
            account.password.reveal(),
            account.authenticator.reveal(),
            account.authenticator_step,
            account.generation,
            account.created.as_millisecond(),
        ],
    )?;
    run(connection, OWN_ROWS[0], params![account.id])?;
    for one in &account.roles {
        let sql = "insert or ignore into account_role (account, role, organization) \
                   values (?, ?, ?)";
        run(
            connection,
            sql,
            params![account.id, one.role, one.organization],
        )?;
    }
    Ok(true)
}

fn login_of(row: &Row<'_>) -> Result<LoginSession> {
    let text = |at: usize| row.get::<_, String>(at).map_err(fault);
    let instant = |at: usize| row.get(at).map(from_millis).map_err(fault);
    Ok(LoginSession {
        hash: row.get(0).map_err(fault)?,
        account: text(1)?,
        generation: row.get(2).map_err(fault)?,
        stage: LoginStage::named(&text(3)?).ok_or_else(unknown)?,
        factor: text(4)?,
        created: instant(5)?,
        seen: instant(6)?,
        authenticated: instant(7)?,
        pending: Phi::new(row.get(8).map_err(fault)?),
    })
}

/// The session of a hash.
pub(super) fn login(connection: &Connection, hash: &[u8]) -> Result<Option<LoginSession>> {
    let sql = format!("{LOGIN} where hash = ?");
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let mut rows = statement.query([hash]).map_err(fault)?;
    rows.next().map_err(fault)?.map(login_of).transpose()
}

fn logins(connection: &Connection, account: &str) -> Result<Vec<LoginSession>> {
    let sql = format!("{LOGIN} where account = ? order by created, hash");
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let mut rows = statement.query([account]).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(login_of(row)?);
    }
    Ok(found)
}

fn keep_login(connection: &Connection, session: &LoginSession) -> Result<()> {
    run(
        connection,
        KEEP_LOGIN,
        params![
            session.hash,
            session.account,
            session.generation,
            session.stage.name(),
            session.factor,
            session.created.as_millisecond(),
            session.seen.as_millisecond(),
            session.authenticated.as_millisecond(),
            session.pending.reveal(),
        ],
    )
    .map(|_| ())
}

fn keep_ticket(connection: &Connection, ticket: &Ticket) -> Result<()> {
    let sql = "insert or replace into account_ticket \
               (kind, hash, account, content, tries, expires) values (?, ?, ?, ?, ?, ?)";
    run(
        connection,
        sql,
        params![
            ticket.kind.name(),
            ticket.hash,
            ticket.account,
            ticket.content.reveal(),
            ticket.tries,
            ticket.expires.as_millisecond(),
        ],
    )
    .map(|_| ())
}

fn ticket(connection: &Connection, kind: TicketKind, hash: &[u8]) -> Result<Option<Ticket>> {
    let sql = "select account, content, tries, expires from account_ticket \
               where kind = ? and hash = ?";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement
        .query_row(params![kind.name(), hash], |row| {
            Ok(Ticket {
                kind,
                hash: hash.to_owned(),
                account: row.get(0)?,
                content: Phi::new(row.get(1)?),
                tries: row.get(2)?,
                expires: from_millis(row.get(3)?),
            })
        })
        .optional()
        .map_err(fault)
}

fn count_tickets(connection: &Connection, account: &str, kind: TicketKind) -> Result<u64> {
    let sql = "select count(*) from account_ticket where account = ? and kind = ?";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let number = statement.query_row(params![account, kind.name()], |row| row.get::<_, u32>(0));
    number.map(u64::from).map_err(fault)
}

fn failures(connection: &Connection, key: &[u8]) -> Result<Option<Failures>> {
    let sql = "select count, until, at from login_failure where key = ?";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement
        .query_row([key], |row| {
            Ok(Failures {
                count: row.get(0)?,
                until: from_millis(row.get(1)?),
                at: from_millis(row.get(2)?),
            })
        })
        .optional()
        .map_err(fault)
}

fn keep_failures(connection: &Connection, key: &[u8], failures: Option<Failures>) -> Result<()> {
    let Some(failures) = failures else {
        let sql = "delete from login_failure where key = ?";
        return run(connection, sql, params![key]).map(|_| ());
    };
    let sql = "insert or replace into login_failure (key, count, until, at) values (?, ?, ?, ?)";
    let (until, at) = (
        failures.until.as_millisecond(),
        failures.at.as_millisecond(),
    );
    run(connection, sql, params![key, failures.count, until, at]).map(|_| ())
}

fn sweep(connection: &Connection, now: i64, since: i64) -> Result<()> {
    let old = "delete from login_session where created < ?";
    run(connection, old, params![since])?;
    let over = "delete from account_ticket where expires < ?";
    run(connection, over, params![now])?;
    let forgiven = "delete from login_failure where at < ?1 and until < ?1";
    run(connection, forgiven, params![since]).map(|_| ())
}

/// Runs a function of this file on the writing connection; nothing here ever waits.
macro_rules! now {
    ($work:expr) => {
        Box::pin(async move { $work })
    };
}

impl Accounts for SqliteSession {
    fn keep_account<'a>(&'a mut self, account: &'a Account) -> BoxFuture<'a, Result<bool>> {
        now!(keep_account(&self.connection, account))
    }

    fn account<'a>(&'a mut self, by: AccountBy<'a>) -> BoxFuture<'a, Result<Option<Account>>> {
        now!(account(&self.connection, by))
    }

    fn accounts<'a>(
        &'a mut self,
        after: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Account>>> {
        now!(accounts(&self.connection, after, limit))
    }

    fn forget_account<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<()>> {
        now!({
            for sql in OWN_ROWS {
                run(&self.connection, sql, params![id])?;
            }
            Ok(())
        })
    }

    fn keep_identity<'a>(
        &'a mut self,
        (issuer, subject): (&'a str, &'a str),
        account: &'a str,
    ) -> BoxFuture<'a, Result<bool>> {
        now!({
            let sql = "insert into account_identity (issuer, subject, account) values (?1, ?2, ?3) \
                       on conflict do update set account = ?3 where account = ?3";
            let kept = run(&self.connection, sql, params![issuer, subject, account])?;
            Ok(kept == 1)
        })
    }

    fn has_identity<'a>(&'a mut self, account: &'a str) -> BoxFuture<'a, Result<bool>> {
        now!({
            let sql = "select 1 from account_identity where account = ?";
            let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
            statement.exists([account]).map_err(fault)
        })
    }

    fn keep_login<'a>(&'a mut self, session: &'a LoginSession) -> BoxFuture<'a, Result<()>> {
        now!(keep_login(&self.connection, session))
    }

    fn login<'a>(&'a mut self, hash: &'a [u8]) -> BoxFuture<'a, Result<Option<LoginSession>>> {
        now!(login(&self.connection, hash))
    }

    fn logins<'a>(&'a mut self, account: &'a str) -> BoxFuture<'a, Result<Vec<LoginSession>>> {
        now!(logins(&self.connection, account))
    }

    fn forget_login<'a>(&'a mut self, hash: &'a [u8]) -> BoxFuture<'a, Result<()>> {
        let sql = "delete from login_session where hash = ?";
        now!(run(&self.connection, sql, params![hash]).map(|_| ()))
    }

    fn forget_logins<'a>(
        &'a mut self,
        account: &'a str,
        except: &'a [u8],
    ) -> BoxFuture<'a, Result<()>> {
        let sql = "delete from login_session where account = ? and hash <> ?";
        now!({
            tokens::end_sessions(&self.connection, account, except)?;
            run(&self.connection, sql, params![account, except]).map(|_| ())
        })
    }

    fn keep_ticket<'a>(&'a mut self, ticket: &'a Ticket) -> BoxFuture<'a, Result<()>> {
        now!(keep_ticket(&self.connection, ticket))
    }

    fn ticket<'a>(
        &'a mut self,
        kind: TicketKind,
        hash: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<Ticket>>> {
        now!(ticket(&self.connection, kind, hash))
    }

    fn forget_ticket<'a>(
        &'a mut self,
        kind: TicketKind,
        hash: &'a [u8],
    ) -> BoxFuture<'a, Result<bool>> {
        let sql = "delete from account_ticket where kind = ? and hash = ?";
        now!(run(&self.connection, sql, params![kind.name(), hash]).map(|gone| gone == 1))
    }

    fn forget_tickets<'a>(
        &'a mut self,
        account: &'a str,
        kind: TicketKind,
    ) -> BoxFuture<'a, Result<u64>> {
        let sql = "delete from account_ticket where account = ? and kind = ?";
        now!(run(&self.connection, sql, params![account, kind.name()]).map(|gone| gone as u64))
    }

    fn count_tickets<'a>(
        &'a mut self,
        account: &'a str,
        kind: TicketKind,
    ) -> BoxFuture<'a, Result<u64>> {
        now!(count_tickets(&self.connection, account, kind))
    }

    fn failures<'a>(&'a mut self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Failures>>> {
        now!(failures(&self.connection, key))
    }

    fn keep_failures<'a>(
        &'a mut self,
        key: &'a [u8],
        failures: Option<Failures>,
    ) -> BoxFuture<'a, Result<()>> {
        now!(keep_failures(&self.connection, key, failures))
    }

    fn sweep_people(&mut self, now: Timestamp, since: Timestamp) -> BoxFuture<'_, Result<()>> {
        let (now, since) = (now.as_millisecond(), since.as_millisecond());
        now!(sweep(&self.connection, now, since))
    }
}
