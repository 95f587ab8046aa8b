//! What ends with what: sessions, registrations, codes that come at once.

use std::thread;

use serde_json::Value;

use super::{SCOPES, ward};
use crate::harness::{
    App, Reply, Visitor, add_user,
    app::{self, REDIRECT, parameter},
    backend::client_command,
    forms,
};

/// Sends the first form of a page that goes there, as it is.
fn send(visitor: &mut Visitor, page: &Reply, action: &str) -> Reply {
    let mut all = forms(page).into_iter();
    let form = all.find(|form| form.action == action).expect("the form");
    let hidden = form.hidden.iter();
    let fields: Vec<(&str, &str)> = hidden.map(|(n, v)| (n.as_str(), v.as_str())).collect();
    visitor.post(&form.action, &fields)
}

#[test]
fn who_has_let_a_program_in_sees_it_and_sends_it_away() {
    let ward = ward();
    add_user(
        &ward.server,
        "other",
        "Practitioner/other",
        &["professional@Organization/here"],
    );
    let app = App::register(&ward.server, SCOPES, &["--public", "--id", "an-app"]);
    let kept = App::register(&ward.server, SCOPES, &["--public", "--id", "kept"]);
    let scopes = "user/Observation.rs offline_access";
    let sent_away = app.tokens(&ward.server, scopes, "anne");
    let others = app.tokens(&ward.server, scopes, "other");
    let mut anne = Visitor::new(&ward.server);
    ward.server.set_clock(&ward.server.later(30));
    anne.seconds += 30;
    let kept = kept.tokens_by(&mut anne, &ward.server, ("user/Observation.rs", "anne"));
    let configuration = "/fhir/.well-known/smart-configuration";
    let told = ward
        .server
        .client()
        .send("GET", configuration, &[], b"")
        .unwrap()
        .json();
    let own = told["management_endpoint"].as_str().unwrap();
    let page = anne
        .get(own.strip_prefix(&ward.server.origin()).unwrap())
        .expect(200);
    let text = page.text();
    let (first, second) = (text.find("value=\"kept\""), text.find("value=\"an-app\""));
    assert!(first.is_some() && first < second, "{text}");
    // Nobody else's page does it.
    anne.post("/auth/programs", &[("client", "an-app")])
        .expect(403);
    ward.with(&sent_away).get("Observation/opa").expect(200);
    let form = forms(&page).into_iter().find(|form| {
        let is_client = |(name, value): &(String, String)| name == "client" && value == "an-app";
        form.hidden.iter().any(is_client)
    });
    let hidden = form.expect("the form of the program").hidden;
    let fields: Vec<(&str, &str)> = hidden
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let after = anne.post("/auth/programs", &fields).expect(200);
    assert!(!after.text().contains("value=\"an-app\""));
    ward.with(&sent_away).get("Observation/opa").expect(401);
    let refresh = |of: &Value| of["refresh_token"].as_str().unwrap().to_owned();
    app.refresh(&ward.server, &refresh(&sent_away), None)
        .expect(400);
    for untouched in [&others, &kept] {
        ward.with(untouched).get("Observation/opa").expect(200);
    }
    app.refresh(&ward.server, &refresh(&others), None)
        .expect(200);
}

#[test]
fn what_was_granted_in_a_session_ends_when_another_ends_it() {
    let ward = ward();
    let app = App::register(&ward.server, SCOPES, &["--secret"]);
    let elsewhere = app.tokens(&ward.server, "user/Observation.rs online_access", "anne");
    let lasting = app.tokens(&ward.server, "user/Observation.rs offline_access", "anne");
    ward.server.set_clock(&ward.server.later(30));
    let mut visitor = Visitor::new(&ward.server);
    let here = app.tokens_by(&mut visitor, &ward.server, ("user/Observation.rs", "anne"));
    for tokens in [&elsewhere, &lasting, &here] {
        ward.with(tokens).get("Observation/opa").expect(200);
    }
    let page = visitor.get("/auth/account").expect(200);
    send(&mut visitor, &page, "/auth/sessions").expect(200);
    ward.with(&elsewhere).get("Observation/opa").expect(401);
    let refresh = |of: &Value| of["refresh_token"].as_str().unwrap().to_owned();
    app.refresh(&ward.server, &refresh(&elsewhere), None)
        .expect(400);
    ward.with(&here).get("Observation/opa").expect(200);
    ward.with(&lasting).get("Observation/opa").expect(200);
}

#[test]
fn a_program_that_is_registered_with_less_holds_no_more() {
    let ward = ward();
    let app = App::register(&ward.server, SCOPES, &["--public", "--id", "again"]);
    let scopes = "user/Observation.rs user/Task.rs offline_access";
    let tokens = app.tokens(&ward.server, scopes, "anne");
    let register = |scopes: &str| {
        let all = [
            "add",
            "App",
            "--public",
            "--id",
            "again",
            "--scope",
            scopes,
            "--redirect",
            REDIRECT,
        ];
        assert!(client_command(&ward.server, &all).status.success());
    };
    // The same again, and more, takes nothing away.
    register(SCOPES);
    register(&format!("{SCOPES} profile"));
    ward.with(&tokens).get("Observation/opa").expect(200);
    register("user/Task.rs offline_access");
    ward.with(&tokens).get("Observation/opa").expect(401);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let refused = app.refresh(&ward.server, refresh, None).expect(400);
    assert_eq!(refused.json()["error"], "invalid_grant");
    let tokens = app.tokens(&ward.server, scopes, "anne");
    assert_eq!(tokens["scope"], "user/Task.rs offline_access");
}

#[test]
fn what_is_underway_is_held_to_what_is_registered_by_now() {
    let ward = ward();
    let app = App::register(&ward.server, SCOPES, &["--public", "--id", "again"]);
    let register = |redirect: &str, scopes: &str| {
        let all = [
            "add",
            "App",
            "--public",
            "--id",
            "again",
            "--scope",
            scopes,
            "--redirect",
            redirect,
        ];
        assert!(client_command(&ward.server, &all).status.success());
    };
    let mut anne = Visitor::new(&ward.server);
    let asked = app.request(&ward.server, "user/Observation.rs user/Task.rs", &[]);
    let first = anne.get(&format!("/auth/authorize?{asked}"));
    let login = anne.follow(first);
    let question = anne.log_in(&login, "anne").expect(200);
    register(REDIRECT, "user/Task.rs");
    let answer = app::allow(&mut anne, &question, None).expect(303);
    let code = parameter(answer.header("location").unwrap(), "code").unwrap();
    let tokens = App::post(&ward.server, &app.exchange_form(&code))
        .expect(200)
        .json();
    assert_eq!(tokens["scope"], "user/Task.rs");
    let first = anne.get(&format!("/auth/authorize?{asked}"));
    let question = anne.follow(first).expect(200);
    register("https://app.example/elsewhere", "user/Task.rs");
    let late = app::allow(&mut anne, &question, None).expect(400);
    assert_eq!(late.header("location"), None);
}

#[test]
fn of_two_that_come_at_once_with_one_code_or_one_refresh_token_one_wins_and_both_end() {
    let ward = ward();
    let app = ward.app();
    let mut visitor = Visitor::new(&ward.server);
    for _ in 0..5 {
        let request = app.request(&ward.server, "user/Observation.rs offline_access", &[]);
        let address = app.authorize(&mut visitor, &request, "anne");
        let form = app.exchange_form(&parameter(&address, "code").unwrap());
        let both = |send: &(dyn Fn() -> (u16, Value) + Sync)| {
            let answers: Vec<(u16, Value)> = thread::scope(|scope| {
                let runs: Vec<_> = (0..2).map(|_| scope.spawn(send)).collect();
                runs.into_iter().map(|run| run.join().unwrap()).collect()
            });
            let won: Vec<&Value> = answers
                .iter()
                .filter(|(status, _)| *status == 200)
                .map(|(_, tokens)| tokens)
                .collect();
            assert_eq!(won.len(), 1, "{answers:?}");
            won[0].clone()
        };
        let tokens = both(&|| {
            let reply = App::post(&ward.server, &form);
            (reply.status, reply.json())
        });
        ward.with(&tokens).get("Observation/opa").expect(401);
        let address = app.authorize(&mut visitor, &request, "anne");
        let form = app.exchange_form(&parameter(&address, "code").unwrap());
        let tokens = App::post(&ward.server, &form).expect(200).json();
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let renewed = both(&|| {
            let reply = app.refresh(&ward.server, refresh, None);
            (reply.status, reply.json())
        });
        ward.with(&renewed).get("Observation/opa").expect(401);
        ward.with(&tokens).get("Observation/opa").expect(401);
    }
}
