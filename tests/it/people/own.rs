//! A person's own page, and what an administrator does beside the server.

use crate::harness::{
    App, Options, PASSWORD, Reply, START, Server, Visitor, add_user, forms, vigie,
};

const LOGIN: &str = "anne@example.org";

fn server() -> Server {
    let server = Server::start_with(Options {
        closed: true,
        environment: vec![("VIGIE_CLOCK_START".to_owned(), START.to_owned())],
        ..Options::default()
    });
    add_user(&server, LOGIN, "Practitioner/anne", &["professional"]);
    server
}

/// Anne, logged in.
fn anne(server: &Server) -> Visitor {
    server.set_clock(&server.later(60));
    let mut anne = Visitor::new(server);
    let page = anne.get("/auth/login").expect(200);
    anne.log_in(&page, LOGIN).expect(200);
    anne
}

/// Sends the form of the own page that goes to an address.
fn send(visitor: &mut Visitor, action: &str, fields: &[(&str, &str)]) -> Reply {
    let page = visitor.get("/auth/account").expect(200);
    let form = forms(&page).into_iter().find(|form| form.action == action);
    let form = form.unwrap_or_else(|| panic!("{action}: {}", page.text()));
    let hidden = form.hidden.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let all: Vec<_> = hidden.chain(fields.iter().copied()).collect();
    visitor.post(action, &all)
}

fn told(output: &std::process::Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// `vigie user …` for the database of a server: whether it succeeded, and what it said.
fn user(server: &Server, arguments: &[&str]) -> (bool, String) {
    let database = format!("sqlite:{}", server.database().display());
    let mut all = vec!["user"];
    all.extend(arguments);
    all.extend(["--database", &database]);
    let output = vigie(&all);
    (output.status.success(), told(&output))
}

#[test]
fn a_program_that_was_let_in_is_shown_and_ended() {
    let server = server();
    let app = App::public(&server, "user/*.rs");
    let mut client = app.client(&server, "user/*.rs", LOGIN);
    client.get("Practitioner").expect(200);
    let mut anne = anne(&server);
    let page = anne.get("/auth/account").expect(200).text();
    assert!(page.contains("<strong>App</strong>"), "{page}");
    // The form of nobody else: no token of theirs, no origin of ours.
    anne.post("/auth/programs", &[("program", "x")]).expect(403);
    client.get("Practitioner").expect(200);
    send(&mut anne, "/auth/programs", &[]).expect(200);
    client.get("Practitioner").expect(401);
    let page = anne.get("/auth/account").expect(200).text();
    assert!(!page.contains("<strong>App</strong>"), "{page}");
}

#[test]
fn another_password_ends_what_was_open_elsewhere() {
    let server = server();
    let app = App::public(&server, "user/*.rs");
    let mut client = app.client(&server, "user/*.rs", LOGIN);
    let mut other = anne(&server);
    let mut anne = anne(&server);
    let wrong = [
        ("present", "not it, not at all"),
        ("password", "another sentence"),
    ];
    send(&mut anne, "/auth/password", &wrong).expect(403);
    client.get("Practitioner").expect(200);
    let right = [("present", PASSWORD), ("password", "another sentence")];
    let page = send(&mut anne, "/auth/password", &right).expect(200).text();
    assert!(page.contains("celle-ci"), "this session goes on: {page}");
    client.get("Practitioner").expect(401);
    other.get("/auth/account").expect(303);
}

#[test]
fn another_authenticator_is_enrolled_by_who_knows_the_password() {
    let server = server();
    let mut other = anne(&server);
    let mut anne = anne(&server);
    let action = "/auth/authenticator";
    send(&mut anne, action, &[("present", "not it, not at all")]).expect(403);
    let page = send(&mut anne, action, &[("present", PASSWORD)]).expect(200);
    let text = page.text();
    assert!(
        text.contains("<svg class=\"picture\" viewBox=\"0 0 "),
        "{text}"
    );
    let wrong = anne.submit(&page, &[("code", "000000")]).expect(401);
    other.get("/auth/account").expect(200);
    let (_, rest) = text.split_once("<code id=\"secret\">").unwrap();
    let secret = rest.split('<').next().unwrap();
    assert!(wrong.text().contains(secret), "it is the same as before");
    let code = crate::harness::code_of(&super::login::base32(secret), anne.seconds);
    let spares = anne.submit(&wrong, &[("code", &code)]).expect(200).text();
    assert_eq!(spares.matches("<li><code>").count(), 8, "{spares}");
    anne.get("/auth/account").expect(200);
    other.get("/auth/account").expect(303);
    // What the telephone before shows is worth nothing any more.
    server.set_clock(&server.later(60));
    let mut anne = Visitor::new(&server);
    let page = anne.get("/auth/login").expect(200);
    anne.log_in(&page, LOGIN).expect(401);
}

#[test]
fn an_administrator_changes_roles_and_lets_people_back_in() {
    let server = server();
    let app = App::public(&server, "user/*.rs");
    let mut client = app.client(&server, "user/*.rs", LOGIN);
    client.get("CarePlan").expect(200);
    client.get("AuditEvent").expect(403);
    let change = [
        "role",
        LOGIN,
        "--add",
        "auditor",
        "--remove",
        "professional",
    ];
    let (done, said) = user(&server, &change);
    assert!(done && said.contains("Practitioner/anne auditor"), "{said}");
    client.get("CarePlan").expect(403);
    client.get("AuditEvent").expect(200);
    for wrong in [
        &["role", LOGIN][..],
        &["role", LOGIN, "--add", "king"],
        &["role", LOGIN, "--remove", "auditor"],
        &["role", "nobody", "--add", "auditor"],
        &["reset", "nobody"],
        &["recover", "nobody"],
        &["identify", LOGIN, "10003456789"],
    ] {
        let (done, said) = user(&server, wrong);
        assert!(!done && !said.is_empty(), "{wrong:?}: {said}");
    }
    let (done, said) = user(&server, &["list", "--json"]);
    assert!(done && said.contains("\"authenticator\":true"), "{said}");
    assert!(!said.contains("argon2") && !said.contains("GEZD"), "{said}");
    let (done, said) = user(&server, &["reset", LOGIN]);
    assert!(done, "{said}");
    client.get("AuditEvent").expect(401);
    let mut anne = Visitor::new(&server);
    let page = anne.get("/auth/login").expect(200);
    let answer = anne.submit(&page, &[("login", LOGIN), ("password", PASSWORD)]);
    let page = anne.follow(answer).expect(200).text();
    assert!(page.contains("<code id=\"secret\">"), "{page}");
    let (done, said) = user(&server, &["recover", LOGIN]);
    assert!(done, "{said}");
}
