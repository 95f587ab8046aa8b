//! From a name to a session, and what attackers do before it.

use crate::harness::{
    Options, PASSWORD, Reply, START, Server, Visitor, add_user, code_of, encoded, form, vigie,
};

fn server() -> Server {
    let server = Server::start_with(Options {
        closed: true,
        environment: vec![("VIGIE_CLOCK_START".to_owned(), START.to_owned())],
        ..Options::default()
    });
    add_user(
        &server,
        "anne@example.org",
        "Practitioner/anne",
        &["professional"],
    );
    server
}

fn is_in(visitor: &mut Visitor) -> bool {
    visitor.get("/auth/account").status == 200
}

#[test]
fn a_professional_logs_in_with_a_code_and_out() {
    let server = server();
    let mut anne = Visitor::new(&server);
    let page = anne.get("/auth/login?request=abc-1").expect(200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let first = anne.cookies.clone();
    let answer = anne.submit(
        &page,
        &[("login", "Anne@example.org"), ("password", PASSWORD)],
    );
    assert_eq!(
        answer.header("location"),
        Some("/auth/second?request=abc-1")
    );
    assert_ne!(anne.cookies, first, "a new session at each step");
    assert!(!is_in(&mut anne), "a password alone opens nothing");
    let second = anne.cookies.clone();
    let page = anne.get("/auth/second?request=abc-1").expect(200);
    let wrong = anne.submit(&page, &[("code", "000000")]).expect(401);
    let code = anne.code();
    let answer = anne.submit(&wrong, &[("code", &code)]).expect(303);
    assert_eq!(answer.header("location"), Some("/auth/continue/abc-1"));
    assert!(is_in(&mut anne));
    let flags = answer.header("set-cookie").unwrap();
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(flags.contains(flag), "{flags}");
    }
    assert!(!flags.contains("Domain"), "{flags}");
    for old in [first, second] {
        let mut other = Visitor::new(&server);
        other.cookies = old;
        assert!(!is_in(&mut other), "an old cookie is dead");
    }
    let answer = anne.get("/auth/login?request=abc-2").expect(303);
    assert_eq!(answer.header("location"), Some("/auth/continue/abc-2"));
    anne.get("/auth/login?request=abc-2&again=1").expect(200);

    let kept = anne.cookies.clone();
    let page = anne.get("/auth/account").expect(200);
    let out = anne.submit(&page, &[]).expect(200);
    assert!(
        out.header("clear-site-data")
            .unwrap()
            .contains("\"storage\"")
    );
    // That somebody has logged in with this browser is all that stays.
    let names: Vec<&str> = anne.cookies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["vigie-device"]);
    anne.cookies = kept;
    assert!(
        !is_in(&mut anne),
        "the session is over, whoever has the cookie"
    );
}

/// An agent with a password, who has no authenticator yet.
fn add_luc(server: &Server) {
    let file = server.database().with_file_name("password");
    let database = format!("sqlite:{}", server.database().display());
    let output = vigie(&[
        "user",
        "add",
        "10003456789",
        "--person",
        "Practitioner/luc",
        "--role",
        "agent@Organization/1",
        "--database",
        &database,
        "--password-file",
        file.to_str().unwrap(),
    ]);
    assert!(output.status.success());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        told.contains("10003456789 active Practitioner/luc agent@Organization/1"),
        "{told}"
    );
}

#[test]
fn an_authenticator_is_enrolled_at_the_first_login() {
    let server = server();
    add_luc(&server);
    let mut luc = Visitor::new(&server);
    let page = luc.get("/auth/login?request=r").expect(200);
    let answer = luc.submit(&page, &[("login", "10003456789"), ("password", PASSWORD)]);
    let page = luc.follow(answer).expect(200);
    let shown = page.text();
    let secret = shown
        .split("<code id=\"secret\">")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let again = luc.get("/auth/second?request=r").text();
    assert!(
        again.contains(secret),
        "it is the same until it is enrolled"
    );
    let secret = base32(secret);
    let code = code_of(&secret, luc.seconds);
    let done = luc.submit(&page, &[("code", &code)]).expect(200);
    let text = done.text();
    assert_eq!(text.matches("<li><code>").count(), 8);
    assert_eq!(form(&done).action, "/auth/continue/r");
    assert!(is_in(&mut luc));
    let mut again = Visitor::new(&server);
    let page = again.get("/auth/login").expect(200);
    let answer = again.submit(&page, &[("login", "10003456789"), ("password", PASSWORD)]);
    let page = again.follow(answer).expect(200);
    assert!(
        !page.text().contains("id=\"secret\""),
        "nobody enrols over it"
    );
    let spare = text
        .split("<li><code>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    again.submit(&page, &[("code", &spare)]).expect(303);
    assert!(is_in(&mut again));
}

pub(super) fn base32(text: &str) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = text
        .chars()
        .map(|c| format!("{:05b}", letters.find(c).unwrap()))
        .collect();
    let bytes = bits.as_bytes().chunks_exact(8);
    bytes
        .map(|b| u8::from_str_radix(std::str::from_utf8(b).unwrap(), 2).unwrap())
        .collect()
}

/// What two answers differ in, the tokens of their forms apart.
fn told(reply: &Reply) -> (u16, Vec<String>, String) {
    let token = form(reply)
        .hidden
        .into_iter()
        .find(|(name, _)| name == "csrf")
        .unwrap()
        .1;
    let names = reply.headers.iter().filter(|(name, _)| name != "date");
    let headers = names.map(|(n, v)| format!("{n}: {v}")).collect();
    (reply.status, headers, reply.text().replace(&token, ""))
}

#[test]
fn b10_nobody_learns_who_has_an_account() {
    let server = server();
    let mut stranger = Visitor::new(&server);
    let mut answers = Vec::new();
    for login in ["anne@example.org", "nobody@example.org"] {
        let mut of_login = Vec::new();
        for _ in 0..8 {
            let page = stranger.get("/auth/login").expect(200);
            let fields = [("login", login), ("password", "wrong")];
            of_login.push(told(&stranger.submit(&page, &fields)));
        }
        answers.push(of_login);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0][0].0, 401);
    assert_eq!(answers[0][7].0, 429, "and who goes on has to wait");
}

#[test]
fn b13_forms_of_others_are_refused() {
    let server = server();
    let mut victim = Visitor::new(&server);
    let page = victim.get("/auth/login").expect(200);
    let token = form(&page).hidden[0].1.clone();
    let good = encoded(&[
        ("csrf", &token),
        ("login", "anne@example.org"),
        ("password", PASSWORD),
    ]);
    let origin = server.origin();
    for headers in [
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site"), ("origin", origin.as_str())],
    ] {
        let refused = victim.send("POST", "/auth/login", &headers, &good);
        assert_eq!(refused.status, 403, "{headers:?}");
    }
    let plain = [("content-type", "text/plain"), ("origin", origin.as_str())];
    assert_eq!(
        victim.send("POST", "/auth/login", &plain, &good).status,
        415
    );
    let tokens = ["", "0", &token[1..], &token.to_uppercase()];
    for token in tokens {
        let fields = [
            ("csrf", token),
            ("login", "anne@example.org"),
            ("password", PASSWORD),
        ];
        assert_eq!(victim.post("/auth/login", &fields).status, 403);
    }
    // Login CSRF: the attacker's own token, in the victim's browser.
    let mut attacker = Visitor::new(&server);
    let other = form(&attacker.get("/auth/login")).hidden[0].1.clone();
    let fields = [
        ("csrf", other.as_str()),
        ("login", "anne@example.org"),
        ("password", PASSWORD),
    ];
    assert_eq!(victim.post("/auth/login", &fields).status, 403);
    // Logout, from elsewhere.
    let page = victim.get("/auth/login").expect(200);
    victim.log_in(&page, "anne@example.org");
    assert!(is_in(&mut victim));
    let elsewhere = [("origin", "https://evil.example")];
    assert_eq!(
        victim.send("POST", "/auth/logout", &elsewhere, "").status,
        403
    );
    assert!(is_in(&mut victim));
}

#[test]
fn b12_a_cookie_that_was_planted_is_of_no_use() {
    let server = server();
    let mut attacker = Visitor::new(&server);
    attacker.get("/auth/login").expect(200);
    let planted = attacker.cookies.clone();
    let mut victim = Visitor::new(&server);
    victim.cookies = planted.clone();
    let page = victim.get("/auth/login").expect(200);
    victim.log_in(&page, "anne@example.org");
    assert!(is_in(&mut victim));
    assert_ne!(victim.cookies, planted);
    assert!(!is_in(&mut attacker));
    // Two cookies of one name: one of them is planted, and neither counts.
    let own = victim.cookies.clone();
    victim.cookies = [planted, own].concat();
    assert!(!is_in(&mut victim));
}

#[test]
fn b14_pages_are_not_framed_and_load_nothing_from_elsewhere() {
    let server = server();
    let mut visitor = Visitor::new(&server);
    for path in ["/auth/login", "/auth/second", "/auth/account"] {
        let reply = visitor.get(path);
        let policy = reply.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(
            reply.header("referrer-policy"),
            Some("same-origin"),
            "{path}"
        );
        assert_eq!(
            reply.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
    let style = visitor.get("/auth/style.css").expect(200);
    assert_eq!(
        style.header("content-type"),
        Some("text/css; charset=utf-8")
    );
}

#[test]
fn where_a_login_ends_is_not_for_a_url_to_say() {
    let server = server();
    let odd = [
        "//evil.example",
        "https%3A%2F%2Fevil.example",
        "..%2F..%2Fx",
        "a%0d%0aSet-Cookie:%20x=y",
        "%5cevil",
    ];
    for request in odd {
        let mut anne = Visitor::new(&server);
        let page = anne
            .get(&format!("/auth/login?request={request}&next={request}"))
            .expect(200);
        let hidden = form(&page).hidden;
        assert!(
            hidden
                .iter()
                .any(|(name, value)| name == "request" && value.is_empty())
        );
    }
}

#[test]
fn a_lock_ends_sessions_at_once() {
    let server = server();
    let mut anne = Visitor::new(&server);
    let page = anne.get("/auth/login").expect(200);
    anne.log_in(&page, "anne@example.org");
    assert!(is_in(&mut anne));
    let database = format!("sqlite:{}", server.database().display());
    let output = vigie(&["user", "lock", "anne@example.org", "--database", &database]);
    assert!(output.status.success());
    assert!(!is_in(&mut anne));
    let output = vigie(&["user", "list", "--database", &database]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        told.contains("anne@example.org locked Practitioner/anne professional"),
        "{told}"
    );
    let unknown = vigie(&[
        "user",
        "lock",
        "nobody@example.org",
        "--database",
        &database,
    ]);
    assert_eq!(unknown.status.code(), Some(1));
}
