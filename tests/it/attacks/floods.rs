//! B11, B18 and B19 by many hands: one account guessed at from everywhere, and endpoints that are
//! asked without end. Whoever does it is slowed down; the others go on.

use super::logins::{ANNE, AWAY, HOME, server, server_with, tried};
use crate::harness::{
    App, Backend, PASSWORD, Reply, Server, Visitor, add_user,
    backend::{ASSERTION, post_form},
    encoded,
};

/// Sends the first form of a page from an address, and follows where it leads.
fn submit_from(visitor: &mut Visitor, from: &str, page: &Reply, fields: &[(&str, &str)]) -> Reply {
    let form = crate::harness::form(page);
    let hidden = form.hidden.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let all: Vec<(&str, &str)> = hidden.chain(fields.iter().copied()).collect();
    let came = ("x-forwarded-for", from);
    visitor.send("POST", &form.action, &[came], &encoded(&all))
}

/// A login with password and code from an address: the answer to the password, and the last one.
fn log_in_from(server: &Server, visitor: &mut Visitor, from: &str) -> (u16, u16) {
    visitor.seconds = server.now().unsigned_abs();
    let came = ("x-forwarded-for", from);
    let again = "/auth/login?again=1";
    let page = visitor.send("GET", again, &[came], "").expect(200);
    let fields = [("login", ANNE), ("password", PASSWORD)];
    let first = submit_from(visitor, from, &page, &fields);
    if first.status != 303 {
        return (first.status, first.status);
    }
    let page = visitor.send("GET", "/auth/second", &[came], "").expect(200);
    let code = visitor.code();
    let second = submit_from(visitor, from, &page, &[("code", &code)]);
    (first.status, second.status)
}

#[test]
fn b11_one_account_is_not_guessed_from_a_thousand_places_and_its_person_goes_on() {
    const PLACES: usize = 120;
    let server = server();
    let mut home = Visitor::new(&server);
    assert_eq!(log_in_from(&server, &mut home, HOME), (303, 303));
    let guesses: Vec<u16> = (0..PLACES)
        .map(|number| tried(&server, &format!("203.0.113.{number}"), ANNE, "a guess").0)
        .collect();
    let looked_at = guesses.iter().filter(|status| **status == 401).count();
    assert!((1..=31).contains(&looked_at), "{guesses:?}");
    assert!(
        guesses[31..].iter().all(|status| *status == 429),
        "{guesses:?}"
    );
    // A stranger waits, whatever they know; at home, and with the browser of home anywhere, nobody.
    assert_eq!(tried(&server, AWAY, ANNE, PASSWORD).0, 429);
    server.set_clock(&server.later(31));
    assert_eq!(log_in_from(&server, &mut home, HOME), (303, 303));
    server.set_clock(&server.later(31));
    for number in 0..40 {
        tried(&server, &format!("203.0.113.{number}"), ANNE, "a guess");
    }
    assert_eq!(log_in_from(&server, &mut home, AWAY), (303, 303));
    // Nobody learns by it who has an account.
    let nobody: Vec<u16> = (0..PLACES)
        .map(|number| tried(&server, &format!("192.0.2.{number}"), "nobody", "a guess").0)
        .collect();
    assert_eq!(
        nobody.iter().filter(|status| **status == 401).count(),
        looked_at
    );
}

#[test]
fn b11_who_waits_is_told_how_long() {
    let server = server();
    let mut thief = Visitor::new(&server);
    let mut page = thief.get("/auth/login").expect(200);
    let mut told = Vec::new();
    for _ in 0..12 {
        page = thief.submit(&page, &[("login", ANNE), ("password", "a guess")]);
        if page.status == 429 {
            let seconds = page.header("retry-after").expect("how long");
            told.push(seconds.parse::<u64>().expect("seconds"));
        }
    }
    assert!(
        told.len() > 3 && told.iter().all(|one| (1..=120).contains(one)),
        "{told:?}"
    );
}

#[test]
fn b12_the_cookie_of_a_browser_opens_nothing_and_survives_a_logout() {
    let server = server();
    let mut anne = Visitor::new(&server);
    assert_eq!(log_in_from(&server, &mut anne, HOME), (303, 303));
    let page = anne.get("/auth/account").expect(200);
    anne.submit(&page, &[]).expect(200);
    let device = anne.cookies.clone();
    assert_eq!(device.len(), 1, "{device:?}");
    let mut thief = Visitor::new(&server);
    thief.cookies = device.clone();
    thief.get("/auth/account").expect(303);
    // As the cookie of a session it is none either.
    thief.cookies = vec![("vigie".to_owned(), device[0].1.clone())];
    thief.get("/auth/account").expect(303);
}

/// A server whose bounds are small enough to come up against.
fn small() -> Server {
    server_with(&[
        ("VIGIE_AUTH_REQUESTS_PER_CLIENT_MAX", "20"),
        ("VIGIE_AUTH_REQUESTS_PER_ADDRESS_MAX", "10"),
    ])
}

fn form_from(server: &Server, from: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
    post_form(server, path, &encoded(fields), &[("x-forwarded-for", from)])
}

/// Asks for a token by an assertion, from an address.
fn ask_from(server: &Server, backend: &Backend, from: &str) -> Reply {
    let assertion = backend.sign(&backend.claims(server));
    let form = format!(
        "grant_type=client_credentials&scope=system%2FPatient.rs&client_assertion_type={ASSERTION}\
         &client_assertion={assertion}"
    );
    post_form(server, "/auth/token", &form, &[("x-forwarded-for", from)])
}

#[track_caller]
fn is_sent_away(reply: &Reply) {
    assert_eq!(reply.status, 429, "{}", reply.text());
    let seconds = reply
        .header("retry-after")
        .and_then(|text| text.parse().ok());
    assert!(
        seconds.is_some_and(|one: u64| (1..=60).contains(&one)),
        "{:?}",
        reply.headers
    );
    assert_eq!(reply.json()["error"], "temporarily_unavailable");
    assert!(!reply.text().contains("access_token"));
}

#[test]
fn b19_a_client_that_asks_without_end_waits_and_no_other_does() {
    let server = small();
    let greedy = Backend::register(&server, "system/Patient.rs");
    let other = Backend::register(&server, "system/Patient.rs");
    let mut token = String::new();
    for number in 0..20 {
        // Wherever it is.
        let reply = ask_from(&server, &greedy, &format!("203.0.113.{number}")).expect(200);
        token = reply.json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned();
    }
    is_sent_away(&ask_from(&server, &greedy, AWAY));
    // What it has is good all the same, and another goes on from the very same address.
    server.client().with_token(token).get("Patient").expect(200);
    ask_from(&server, &other, AWAY).expect(200);
    server.set_clock(&server.later(60));
    ask_from(&server, &greedy, AWAY).expect(200);
}

#[test]
fn b19_nobody_uses_up_what_is_a_clients_own_by_its_name() {
    let server = small();
    let victim = App::register(&server, "patient/*.rs", &["--secret"]);
    let secret = victim.secret.clone().expect("a secret");
    let asked = |from: &str, secret: &str| {
        let fields = [
            ("token", "vgt_x"),
            ("client_id", victim.id.as_str()),
            ("client_secret", secret),
        ];
        form_from(&server, from, "/auth/introspect", &fields)
    };
    for number in 0..40 {
        let reply = asked(AWAY, &format!("guess {number}"));
        if number < 10 {
            reply.expect(401);
        } else {
            is_sent_away(&reply);
        }
    }
    // From a thousand addresses, too: what fails is charged to the address.
    for number in 0..60 {
        asked(&format!("203.0.113.{number}"), "a guess").expect(401);
    }
    asked(HOME, &secret).expect(200);
}

#[test]
fn b19_strangers_of_one_address_are_bounded_at_every_endpoint() {
    let app_scopes = "launch/patient patient/*.rs";
    for (path, fields, first) in [
        (
            "/auth/token",
            &[("grant_type", "authorization_code"), ("code", "vgc_x")][..],
            401,
        ),
        (
            "/auth/token",
            &[("grant_type", "refresh_token"), ("refresh_token", "vgr_x")][..],
            401,
        ),
        ("/auth/introspect", &[("token", "vgt_x")][..], 401),
        (
            "/auth/revoke",
            &[("token", "vgt_x"), ("client_id", "nobody")][..],
            401,
        ),
        ("/auth/authorize", &[("client_id", "nobody")][..], 400),
    ] {
        let server = small();
        for number in 0..30 {
            let reply = form_from(&server, AWAY, path, fields);
            let expected = if number < 10 { first } else { 429 };
            assert_eq!(reply.status, expected, "{path} {number}: {}", reply.text());
        }
        assert!(
            form_from(&server, AWAY, path, fields)
                .header("retry-after")
                .is_some()
        );
        // Who has used it up at one endpoint has at all; the others go on.
        let nobody = [("token", "vgt_x"), ("client_id", "nobody")];
        is_sent_away(&form_from(&server, AWAY, "/auth/revoke", &nobody));
        form_from(&server, HOME, path, fields).expect(first);
    }
    // A program without a secret is one of them, though it is known.
    let server = small();
    let public = App::public(&server, app_scopes);
    for _ in 0..10 {
        let fields = [("token", "vgt_x"), ("client_id", public.id.as_str())];
        form_from(&server, AWAY, "/auth/revoke", &fields).expect(200);
    }
    let fields = [("token", "vgt_x"), ("client_id", public.id.as_str())];
    is_sent_away(&form_from(&server, AWAY, "/auth/revoke", &fields));
    form_from(&server, HOME, "/auth/revoke", &fields).expect(200);
    // And so is a token that is none, where one is shown instead of a client.
    let server = small();
    for number in 0..20 {
        let form = encoded(&[("token", "vgt_x")]);
        let headers = [
            ("authorization", "Bearer vgt_none"),
            ("x-forwarded-for", AWAY),
        ];
        let reply = post_form(&server, "/auth/introspect", &form, &headers);
        assert_eq!(
            reply.status,
            if number < 10 { 401 } else { 429 },
            "{number}"
        );
    }
}

#[test]
fn b19_requests_for_authorization_do_not_fill_the_disk() {
    let server = small();
    let app = App::public(&server, "launch/patient patient/*.rs");
    add_user(&server, "somebody", "Practitioner/x", &["professional"]);
    let padding = "x".repeat(20_000);
    let request = app.request(
        &server,
        "launch/patient patient/*.rs",
        &[("state", &padding)],
    );
    let mut visitor = Visitor::new(&server);
    let statuses: Vec<u16> = (0..30)
        .map(|_| {
            let came = [
                ("x-forwarded-for", AWAY),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            visitor
                .send("POST", "/auth/authorize", &came, &request)
                .status
        })
        .collect();
    assert!(
        statuses[10..].iter().all(|status| *status == 429),
        "{statuses:?}"
    );
}

#[test]
fn b19_ways_back_are_not_asked_for_without_end() {
    let server = server();
    let mut thief = Visitor::new(&server);
    let page = thief.get("/auth/recover").expect(200);
    let statuses: Vec<u16> = (0..100)
        .map(|number| {
            let login = if number == 70 {
                ANNE.to_owned()
            } else {
                format!("user-{number}")
            };
            let reply = submit_from(&mut thief, AWAY, &page, &[("login", &login)]);
            assert_eq!(reply.header("retry-after").is_some(), reply.status == 429);
            reply.status
        })
        .collect();
    let heard = statuses.iter().filter(|status| **status == 200).count();
    assert!((60..=61).contains(&heard), "{statuses:?}");
    assert!(
        statuses[61..].iter().all(|status| *status == 429),
        "{statuses:?}"
    );
    // From elsewhere it is heard, and logins wait for none of it.
    let mut home = Visitor::new(&server);
    let page = home.get("/auth/recover").expect(200);
    submit_from(&mut home, HOME, &page, &[("login", ANNE)]).expect(200);
    assert_eq!(tried(&server, AWAY, ANNE, PASSWORD).0, 303);
}
