//! What stands for tokens, and what is cleared away of it.

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::json;

use super::{Bench, bench};
use crate::{
    fhir::permit::Permit,
    kernel::clock::Clock as _,
    store::{Client, Delegation, DelegationsOf, PendingKind, Proof, Terms, Token, TokenKind},
};

static PERMIT: Permit = Permit::system("store.test");

const TABLES: [&str; 4] = [
    "oauth_delegation",
    "oauth_token",
    "oauth_pending",
    "oauth_assertion",
];

fn count(bench: &Bench, table: &str) -> i64 {
    let file = Connection::open(bench.folder.path().join("vigie.sqlite")).expect("a file");
    let sql = format!("select count(*) from {table}");
    file.query_row(&sql, [], |row| row.get(0))
        .expect("a number")
}

fn later(bench: &Bench, time: SignedDuration) {
    bench.clock.advance_to(bench.clock.now() + time);
}

fn client(id: &str) -> Client {
    Client {
        id: id.into(),
        name: id.to_uppercase(),
        proof: Proof::Public,
        redirect_uris: Vec::new(),
        logout_uris: Vec::new(),
        launch_uri: None,
        scopes: vec!["openid".into()],
        origins: Vec::new(),
        acts_for_itself: false,
        organizations: Vec::new(),
        trusted: false,
        self_registered: false,
    }
}

fn delegation(id: &str, client: &str, now: Timestamp) -> Delegation {
    Delegation {
        id: id.into(),
        client: client.into(),
        account: Some("anne".into()),
        session: Some("ab01".into()),
        patient: None,
        terms: Terms::default(),
        created: now,
        expires: now + SignedDuration::from_secs(60),
        ended: false,
    }
}

fn access(of: &Delegation, hash: u8) -> Token {
    Token {
        hash: [hash; 32],
        kind: TokenKind::Access,
        delegation: of.id.clone(),
        scopes: "openid".into(),
        issued: of.created,
        expires: of.expires,
        used: false,
    }
}

/// Writes one of each.
async fn one_of_each(bench: &Bench, number: u8) {
    let written = bench.store.write(&PERMIT, move |tx| {
        Box::pin(async move {
            tx.keep_client(&client("app")).await?;
            let now = tx.now();
            let given = delegation(&format!("d{number}"), "app", now);
            tx.keep_delegation(&given).await?;
            tx.keep_token(&access(&given, number)).await?;
            let name = (PendingKind::Authorization, &[number; 32]);
            tx.keep_pending(name, &json!({}), given.expires).await?;
            tx.note_assertion("app", &[number; 32], given.expires).await
        })
    });
    assert!(written.await.expect("written"));
}

#[tokio::test]
async fn what_has_expired_is_cleared_away_by_what_comes() {
    let bench = bench(Vec::new()).await;
    one_of_each(&bench, 1).await;
    // As long as it is good it stays.
    one_of_each(&bench, 2).await;
    assert!(TABLES.iter().all(|table| count(&bench, table) == 2));
    later(&bench, SignedDuration::from_mins(2));
    one_of_each(&bench, 3).await;
    for table in ["oauth_token", "oauth_pending", "oauth_assertion"] {
        assert_eq!(count(&bench, table), 1, "{table}");
    }
    // What was granted is asked for a while longer.
    assert_eq!(count(&bench, "oauth_delegation"), 3);
    later(&bench, SignedDuration::from_hours(24 * 8));
    one_of_each(&bench, 4).await;
    assert!(TABLES.iter().all(|table| count(&bench, table) == 1));
}

#[tokio::test]
async fn what_is_underway_is_bounded_and_the_newest_stay() {
    let bench = bench(Vec::new()).await;
    let written = bench.store.write(&PERMIT, move |tx| {
        Box::pin(async move {
            let start = tx.now();
            for number in 0..6_u8 {
                let kind = if number == 0 {
                    PendingKind::Launch
                } else {
                    PendingKind::Authorization
                };
                let expires = start + SignedDuration::from_secs(60 + i64::from(number));
                tx.keep_pending((kind, &[number; 32]), &json!({}), expires)
                    .await?;
            }
            tx.session()
                .crowd_out(PendingKind::Authorization, 3)
                .await?;
            let mut left = Vec::new();
            for number in 0..6_u8 {
                for kind in [PendingKind::Launch, PendingKind::Authorization] {
                    if tx.pending((kind, &[number; 32])).await?.is_some() {
                        left.push(number);
                    }
                }
            }
            Ok(left)
        })
    });
    // A launch is another matter.
    assert_eq!(written.await.expect("what is left"), [0, 3, 4, 5]);
}

#[tokio::test]
async fn what_was_given_to_one_ends_and_the_rest_goes_on() {
    let bench = bench(Vec::new()).await;
    let written = bench.store.write(&PERMIT, move |tx| {
        Box::pin(async move {
            let now = tx.now();
            for (number, id) in ["one", "two"].into_iter().enumerate() {
                tx.keep_client(&client(id)).await?;
                let given = delegation(id, id, now);
                tx.keep_delegation(&given).await?;
                let number = u8::try_from(number).unwrap_or_default();
                tx.keep_token(&access(&given, number)).await?;
            }
            let of = DelegationsOf::Given {
                account: "anne",
                client: "one",
            };
            let ended = tx.end_delegations(of).await?;
            let left: Vec<String> = tx
                .given("anne")
                .await?
                .into_iter()
                .map(|(given, client)| format!("{} {}", given.id, client.name))
                .collect();
            let found = (tx.held(&[0; 32]).await?, tx.held(&[1; 32]).await?);
            Ok((ended, left, found, tx.given("other").await?.len()))
        })
    });
    let (ended, left, found, others) = written.await.expect("what is left");
    assert_eq!((ended, others), (1, 0));
    assert_eq!(left, ["two TWO"]);
    assert!(found.0.is_none() && found.1.is_some());
}
