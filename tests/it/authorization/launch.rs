//! Programs that are launched from elsewhere.

use serde_json::{Value, json};

use super::{SCOPES, ward};
use crate::harness::{App, Visitor, app::parameter};

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
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
