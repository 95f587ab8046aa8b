//! SMART Backend Services: clients that act for themselves.

use serde_json::{Value, json};

use super::harness::{Backend, Options, Server, backend, client_command, printed};

fn closed() -> Server {
    Server::start_with(Options {
        closed: true,
        ..Options::default()
    })
}

fn patient(family: &str) -> Value {
    json!({ "resourceType": "Patient", "name": [{ "family": family }] })
}

#[test]
fn a_token_opens_what_its_scopes_say_until_it_ends() {
    let server = closed();
    server.client().get("Patient").expect(401);
    let backend = Backend::register(&server, "system/Patient.cruds system/Task.rs");
    let reply = backend.ask(&server, "system/Patient.cruds system/Observation.rs openid");
    let reply = reply.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("pragma"), Some("no-cache"));
    let granted = reply.json();
    assert_eq!(granted["token_type"], "Bearer");
    assert_eq!(granted["expires_in"], 300);
    assert_eq!(granted["scope"], "system/Patient.cruds");
    assert!(granted.get("refresh_token").is_none());
    let token = granted["access_token"].as_str().unwrap().to_owned();
    let mut client = server.client().with_token(token);
    let place = client.post("Patient", &patient("A")).expect(201).location();
    client.get(&place).expect(200);
    server.set_clock(&server.later(299));
    client.get(&place).expect(200);
    server.set_clock(&server.later(1));
    client.get(&place).expect(401);
}

#[test]
fn an_assertion_is_good_once_and_a_restart_does_not_forget_it() {
    let mut server = closed();
    let backend = Backend::register(&server, "system/*.rs");
    let assertion = backend.sign(&backend.claims(&server));
    backend::ask(&server, "system/*.rs", &assertion).expect(200);
    let again = backend::ask(&server, "system/*.rs", &assertion).expect(401);
    assert_eq!(again.json()["error"], "invalid_client");
    let other = backend.claims(&server);
    let shown = backend.sign(&other);
    backend::ask(&server, "system/*.rs", &shown).expect(200);
    server.kill();
    server.restart();
    // The address is another now; what is remembered is the name of the assertion.
    let mut other = other;
    other["aud"] = backend.claims(&server)["aud"].clone();
    let again = backend::ask(&server, "system/*.rs", &backend.sign(&other)).expect(401);
    assert_eq!(again.json()["error"], "invalid_client");
}

#[test]
fn refusals_are_those_of_oauth() {
    let server = closed();
    let backend = Backend::register(&server, "system/Patient.rs");
    for (scopes, error) in [
        ("system/Observation.rs", "invalid_scope"),
        ("user/Patient.rs", "invalid_scope"),
        ("system/Patient.dus", "invalid_scope"),
        ("system/Patient.rs?nonsense=1", "invalid_scope"),
        ("", "invalid_scope"),
    ] {
        let reply = backend.ask(&server, scopes).expect(400);
        assert_eq!(reply.json()["error"], error, "{scopes}");
        assert!(reply.json()["error_description"].is_string());
    }
    let secret = client_command(
        &server,
        &["add", "S", "--secret", "--scope", "patient/*.rs"],
    );
    let (id, secret) = (
        printed(&secret, "client_id"),
        printed(&secret, "client_secret"),
    );
    let form = |form: &str| {
        let reply = backend::post_form(&server, "/auth/token", form, &[]);
        (
            reply.status,
            reply.json()["error"].as_str().unwrap().to_owned(),
        )
    };
    let by = format!("client_id={id}&client_secret={secret}");
    for (text, status, error) in [
        (
            format!("grant_type=client_credentials&scope=system/*.rs&{by}"),
            400,
            "unauthorized_client",
        ),
        (
            format!("grant_type=password&{by}"),
            400,
            "unsupported_grant_type",
        ),
        (
            format!("grant_type=client_credentials&scope=system/*.rs&{by}x"),
            401,
            "invalid_client",
        ),
        (
            format!("grant_type=client_credentials&scope=x&client_id={id}"),
            401,
            "invalid_client",
        ),
        (
            "grant_type=client_credentials&scope=x&client_id=nobody".to_owned(),
            401,
            "invalid_client",
        ),
        (by.clone(), 400, "invalid_request"),
        (
            format!("grant_type=x&grant_type=x&{by}"),
            400,
            "invalid_request",
        ),
    ] {
        assert_eq!(form(&text), (status, error.to_owned()), "{text}");
    }
    let json = [("content-type", "application/json")];
    let reply = server.client().send("POST", "/auth/token", &json, b"{}");
    assert_eq!(reply.unwrap().status, 400);
}

#[test]
fn discovery_is_open_to_everybody_and_always_json() {
    let server = closed();
    let origin = server.origin();
    let accept = [
        ("accept", "application/fhir+xml"),
        ("origin", "https://any.example"),
    ];
    for path in [
        "/fhir/.well-known/smart-configuration",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/auth/jwks",
    ] {
        let reply = server
            .client()
            .send("GET", path, &accept, b"")
            .unwrap()
            .expect(200);
        assert_eq!(
            reply.header("content-type"),
            Some("application/json"),
            "{path}"
        );
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        let told = reply.json();
        for (name, value) in told.as_object().unwrap() {
            if name.ends_with("_endpoint") || name.ends_with("_uri") || name == "issuer" {
                assert!(
                    value.as_str().unwrap().starts_with(&origin),
                    "{name} {value}"
                );
            }
        }
        if path == "/auth/jwks" {
            assert_eq!(told["keys"][0]["alg"], "RS256");
        } else {
            assert_eq!(told["code_challenge_methods_supported"], json!(["S256"]));
        }
    }
}

#[test]
fn a_client_that_is_removed_has_nothing_any_more() {
    let server = closed();
    let backend = Backend::register(&server, "system/Patient.rs");
    let mut client = backend.client(&server, "system/Patient.rs");
    client.get("Patient").expect(200);
    assert!(
        client_command(&server, &["remove", &backend.id])
            .status
            .success()
    );
    client.get("Patient").expect(401);
    backend.ask(&server, "system/Patient.rs").expect(401);
    assert!(
        !client_command(&server, &["remove", &backend.id])
            .status
            .success()
    );
}
