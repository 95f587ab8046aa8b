//! What does not end is ended, and the connection serves the next one.

use std::time::Instant;

use sqlx::Row as _;

use super::*;
use crate::{
    fhir::permit::Login,
    store::sqlite::{Readers, connect, open_session, rows::fault},
};

/// A statement that never ends and gives no row.
const ENDLESS: &str =
    "with recursive c (x) as (select 1 union all select x + 1 from c) select count(*) from c";

const SHORT: Duration = Duration::from_millis(100);

/// Long enough for a machine that does other things as well.
const LONG: Duration = Duration::from_secs(20);

fn login(client: &str, account: Option<&str>) -> Permit {
    let login = Login {
        client: client.to_owned(),
        account: account.map(str::to_owned),
        ..Login::default()
    };
    Permit::login(Arc::new(login), Vec::new())
}

async fn readers(folder: &tempfile::TempDir, count: u32) -> Readers {
    let path = folder.path().join("vigie.sqlite");
    open_session(&path).await.unwrap();
    Readers::open(&path, count).await.unwrap()
}

async fn answers(readers: &Readers) {
    let begun = Instant::now();
    let mut connection = readers.connection().await.unwrap();
    let row = sqlx::query("select 7").fetch_one(&mut *connection).await;
    assert_eq!(row.unwrap().get::<i64, _>(0), 7);
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_does_not_end_is_stopped_and_frees_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let readers = readers(&folder, 1).await;
    let permit = Permit::development();
    for _ in 0..3 {
        let mut connection = readers.connection().await.unwrap();
        let work = async {
            let row = sqlx::query(ENDLESS).fetch_all(&mut *connection).await;
            row.map(|_| ()).map_err(problem)
        };
        let refusal = within(&permit, SHORT, work).await.unwrap_err();
        assert_eq!(refusal.issues[0].code, "too-costly");
        drop(connection);
        answers(&readers).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_leaves_nothing_running() {
    let folder = tempfile::tempdir().unwrap();
    let readers = readers(&folder, 1).await;
    let gone = {
        let readers = readers.clone();
        tokio::spawn(async move {
            let mut connection = readers.connection().await.unwrap();
            let _ = sqlx::query(ENDLESS).fetch_all(&mut *connection).await;
        })
    };
    tokio::time::sleep(SHORT).await;
    gone.abort();
    answers(&readers).await;
}

#[tokio::test]
async fn the_servers_own_work_is_not_cut_short() {
    let work = async {
        tokio::time::sleep(SHORT * 2).await;
        Ok(7)
    };
    let permit = Permit::system("test");
    assert_eq!(within(&permit, SHORT, work).await, Ok(7));
    let acting = Permit::development().acting("test");
    assert!(!is_clients(&acting) && is_clients(&Permit::development()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_does_not_end_holds_up_no_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.sqlite");
    open_session(&path).await.unwrap();
    let connection = connect(&path, "-4096").unwrap();
    let sql = "begin immediate; create table t (x); insert into t values (1);";
    connection.execute_batch(sql).unwrap();
    let watch = Watch::over(connection.get_interrupt_handle(), SHORT);
    let ended = connection.query_row(ENDLESS, [], |_| Ok(())).map_err(fault);
    assert_eq!(ended.unwrap_err().issues[0].code, "too-costly");
    drop(watch);
    // What was written before in the same transaction stands, and nothing that follows is met.
    let watch = Watch::over(connection.get_interrupt_handle(), SHORT);
    drop(watch);
    tokio::time::sleep(SHORT * 2).await;
    let kept = connection.query_row("select count(*) from t", [], |row| row.get::<_, i64>(0));
    assert_eq!(kept.unwrap(), 1);
    connection.execute_batch("commit").unwrap();
}

#[tokio::test]
async fn nobody_takes_more_than_half_of_the_connections() {
    let turns = Turns::at(4);
    let greedy = login("a", Some("x"));
    let first = turns.take(&greedy).await.unwrap();
    let second = turns.take(&greedy).await.unwrap();
    assert!(first.is_some() && second.is_some());
    let third = timeout(SHORT, turns.take(&greedy)).await;
    assert!(third.is_err(), "it waits");
    // Others do not: another person of the same program, another program, the server itself.
    for other in [
        login("a", Some("y")),
        login("b", None),
        Permit::system("test"),
        greedy.acting("test"),
    ] {
        timeout(SHORT, turns.take(&other)).await.unwrap().unwrap();
    }
    drop(first);
    timeout(SHORT, turns.take(&greedy)).await.unwrap().unwrap();
    assert_eq!(Turns::at(1).each, 1);
}

#[tokio::test]
async fn callers_who_have_gone_are_forgotten() {
    let turns = Turns::at(4);
    let held = turns.take(&login("held", None)).await.unwrap();
    for number in 0..CALLERS_MAX * 2 {
        turns.take(&login(&number.to_string(), None)).await.unwrap();
    }
    let callers = turns.callers.lock().unwrap();
    assert!(callers.len() <= CALLERS_MAX, "{}", callers.len());
    assert!(callers.contains_key("held\0"));
    drop(held);
}
