//! Trying a pathway: a simulation against the follow-up itself, lived on the same server.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Client, Options, Server, about, rule_of, ward};

/// Nine o'clock in Paris: the first report's due time.
const START: &str = "2030-03-25T08:00:00Z";

/// Types of which a simulation could leave something behind.
const TYPES: [&str; 12] = [
    "Patient",
    "Practitioner",
    "CareTeam",
    "Consent",
    "PlanDefinition",
    "Questionnaire",
    "QuestionnaireResponse",
    "CarePlan",
    "Task",
    "Flag",
    "Communication",
    "Organization",
];

fn server() -> Server {
    Server::start_with(Options {
        environment: vec![("VIGIE_CLOCK_START".to_owned(), START.to_owned())],
        ..Options::default()
    })
}

fn asked(more: &[Value]) -> Value {
    let mut parameter = vec![
        json!({ "name": "start", "valueInstant": START }),
        json!({ "name": "timeZone", "valueCode": "Europe/Paris" }),
    ];
    parameter.extend(more.iter().cloned());
    json!({ "resourceType": "Parameters", "parameter": parameter })
}

fn totals(client: &mut Client) -> Vec<(String, u64)> {
    TYPES
        .iter()
        .map(|kind| {
            let page = client.get(&format!("{kind}?_summary=count")).expect(200);
            (
                (*kind).to_owned(),
                page.json()["total"].as_u64().expect("a total"),
            )
        })
        .collect()
}

/// A part of a parameter by its name.
fn part<'a>(parameter: &'a Value, name: &str) -> Option<&'a Value> {
    let mut parts = parameter["part"].as_array()?.iter();
    parts.find(|part| part["name"] == name)
}

/// The value of a part, as text.
fn value(parameter: &Value, name: &str) -> String {
    let members = part(parameter, name).and_then(Value::as_object);
    let found = members.and_then(|members| members.iter().find(|(n, _)| n.starts_with("value")));
    let Some((_, value)) = found else {
        return String::new();
    };
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn named<'a>(outcome: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = outcome["parameter"].as_array().expect("parameters").iter();
    all.filter(move |parameter| parameter["name"] == name)
}

/// The follow-up that a simulation plays, lived: the same people, the same answers.
struct Life {
    client: Client,
    plan: String,
}

impl Life {
    fn begin(server: &Server, pathway: &str) -> Self {
        let mut client = server.client();
        for name in ["nurse", "doctor", "on-call"] {
            let email = json!([{ "system": "email", "value": format!("{name}@ward.example") }]);
            let body = json!({ "resourceType": "Practitioner", "id": name, "telecom": email });
            client
                .put(&format!("Practitioner/{name}"), &body)
                .expect(201);
        }
        let own = |name: &str| format!("https://vigie.example/fhir/StructureDefinition/{name}");
        let member = |name: &str, rank: u32| {
            json!({
                "extension": [{ "url": own("escalation-rank"), "valuePositiveInt": rank }],
                "member": { "reference": format!("Practitioner/{name}") },
            })
        };
        let team = json!({
            "resourceType": "CareTeam", "id": "team", "status": "active",
            "extension": [{ "url": own("on-call"),
                "valueReference": { "reference": "Practitioner/on-call" } }],
            "participant": [member("nurse", 1), member("doctor", 2)],
        });
        client.put("CareTeam/team", &team).expect(201);
        let patient = json!({
            "resourceType": "Patient", "id": "patient", "birthDate": "1980-01-01",
            "telecom": [
                { "system": "email", "value": "camille@home.example" },
                { "system": "phone", "use": "mobile", "value": "+33600000000" },
            ],
        });
        client.put("Patient/patient", &patient).expect(201);
        let consent = json!({
            "resourceType": "Consent", "status": "active",
            "scope": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                "code": "patient-privacy" }] },
            "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
            "patient": { "reference": "Patient/patient" },
            "policyRule": { "text": "Telemonitoring at home" },
        });
        client.post("Consent", &consent).expect(201);
        let apply = asked(&[
            json!({ "name": "subject", "valueString": "Patient/patient" }),
            json!({ "name": "careTeam", "valueString": "CareTeam/team" }),
        ]);
        let applied = client.post(&format!("PlanDefinition/{pathway}/$apply"), &apply);
        let plan = applied.expect(200).json()["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        Self { client, plan }
    }

    fn answer(&mut self, server: &Server, simulated: &Value) {
        server.set_clock(&value(simulated, "at"));
        let mut response = part(simulated, "response").expect("a response")["resource"].clone();
        response["basedOn"] = json!([{ "reference": format!("CarePlan/{}", self.plan) }]);
        let id = response["id"].as_str().expect("an id").to_owned();
        let path = format!("QuestionnaireResponse/{id}");
        self.client.put(&path, &response).expect(201);
    }

    fn have(&mut self, kind: &str) -> Vec<Value> {
        about(&mut self.client, kind, "Patient/patient")
    }

    /// What became of each report, by its day.
    fn days(&mut self) -> BTreeMap<String, String> {
        let mut tasks = self.have("Task");
        tasks.retain(|task| task["code"]["coding"][0]["code"] == "complete-questionnaire");
        tasks
            .iter()
            .map(|task| {
                let day = task["identifier"][0]["value"]
                    .as_str()
                    .expect("an identifier");
                let day = day.rsplit('/').next().unwrap_or_default().to_owned();
                let state = &task["businessStatus"]["coding"][0]["code"];
                (day, state.as_str().unwrap_or_default().to_owned())
            })
            .collect()
    }

    /// Every piece of evidence of every Flag: rule, level, instant, words.
    fn evidence(&mut self) -> Vec<[String; 4]> {
        let mut all = Vec::new();
        for flag in self.have("Flag") {
            let extensions = flag["extension"].as_array().into_iter().flatten();
            for one in extensions.filter(|one| {
                one["url"]
                    .as_str()
                    .is_some_and(|url| url.ends_with("/alert-evidence"))
            }) {
                let inner = |url: &str| {
                    let mut parts = one["extension"].as_array().expect("parts").iter();
                    let found = parts.find(|part| part["url"] == url)?.as_object()?;
                    let (_, value) = found.iter().find(|(n, _)| n.starts_with("value"))?;
                    value.as_str().map(str::to_owned)
                };
                all.push([
                    rule_of(&flag).to_owned(),
                    inner("level").unwrap_or_default(),
                    inner("at").unwrap_or_default(),
                    inner("text").unwrap_or_default(),
                ]);
            }
        }
        all.sort();
        all
    }

    /// Every message that went out: kind, instant, recipient.
    fn messages(&mut self) -> Vec<[String; 3]> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let messages = self.have("Communication");
        let sent = messages
            .iter()
            .filter(|message| message["sent"].is_string());
        let mut all: Vec<_> = sent
            .map(|message| {
                [
                    text(&message["category"][0]["coding"][0]["code"]),
                    text(&message["sent"]),
                    text(&message["recipient"][0]["reference"]),
                ]
            })
            .collect();
        all.sort();
        all
    }
}

fn simulated_evidence(outcome: &Value) -> Vec<[String; 4]> {
    let mut all: Vec<_> = ["alert", "rise", "repeat"]
        .iter()
        .flat_map(|name| named(outcome, name))
        .map(|one| ["rule", "level", "at", "evidence"].map(|name| value(one, name)))
        .collect();
    all.sort();
    all
}

fn simulated_messages(outcome: &Value) -> Vec<[String; 3]> {
    let mut all = Vec::new();
    for (name, kind) in [("reminder", "reminder"), ("advice", "advice")] {
        for one in named(outcome, name) {
            all.push([
                kind.to_owned(),
                value(one, "at"),
                "Patient/patient".to_owned(),
            ]);
        }
    }
    for one in named(outcome, "message") {
        all.push(["kind", "at", "to"].map(|name| value(one, name)));
    }
    for one in named(outcome, "escalation") {
        let parts = one["part"].as_array().expect("parts").iter();
        for told in parts.filter(|part| part["name"] == "to") {
            let to = told["valueString"].as_str().unwrap_or_default().to_owned();
            all.push(["escalated".to_owned(), value(one, "at"), to]);
        }
    }
    all.sort();
    all
}

/// Plays a course, lives it, and compares.
fn compare(pathway: &str, seed: i64) {
    let server = server();
    let seeded = asked(&[json!({ "name": "seed", "valueInteger": seed })]);
    let path = format!("PlanDefinition/{pathway}/$simulate");
    let outcome = server.client().post(&path, &seeded).expect(200).json();
    let mut life = Life::begin(&server, pathway);
    for answer in named(&outcome, "answer") {
        life.answer(&server, answer);
    }
    let until = named(&outcome, "until").next().expect("an end");
    server.set_clock(until["valueInstant"].as_str().expect("an instant"));
    let days: BTreeMap<String, String> = named(&outcome, "day")
        .map(|day| (value(day, "day"), value(day, "outcome")))
        .collect();
    assert_eq!(life.days(), days, "{pathway} {seed}: reports");
    let evidence = simulated_evidence(&outcome);
    assert!(!evidence.is_empty(), "{pathway} {seed}: no alert at all");
    assert_eq!(life.evidence(), evidence, "{pathway} {seed}: alerts");
    let messages = simulated_messages(&outcome);
    assert_eq!(life.messages(), messages, "{pathway} {seed}: messages");
    let plan = life
        .client
        .get(&format!("CarePlan/{}", life.plan))
        .expect(200);
    let end = named(&outcome, "end").next().expect("an end");
    assert_eq!(plan.json()["status"], value(end, "status"));
}

#[test]
fn a_simulation_is_what_the_follow_up_comes_to() {
    for (pathway, seed) in [
        ("covid-medical", 3),
        ("covid-case", 4),
        ("covid-contact", 5),
    ] {
        compare(pathway, seed);
    }
}

#[test]
fn nothing_is_written_by_trying() {
    let (server, _nurse, mut patient) = ward();
    let mut client = server.client();
    let danger = [("danger.chest", json!({ "valueBoolean": true }))];
    let answer = patient.report(&danger).expect(201).location();
    let before = totals(&mut client);
    let seeded = asked(&[json!({ "name": "seed", "valueInteger": 1 })]);
    let path = "PlanDefinition/covid-medical/$simulate";
    client.post(path, &seeded).expect(200);
    let nothing = json!({ "resourceType": "Parameters" });
    client
        .post(&format!("{answer}/$judge"), &nothing)
        .expect(200);
    assert_eq!(totals(&mut client), before);
}

#[test]
fn what_is_asked_wrongly_is_refused_with_its_place() {
    let server = server();
    let mut client = server.client();
    let path = "PlanDefinition/covid-medical/$simulate";
    let answer = |parts: Value| json!({ "name": "answer", "part": parts });
    let response = json!({ "name": "response", "resource": {
        "resourceType": "QuestionnaireResponse", "status": "completed" } });
    let wrong = [
        (
            400,
            json!({ "name": "sead", "valueInteger": 1 }),
            "Parameters.parameter[2]",
        ),
        (
            400,
            json!({ "name": "seed", "valueString": "x" }),
            "Parameters.parameter[2]",
        ),
        (
            400,
            json!({ "name": "timeZone", "valueCode": "UTC" }),
            "Parameters.parameter[2]",
        ),
        (400, answer(json!([response])), "Parameters.parameter[2]"),
        (
            422,
            answer(json!([response, { "name": "at", "valueInstant": "2030-03-24T08:00:00Z" }])),
            "Parameters.parameter[2].part[1]",
        ),
        (
            422,
            answer(json!([
                response,
                { "name": "day", "valuePositiveInt": 1 },
                { "name": "time", "valueTime": "07:00:00" },
            ])),
            "Parameters.parameter[2]",
        ),
        (
            400,
            json!({ "name": "reportChannel", "valueCode": "fax" }),
            "Parameters.parameter.where(name='reportChannel')",
        ),
    ];
    for (status, parameter, place) in wrong {
        let reply = client.post(path, &asked(std::slice::from_ref(&parameter)));
        assert_eq!(reply.status, status, "{parameter}: {}", reply.text());
        assert_eq!(
            reply.json()["issue"][0]["expression"][0],
            place,
            "{parameter}"
        );
    }
    client
        .post("PlanDefinition/none/$simulate", &asked(&[]))
        .expect(404);
    client
        .post("PlanDefinition/$simulate", &asked(&[]))
        .expect(400);
}

/// The verdict of each level of a rule, by level.
fn verdicts(told: &Value, rule: &str) -> BTreeMap<String, String> {
    let follow_up = named(told, "followUp").next().expect("a follow-up");
    let parts = follow_up["part"].as_array().expect("parts").iter();
    let mut rules = parts.filter(|part| part["name"] == "rule");
    let found = rules
        .find(|one| value(one, "rule") == rule)
        .expect("the rule");
    let levels = found["part"].as_array().expect("parts").iter();
    levels
        .filter(|part| part["name"] == "level")
        .map(|level| (value(level, "level"), value(level, "verdict")))
        .collect()
}

/// The rules that hold, with their level.
fn findings(told: &Value) -> BTreeMap<String, String> {
    let follow_up = named(told, "followUp").next().expect("a follow-up");
    let parts = follow_up["part"].as_array().expect("parts").iter();
    parts
        .filter(|part| part["name"] == "rule" && self::part(part, "finding").is_some())
        .map(|one| (value(one, "rule"), value(one, "finding")))
        .collect()
}

fn spo2(percent: u32) -> (&'static str, Value) {
    (
        "spo2.value",
        json!({ "valueQuantity": { "value": percent, "unit": "%",
        "system": "http://unitsofmeasure.org", "code": "%" } }),
    )
}

#[test]
fn an_answer_is_judged_as_it_was_and_every_rule_says_why() {
    let (server, _nurse, mut patient) = ward();
    let low = [spo2(91), ("danger.chest", json!({ "valueBoolean": true }))];
    let answer = patient.report(&low).expect(201).location();
    let told = judge(&server, &format!("{answer}/$judge"), &[]);
    let flags: BTreeMap<String, String> = patient
        .have("Flag")
        .iter()
        .map(|flag| (rule_of(flag).to_owned(), "urgent".to_owned()))
        .collect();
    assert_eq!(findings(&told), flags);
    assert!(
        flags.contains_key("U2") && flags.contains_key("U4"),
        "{flags:?}"
    );
    let borderline = verdicts(&told, "S2");
    assert!(
        borderline
            .values()
            .all(|verdict| verdict == "does-not-hold"),
        "{borderline:?}"
    );
    let shown = told.to_string();
    assert!(
        shown.contains("linkId = 'spo2.value'") && shown.contains("91 %"),
        "{shown}"
    );
}

#[test]
fn an_answer_that_nobody_gave_is_judged_with_the_history_and_the_plan_that_are_given() {
    let (server, _nurse, mut patient) = ward();
    let mut given = patient.answer(&[spo2(93)]);
    let old = patient.plan.clone();
    let on_follow_up = judge(
        &server,
        "QuestionnaireResponse/$judge",
        &[json!({ "name": "response", "resource": given })],
    );
    assert_eq!(
        findings(&on_follow_up).get("S2").map(String::as_str),
        Some("simple")
    );
    given.as_object_mut().expect("an object").remove("basedOn");
    let own = "https://vigie.example/fhir/StructureDefinition/spo2-urgent-threshold";
    let plan = json!({
        "resourceType": "CarePlan", "status": "active", "intent": "plan",
        "subject": { "reference": patient.path },
        "instantiatesCanonical": ["https://vigie.example/fhir/PlanDefinition/covid-medical|1.0.0"],
        "extension": [{ "url": own, "valueDecimal": 94 }],
    });
    let with_threshold = judge(
        &server,
        "QuestionnaireResponse/$judge",
        &[
            json!({ "name": "response", "resource": given }),
            json!({ "name": "carePlanResource", "resource": plan }),
        ],
    );
    assert_eq!(
        findings(&with_threshold).get("U2").map(String::as_str),
        Some("urgent")
    );
    let by_plan = judge(
        &server,
        "QuestionnaireResponse/$judge",
        &[
            json!({ "name": "response", "resource": given }),
            json!({ "name": "carePlan", "valueReference": { "reference": old } }),
        ],
    );
    assert_eq!(findings(&by_plan), findings(&on_follow_up));
    assert_eq!(patient.have("Flag"), Vec::<Value>::new());
}

fn judge(server: &Server, path: &str, parameters: &[Value]) -> Value {
    let mut body = json!({ "resourceType": "Parameters" });
    if !parameters.is_empty() {
        body["parameter"] = parameters.into();
    }
    server.client().post(path, &body).expect(200).json()
}
