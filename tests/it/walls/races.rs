//! Many who change one thing at the same time: one wins for each version, and nothing is lost.

use std::{sync::Barrier, thread};

use serde_json::{Value, json};

use crate::harness::Server;

const WRITERS: usize = 16;

/// Rounds; with the writers, about a thousand updates.
const ROUNDS: usize = 63;

#[test]
fn of_many_updates_of_one_version_one_wins() {
    let server = Server::start();
    let start = json!({"resourceType": "Basic", "id": "b", "code": {"text": "0"}});
    server.client().put("Basic/b", &start).expect(201);
    let barrier = Barrier::new(WRITERS);
    let outcomes: Vec<Vec<u16>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (server, barrier) = (&server, &barrier);
                scope.spawn(move || {
                    let mut client = server.client();
                    let each = |round: usize| {
                        barrier.wait();
                        let version = format!("W/\"{}\"", round + 1);
                        let headers = [
                            ("content-type", "application/fhir+json"),
                            ("if-match", &version),
                        ];
                        let body = json!({"resourceType": "Basic", "id": "b",
                            "code": {"text": format!("{round}-{writer}")}});
                        let sent =
                            client.send("PUT", "Basic/b", &headers, body.to_string().as_bytes());
                        sent.expect("a reply").status
                    };
                    (0..ROUNDS).map(each).collect()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a writer"))
            .collect()
    });
    for round in 0..ROUNDS {
        let won = outcomes
            .iter()
            .filter(|outcome| outcome[round] == 200)
            .count();
        let lost = outcomes
            .iter()
            .filter(|outcome| outcome[round] == 412)
            .count();
        assert_eq!((won, lost), (1, WRITERS - 1), "round {round}");
    }
    // Each version is that of its winner.
    let history = server
        .client()
        .get("Basic/b/_history?_count=1000")
        .expect(200)
        .json();
    let entries = history["entry"].as_array().expect("entries");
    assert_eq!(entries.len(), ROUNDS + 1);
    for (round, entry) in entries.iter().rev().skip(1).enumerate() {
        let text = entry["resource"]["code"]["text"].as_str().expect("a text");
        let writer: usize = text
            .rsplit('-')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a writer");
        assert_eq!(outcomes[writer][round], 200, "{text}");
    }
}

#[test]
fn of_many_conditional_creates_one_creates() {
    let server = Server::start();
    let barrier = Barrier::new(WRITERS);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.client();
                    let headers = [
                        ("content-type", "application/fhir+json"),
                        ("if-none-exist", "identifier=urn:x|1"),
                    ];
                    let body = json!({"resourceType": "Patient",
                        "identifier": [{"system": "urn:x", "value": "1"}]});
                    barrier.wait();
                    let sent =
                        client.send("POST", "Patient", &headers, body.to_string().as_bytes());
                    sent.expect("a reply").status
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a writer"))
            .collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    let total: Value = server.client().get("Patient?_summary=count").json()["total"].clone();
    assert_eq!(total, 1);
}
