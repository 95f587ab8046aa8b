//! What is refused, in which words, and what is taken for what it is not.

use serde_json::{Value, json};

use super::{SCOPES, ward};
use crate::harness::{
    App, Visitor, add_user,
    app::{self, parameter},
    backend::post_form,
    encoded,
};

#[test]
fn a_mark_is_no_patient_to_choose() {
    let ward = ward();
    let app = ward.app();
    let mut visitor = Visitor::new(&ward.server);
    let request = app.request(&ward.server, "launch/patient patient/Patient.rs", &[]);
    let first = visitor.get(&format!("/auth/authorize?{request}"));
    let login = visitor.follow(first);
    let page = visitor.log_in(&login, "anne").expect(200);
    for mark in ["@everybody", "@professional", "../pa", "pa/_history/1"] {
        let again = app::choose(&mut visitor, &page, mark);
        assert!(again.text().contains("name=\"patient\""), "{mark}");
    }
    let question = app::choose(&mut visitor, &page, "pa");
    assert!(question.text().contains("name=\"decision\""));
}

#[test]
fn a_renewal_is_narrowed_by_searches_alone() {
    let ward = ward();
    let app = App::register(&ward.server, SCOPES, &["--secret"]);
    let tokens = app.tokens(
        &ward.server,
        "user/Observation.rs user/Task.rs offline_access",
        "anne",
    );
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let narrowed = "user/Observation.rs?status=final";
    let narrower = app.refresh(&ward.server, refresh, Some(narrowed));
    assert_eq!(narrower.expect(200).json()["scope"], narrowed);
    let nonsense = app.refresh(
        &ward.server,
        refresh,
        Some("user/Task.rs user/Observation.rs?nonsense=1"),
    );
    assert_eq!(nonsense.expect(400).json()["error"], "invalid_scope");
}

#[test]
fn a_challenge_names_the_way_that_was_tried() {
    let ward = ward();
    let app = App::register(&ward.server, SCOPES, &["--secret"]);
    let tokens = app.tokens(&ward.server, "user/Task.rs", "anne");
    let good = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let bad = "Bearer vgt_nothing".to_owned();
    let send = |verb: &str, path: &str, bearer: Option<&str>, kind: &str, body: &str| {
        let mut headers = vec![("content-type", kind)];
        headers.extend(bearer.map(|bearer| ("authorization", bearer)));
        let client = &mut ward.server.client();
        let reply = client.send(verb, path, &headers, body.as_bytes()).unwrap();
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        (reply.status, challenge.to_owned())
    };
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    for (verb, path, kind, body) in [
        ("POST", "/auth/launch", json, "{\"client_id\":\"x\"}"),
        ("GET", "/auth/userinfo", json, ""),
        ("POST", "/auth/introspect", form, "token=x"),
    ] {
        let (status, challenge) = send(verb, path, Some(&bad), kind, body);
        assert_eq!(status, 401, "{path}");
        assert!(challenge.starts_with("Bearer "), "{path}: {challenge}");
        assert!(
            challenge.contains("error=\"invalid_token\""),
            "{path}: {challenge}"
        );
        // What is known and for something else is told so.
        let (status, challenge) = send(verb, path, Some(&good), kind, body);
        assert_eq!(status, 403, "{path}");
        assert!(
            challenge.contains("insufficient_scope"),
            "{path}: {challenge}"
        );
    }
    // Who has shown nothing has shown nothing wrong.
    for (verb, path) in [("POST", "/auth/launch"), ("GET", "/auth/userinfo")] {
        let (status, challenge) = send(verb, path, None, json, "{\"client_id\":\"x\"}");
        assert_eq!(
            (status, challenge.as_str()),
            (401, "Bearer realm=\"vigie\""),
            "{path}"
        );
    }
    let (status, challenge) = send(
        "POST",
        "/auth/token",
        None,
        form,
        "grant_type=x&client_id=y",
    );
    assert_eq!(status, 401);
    assert!(challenge.starts_with("Basic "), "{challenge}");
}

#[test]
fn what_is_too_large_is_refused_in_the_words_of_oauth() {
    let ward = ward();
    let large = "x".repeat(70_000);
    for path in ["/auth/token", "/auth/introspect", "/auth/revoke"] {
        let form = encoded(&[("grant_type", "refresh_token"), ("x", &large)]);
        let refused = post_form(&ward.server, path, &form, &[]).expect(413);
        assert_eq!(refused.json()["error"], "invalid_request", "{path}");
        assert_eq!(refused.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn a_parameter_that_comes_twice_is_refused_at_every_endpoint() {
    let ward = ward();
    let app = App::register(&ward.server, SCOPES, &["--secret"]);
    let secret = app.secret.as_deref().unwrap();
    for path in ["/auth/token", "/auth/introspect", "/auth/revoke"] {
        for name in ["token", "resource", "own"] {
            let form = encoded(&[
                ("grant_type", "authorization_code"),
                ("client_id", &app.id),
                ("client_secret", secret),
                (name, "1"),
                (name, "1"),
            ]);
            let refused = post_form(&ward.server, path, &form, &[]).expect(400);
            let told = refused.json();
            assert_eq!(told["error"], "invalid_request", "{path} {name}");
            let why = told["error_description"].as_str().unwrap();
            assert!(why.contains("once"), "{path} {name}: {why}");
        }
    }
    let request = app.request(&ward.server, "user/Task.rs", &[]);
    let mut visitor = Visitor::new(&ward.server);
    let twice = visitor.get(&format!("/auth/authorize?{request}&own=1&own=2"));
    let address = twice.expect(303).header("location").unwrap().to_owned();
    assert_eq!(
        parameter(&address, "error").as_deref(),
        Some("invalid_request")
    );
    assert_eq!(parameter(&address, "state").as_deref(), Some("a state/&="));
}

#[test]
fn a_login_that_grows_too_old_on_the_page_is_asked_for_again() {
    let ward = ward();
    let app = ward.app();
    let mut visitor = Visitor::new(&ward.server);
    let request = app.request(&ward.server, "user/Task.rs", &[]);
    app.authorize(&mut visitor, &request, "anne");
    ward.server.set_clock(&ward.server.later(30));
    let request = app.request(&ward.server, "user/Task.rs", &[("max_age", "60")]);
    let first = visitor.get(&format!("/auth/authorize?{request}"));
    let question = visitor.follow(first).expect(200);
    ward.server.set_clock(&ward.server.later(45));
    let late = app::allow(&mut visitor, &question, None).expect(303);
    let login = visitor.follow(late).expect(200);
    assert!(
        login.text().contains("name=\"password\""),
        "{}",
        login.text()
    );
}

#[test]
fn a_renewed_id_token_has_no_nonce() {
    let ward = ward();
    let app = App::register(&ward.server, SCOPES, &["--secret"]);
    let mut visitor = Visitor::new(&ward.server);
    let scopes = "openid fhirUser user/Task.rs offline_access";
    let request = app.request(&ward.server, scopes, &[("nonce", "n-1")]);
    let address = app.authorize(&mut visitor, &request, "anne");
    let code = parameter(&address, "code").unwrap();
    let first = App::post(&ward.server, &app.exchange_form(&code))
        .expect(200)
        .json();
    let refresh = first["refresh_token"].as_str().unwrap();
    ward.server.set_clock(&ward.server.later(600));
    let next = app.refresh(&ward.server, refresh, None).expect(200).json();
    let claims = |of: &Value| -> Value {
        let text = of["id_token"].as_str().unwrap();
        jsonwebtoken::dangerous::insecure_decode_claims(text).unwrap()
    };
    let (first, next) = (claims(&first), claims(&next));
    assert_eq!(first["nonce"], "n-1");
    assert_eq!(next.get("nonce"), None);
    for same in ["iss", "sub", "aud", "azp", "auth_time", "fhirUser"] {
        assert_eq!(first[same], next[same], "{same}");
    }
    assert!(next["iat"].as_i64() > first["iat"].as_i64());
    assert_eq!(
        next["exp"].as_i64(),
        next["iat"].as_i64().map(|at| at + 300)
    );
    assert_ne!(next["auth_time"], json!(null));
}

#[test]
fn nobody_but_the_person_of_the_id_token_answers_a_client_that_expects_them() {
    let ward = ward();
    add_user(
        &ward.server,
        "other",
        "Practitioner/other",
        &["professional@Organization/here"],
    );
    let (app, another) = (ward.app(), ward.app());
    let mut anne = Visitor::new(&ward.server);
    let scopes = ("openid user/Task.rs", "anne");
    let tokens = app.tokens_by(&mut anne, &ward.server, scopes);
    let hint = tokens["id_token"].as_str().unwrap();
    let asked = |app: &App, visitor: &mut Visitor, hint: &str, login: &str| {
        let changes = [("id_token_hint", hint)];
        let request = app.request(&ward.server, "openid user/Task.rs", &changes);
        let address = app.authorize(visitor, &request, login);
        parameter(&address, "error").unwrap_or_else(|| "none".to_owned())
    };
    ward.server.set_clock(&ward.server.later(900));
    let mut other = Visitor::new(&ward.server);
    assert_eq!(asked(&app, &mut anne, hint, "anne"), "none");
    assert_eq!(asked(&app, &mut other, hint, "other"), "login_required");
    assert_eq!(asked(&another, &mut anne, hint, "anne"), "invalid_request");
    assert_eq!(asked(&app, &mut anne, "x.y.z", "anne"), "invalid_request");
}
