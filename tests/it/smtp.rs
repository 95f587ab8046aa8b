//! Word gets out: real mails to a real mail server, which is one that misbehaves on request.
//!
//! `tests/smtp/server.py` needs Python with aiosmtpd; `scripts/test` sees to it and names the
//! Python in `TEST_PYTHON`.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Client, Nurse, Options, Patient, Server};

/// The instant that a play begins at: the first report's due time in Paris.
const MORNING: &str = "2030-03-25T08:00:00Z";

/// Texts of the patient's that no mail and no log may carry.
const CANARIES: [&str; 5] = ["Canary", "Durand", "Camille", "1988-02-29", "danger"];

/// A mail server of the test's own.
struct MailServer {
    process: Child,
    folder: TempDir,
    port: u64,
    control: Client,
}

impl MailServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smtp/server.py");
        let python = env::var("TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut process = Command::new(python)
            .arg(program)
            .arg("--out")
            .arg(folder.path().join("mails.jsonl"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let ports: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("no mail server: is aiosmtpd installed? scripts/test does it")
        });
        let control = format!("127.0.0.1:{}", ports["control"]);
        Self {
            process,
            folder,
            port: ports["smtp"].as_u64().expect("a port"),
            control: Client::new(control.parse::<SocketAddr>().expect("an address")),
        }
    }

    fn behave(&mut self, how: &Value) {
        let body = how.to_string();
        let reply = self.control.send("PUT", "/behaviour", &[], body.as_bytes());
        reply.expect("a reply").expect(200);
    }

    fn mails(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("mails.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a mail a line"))
            .collect()
    }

    /// A ward whose messages come here.
    fn ward(&self) -> (Server, Nurse, Patient) {
        let keys = [
            ("VIGIE_CLOCK_START", MORNING),
            ("VIGIE_LOG_FILTER", "debug"),
            ("VIGIE_MAIL_CHANNEL", "smtp"),
            ("VIGIE_MAIL_HOST", "127.0.0.1"),
            ("VIGIE_MAIL_TLS", "none"),
            ("VIGIE_MAIL_PORT", &self.port.to_string()),
        ];
        let server = Server::start_with(Options {
            environment: keys
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .to_vec(),
            ..Options::default()
        });
        let mut nurse = Nurse::of(&server);
        let patient = nurse.enrol(&server, "covid-medical");
        (server, nurse, patient)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn to<'a>(mails: &'a [Value], address: &str) -> Vec<&'a Value> {
    mails
        .iter()
        .filter(|mail| mail["to"] == json!([address]))
        .collect()
}

/// What a reader can see of a mail, and what a machine can.
fn check_discretion(mail: &Value, patient: &Patient) {
    let whole = format!("{} {} {}", mail["subject"], mail["text"], mail["raw"]);
    let ids = [patient.path.as_str(), patient.plan.as_str()].map(|path| {
        let (_, id) = path.split_once('/').expect("a type and an id");
        id
    });
    // The address itself is the recipient's own, and stands in the header.
    let told = whole.replace("camille@home.example", "");
    for canary in CANARIES.iter().chain(&ids) {
        assert!(!told.contains(canary), "a mail says {canary}: {told}");
    }
}

#[test]
fn a_reminder_and_a_call_for_action_arrive_and_say_nothing_of_health() {
    let post = MailServer::start();
    let (server, _nurse, mut patient) = post.ward();
    server.set_clock("2030-03-25T08:00:01Z");
    patient
        .report(&[("danger.chest", json!({ "valueBoolean": true }))])
        .expect(201);
    // Before the quarter of an hour after which it would be passed on.
    server.set_clock("2030-03-25T08:10:00Z");
    let mails = post.mails();
    let reminders = to(&mails, "camille@home.example");
    assert_eq!(reminders.len(), 1, "{mails:?}");
    let team = to(&mails, "team@ward.example");
    assert_eq!(
        team.len(),
        2,
        "one that she answered, one that action is needed: {mails:?}"
    );
    assert_ne!(
        team[0]["subject"], team[1]["subject"],
        "which are different messages"
    );
    assert_eq!(mails.len(), 3);
    let mut ids: Vec<&str> = mails
        .iter()
        .filter_map(|mail| mail["message_id"].as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), mails.len(), "each has a Message-ID of its own");
    for mail in &mails {
        check_discretion(mail, &patient);
    }
    let log = server.output();
    assert!(log.contains("DEBUG"), "the log tells a lot: {log}");
    for canary in CANARIES.iter().chain(&["camille@home", "team@ward"]) {
        assert!(!log.contains(canary), "the log says {canary}: {log}");
    }
    let sent = patient.have("Communication");
    assert!(
        sent.iter().all(|one| one["status"] == "completed"),
        "{sent:?}"
    );
}

/// A refusal for now is tried again with the same Message-ID; one mail is accepted in the end.
#[test]
fn a_mail_server_that_is_busy_is_asked_again() {
    let mut post = MailServer::start();
    let (server, _nurse, patient) = post.ward();
    post.behave(&json!({ "data": "451 later", "times": 2 }));
    server.set_clock("2030-03-25T08:00:01Z");
    server.set_clock("2030-03-25T11:59:00Z");
    let mails = post.mails();
    let tries = to(&mails, "camille@home.example");
    let accepted = tries.iter().filter(|mail| mail["accepted"] == true).count();
    assert_eq!((tries.len(), accepted), (3, 1), "{mails:?}");
    assert!(
        tries
            .iter()
            .all(|mail| mail["message_id"] == tries[0]["message_id"])
    );
    tries
        .iter()
        .for_each(|mail| check_discretion(mail, &patient));
}

/// A refusal for good is no mail, and is seen: the Communication says so, and an alert is raised.
#[test]
fn a_mail_that_cannot_be_delivered_is_not_forgotten() {
    let mut post = MailServer::start();
    let (server, _nurse, mut patient) = post.ward();
    post.behave(&json!({ "rcpt": "550 no such user", "only": "camille@home.example" }));
    server.set_clock("2030-03-25T12:00:00Z");
    assert_eq!(to(&post.mails(), "camille@home.example").len(), 0);
    let messages = patient.have("Communication");
    let failed = messages
        .iter()
        .find(|one| one["category"][0]["coding"][0]["code"] == "reminder");
    let status = failed.map(|one| one["status"].clone());
    assert_eq!(status, Some(Value::from("not-done")), "{messages:?}");
    let technical = patient
        .have("Flag")
        .iter()
        .any(|flag| crate::harness::rule_of(flag) == "T2");
    assert!(technical, "{:?}", patient.have("Flag"));
}
