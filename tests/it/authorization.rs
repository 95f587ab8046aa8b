//! Programs that people let in: SMART App Launch, from the request to the token and beyond.

use serde_json::{Value, json};

use super::harness::{
    App, Backend, Client, Options, Server, Visitor, add_user,
    app::{self, REDIRECT, VERIFIER, parameter},
    backend::{client_command, post_form},
    encoded,
};

const SCOPES: &str = "openid fhirUser launch/patient offline_access online_access launch \
                      patient/*.cruds user/*.cruds __launch";

/// A ward with a nurse, two patients in her care, and one who is not.
struct Ward {
    server: Server,
}

fn ward() -> Ward {
    let server = Server::start_with(Options {
        closed: true,
        ..Options::default()
    });
    let backend = Backend::register(&server, "system/*.cruds");
    let mut client = backend.client(&server, "system/*.cruds");
    let mut put = |path: &str, mut body: Value| {
        let (kind, id) = path.split_once('/').unwrap();
        body["resourceType"] = kind.into();
        body["id"] = id.into();
        client.put(path, &body).expect(201);
    };
    let name = |family: &str| json!([{ "family": family, "given": ["Zoe"] }]);
    put("Organization/here", json!({ "name": "Here" }));
    put("Organization/there", json!({ "name": "There" }));
    put("Practitioner/anne", json!({ "name": name("Nurse") }));
    let of = |organization: &str| json!({ "reference": format!("Organization/{organization}") });
    for (id, organization) in [("pa", "here"), ("pb", "here"), ("pc", "there")] {
        let path = format!("Patient/{id}");
        put(
            &path,
            json!({ "name": name(id), "birthDate": "1950-01-01", "managingOrganization": of(organization) }),
        );
        let subject = json!({ "reference": path });
        put(
            &format!("Observation/o{id}"),
            json!({ "status": "final", "code": { "text": "x" }, "subject": subject }),
        );
    }
    add_user(
        &server,
        "anne",
        "Practitioner/anne",
        &["professional@Organization/here"],
    );
    Ward { server }
}

impl Ward {
    fn app(&self) -> App {
        App::public(&self.server, SCOPES)
    }

    fn with(&self, tokens: &Value) -> Client {
        let token = tokens["access_token"].as_str().expect("a token");
        self.server.client().with_token(token)
    }

    fn introspected(&self, app: &App, token: &Value) -> Value {
        let token = token.as_str().unwrap();
        let secret = app.secret.as_deref().unwrap();
        let form = [
            ("token", token),
            ("client_id", &app.id),
            ("client_secret", secret),
        ];
        let reply = post_form(&self.server, "/auth/introspect", &encoded(&form), &[]);
        reply.expect(200).json()
    }
}

#[test]
fn a_nurse_lets_a_program_see_one_patient() {
    let ward = ward();
    let app = ward.app();
    let mut visitor = Visitor::new(&ward.server);
    let request = app.request(
        &ward.server,
        "launch/patient openid fhirUser patient/Observation.rs patient/Patient.read",
        &[("nonce", "n-1")],
    );
    let first = visitor
        .get(&format!("/auth/authorize?{request}"))
        .expect(303);
    let login = visitor.follow(first).expect(200);
    let page = visitor.log_in(&login, "anne").expect(200);
    let text = page.text();
    assert!(text.contains("pa") && text.contains("pb"), "{text}");
    assert!(!text.contains("value=\"pc\""), "{text}");
    // Who is not in her care cannot be chosen, whatever the browser sends.
    let again = app::choose(&mut visitor, &page, "pc");
    assert!(again.text().contains("name=\"patient\""));
    let question = app::choose(&mut visitor, &again, "pa").expect(200);
    let policy = question.header("content-security-policy").unwrap();
    assert!(
        policy.contains("form-action 'self' https://app.example"),
        "{policy}"
    );
    let answer = app::allow(&mut visitor, &question, None).expect(303);
    let address = answer.header("location").unwrap().to_owned();
    assert!(address.starts_with(REDIRECT), "{address}");
    assert_eq!(parameter(&address, "state").as_deref(), Some("a state/&="));
    assert_eq!(parameter(&address, "iss"), Some(ward.server.origin()));
    let code = parameter(&address, "code").unwrap();
    let reply = App::post(&ward.server, &app.exchange_form(&code)).expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("pragma"), Some("no-cache"));
    let tokens = reply.json();
    assert_eq!(tokens["patient"], "pa");
    assert_eq!(tokens["need_patient_banner"], true);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    let told = tokens["scope"].as_str().unwrap();
    assert!(
        told.contains("patient/Patient.read") && told.contains("patient/Observation.rs"),
        "{told}"
    );
    assert!(tokens.get("refresh_token").is_none());
    let mut client = ward.with(&tokens);
    client.get("Patient/pa").expect(200);
    client.get("Observation/opa").expect(200);
    client.get("Observation/opb").expect(404);
    client.get("Observation/opc").expect(404);
    check_id_token(&ward, &app, &tokens);
}

fn check_id_token(ward: &Ward, app: &App, tokens: &Value) {
    let keys = ward
        .server
        .client()
        .send("GET", "/auth/jwks", &[], b"")
        .unwrap()
        .json();
    let key = serde_json::from_value(keys["keys"][0].clone()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&key).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.validate_exp = false;
    validation.set_audience(&[&app.id]);
    validation.set_issuer(&[ward.server.origin()]);
    let token = tokens["id_token"].as_str().unwrap();
    let claims: Value = jsonwebtoken::decode(token, &key, &validation)
        .unwrap()
        .claims;
    let user = format!("{}/fhir/Practitioner/anne", ward.server.origin());
    assert_eq!(claims["fhirUser"], user);
    assert_eq!(claims["nonce"], "n-1");
    assert_eq!(claims["azp"], app.id);
    assert!(claims["auth_time"].is_number());
    assert!(!claims["sub"].as_str().unwrap().is_empty());
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let header = [("authorization", bearer.as_str())];
    let reply = ward
        .server
        .client()
        .send("GET", "/auth/userinfo", &header, b"")
        .unwrap();
    let info = reply.expect(200).json();
    assert_eq!(
        (&info["sub"], &info["fhirUser"]),
        (&claims["sub"], &claims["fhirUser"])
    );
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

#[test]
fn nothing_is_sent_to_an_address_that_is_not_the_programs() {
    let ward = ward();
    let app = ward.app();
    let mut visitor = Visitor::new(&ward.server);
    for changes in [
        [("redirect_uri", "https://evil.example/")],
        [("redirect_uri", "https://app.example/back?own=1#x")],
        [("redirect_uri", "")],
        [("client_id", "nobody")],
        [("client_id", "")],
    ] {
        let request = app.request(&ward.server, "user/Observation.rs", &changes);
        let reply = visitor
            .get(&format!("/auth/authorize?{request}"))
            .expect(400);
        assert_eq!(reply.header("location"), None);
        assert!(!reply.text().contains("evil"), "{}", reply.text());
    }
    for (changes, error) in [
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("code_challenge", "")], "invalid_request"),
        ([("aud", "https://evil.example/fhir")], "invalid_request"),
        ([("response_type", "token")], "unsupported_response_type"),
        ([("scope", "system/*.rs")], "invalid_scope"),
        ([("prompt", "none")], "login_required"),
        ([("launch", "vgl_guess")], "invalid_request"),
    ] {
        let request = app.request(&ward.server, "user/Observation.rs", &changes);
        // The way by POST is the same.
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let first = visitor
            .send("POST", "/auth/authorize", &form, &request)
            .expect(303);
        let end = visitor.follow(first).expect(303);
        let address = end.header("location").unwrap();
        assert!(address.starts_with(REDIRECT), "{address}");
        assert_eq!(parameter(address, "error").as_deref(), Some(error));
        assert_eq!(parameter(address, "state").as_deref(), Some("a state/&="));
        assert_eq!(parameter(address, "code"), None);
    }
}

#[test]
fn who_says_no_or_takes_things_out_is_heard() {
    let ward = ward();
    let app = ward.app();
    let mut visitor = Visitor::new(&ward.server);
    let request = app.request(&ward.server, "user/Observation.rs user/Task.rs", &[]);
    let first = visitor.get(&format!("/auth/authorize?{request}"));
    let login = visitor.follow(first);
    let question = visitor.log_in(&login, "anne");
    let no = visitor
        .submit(&question, &[("decision", "deny")])
        .expect(303);
    let address = no.header("location").unwrap();
    assert_eq!(
        parameter(address, "error").as_deref(),
        Some("access_denied")
    );
    // The request is over: nobody can say yes to it any more.
    let late = visitor.submit(
        &question,
        &[("decision", "allow"), ("scope", "user/Task.rs")],
    );
    late.expect(400);
    let first = visitor.get(&format!("/auth/authorize?{request}"));
    let question = visitor.follow(first).expect(200);
    // More than was asked cannot be ticked.
    let ticked = ["user/Task.rs", "user/Patient.cruds", "openid"];
    let yes = app::allow(&mut visitor, &question, Some(&ticked)).expect(303);
    let code = parameter(yes.header("location").unwrap(), "code").unwrap();
    let tokens = App::post(&ward.server, &app.exchange_form(&code))
        .expect(200)
        .json();
    assert_eq!(tokens["scope"], "user/Task.rs");
    let none = app.request(&ward.server, "user/Task.rs", &[("prompt", "none")]);
    let first = visitor.get(&format!("/auth/authorize?{none}"));
    let end = visitor.follow(first);
    let error = parameter(end.header("location").unwrap(), "error");
    assert_eq!(error.as_deref(), Some("consent_required"));
}

#[test]
fn a_request_is_of_who_came_first_with_it_and_a_form_needs_its_token() {
    let ward = ward();
    add_user(
        &ward.server,
        "other",
        "Practitioner/other",
        &["professional@Organization/there"],
    );
    let app = ward.app();
    let (mut anne, mut other) = (Visitor::new(&ward.server), Visitor::new(&ward.server));
    let request = app.request(&ward.server, "user/Task.rs", &[]);
    let first = anne.get(&format!("/auth/authorize?{request}"));
    let path = first.header("location").unwrap().to_owned();
    let login = anne.follow(first);
    let question = anne.log_in(&login, "anne").expect(200);
    let page = other.get("/auth/login");
    other.log_in(&page, "other");
    other.get(&path).expect(400);
    let forged = anne.post(&path, &[("decision", "allow"), ("scope", "user/Task.rs")]);
    assert!(forged.status == 403, "{}", forged.status);
    let stranger = Visitor::new(&ward.server).post(&path, &[("decision", "allow")]);
    assert_eq!(stranger.status, 303);
    assert!(
        stranger
            .header("location")
            .unwrap()
            .starts_with("/auth/login")
    );
    app::allow(&mut anne, &question, None).expect(303);
}

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
    nobody.expect(400);
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
fn a_launch_carries_what_it_is_about_to_the_program_and_person_that_it_is_for() {
    let ward = ward();
    let app = App::register(
        &ward.server,
        SCOPES,
        &["--public", "--launch", "https://app.example/launch"],
    );
    let ehr = App::register(&ward.server, SCOPES, &["--secret"]);
    let token = ehr.tokens(&ward.server, "__launch user/Patient.rs", "anne");
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let prepare = |body: Value| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let sent = ward.server.client().send(
            "POST",
            "/auth/launch",
            &headers,
            body.to_string().as_bytes(),
        );
        sent.unwrap()
    };
    prepare(json!({ "client_id": app.id, "patient": "pc" })).expect(403);
    prepare(json!({ "client_id": "nobody", "patient": "pa" })).expect(400);
    let about = json!({
        "client_id": app.id, "patient": "pb", "encounter": "e1", "intent": "reconcile",
        "need_patient_banner": false, "tenant": "here",
        "fhirContext": [{ "reference": "CarePlan/1" }]
    });
    let launch = prepare(about.clone()).expect(201).json();
    let name = launch["launch"].as_str().unwrap();
    let url = launch["launch_url"].as_str().unwrap();
    assert_eq!(parameter(url, "launch").as_deref(), Some(name));
    assert_eq!(
        parameter(url, "iss"),
        Some(format!("{}/fhir", ward.server.origin()))
    );
    let request = app.request(
        &ward.server,
        "launch patient/Observation.rs",
        &[("launch", name)],
    );
    ward.server.set_clock(&ward.server.later(30));
    let mut visitor = Visitor::new(&ward.server);
    let address = app.authorize(&mut visitor, &request, "anne");
    let code = parameter(&address, "code").unwrap();
    let tokens = App::post(&ward.server, &app.exchange_form(&code))
        .expect(200)
        .json();
    for (name, value) in [
        ("patient", json!("pb")),
        ("encounter", json!("e1")),
        ("intent", json!("reconcile")),
        ("need_patient_banner", json!(false)),
        ("tenant", json!("here")),
        ("fhirContext", json!([{ "reference": "CarePlan/1" }])),
    ] {
        assert_eq!(tokens[name], value, "{name}");
    }
    ward.with(&tokens).get("Observation/opb").expect(200);
    ward.with(&tokens).get("Observation/opa").expect(404);
    // A launch is good once, for one program.
    let refused = |app: &App, name: &str| {
        let request = app.request(
            &ward.server,
            "launch patient/Observation.rs",
            &[("launch", name)],
        );
        let reply = Visitor::new(&ward.server).get(&format!("/auth/authorize?{request}"));
        parameter(reply.expect(303).header("location").unwrap(), "error")
    };
    assert_eq!(refused(&app, name).as_deref(), Some("invalid_request"));
    let launch = prepare(about).expect(201).json();
    let name = launch["launch"].as_str().unwrap();
    assert_eq!(refused(&ehr, name).as_deref(), Some("invalid_request"));
    assert_eq!(refused(&app, name).as_deref(), Some("invalid_request"));
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
    let locked = super::harness::vigie(&["user", "lock", "anne", "--database", &database]);
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
fn programs_register_themselves_only_where_that_is_wanted() {
    let send = |server: &Server, body: &Value| {
        let headers = [("content-type", "application/json")];
        let body = body.to_string();
        let sent = server
            .client()
            .send("POST", "/auth/register", &headers, body.as_bytes());
        sent.unwrap()
    };
    let asked = json!({
        "client_name": "Own", "redirect_uris": [REDIRECT], "scope": "openid user/Task.rs",
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"]
    });
    send(&ward().server, &asked).expect(403);
    let server = Server::start_with(Options {
        closed: true,
        environment: vec![("VIGIE_AUTH_REGISTRATION".into(), "true".into())],
        ..Options::default()
    });
    let configuration = "/fhir/.well-known/smart-configuration";
    let told = server
        .client()
        .send("GET", configuration, &[], b"")
        .unwrap()
        .json();
    assert!(told["registration_endpoint"].is_string());
    let answer = send(&server, &asked).expect(201);
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
        let mut asked = asked.clone();
        asked[name] = value;
        let refused = send(&server, &asked).expect(400);
        assert_eq!(refused.json()["error"], error, "{asked}");
    }
    let mut secret = asked.clone();
    secret["token_endpoint_auth_method"] = "client_secret_basic".into();
    assert!(send(&server, &secret).expect(201).json()["client_secret"].is_string());
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
