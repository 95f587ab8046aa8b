//! Logging out at a program's wish.

use super::{SCOPES, Ward, ward};
use crate::harness::{App, Reply, Visitor, app::parameter, encoded};

const AFTER: &str = "https://app.example/bye?own=1";

fn app(ward: &Ward) -> App {
    App::register(&ward.server, SCOPES, &["--public", "--after-logout", AFTER])
}

fn ask(visitor: &mut Visitor, fields: &[(&str, &str)]) -> Reply {
    visitor.get(&format!("/auth/end_session?{}", encoded(fields)))
}

#[test]
fn a_person_logs_out_at_a_programs_wish_and_by_their_own_will() {
    let ward = ward();
    let app = app(&ward);
    let provider = "/.well-known/openid-configuration";
    let told = ward
        .server
        .client()
        .send("GET", provider, &[], b"")
        .unwrap()
        .json();
    let endpoint = format!("{}/auth/end_session", ward.server.origin());
    assert_eq!(told["end_session_endpoint"], endpoint);
    let mut anne = Visitor::new(&ward.server);
    let tokens = app.tokens_by(
        &mut anne,
        &ward.server,
        ("openid user/Observation.rs", "anne"),
    );
    let mut client = ward.with(&tokens);
    let hint = tokens["id_token"].as_str().unwrap();
    // The ID token is long over; who it was for is still known.
    ward.server.set_clock(&ward.server.later(900));
    let fields = [
        ("id_token_hint", hint),
        ("post_logout_redirect_uri", AFTER),
        ("state", "s&1"),
    ];
    let page = ask(&mut anne, &fields).expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("form-action 'self' https://app.example"),
        "{policy}"
    );
    // To be asked ends nothing, nor does a form of another page.
    anne.get("/auth/account").expect(200);
    client.get("Observation/opa").expect(200);
    anne.post("/auth/logout", &fields).expect(403);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    // A browser sends no cookie with what another page makes it post: it is led to ask by itself.
    let mut bare = Visitor::new(&ward.server);
    let led = bare
        .send("POST", "/auth/end_session", &form, &encoded(&fields))
        .expect(303);
    assert!(!led.header("location").unwrap().contains("id_token"));
    assert_eq!(anne.follow(led).expect(200).text(), page.text());
    let after = anne.submit(&page, &[]).expect(303);
    assert_eq!(
        after.header("location"),
        Some("https://app.example/bye?own=1&state=s%261")
    );
    assert!(after.header("clear-site-data").is_some());
    anne.get("/auth/account").expect(303);
    client.get("Observation/opa").expect(401);
    // Who has logged out already goes on at once.
    let at_once = ask(&mut anne, &fields).expect(303);
    let address = at_once.header("location").unwrap();
    assert_eq!(parameter(address, "state").as_deref(), Some("s&1"));
    ask(&mut anne, &[]).expect(200);
}

#[test]
fn nobody_is_sent_from_a_logout_to_an_address_that_is_not_the_programs() {
    let ward = ward();
    let (app, other) = (app(&ward), ward.app());
    let mut anne = Visitor::new(&ward.server);
    let tokens = app.tokens_by(&mut anne, &ward.server, ("openid user/Task.rs", "anne"));
    let hint = tokens["id_token"].as_str().unwrap();
    let forged = format!("{}A", hint.trim_end_matches(char::is_alphanumeric));
    for fields in [
        vec![("post_logout_redirect_uri", AFTER)],
        vec![
            ("client_id", &*app.id),
            ("post_logout_redirect_uri", "https://evil.example/"),
        ],
        vec![
            ("client_id", &*app.id),
            ("post_logout_redirect_uri", "https://app.example/bye"),
        ],
        vec![
            ("client_id", &*other.id),
            ("post_logout_redirect_uri", AFTER),
        ],
        vec![("client_id", &*other.id), ("id_token_hint", hint)],
        vec![("client_id", "nobody")],
        vec![
            ("id_token_hint", &*forged),
            ("post_logout_redirect_uri", AFTER),
        ],
        vec![("id_token_hint", "x"), ("post_logout_redirect_uri", AFTER)],
        vec![("client_id", &*app.id), ("state", "1"), ("state", "2")],
    ] {
        for visitor in [&mut anne, &mut Visitor::new(&ward.server)] {
            let refused = ask(visitor, &fields).expect(400);
            assert_eq!(refused.header("location"), None, "{fields:?}");
        }
    }
    // A form that was changed leads nowhere either.
    let sound = [("client_id", &*app.id), ("post_logout_redirect_uri", AFTER)];
    let page = ask(&mut anne, &sound).expect(200);
    let csrf = crate::harness::forms(&page).remove(0).hidden;
    let csrf = csrf.iter().find(|(name, _)| name == "csrf").unwrap();
    let changed = [
        ("csrf", &*csrf.1),
        ("client_id", &*app.id),
        ("post_logout_redirect_uri", "https://evil.example/"),
    ];
    let out = anne.post("/auth/logout", &changed).expect(200);
    assert_eq!(out.header("location"), None);
    anne.get("/auth/account").expect(303);
}
