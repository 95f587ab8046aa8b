//! Programs that register themselves, and the origins of programs.

use serde_json::{Value, json};

use super::{SCOPES, ward};
use crate::harness::{App, Options, Reply, Server, add_user, app::REDIRECT};

fn send(server: &Server, body: &Value) -> Reply {
    let headers = [("content-type", "application/json")];
    let body = body.to_string();
    let sent = server
        .client()
        .send("POST", "/auth/register", &headers, body.as_bytes());
    sent.unwrap()
}

fn asked() -> Value {
    json!({
        "client_name": "Own", "redirect_uris": [REDIRECT], "scope": "openid user/Task.rs",
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"]
    })
}

fn open() -> Server {
    Server::start_with(Options {
        closed: true,
        environment: vec![("VIGIE_AUTH_REGISTRATION".into(), "true".into())],
        ..Options::default()
    })
}

#[test]
fn programs_register_themselves_only_where_that_is_wanted() {
    send(&ward().server, &asked()).expect(403);
    let server = open();
    let configuration = "/fhir/.well-known/smart-configuration";
    let told = server.client().send("GET", configuration, &[], b"");
    assert!(told.unwrap().json()["registration_endpoint"].is_string());
    let answer = send(&server, &asked()).expect(201);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = answer.json();
    assert!(answer.get("client_secret").is_none());
    let app = App {
        id: answer["client_id"].as_str().unwrap().to_owned(),
        secret: None,
    };
    add_user(&server, "anne", "Practitioner/anne", &["professional"]);
    let tokens = app.tokens(&server, "openid user/Task.rs user/Patient.rs", "anne");
    assert_eq!(tokens["scope"], "openid user/Task.rs");
    let mut client = app.client(&server, "user/Task.rs", "anne");
    client.get("Task").expect(200);
    client.get("Flag").expect(403);
    let mut secret = asked();
    secret["token_endpoint_auth_method"] = "client_secret_basic".into();
    let answer = send(&server, &secret).expect(201).json();
    assert!(answer["client_secret"].is_string());
}

#[test]
fn nobody_registers_with_what_a_program_may_not_have() {
    let server = open();
    for (name, value, error) in [
        ("redirect_uris", json!([]), "invalid_redirect_uri"),
        (
            "redirect_uris",
            json!(["http://evil.example/"]),
            "invalid_redirect_uri",
        ),
        (
            "redirect_uris",
            json!(["javascript://x"]),
            "invalid_redirect_uri",
        ),
        ("redirect_uris", json!("x"), "invalid_client_metadata"),
        ("scope", json!("system/*.rs"), "invalid_client_metadata"),
        ("scope", json!("__introspect"), "invalid_client_metadata"),
        ("scope", json!("user/Task.dus"), "invalid_client_metadata"),
        (
            "grant_types",
            json!(["client_credentials"]),
            "invalid_client_metadata",
        ),
        (
            "grant_types",
            json!(["password"]),
            "invalid_client_metadata",
        ),
        (
            "token_endpoint_auth_method",
            json!("tls_client_auth"),
            "invalid_client_metadata",
        ),
        ("jwks", json!({ "keys": [] }), "invalid_client_metadata"),
        ("client_name", json!(""), "invalid_client_metadata"),
    ] {
        let mut asked = asked();
        asked[name] = value;
        let refused = send(&server, &asked).expect(400);
        assert_eq!(refused.json()["error"], error, "{asked}");
    }
}

#[test]
fn pages_of_a_programs_origin_may_call_and_no_others() {
    let ward = ward();
    App::register(
        &ward.server,
        SCOPES,
        &["--public", "--origin", "https://app.example"],
    );
    let ask = |path: &str, origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
        ];
        let reply = ward
            .server
            .client()
            .send("OPTIONS", path, &headers, b"")
            .unwrap();
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        reply
            .header("access-control-allow-origin")
            .map(str::to_owned)
    };
    for path in ["/auth/token", "/fhir/Patient"] {
        assert_eq!(
            ask(path, "https://app.example").as_deref(),
            Some("https://app.example")
        );
        for other in [
            "https://evil.example",
            "null",
            "https://app.example.evil.example",
            "http://app.example",
        ] {
            assert_eq!(ask(path, other), None, "{path} {other}");
        }
    }
    assert_eq!(ask("/auth/authorize", "https://app.example"), None);
}
