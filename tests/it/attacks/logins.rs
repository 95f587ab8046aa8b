//! B11 and B19: whoever knocks at the login, and how often.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::harness::{Options, PASSWORD, Server, Visitor, add_user, encoded, form};

/// The victim.
pub const ANNE: &str = "anne@example.org";

/// Where the victim is.
pub const HOME: &str = "192.0.2.1";

/// Where the attacker is.
pub const AWAY: &str = "198.51.100.7";

/// Behind a proxy that is believed, so that tests can come from many places.
pub fn server() -> Server {
    server_with(&[])
}

/// The same, with keys of the configuration.
pub fn server_with(environment: &[(&str, &str)]) -> Server {
    let proxies = ("VIGIE_SERVER_TRUSTED_PROXIES", "127.0.0.1/32");
    let server = Server::start_with(Options {
        closed: true,
        environment: environment
            .iter()
            .chain([&proxies])
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Options::default()
    });
    add_user(&server, ANNE, "Practitioner/anne", &["professional"]);
    server
}

/// One try at the login, from an address: the status, and how long it took.
pub fn tried(server: &Server, from: &str, login: &str, password: &str) -> (u16, Duration) {
    let mut visitor = Visitor::new(server);
    let came = ("x-forwarded-for", from);
    let page = visitor.send("GET", "/auth/login", &[came], "").expect(200);
    let form = form(&page);
    let mut fields: Vec<(&str, &str)> = form
        .hidden
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    fields.extend([("login", login), ("password", password)]);
    let begun = Instant::now();
    let reply = visitor.send("POST", &form.action, &[came], &encoded(&fields));
    (reply.status, begun.elapsed())
}

#[test]
fn b11_who_guesses_waits_and_the_victim_does_not() {
    let server = server();
    let guesses: Vec<u16> = (0..40)
        .map(|number| tried(&server, AWAY, ANNE, &format!("guess number {number}")).0)
        .collect();
    let looked_at = guesses.iter().filter(|status| **status == 401).count();
    assert!((1..=6).contains(&looked_at), "{guesses:?}");
    assert!(
        guesses[10..].iter().all(|status| *status == 429),
        "{guesses:?}"
    );
    // Not even the right one is looked at from there; from home it is.
    assert_eq!(tried(&server, AWAY, ANNE, PASSWORD).0, 429);
    assert_eq!(tried(&server, HOME, ANNE, PASSWORD).0, 303);
    // And the wait ends by itself.
    server.set_clock(&server.later(16 * 60));
    assert_eq!(tried(&server, AWAY, ANNE, PASSWORD).0, 303);
}

#[test]
fn b11_one_place_cannot_try_everybody() {
    let server = server();
    let guesses: Vec<u16> = (0..100)
        .map(|number| tried(&server, AWAY, &format!("user-{number}"), "the same").0)
        .collect();
    let looked_at = guesses.iter().filter(|status| **status == 401).count();
    assert!(looked_at <= 62, "{looked_at} of 100");
    assert_eq!(tried(&server, HOME, ANNE, PASSWORD).0, 303);
}

#[test]
fn b11_six_digits_are_not_guessed() {
    let server = server();
    let mut thief = Visitor::new(&server);
    let page = thief.get("/auth/login").expect(200);
    let answer = thief.submit(&page, &[("login", ANNE), ("password", PASSWORD)]);
    let mut page = thief.follow(answer).expect(200);
    let right = thief.code();
    let mut statuses = Vec::new();
    for guess in (0..60)
        .map(|number| format!("{number:06}"))
        .filter(|guess| *guess != right)
    {
        let reply = thief.submit(&page, &[("code", &guess)]);
        statuses.push(reply.status);
        if !reply.text().contains("name=\"code\"") {
            break;
        }
        page = reply;
    }
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    assert!(looked_at <= 11, "{statuses:?}");
    thief.get("/auth/account").expect(303);
}

/// What a server's process has held at most, in bytes.
fn memory(server: &Server) -> u64 {
    let database = server.database().display().to_string();
    let folders = fs::read_dir("/proc").expect("processes").flatten();
    let own = folders.map(|folder| folder.path()).find(|folder| {
        let line = fs::read(folder.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("serve") && line.contains(&database)
    });
    let status = fs::read_to_string(own.expect("its process").join("status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.expect("a number") << 10
}

#[test]
fn b19_a_flood_of_passwords_is_bounded_in_memory() {
    const FLOOD: usize = 200;
    /// Some hashes at once, of 19 MiB each, and what else a burst of connections takes.
    const MORE_MAX: u64 = 160 << 20;
    let server = server();
    tried(&server, HOME, ANNE, "not the password");
    let before = memory(&server);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..FLOOD)
            .map(|number| {
                let (server, from) = (&server, format!("203.0.113.{number}"));
                scope.spawn(move || tried(server, &from, ANNE, "not the password").0)
            })
            .collect();
        tries
            .into_iter()
            .map(|one| one.join().unwrap_or_default())
            .collect()
    });
    for status in &statuses {
        assert!([401, 429, 503].contains(status), "{statuses:?}");
    }
    let more = memory(&server).saturating_sub(before);
    assert!(more < MORE_MAX, "{} MiB more", more >> 20);
    server
        .client()
        .send("GET", "/healthz", &[], b"")
        .expect("a reply")
        .expect(200);
    server.set_clock(&server.later(16 * 60));
    assert_eq!(
        tried(&server, HOME, ANNE, PASSWORD).0,
        303,
        "and then all is well"
    );
}
