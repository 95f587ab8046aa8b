//! What the log may not hold, at its most talkative: names, values of searches, tokens; and lines
//! that others write into it.

use serde_json::json;

use crate::harness::{Backend, Options, Server, backend};

/// Put wherever a client can put something; each place has its own, so that a leak names it.
fn canary(place: &str) -> String {
    format!("Zyxwv{place}Qq")
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn the_log_repeats_nothing_that_clients_send() {
    for format in ["text", "json"] {
        let server = Server::start_with(Options {
            environment: vec![
                ("VIGIE_LOG_FILTER".into(), "trace".into()),
                ("VIGIE_LOG_FORMAT".into(), format.into()),
            ],
            ..Options::default()
        });
        let mut client = server.client();
        let json = ("content-type", "application/fhir+json");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let bearer = format!("Bearer vgt_{}", canary("bearer"));
        let agent = canary("agent");
        let referer = format!("https://a.example/{}", canary("referer"));
        let headers = [
            ("authorization", bearer.as_str()),
            ("user-agent", &agent),
            ("referer", &referer),
            ("x-request-id", &canary("request")),
            ("cookie", &format!("__Host-vigie={}", canary("cookie"))),
            ("if-none-exist", &format!("name={}", canary("condition"))),
            json,
        ];
        let patient = json!({"resourceType": "Patient", "name": [{"family": canary("name")}],
            "birthDate": "1931-02-03", "identifier": [{"value": canary("identifier")}]});
        let body = patient.to_string();
        client
            .send("POST", "Patient", &headers, body.as_bytes())
            .expect("a reply");
        for (method, path, body) in [
            (
                "GET",
                format!("Patient?name={}", canary("query")),
                String::new(),
            ),
            (
                "GET",
                format!("Patient?{}=1", canary("parameter")),
                String::new(),
            ),
            (
                "GET",
                format!("Patient?birthdate={}", canary("date")),
                String::new(),
            ),
            (
                "GET",
                format!("Patient?_filter=name eq %22{}", canary("filter")).replace(' ', "%20"),
                String::new(),
            ),
            ("GET", format!("Patient/{}", canary("id")), String::new()),
            ("GET", format!("{}/1", canary("type")), String::new()),
            (
                "GET",
                format!("Patient/{}/$everything", canary("everything")),
                String::new(),
            ),
            ("GET", format!("/{}", canary("path")), String::new()),
            (
                "GET",
                format!("Patient?name=%0d%0aFORGED%20{}%1b[31m", canary("forged")),
                String::new(),
            ),
            (
                "POST",
                "Patient".into(),
                format!(
                    "{{\"resourceType\":\"Patient\",\"{}\":1}}",
                    canary("member")
                ),
            ),
            (
                "POST",
                "Patient".into(),
                format!("{{\"resourceType\":\"{}\"}}", canary("kind")),
            ),
            ("POST", "Patient".into(), format!("{{ {}", canary("broken"))),
            (
                "POST",
                "Patient".into(),
                format!(
                    "{{\"resourceType\":\"Patient\",\"gender\":\"{}\"}}",
                    canary("code")
                ),
            ),
            (
                "POST",
                "".into(),
                format!(
                    "{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{{\"request\":{{\"method\":\"GET\",\"url\":\"Patient?name={}\"}}}}]}}",
                    canary("batch")
                ),
            ),
            (
                "PATCH",
                format!("Patient?identifier={}", canary("patch")),
                "[]".into(),
            ),
            (
                "DELETE",
                format!("Patient?identifier={}", canary("delete")),
                String::new(),
            ),
            (
                "POST",
                "/sms/inbound".into(),
                format!(
                    "{{\"from\":\"+33600000000\",\"text\":\"{}\"}}",
                    canary("text")
                ),
            ),
        ] {
            client
                .send(method, &path, &headers, body.as_bytes())
                .expect("a reply");
        }
        let search = format!("name={}", canary("form"));
        client
            .send("POST", "Patient/_search", &[form], search.as_bytes())
            .expect("a reply");
        let binary = [("content-type", "text/plain")];
        client
            .send("POST", "Binary", &binary, canary("binary").as_bytes())
            .expect("a reply");
        let output = server.output();
        assert!(output.len() > 1_000, "the log is on");
        for line in output.lines() {
            let lower = line.to_lowercase();
            let leaks =
                lower.contains("zyxwv") || line.contains("FORGED") || line.contains("1931-02-03");
            assert!(!leaks, "{line}");
            assert!(!line.contains('\u{1b}'), "{line:?}");
        }
    }
}

#[test]
fn a_token_is_in_no_log() {
    let server = Server::start_with(Options {
        closed: true,
        environment: vec![("VIGIE_LOG_FILTER".into(), "trace".into())],
        ..Options::default()
    });
    let backend = Backend::register(&server, "system/Patient.rs");
    let assertion = backend.sign(&backend.claims(&server));
    let granted = backend::ask(&server, "system/Patient.rs", &assertion)
        .expect(200)
        .json();
    let token = granted["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    server
        .client()
        .with_token(token.clone())
        .get("Patient")
        .expect(200);
    // In an address, where it does not belong, it is not taken, and not written down either.
    let reply = server
        .client()
        .get(&format!("Patient?access_token={token}"));
    assert_eq!(reply.status, 401);
    backend::ask(&server, "system/Patient.rs", &assertion).expect(401);
    let output = server.output();
    assert!(output.contains("listening on"), "the log is on");
    for secret in [&token, &assertion] {
        for part in [secret.as_str(), &secret[secret.len() - 12..]] {
            assert!(!output.contains(part), "a secret is in the log");
        }
    }
}
