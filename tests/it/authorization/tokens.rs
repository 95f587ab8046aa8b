//! What becomes of a code, and of what comes of it.

use serde_json::{Value, json};

use super::{SCOPES, ward};
use crate::harness::{
    App, Visitor,
    app::{VERIFIER, parameter},
    backend::{client_command, post_form},
    encoded, vigie,
};

#[test]
fn refresh_tokens_turn_and_one_that_comes_again_ends_them_all() {
    let ward = ward();
    let app = ward.app();
    let tokens = app.tokens(
        &ward.server,
        "user/Observation.rs user/Task.rs offline_access",
        "anne",
    );
    let first = tokens["refresh_token"].as_str().unwrap().to_owned();
    let second = app
        .refresh(&ward.server, &first, Some("user/Task.rs"))
        .expect(200)
        .json();
    assert_eq!(second["scope"], "user/Task.rs");
    ward.with(&second).get("Observation/opa").expect(403);
    let turned = second["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, turned);
    // What was narrowed once is not lost; what was never granted is not won.
    for more in [
        "user/Patient.rs",
        "user/Task.cruds",
        "openid",
        "system/*.rs",
    ] {
        let refused = app.refresh(&ward.server, &turned, Some(more)).expect(400);
        assert_eq!(refused.json()["error"], "invalid_scope", "{more}");
    }
    let third = app.refresh(&ward.server, &turned, None).expect(200).json();
    let mut client = ward.with(&third);
    client.get("Observation/opa").expect(200);
    app.refresh(&ward.server, &first, None).expect(400);
    client.get("Observation/opa").expect(401);
    let last = third["refresh_token"].as_str().unwrap();
    app.refresh(&ward.server, last, None).expect(400);
    let other = ward.app();
    let tokens = app.tokens(&ward.server, "user/Task.rs offline_access", "anne");
    other
        .refresh(
            &ward.server,
            tokens["refresh_token"].as_str().unwrap(),
            None,
        )
        .expect(400);
}

#[test]
fn online_access_ends_with_the_session_and_offline_access_does_not() {
    let ward = ward();
    let app = App::register(&ward.server, SCOPES, &["--secret"]);
    let mut visitor = Visitor::new(&ward.server);
    let online = app.tokens_by(
        &mut visitor,
        &ward.server,
        ("user/Task.rs online_access", "anne"),
    );
    let offline = app.tokens_by(
        &mut visitor,
        &ward.server,
        ("user/Task.rs offline_access", "anne"),
    );
    let token = |of: &Value| of["refresh_token"].as_str().unwrap().to_owned();
    app.refresh(&ward.server, &token(&online), None).expect(200);
    // Who keeps a secret keeps its refresh token too.
    app.refresh(&ward.server, &token(&online), None).expect(200);
    let page = visitor.get("/auth/account");
    visitor.submit(&page, &[]).expect(200);
    app.refresh(&ward.server, &token(&online), None).expect(400);
    app.refresh(&ward.server, &token(&offline), None)
        .expect(200);
}

#[test]
fn who_may_know_is_told_what_a_token_is_and_its_end_is_the_end_of_all() {
    let ward = ward();
    let app = App::register(&ward.server, SCOPES, &["--secret"]);
    let other = App::register(&ward.server, "openid __introspect", &["--secret"]);
    let stranger = App::register(&ward.server, "openid", &["--secret"]);
    let tokens = app.tokens(
        &ward.server,
        "openid fhirUser launch/patient patient/Task.rs offline_access",
        "anne",
    );
    for asker in [&app, &other] {
        let told = ward.introspected(asker, &tokens["access_token"]);
        assert_eq!(told["active"], true);
        assert_eq!(told["scope"], tokens["scope"]);
        assert_eq!(told["client_id"], app.id);
        assert_eq!(told["patient"], "pa");
        assert_eq!(told["iss"], ward.server.origin());
        assert!(
            told["fhirUser"]
                .as_str()
                .unwrap()
                .ends_with("Practitioner/anne")
        );
        assert_eq!(told["exp"].as_i64(), Some(ward.server.now() + 3600));
    }
    let inactive = json!({ "active": false });
    assert_eq!(
        ward.introspected(&stranger, &tokens["access_token"]),
        inactive
    );
    assert_eq!(ward.introspected(&other, &json!("vgt_nothing")), inactive);
    let token = tokens["access_token"].as_str().unwrap();
    let nobody = post_form(
        &ward.server,
        "/auth/introspect",
        &encoded(&[("token", token)]),
        &[],
    );
    nobody.expect(401);
    let revoke = |by: &App| {
        let secret = by.secret.as_deref().unwrap();
        let form = [
            ("token", token),
            ("client_id", &by.id),
            ("client_secret", secret),
        ];
        post_form(&ward.server, "/auth/revoke", &encoded(&form), &[]).expect(200);
    };
    revoke(&stranger);
    assert_eq!(
        ward.introspected(&app, &tokens["access_token"])["active"],
        true
    );
    revoke(&app);
    for one in ["access_token", "refresh_token"] {
        assert_eq!(ward.introspected(&app, &tokens[one]), inactive);
    }
    ward.with(&tokens).get("Task").expect(401);
    revoke(&app);
}

#[test]
fn a_person_who_is_locked_has_no_tokens() {
    let ward = ward();
    let app = ward.app();
    let tokens = app.tokens(&ward.server, "user/Observation.rs offline_access", "anne");
    let mut client = ward.with(&tokens);
    client.get("Observation/opa").expect(200);
    client.get("Observation/opc").expect(404);
    let database = format!("sqlite:{}", ward.server.database().display());
    let locked = vigie(&["user", "lock", "anne", "--database", &database]);
    assert!(locked.status.success());
    client.get("Observation/opa").expect(401);
    app.refresh(
        &ward.server,
        tokens["refresh_token"].as_str().unwrap(),
        None,
    )
    .expect(400);
    assert!(client_command(&ward.server, &["list"]).status.success());
}

#[test]
fn a_code_is_good_once_and_what_came_of_it_ends_when_it_comes_again() {
    let ward = ward();
    let app = ward.app();
    let request = app.request(&ward.server, "user/Observation.rs offline_access", &[]);
    let mut visitor = Visitor::new(&ward.server);
    let address = app.authorize(&mut visitor, &request, "anne");
    let form = app.exchange_form(&parameter(&address, "code").unwrap());
    let tokens = App::post(&ward.server, &form).expect(200).json();
    let mut client = ward.with(&tokens);
    client.get("Observation/opa").expect(200);
    let again = App::post(&ward.server, &form).expect(400);
    assert_eq!(again.json()["error"], "invalid_grant");
    client.get("Observation/opa").expect(401);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    app.refresh(&ward.server, refresh, None).expect(400);
}

#[test]
fn a_code_is_of_no_use_to_others() {
    let ward = ward();
    let (app, other) = (ward.app(), ward.app());
    let mut visitor = Visitor::new(&ward.server);
    let request = app.request(&ward.server, "user/Observation.rs", &[]);
    let mut code = || parameter(&app.authorize(&mut visitor, &request, "anne"), "code").unwrap();
    let changed = |form: Vec<(String, String)>, name: &str, value: &str| {
        let mut form = form;
        form.retain(|(own, _)| own != name);
        if !value.is_empty() {
            form.push((name.to_owned(), value.to_owned()));
        }
        form
    };
    for (name, value) in [
        ("code_verifier", ""),
        (
            "code_verifier",
            "another-verifier-of-at-least-forty-three-characters",
        ),
        ("redirect_uri", ""),
        ("redirect_uri", "https://app.example/back"),
        ("client_id", &other.id),
    ] {
        let form = app.exchange_form(&code());
        let refused = App::post(&ward.server, &changed(form.clone(), name, value)).expect(400);
        assert_eq!(refused.json()["error"], "invalid_grant", "{name}");
        // Nor is it of any use to the program itself after that.
        App::post(&ward.server, &form).expect(400);
    }
    let late = app.exchange_form(&code());
    ward.server.set_clock(&ward.server.later(60));
    App::post(&ward.server, &late).expect(400);
    assert!(VERIFIER.len() >= 43);
}
