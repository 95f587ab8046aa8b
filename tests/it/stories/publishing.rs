//! Stories of new pathways and their versions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    harness::{Client, Nurse, Options, Patient, Server, about, rule_of},
    publishing::{example, transaction},
};

/// A morning in winter.
const MORNING: &str = "2030-01-07T09:00:00Z";

/// A server that has been running for a while, without the example.
fn running() -> Server {
    Server::start_with(Options {
        environment: vec![("VIGIE_CLOCK_START".to_owned(), MORNING.to_owned())],
        ..Options::default()
    })
}

/// Publishes the example, its form and its pathway one after the other.
fn publish(server: &Server) {
    let (form, plan) = example();
    let mut client = server.client();
    client.put("Questionnaire/heart-failure", &form).expect(201);
    client
        .put("PlanDefinition/heart-failure", &plan)
        .expect(201);
}

fn boolean(value: bool) -> Value {
    json!({ "valueBoolean": value })
}

fn weight(kilograms: f64) -> Value {
    let code = "kg";
    json!({ "valueQuantity": {
        "value": kilograms, "unit": code, "system": "http://unitsofmeasure.org", "code": code,
    } })
}

fn grade(code: &str) -> Value {
    let system = "https://vigie.example/fhir/CodeSystem/severity-0-4";
    json!({ "valueCoding": { "system": system, "code": code } })
}

/// A quiet day at this weight, with something else about it.
fn day(kilograms: f64, otherwise: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    let mut items = vec![
        ("weight.value", weight(kilograms)),
        ("dyspnea.severity", grade("0")),
        ("dyspnea.rest", boolean(false)),
        ("dyspnea.night", boolean(false)),
        ("oedema.severity", grade("0")),
        ("danger.chest", boolean(false)),
        ("danger.syncope", boolean(false)),
        ("callback", boolean(false)),
    ];
    for (link, value) in otherwise {
        items.retain(|(known, _)| known != link);
        items.push((link, value.clone()));
    }
    items
}

/// The rules of the open Flags, each with its priority.
fn alerts(patient: &mut Patient) -> BTreeSet<(String, String)> {
    patient
        .have("Flag")
        .iter()
        .map(|flag| {
            let extensions = flag["extension"].as_array().into_iter().flatten();
            let priority = extensions
                .filter(|one| one["url"] == "http://hl7.org/fhir/StructureDefinition/flag-priority")
                .find_map(|one| one["valueCodeableConcept"]["coding"][0]["code"].as_str());
            (
                rule_of(flag).to_owned(),
                priority.unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

fn these(alerts: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let owned = |(rule, priority): &(&str, &str)| ((*rule).to_owned(), (*priority).to_owned());
    alerts.iter().map(owned).collect()
}

#[test]
fn row_multi_pathway_as_data() {
    let server = running();
    let mut nurse = Nurse::of(&server);
    // Three pathways are there; a fourth comes while the server runs.
    publish(&server);
    let mut patient = nurse.enrol(&server, "heart-failure");
    let mut tasks = patient.have("Task");
    tasks.retain(|task| task["code"]["coding"][0]["code"] == "complete-questionnaire");
    assert_eq!(tasks.len(), 30);
    let mut other = nurse.enrol(&server, "covid-medical");
    patient
        .report(&day(80.0, &[("callback", boolean(true))]))
        .expect(201);
    assert_eq!(alerts(&mut patient), these(&[("HF8", "PM")]));
    assert_eq!(alerts(&mut other), these(&[]));
    // What comes of a rule of the new pathway is handled as that of any other.
    let told = about(&mut server.client(), "Communication", &patient.path);
    assert!(!told.is_empty());
}

#[test]
fn row_symptom_rules() {
    let server = running();
    let mut nurse = Nurse::of(&server);
    publish(&server);
    let mut patient = nurse.enrol(&server, "heart-failure");
    patient.report(&day(80.0, &[])).expect(201);
    assert_eq!(alerts(&mut patient), these(&[]));
    let swollen = [
        ("oedema.severity", grade("2")),
        ("heart.rate", json!({ "valueInteger": 104 })),
    ];
    server.set_clock("2030-01-08T09:00:00Z");
    patient.report(&day(80.0, &swollen)).expect(201);
    let expected = these(&[("HF5", "PM"), ("HF7", "PM")]);
    assert_eq!(alerts(&mut patient), expected);
    let grave = [
        ("danger.chest", boolean(true)),
        ("heart.rate", json!({ "valueInteger": 131 })),
        ("bp.systolic", json!({ "valueInteger": 85 })),
    ];
    server.set_clock("2030-01-09T09:00:00Z");
    patient.report(&day(80.0, &grave)).expect(201);
    let expected = these(&[("HF1", "PH"), ("HF5", "PM"), ("HF6", "PM"), ("HF7", "PH")]);
    assert_eq!(alerts(&mut patient), expected);
}

#[test]
fn row_trend_rules() {
    let server = running();
    let mut nurse = Nurse::of(&server);
    publish(&server);
    let weights = |server: &Server, patient: &mut Patient, weights: &[f64]| {
        for (n, kilograms) in weights.iter().enumerate() {
            server.set_clock(&format!("2030-01-{:02}T09:00:00Z", 7 + n));
            patient.report(&day(*kilograms, &[])).expect(201);
        }
    };
    // Two kilograms within three days, none of which is remarkable by itself.
    let mut fast = nurse.enrol(&server, "heart-failure");
    weights(&server, &mut fast, &[80.0, 80.4, 81.2, 82.0]);
    assert_eq!(alerts(&mut fast), these(&[("HF2", "PM")]));
    // The same with breathlessness at night is urgent, and the Flag rises.
    server.set_clock("2030-01-11T09:00:00Z");
    fast.report(&day(82.5, &[("dyspnea.night", boolean(true))]))
        .expect(201);
    assert_eq!(alerts(&mut fast), these(&[("HF2", "PH"), ("HF4", "PM")]));
}

#[test]
fn a_slow_gain_shows_against_the_weight_at_discharge_only() {
    let server = running();
    let mut nurse = Nurse::of(&server);
    publish(&server);
    let mut patient = nurse.enrol(&server, "heart-failure");
    let mut client = server.client();
    let mut baseline = patient.answer(&day(80.0, &[]));
    baseline
        .as_object_mut()
        .expect("an answer")
        .remove("basedOn");
    baseline["authored"] = "2030-01-05T09:00:00Z".into();
    // It was taken before anybody was followed: no answer to a report.
    baseline["questionnaire"] = "https://vigie.example/fhir/Questionnaire/baseline|1.0.0".into();
    let baseline = client
        .post("QuestionnaireResponse", &baseline)
        .expect(201)
        .location();
    let mut plan = client.get(&patient.plan).expect(200).json();
    plan["supportingInfo"] = json!([{ "reference": baseline }]);
    client.put(&patient.plan, &plan).expect(200);
    for (n, kilograms) in [80.5, 81.0, 81.4, 81.8, 82.1].iter().enumerate() {
        server.set_clock(&format!("2030-01-{:02}T09:00:00Z", 7 + n));
        patient.report(&day(*kilograms, &[])).expect(201);
    }
    assert_eq!(alerts(&mut patient), these(&[("HF3", "PM")]));
}

/// The next version of the example: other words, another order, another question.
fn next_version() -> (Value, Value) {
    let (mut form, mut plan) = example();
    for one in [&mut form, &mut plan] {
        one["id"] = "heart-failure-2".into();
        one["version"] = "2.0.0".into();
    }
    plan["action"][0]["definitionCanonical"] =
        "https://vigie.example/fhir/Questionnaire/heart-failure|2.0.0".into();
    let items = form["item"].as_array_mut().expect("items");
    items.reverse();
    items[0]["text"] = "Voulez-vous qu’on vous appelle ?".into();
    (form, plan)
}

#[test]
fn complaint_27_questionnaire_edits_break_old_answers_or_order() {
    let server = running();
    let mut nurse = Nurse::of(&server);
    let mut client = server.client();
    publish(&server);
    let mut early = nurse.enrol(&server, "heart-failure");
    let answer = early.report(&day(80.0, &[])).expect(201).location();
    let before = client.get(&answer).expect(200).body;
    let form = client.get("Questionnaire/heart-failure").expect(200).body;

    // The form under the answer cannot be edited, only followed by another version.
    let (edited, _) = next_version();
    let mut edited_in_place = edited.clone();
    edited_in_place["id"] = "heart-failure".into();
    client
        .put("Questionnaire/heart-failure", &edited_in_place)
        .expect(422);
    let (form_2, plan_2) = next_version();
    client
        .post("", &transaction(&[&plan_2, &form_2]))
        .expect(200);
    assert_eq!(client.get(&answer).expect(200).body, before);
    assert_eq!(
        client.get("Questionnaire/heart-failure").expect(200).body,
        form
    );

    // Who was being followed keeps the version that they began with; who comes now gets the new.
    let mut late = nurse.enrol(&server, "heart-failure-2");
    for (patient, version) in [(&mut early, "1.0.0"), (&mut late, "2.0.0")] {
        let plan = client.get(&patient.plan).expect(200).json();
        let name =
            |kind: &str| format!("https://vigie.example/fhir/{kind}/heart-failure|{version}");
        assert_eq!(plan["instantiatesCanonical"][0], name("PlanDefinition"));
        let asked: BTreeSet<String> = patient
            .have("Task")
            .iter()
            .filter_map(|task| {
                task["input"][0]["valueCanonical"]
                    .as_str()
                    .map(str::to_owned)
            })
            .collect();
        assert_eq!(asked, BTreeSet::from([name("Questionnaire")]));
    }
    server.set_clock("2030-01-08T09:00:00Z");
    early
        .report(&day(80.0, &[("callback", boolean(true))]))
        .expect(201);
    let flag = early.have("Flag").remove(0);
    assert!(flag.to_string().contains("heart-failure|1.0.0#HF8"));
}

/// Names of headers that let pages of other sites in.
fn cors(reply: &crate::harness::Reply) -> Vec<&str> {
    let names = reply.headers.iter().map(|(name, _)| name.as_str());
    names
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

#[test]
fn complaint_29_unauthenticated_endpoints_injection_and_open_cors() {
    let closed = Server::start_with(Options {
        real_clock: true,
        closed: true,
        ..Options::default()
    });
    let mut stranger = closed.client();
    let patient = json!({ "resourceType": "Patient" });
    for path in [
        "Patient",
        "Patient/1",
        "CarePlan?subject=Patient/1",
        "_history",
    ] {
        stranger.get(path).expect(401);
    }
    stranger.post("Patient", &patient).expect(401);
    stranger.put("Patient/1", &patient).expect(401);
    stranger.delete("Patient/1").expect(401);
    stranger
        .post("PlanDefinition/covid-medical/$apply", &json!({}))
        .expect(401);
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction" });
    stranger.post("", &bundle).expect(401);

    let open = running();
    let mut nurse = Nurse::of(&open);
    let mut patient = nurse.enrol(&open, "covid-medical");
    let had = patient.have("Task").len();
    injected(&mut open.client());
    assert_eq!(patient.have("Task").len(), had);
    let origin = [
        ("origin", "https://elsewhere.example"),
        ("access-control-request-method", "GET"),
    ];
    let mut client = open.client();
    for method in ["GET", "OPTIONS"] {
        let reply = client
            .send(method, "Patient", &origin, b"")
            .expect("a reply");
        assert_eq!(cors(&reply), Vec::<&str>::new(), "{method}");
    }
}

/// Sends texts that would mean something to a database, wherever a request has room for one.
fn injected(client: &mut Client) {
    let nothing_found = [
        "Patient?name=%27%20OR%201%3D1%20--",
        "Patient?_id=%27%20or%20%27%27%3D%27",
        "Patient?identifier=%27%7C%27%3B%20DROP%20TABLE%20resource%3B--",
        "Task?owner=Practitioner/%22%3B%20DELETE%20FROM%20job%3B--",
        "Patient?name=%25",
        "CarePlan?instantiates-canonical=%27%29%20OR%20%281%3D1",
    ];
    for path in nothing_found {
        let reply = client.get(path);
        if reply.status == 200 {
            assert_eq!(reply.json()["entry"], Value::Null, "{path}");
        } else {
            assert_eq!(reply.status, 400, "{path}: {}", reply.text());
        }
    }
    for path in [
        "Patient/1%27%3B%20DROP%20TABLE%20resource%3B--",
        "Patient?_sort=name%3B%20DROP%20TABLE%20resource",
        "Patient?birthdate=%271%27%3D%271%27",
        "Patient?_count=1%3B%20DROP%20TABLE%20resource",
    ] {
        let status = client.get(path).status;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
}
