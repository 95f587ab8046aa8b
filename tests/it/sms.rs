//! Word by text message: a gateway of the test's own takes it, or does not.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::harness::{Behaviour, Gateway, Nurse, Options, Patient, Reply, Server, rule_of};

/// The first report's due time in Paris.
const MORNING: &str = "2030-03-25T08:00:00Z";

/// The patient's number, as people write it and as networks do.
const WRITTEN: &str = "06 12 34 56 78";
const NUMBER: &str = "+33612345678";

/// What the gateway shows.
const SECRET: &str = "a secret of the gateway's";

/// A server that sends text messages, a nurse, and a patient who prefers them.
struct Ward {
    gateway: Gateway,
    server: Server,
    nurse: Nurse,
    patient: Patient,
}

impl Ward {
    /// The patient has a number; whether also a mail address, is said.
    fn open(mail: bool) -> Self {
        Self::with(&person(WRITTEN, mail))
    }

    fn with(person: &Value) -> Self {
        let gateway = Gateway::start();
        let keys = [
            ("VIGIE_CLOCK_START", MORNING),
            ("VIGIE_LOG_FILTER", "debug"),
            ("VIGIE_SMS_CHANNEL", "http"),
            ("VIGIE_SMS_URL", &gateway.url()),
            ("VIGIE_SMS_AUTHORIZATION", "Bearer of-ours"),
            ("VIGIE_SMS_CALLBACK_SECRET", SECRET),
            ("VIGIE_SMS_TIMEOUT_SECONDS", "1"),
        ];
        let server = Server::start_with(Options {
            environment: keys
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .to_vec(),
            ..Options::default()
        });
        let mut nurse = Nurse::of(&server);
        let patient = nurse.enrol_person(&server, "covid-medical", person);
        Self {
            gateway,
            server,
            nurse,
            patient,
        }
    }

    /// Lets the due instant pass: the reminder is on its way.
    fn remind(&self) {
        self.server.set_clock("2030-03-25T08:00:01Z");
    }

    fn reminders(&mut self) -> Vec<Value> {
        let mut messages = self.patient.have("Communication");
        messages.retain(|one| one["category"][0]["coding"][0]["code"] == "reminder");
        messages.sort_by_key(|one| one["meta"]["lastUpdated"].to_string());
        messages
    }

    fn flags(&mut self) -> Vec<String> {
        let flags = self.patient.have("Flag");
        flags.iter().map(|flag| rule_of(flag).to_owned()).collect()
    }

    fn telecom(&mut self) -> Value {
        let path = self.patient.path.clone();
        self.server.client().get(&path).expect(200).json()["telecom"].take()
    }

    fn callback(&self, path: &str, secret: Option<&str>, body: &Value) -> Reply {
        let secret = secret.map(|secret| format!("Bearer {secret}"));
        let mut headers = vec![("content-type", "application/json")];
        if let Some(secret) = &secret {
            headers.push(("authorization", secret));
        }
        let body = body.to_string();
        let reply = self
            .server
            .client()
            .send("POST", path, &headers, body.as_bytes());
        reply.expect("a reply")
    }

    fn write(&self, from: &str, text: &str) -> Reply {
        let body = json!({ "from": from, "text": text });
        self.callback("/sms/inbound", Some(SECRET), &body)
    }

    fn report(&self, body: &Value) -> Reply {
        self.callback("/sms/delivery", Some(SECRET), body)
    }
}

/// Somebody with a number first and perhaps a mail address second.
fn person(number: &str, mail: bool) -> Value {
    let mut telecom =
        vec![json!({ "system": "phone", "use": "mobile", "value": number, "rank": 1 })];
    if mail {
        telecom.push(json!({ "system": "email", "value": "camille@home.example", "rank": 2 }));
    }
    json!({
        "resourceType": "Patient",
        "name": [{ "family": "Canary-Durand", "given": ["Camille"] }],
        "birthDate": "1988-02-29",
        "telecom": telecom,
    })
}

/// The codes of a Task.
fn codes(task: &Value) -> Vec<&str> {
    let codings = task["code"]["coding"].as_array().into_iter().flatten();
    codings
        .filter_map(|coding| coding["code"].as_str())
        .collect()
}

/// Whether somebody is asked to call because of a rule.
fn asks_for_call(patient: &mut Patient, rule: &str) -> bool {
    let flags = patient.have("Flag");
    let flag = flags.iter().find(|flag| rule_of(flag) == rule);
    let Some(id) = flag.and_then(|flag| flag["id"].as_str()) else {
        return false;
    };
    patient.have("Task").iter().any(|task| {
        task["focus"]["reference"] == format!("Flag/{id}")
            && codes(task) == ["handle-alert", "phone-call"]
    })
}

#[test]
fn a_reminder_goes_by_text_message_and_says_nothing_of_health() {
    let mut ward = Ward::open(true);
    ward.remind();
    let texts = ward.gateway.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let reminder = ward.reminders().remove(0);
    let id = reminder["id"].as_str().expect("an id");
    let text = &texts[0];
    assert_eq!((text.member("to"), text.member("from")), (NUMBER, "Vigie"));
    assert_eq!(text.member("reference"), id);
    let head = text.head.to_ascii_lowercase();
    assert!(
        head.contains(&format!("idempotency-key: {id}\r\n")),
        "{head}"
    );
    assert!(head.contains("authorization: bearer of-ours\r\n"), "{head}");
    let words = text.member("text");
    assert!(
        words.contains(&format!("https://vigie.example/t/{id} ")),
        "{words}"
    );
    assert!(
        words.chars().count() <= 160 && words.ends_with("STOP"),
        "{words}"
    );
    for canary in ["Canary", "Durand", "Camille", "1988", "covid"] {
        assert!(!text.body.to_string().contains(canary), "{canary}");
    }
    assert_eq!(reminder["status"], "completed");
    assert_eq!(reminder["medium"][0]["coding"][0]["code"], "sms");
    let template = reminder["instantiatesUri"][0].as_str().expect("a template");
    assert!(
        template.contains("/template/reminder/sms/fr#"),
        "{template}"
    );
    let log = ward.server.output();
    for canary in ["612345678", "12 34 56", "of-ours", SECRET] {
        assert!(!log.contains(canary), "the log says {canary}: {log}");
    }
}

#[test]
fn a_gateway_that_is_busy_is_asked_again_under_the_same_reference() {
    let mut ward = Ward::open(false);
    ward.gateway.behave(Behaviour::Answer {
        status: 500,
        headers: "",
        body: "",
        times: 2,
    });
    ward.remind();
    ward.server.set_clock("2030-03-25T09:00:00Z");
    let texts = ward.gateway.texts();
    let accepted = texts.iter().filter(|text| text.accepted).count();
    assert_eq!((texts.len(), accepted), (3, 1), "{texts:?}");
    let first = texts[0].member("reference");
    assert!(texts.iter().all(|text| text.member("reference") == first));
    assert_eq!(ward.reminders()[0]["status"], "completed");
}

#[test]
fn a_gateway_says_when_it_will_be_asked_again() {
    let mut ward = Ward::open(false);
    ward.gateway.behave(Behaviour::Answer {
        status: 429,
        headers: "retry-after: 1800\r\n",
        body: "",
        times: 1,
    });
    ward.remind();
    ward.server.set_clock("2030-03-25T08:29:59Z");
    assert_eq!(ward.gateway.texts().len(), 1);
    ward.server.set_clock("2030-03-25T08:31:00Z");
    assert_eq!(ward.gateway.texts().len(), 2);
    assert_eq!(ward.reminders()[0]["status"], "completed");
}

#[test]
fn a_gateway_that_falls_silent_delays_a_message_and_loses_none() {
    let mut ward = Ward::open(false);
    ward.gateway.behave(Behaviour::Hang);
    ward.remind();
    assert_eq!(ward.reminders()[0]["status"], "preparation");
    ward.gateway.behave(Behaviour::Accept);
    ward.server.set_clock("2030-03-25T09:00:00Z");
    assert_eq!(ward.reminders()[0]["status"], "completed");
}

/// The number does not exist: staff see it at once, and the next message takes another way.
#[test]
fn a_number_that_does_not_exist_ends_and_somebody_is_asked_to_call() {
    let mut ward = Ward::open(true);
    ward.gateway.behave(Behaviour::Answer {
        status: 400,
        headers: "",
        body: r#"{"error":"unknown-number"}"#,
        times: 1,
    });
    ward.remind();
    let failed = ward.reminders().remove(0);
    assert_eq!(failed["status"], "not-done");
    assert_eq!(
        failed["statusReason"]["coding"][0]["code"],
        "unknown-address"
    );
    assert_eq!(ward.flags(), ["T2"]);
    assert!(asks_for_call(&mut ward.patient, "T2"));
    let telecom = ward.telecom();
    assert!(telecom[0]["period"]["end"].is_string(), "{telecom}");
    assert!(telecom[1]["period"].is_null(), "{telecom}");
    ward.server.set_clock("2030-03-25T12:00:01Z");
    assert_eq!(ward.gateway.texts().len(), 1);
    let second = ward.reminders().pop().expect("a second reminder");
    assert_eq!(second["medium"][0]["coding"][0]["code"], "EMAILWRIT");
    assert_eq!(second["status"], "completed");
}

#[test]
fn a_refusal_of_one_message_leaves_the_number_in_use() {
    let mut ward = Ward::open(true);
    ward.gateway.behave(Behaviour::Answer {
        status: 422,
        headers: "",
        body: "{}",
        times: 1,
    });
    ward.remind();
    let failed = ward.reminders().remove(0);
    assert_eq!(failed["statusReason"]["coding"][0]["code"], "refused");
    assert!(ward.telecom()[0]["period"].is_null());
}

#[test]
fn a_landline_is_not_written_to() {
    let mut landline = person("04 76 00 00 00", false);
    landline["telecom"][0]["system"] = "sms".into();
    let mut ward = Ward::with(&landline);
    ward.remind();
    assert!(ward.gateway.texts().is_empty());
    let failed = ward.reminders().remove(0);
    assert_eq!(failed["statusReason"]["coding"][0]["code"], "no-address");
    assert!(asks_for_call(&mut ward.patient, "T2"));
}

#[test]
fn what_became_of_a_message_is_taken_in() {
    let mut ward = Ward::open(true);
    ward.remind();
    ward.server.set_clock("2030-03-25T12:00:01Z");
    let ids: Vec<String> = ward
        .gateway
        .texts()
        .iter()
        .map(|text| text.member("reference").to_owned())
        .collect();
    assert_eq!(ids.len(), 2, "a reminder and a second one");
    let state = |ward: &Ward, id: &str| {
        let path = format!("Communication/{id}");
        ward.server.client().get(&path).expect(200).json()
    };
    let delivered = json!({ "reference": ids[0], "status": "delivered" });
    ward.report(&delivered).expect(204);
    let first = state(&ward, &ids[0]);
    assert_eq!(first["received"], "2030-03-25T12:00:01.000Z");
    assert_eq!(first["status"], "completed");
    // Reports come again, and out of order.
    ward.report(&delivered).expect(204);
    let failed =
        |id: &str| json!({ "reference": id, "status": "failed", "error": "unknown-number" });
    ward.report(&failed(&ids[0])).expect(204);
    assert_eq!(state(&ward, &ids[0]), first);
    assert_eq!(ward.flags(), Vec::<String>::new());
    ward.report(&failed(&ids[1])).expect(204);
    let second = state(&ward, &ids[1]);
    assert_eq!(second["status"], "not-done");
    assert_eq!(second["statusReason"]["coding"][0]["code"], "not-delivered");
    assert_eq!(ward.flags(), ["T2"]);
    assert!(asks_for_call(&mut ward.patient, "T2"));
    assert!(ward.telecom()[0]["period"]["end"].is_string());
    let unknown = ward.report(&failed("nobody-knows-it")).expect(204);
    assert_eq!(unknown.body, ward.report(&delivered).expect(204).body);
}

#[test]
fn only_the_gateway_is_listened_to() {
    let mut ward = Ward::open(false);
    ward.remind();
    let id = ward.gateway.texts()[0].member("reference").to_owned();
    let report = json!({ "reference": id, "status": "failed" });
    let text = json!({ "from": NUMBER, "text": "STOP" });
    for (path, body) in [("/sms/delivery", &report), ("/sms/inbound", &text)] {
        for secret in [None, Some(""), Some("a secret of the gateway"), Some("x")] {
            ward.callback(path, secret, body).expect(401);
            ward.callback(path, secret, &json!("no json")).expect(401);
        }
        ward.callback(path, Some(SECRET), &json!({})).expect(400);
        ward.callback(path, Some(SECRET), &json!(["x"])).expect(400);
        let long = json!({ "from": NUMBER, "text": "a".repeat(20_000) });
        ward.callback(path, Some(SECRET), &long).expect(413);
    }
    assert_eq!(ward.reminders()[0]["status"], "completed");
    assert_eq!(ward.flags(), Vec::<String>::new());
    // Without a secret of its own, a server listens to nobody.
    let deaf = Server::start();
    let body = report.to_string();
    let reply = deaf
        .client()
        .send("POST", "/sms/delivery", &[], body.as_bytes());
    reply.expect("a reply").expect(401);
}

#[test]
fn who_says_stop_gets_no_more_text_messages_and_is_called_instead() {
    let mut ward = Ward::open(true);
    ward.remind();
    assert_eq!(ward.gateway.to(NUMBER).len(), 1);
    let known = ward.write(WRITTEN, " Arrêt !").expect(204);
    let unknown = ward.write("+33699999999", "STOP").expect(204);
    assert_eq!(known.body, unknown.body);
    let telecom = ward.telecom();
    let mark = &telecom[0]["extension"][0];
    assert!(
        mark["url"]
            .as_str()
            .is_some_and(|url| url.ends_with("/sms-stopped")),
        "{telecom}"
    );
    assert!(
        telecom[0]["period"].is_null(),
        "they may still be called: {telecom}"
    );
    assert_eq!(ward.flags(), ["T3"]);
    assert!(asks_for_call(&mut ward.patient, "T3"));
    ward.server.set_clock("2030-03-25T12:00:01Z");
    assert_eq!(
        ward.gateway.texts().len(),
        1,
        "the second reminder is a mail"
    );
    assert_eq!(ward.reminders().pop().expect("one")["status"], "completed");
    ward.write(NUMBER, "stop").expect(204);
    assert_eq!(ward.flags(), ["T3"], "said twice, told once");
    ward.write(NUMBER, "START").expect(204);
    assert!(ward.telecom()[0]["extension"].is_null());
    ward.server.set_clock("2030-03-26T08:00:01Z");
    assert_eq!(ward.gateway.to(NUMBER).len(), 2);
}

/// The number is what was stopped: whoever else has it, and however it is written there.
#[test]
fn a_number_that_was_stopped_stays_so_for_others_who_have_it() {
    let mut ward = Ward::open(false);
    ward.write(NUMBER, "STOP").expect(204);
    let child = person("+33 (0)6.12.34.56.78", false);
    let Ward { nurse, server, .. } = &mut ward;
    let mut child = nurse.enrol_person(server, "covid-case", &child);
    let mut third = nurse.enrol_person(server, "covid-medical", &person("0033612345678", false));
    ward.remind();
    assert!(
        ward.gateway.texts().is_empty(),
        "{:?}",
        ward.gateway.texts()
    );
    let reasons = |patient: &mut Patient| -> Vec<Value> {
        let messages = patient.have("Communication").into_iter();
        messages
            .filter(|one| one["category"][0]["coding"][0]["code"] == "reminder")
            .map(|one| one["statusReason"]["coding"][0]["code"].clone())
            .collect()
    };
    assert_eq!(reasons(&mut ward.patient), ["opted-out"]);
    assert_eq!(reasons(&mut third), ["opted-out"]);
    // The agency's pathways write by mail alone.
    assert_eq!(reasons(&mut child), ["no-address"]);
    assert!(asks_for_call(&mut third, "T2"));
}

#[test]
fn other_words_are_kept_and_seen_by_somebody() {
    let mut ward = Ward::open(false);
    ward.remind();
    let words = "je respire mal depuis hier";
    let body = json!({ "from": "33612345678", "text": words, "id": "gw-1" });
    for _ in 0..2 {
        ward.callback("/sms/inbound", Some(SECRET), &body)
            .expect(204);
    }
    let messages = ward.patient.have("Communication");
    let kept: Vec<&Value> = messages
        .iter()
        .filter(|one| one["payload"][0]["contentString"] == words)
        .collect();
    assert_eq!(kept.len(), 1, "the same text twice is one: {messages:?}");
    assert_eq!(kept[0]["sender"]["reference"], ward.patient.path);
    assert_eq!(kept[0]["basedOn"][0]["reference"], ward.patient.plan);
    assert_eq!(ward.flags(), ["T4"]);
    assert!(asks_for_call(&mut ward.patient, "T4"));
    assert!(ward.telecom()[0]["extension"].is_null());
    assert!(!ward.server.output().contains("respire"));
}

/// The process dies after the gateway took the message and before that was written down.
#[test]
fn after_a_crash_the_same_message_goes_under_the_same_reference() {
    let mut ward = Ward::open(false);
    ward.gateway.behave(Behaviour::Hang);
    let mut client = ward.server.client();
    let moving = thread::spawn(move || {
        // The server dies meanwhile.
        let _ = client.send("PUT", "/clock", &[], b"\"2030-03-25T08:00:01Z\"");
    });
    ward.gateway.wait_for(1);
    ward.server.kill();
    moving.join().expect("the end of the connection");
    ward.gateway.behave(Behaviour::Accept);
    ward.server.restart();
    thread::sleep(Duration::from_millis(10));
    ward.server.set_clock("2030-03-25T08:00:02Z");
    ward.server.set_clock("2030-03-25T11:00:00Z");
    let texts = ward.gateway.texts();
    assert!(texts.len() >= 2, "{texts:?}");
    let first = texts[0].member("reference");
    assert!(
        texts.iter().all(|text| text.member("reference") == first),
        "{texts:?}"
    );
    assert_eq!(texts.iter().filter(|text| text.accepted).count(), 1);
    let page = ward
        .server
        .client()
        .get(&format!("Communication/{first}"))
        .expect(200)
        .json();
    assert_eq!(page["status"], "completed");
}
