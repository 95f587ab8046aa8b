//! What every answer tells a browser, and whose pages may call.

use serde_json::json;

use crate::harness::{Backend, Client, Options, Reply, Server, client_command};

/// Said by every answer, whatever it is.
const ALWAYS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

#[track_caller]
fn assert_shielded(reply: &Reply, what: &str) {
    for (name, value) in ALWAYS {
        assert_eq!(reply.header(name), Some(value), "{what}");
    }
    let policy = reply.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'"), "{what}: {policy}");
    assert_eq!(reply.header("server"), None, "{what}");
    assert_eq!(
        reply.header("access-control-allow-credentials"),
        None,
        "{what}"
    );
}

#[test]
fn every_answer_is_shielded() {
    let server = Server::start();
    let mut client = server.client();
    let made = client.post("Patient", &json!({ "resourceType": "Patient" }));
    assert_shielded(&made, "a create");
    let place = made.location();
    for (method, path, status) in [
        ("GET", place.as_str(), 200),
        ("GET", "Patient?_count=1", 200),
        ("GET", "Patient/none", 404),
        ("GET", "metadata", 200),
        ("GET", "openapi.json", 200),
        ("GET", "Patient?birthdate=then", 400),
        ("PUT", "Patient/x", 415),
        ("POST", "Patient/x", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("POST", "/sms/inbound", 401),
        ("OPTIONS", "Patient", 204),
        ("DELETE", place.as_str(), 204),
        ("GET", place.as_str(), 410),
    ] {
        let reply = client.send(method, path, &[], b"").expect("a reply");
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
        assert_shielded(&reply, path);
    }
}

#[test]
fn without_a_login_every_refusal_is_shielded_too() {
    let server = Server::start_with(Options {
        closed: true,
        ..Options::default()
    });
    for path in ["Patient", "Patient/1", "_history", "Patient/$export"] {
        let reply = server.client().get(path).expect(401);
        assert_shielded(&reply, path);
        assert!(
            reply
                .header("www-authenticate")
                .is_some_and(|how| how.starts_with("Bearer"))
        );
    }
}

/// What a page of this origin is told by the answers to a question and to the request itself.
fn told(client: &mut Client, path: &str, origin: &str) -> Vec<Option<String>> {
    let preflight = ("access-control-request-method", "GET");
    let mut said = Vec::new();
    for (method, headers) in [
        ("OPTIONS", &[("origin", origin), preflight][..]),
        ("GET", &[("origin", origin)]),
    ] {
        let reply = client.send(method, path, headers, b"").expect("a reply");
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        said.push(
            reply
                .header("access-control-allow-origin")
                .map(str::to_owned),
        );
    }
    said
}

#[test]
fn pages_of_strangers_read_what_is_public_and_nothing_else() {
    let named = "https://app.example.org";
    let server = Server::start_with(Options {
        environment: vec![("VIGIE_SERVER_CORS_ORIGINS".into(), named.into())],
        ..Options::default()
    });
    let mut client = server.client();
    let both = |said: &str| vec![Some(said.to_owned()); 2];
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.org.evil.example",
        "https://app.example.or",
        "http://app.example.org",
        "https://app.example.org:8443",
        "HTTPS://APP.EXAMPLE.ORG",
        "https://app.example.org https://evil.example",
    ] {
        assert_eq!(told(&mut client, "metadata", origin), both("*"), "{origin}");
        for path in [
            "Patient",
            "Patient/1",
            "_history",
            "/auth/token",
            "/clock",
            "/nowhere",
        ] {
            let said = told(&mut client, path, origin);
            assert_eq!(said, [None, None], "{path} {origin}");
        }
    }
    assert_eq!(told(&mut client, "Patient", named), both(named));
    for path in ["/clock", "/healthz", "/auth/login", "/auth/authorize"] {
        assert_eq!(told(&mut client, path, named), [None, None], "{path}");
    }
}

#[test]
fn any_origin_is_let_in_by_a_star_without_credentials() {
    let server = Server::start_with(Options {
        environment: vec![("VIGIE_SERVER_CORS_ORIGINS".into(), "*".into())],
        ..Options::default()
    });
    let mut client = server.client();
    for origin in ["https://evil.example", "null"] {
        let said = told(&mut client, "Patient", origin);
        assert_eq!(said, vec![Some("*".to_owned()); 2], "{origin}");
        assert_eq!(told(&mut client, "/auth/login", origin), [None, None]);
    }
}

#[test]
fn pages_of_a_registered_client_may_call_until_it_is_removed() {
    let server = Server::start_with(Options {
        closed: true,
        ..Options::default()
    });
    let origin = "https://spa.example";
    let registered = Backend::register_with(&server, "system/*.rs", &["--origin", origin]);
    let mut client = server.client();
    let both = vec![Some(origin.to_owned()); 2];
    for path in ["Patient", "Patient/1", "/auth/token", "/auth/introspect"] {
        assert_eq!(told(&mut client, path, origin), both, "{path}");
        for other in [
            "https://spa.example.evil.example",
            "http://spa.example",
            "null",
        ] {
            assert_eq!(
                told(&mut client, path, other),
                [None, None],
                "{path} {other}"
            );
        }
    }
    for path in ["/auth/login", "/auth/authorize", "/auth/account", "/clock"] {
        assert_eq!(told(&mut client, path, origin), [None, None], "{path}");
    }
    for path in [".well-known/smart-configuration", "/auth/jwks", "metadata"] {
        let said = told(&mut client, path, "https://evil.example");
        assert_eq!(said, vec![Some("*".to_owned()); 2], "{path}");
    }
    let removed = client_command(&server, &["remove", &registered.id]);
    assert!(removed.status.success());
    assert_eq!(told(&mut client, "Patient", origin), [None, None]);
}
