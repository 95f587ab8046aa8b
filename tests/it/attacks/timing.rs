//! B9: what the time of a refusal tells.
//!
//! That each refusal costs one and the same hash is counted in the library's own tests
//! (`src/people/tests/guessing.rs`). Here it is measured, from outside, how long each takes: logins
//! that nobody has, and those of people whose account is active, locked, or waits for its person;
//! and the same of those who have lost their password.
//!
//! `TEST_LOGIN_TRIES=1000 cargo test --test it -- --nocapture timing::` tries so often, and prints
//! what it has found.

use std::time::{Duration, Instant};

use super::logins::{ANNE, server, tried};
use crate::harness::{Server, Visitor, add_user, encoded, form, vigie};

/// Tries of each kind where nobody has said how many.
const TRIES: usize = 30;

/// Tries from which on a difference that nobody could use would be seen as well.
const MANY: usize = 500;

/// Kinds of logins; the first is nobody's.
const LOGINS: [&str; 4] = [
    "nobody@example.org",
    ANNE,
    "locked@example.org",
    "invited@example.org",
];

fn tries() -> usize {
    let told = std::env::var("TEST_LOGIN_TRIES").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(TRIES)
}

fn manned() -> Server {
    let server = server();
    add_user(&server, LOGINS[2], "Practitioner/locked", &["professional"]);
    let database = format!("sqlite:{}", server.database().display());
    for arguments in [
        &["user", "lock", LOGINS[2]][..],
        &[
            "user",
            "add",
            LOGINS[3],
            "--person",
            "Practitioner/invited",
            "--role",
            "professional",
        ],
    ] {
        let all = [arguments, &["--database", &database]].concat();
        let output = vigie(&all);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    server
}

/// Seconds that each kind takes, in turns, so that whatever else the machine does meets all alike.
fn measured(server: &Server, mut one: impl FnMut(&str, &str) -> Duration) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::new(); LOGINS.len()];
    for round in 0..tries() {
        // Each from an address of its own, and when nobody has to wait any more.
        let from = format!("203.0.{}.{}", round >> 8, round & 255);
        server.set_clock(&server.later(16 * 60));
        for step in 0..LOGINS.len() {
            let kind = (round + step) % LOGINS.len();
            all[kind].push(one(&from, LOGINS[kind]).as_secs_f64());
        }
    }
    all
}

/// That none of the kinds stands out from the first.
#[track_caller]
fn is_alike(what: &str, all: &[Vec<f64>]) {
    let nobody = Sample::of(&all[0]);
    for (login, times) in LOGINS.iter().zip(all).skip(1) {
        let (own, distance) = (Sample::of(times), kolmogorov(&all[0], times));
        let apart = (own.mean - nobody.mean).abs();
        let welch = apart / (own.variance + nobody.variance).sqrt();
        let share = apart / nobody.mean;
        println!(
            "{what}: {login}: {} tries, {:.3} ms against {:.3} ms, {:.2} %, t {welch:.2}, D {distance:.3}",
            times.len(),
            own.mean * 1e3,
            nobody.mean * 1e3,
            share * 1e2
        );
        // A difference that is none of chance, and that anybody could use.
        let most = if times.len() >= MANY { 0.02 } else { 0.2 };
        assert!(
            !(welch > 4.5 && share > most),
            "{what}: {login} is told by its time"
        );
    }
}

#[test]
fn b9_the_time_of_a_refusal_does_not_tell_who_has_an_account() {
    let server = manned();
    let all = measured(&server, |from, login| {
        let (status, took) = tried(&server, from, login, "not the password");
        assert_eq!(status, 401, "{login}");
        took
    });
    is_alike("login", &all);
    let cost = Sample::of(&all[0]).mean;
    assert!(cost > 0.003, "a password costs time: {cost}");
}

#[test]
fn b9_the_time_of_a_recovery_does_not_tell_who_has_an_account() {
    let server = manned();
    let all = measured(&server, |from, login| {
        let mut visitor = Visitor::new(&server);
        let came = ("x-forwarded-for", from);
        let page = visitor
            .send("GET", "/auth/recover", &[came], "")
            .expect(200);
        let form = form(&page);
        let hidden = form.hidden.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let fields: Vec<(&str, &str)> = hidden.chain([("login", login)]).collect();
        let begun = Instant::now();
        let reply = visitor.send("POST", &form.action, &[came], &encoded(&fields));
        let took = begun.elapsed();
        assert_eq!(reply.status, 200, "{login}");
        took
    });
    is_alike("recovery", &all);
}

/// A mean and its variance, the slowest quarter left out: other tests run as well.
#[derive(Debug)]
struct Sample {
    mean: f64,
    variance: f64,
}

impl Sample {
    fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.truncate(values.len() * 3 / 4);
        let number = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / number;
        let squares = sorted.iter().map(|value| (value - mean).powi(2));
        Self {
            mean,
            variance: squares.sum::<f64>() / (number - 1.0) / number,
        }
    }
}

/// The greatest distance of two distributions (Kolmogorov and Smirnov).
fn kolmogorov(one: &[f64], two: &[f64]) -> f64 {
    let below = |all: &[f64], at: f64| {
        let number = all.iter().filter(|value| **value <= at).count();
        number as f64 / all.len() as f64
    };
    let distances = one
        .iter()
        .chain(two)
        .map(|at| (below(one, *at) - below(two, *at)).abs());
    distances.fold(0.0, f64::max)
}
