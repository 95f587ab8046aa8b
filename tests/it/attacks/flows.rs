//! B2, B8 and B17: codes, tokens, and where they are left lying.

use serde_json::{Value, json};

use crate::harness::{
    App, Backend, Options, PASSWORD, Server, Visitor, add_user,
    app::{VERIFIER, parameter},
    encoded,
};

const SCOPES: &str = "openid fhirUser launch/patient offline_access patient/*.rs user/*.rs";

fn server(environment: &[(&str, &str)]) -> Server {
    let server = Server::start_with(Options {
        closed: true,
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Options::default()
    });
    let backend = Backend::register(&server, "system/*.cruds");
    let mut all = backend.client(&server, "system/*.cruds");
    let mut put = |path: &str, mut body: Value| {
        let (kind, id) = path.split_once('/').expect("a type and an id");
        body["resourceType"] = kind.into();
        body["id"] = id.into();
        all.put(path, &body).expect(201);
    };
    put("Organization/here", json!({"name": "Here"}));
    put("Practitioner/anne", json!({"name": [{"family": "Anne"}]}));
    let care = json!({"reference": "Organization/here"});
    put(
        "Patient/pa",
        json!({"name": [{"family": "Martin"}], "managingOrganization": care}),
    );
    add_user(
        &server,
        "anne",
        "Practitioner/anne",
        &["professional@Organization/here"],
    );
    server
}

#[test]
fn b2_a_code_is_good_for_a_minute_and_once() {
    let server = server(&[]);
    let app = App::public(&server, SCOPES);
    let mut anne = Visitor::new(&server);
    let mut code = || {
        let request = app.request(&server, SCOPES, &[]);
        let address = app.authorize(&mut anne, &request, "anne");
        parameter(&address, "code").expect("a code")
    };
    let (quick, slow) = (code(), code());
    App::post(&server, &app.exchange_form(&quick)).expect(200);
    server.set_clock(&server.later(61));
    let late = App::post(&server, &app.exchange_form(&slow))
        .expect(400)
        .json();
    assert_eq!(late["error"], "invalid_grant");
    let again = App::post(&server, &app.exchange_form(&quick))
        .expect(400)
        .json();
    assert_eq!(again["error"], "invalid_grant");
}

#[test]
fn b2_a_token_of_a_person_ends_after_its_hour() {
    let server = server(&[]);
    let app = App::public(&server, SCOPES);
    let tokens = app.tokens(&server, SCOPES, "anne");
    assert!(
        tokens["expires_in"]
            .as_u64()
            .is_some_and(|seconds| seconds <= 3_600)
    );
    let mut client = server
        .client()
        .with_token(tokens["access_token"].as_str().expect("a token"));
    client.get("Patient/pa").expect(200);
    server.set_clock(&server.later(3_599));
    client.get("Patient/pa").expect(200);
    server.set_clock(&server.later(1));
    let refused = client.get("Patient/pa").expect(401);
    assert!(
        refused
            .header("www-authenticate")
            .is_some_and(|header| header.contains("invalid_token"))
    );
}

#[test]
fn a_renewal_needs_no_name_but_of_a_client_that_keeps_a_secret() {
    let server = server(&[]);
    let nameless = |app: &App, name: Option<&str>| {
        let tokens = app.tokens(&server, SCOPES, "anne");
        let refresh = tokens["refresh_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let mut form = vec![
            ("grant_type".to_owned(), "refresh_token".to_owned()),
            ("refresh_token".to_owned(), refresh),
        ];
        form.extend(name.map(|name| ("client_id".to_owned(), name.to_owned())));
        App::post(&server, &form)
    };
    let public = App::public(&server, SCOPES);
    let secret = App::register(&server, SCOPES, &["--secret"]);
    nameless(&public, None).expect(200);
    nameless(&public, Some(&secret.id)).expect(401);
    nameless(&secret, None).expect(401);
    nameless(&secret, Some(&public.id)).expect(400);
}

#[test]
fn b8_no_secret_is_left_in_the_log_or_in_an_address() {
    let server = server(&[("VIGIE_LOG_FILTER", "trace")]);
    let app = App::register(&server, SCOPES, &["--secret"]);
    let mut anne = Visitor::new(&server);
    let request = app.request(&server, SCOPES, &[]);
    let address = app.authorize(&mut anne, &request, "anne");
    let code = parameter(&address, "code").expect("a code");
    let tokens = App::post(&server, &app.exchange_form(&code))
        .expect(200)
        .json();
    let access = tokens["access_token"].as_str().expect("a token").to_owned();
    let refresh = tokens["refresh_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let mut client = server.client().with_token(access.clone());
    client.get("Patient/pa").expect(200);
    client.get("Patient/nobody").expect(404);
    client.get("Nonsense").expect(404);
    app.refresh(&server, &refresh, None).expect(200);
    // A token in an address is not taken, and not written down either.
    let asked = encoded(&[("access_token", &access)]);
    server
        .client()
        .get(&format!("Patient/pa?{asked}"))
        .expect(401);
    let page = server
        .client()
        .send("GET", "/auth/login", &[], b"")
        .expect("a reply");
    let policy = page.header("referrer-policy");
    // Nothing is told to other origins; pages tell their own, so that forms say where they are from.
    assert!(
        matches!(policy, Some("no-referrer" | "same-origin")),
        "{policy:?}"
    );
    let mut secrets = vec![
        code,
        access,
        refresh,
        PASSWORD.to_owned(),
        VERIFIER.to_owned(),
    ];
    secrets.extend(app.secret.clone());
    secrets.extend(tokens["id_token"].as_str().map(str::to_owned));
    secrets.extend(anne.cookies.iter().map(|(_, value)| value.clone()));
    let log = server.output();
    assert!(log.len() > 1_000, "there is a log: {log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} stands in the log");
        assert!(
            !address.contains(&secret) || address.contains(&format!("code={secret}")),
            "{address}"
        );
    }
    for fragment in ["vgt_", "vgr_"] {
        assert!(!log.contains(fragment), "a token stands in the log");
    }
}

#[test]
fn a1_a_program_that_is_launched_for_one_patient_sees_nobody_else() {
    let server = server(&[]);
    let app = App::public(&server, SCOPES);
    let mut all = Backend::register(&server, "system/*.cruds").client(&server, "system/*.cruds");
    // Another patient of the same nurse, whom she sees herself.
    let other = json!({"resourceType": "Patient", "id": "zz", "name": [{"family": "Zz"}],
        "managingOrganization": {"reference": "Organization/here"}});
    all.put("Patient/zz", &other).expect(201);
    let note = json!({"resourceType": "Observation", "id": "ozz", "status": "final",
        "code": {"text": "x"}, "subject": {"reference": "Patient/zz"}});
    all.put("Observation/ozz", &note).expect(201);
    let mut herself = app.client(&server, "user/*.rs", "anne");
    herself.get("Patient/zz").expect(200);
    herself.get("Observation/ozz").expect(200);
    let tokens = app.tokens(&server, "launch/patient patient/*.rs", "anne");
    assert_eq!(tokens["patient"], "pa");
    let mut launched = server
        .client()
        .with_token(tokens["access_token"].as_str().expect("a token"));
    launched.get("Patient/pa").expect(200);
    for path in [
        "Patient/zz",
        "Observation/ozz",
        "Patient/zz/_history",
        "Patient/zz/$everything",
    ] {
        launched.get(path).expect(404);
    }
    for query in [
        "Patient?_count=50",
        "Observation?patient=zz",
        "Observation?_id=ozz",
        "_history",
        "?_type=Patient,Observation",
    ] {
        let reply = launched.get(query);
        assert!(
            !reply.text().contains("Zz") && !reply.text().contains("/ozz"),
            "{query}: {}",
            reply.text()
        );
    }
}

#[test]
fn b17_who_has_logged_in_is_asked_all_the_same() {
    let server = server(&[]);
    let app = App::public(&server, SCOPES);
    let mut anne = Visitor::new(&server);
    let narrow = "launch/patient patient/Patient.rs";
    let request = app.request(&server, narrow, &[]);
    app.authorize(&mut anne, &request, "anne");
    for (scopes, changes) in [
        (SCOPES, &[][..]),
        (SCOPES, &[("prompt", "consent")][..]),
        (SCOPES, &[("prompt", "none")][..]),
    ] {
        let request = app.request(&server, scopes, changes);
        let first = anne.get(&format!("/auth/authorize?{request}"));
        let page = anne.follow(first);
        let sent = page.header("location").unwrap_or_default().to_owned();
        assert_eq!(parameter(&sent, "code"), None, "{sent}");
        let is_asked = ["name=\"patient\"", "name=\"decision\""]
            .iter()
            .any(|field| page.text().contains(field));
        let is_refused =
            parameter(&sent, "error").is_some_and(|error| error.ends_with("_required"));
        assert!(is_asked || is_refused, "{sent} {}", page.text());
    }
}
