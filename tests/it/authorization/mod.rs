//! Programs that people let in: SMART App Launch, from the request to the token and beyond.

mod consent;
mod ends;
mod launch;
mod logout;
mod refusals;
mod registration;
mod tokens;

use serde_json::{Value, json};

use crate::harness::{
    App, Backend, Client, Options, Server, Visitor, add_user,
    app::{self, REDIRECT, parameter},
    backend::post_form,
    encoded,
};

const SCOPES: &str = "openid fhirUser launch/patient offline_access online_access launch \
                      patient/*.cruds user/*.cruds __launch";

/// A ward with a nurse, two patients in her care, and one who is not.
struct Ward {
    server: Server,
}

fn ward() -> Ward {
    ward_with(&[])
}

/// The same, of a server that is configured by these variables.
fn ward_with(environment: &[(&str, &str)]) -> Ward {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let server = Server::start_with(Options {
        closed: true,
        environment: environment.iter().map(owned).collect(),
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
