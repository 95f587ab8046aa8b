//! Invitations, sent codes and the way back: what the mailbox holds opens nothing alone.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::harness::{Options, PASSWORD, Reply, START, Server, Visitor, form, vigie};

/// An open server whose mails are files, and a patient with a mail address.
struct House {
    server: Server,
    mails: PathBuf,
    _folder: tempfile::TempDir,
    minute: u32,
}

const TOKEN_CHARS: usize = 43;

impl House {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mails = folder.path().join("mails");
        let set = |name: &str, value: &str| (format!("VIGIE_{name}"), value.to_owned());
        let server = Server::start_with(Options {
            environment: vec![
                set("MAIL_CHANNEL", "file"),
                set("MAIL_DIRECTORY", &mails.display().to_string()),
                set("CLOCK_START", START),
            ],
            ..Options::default()
        });
        let patient = json!({
            "resourceType": "Patient", "id": "paul", "birthDate": "1950-07-14",
            "name": [{ "given": ["Paul"], "family": "Durand" }],
            "telecom": [{ "system": "email", "value": "paul@example.org" }],
            "communication": [{ "language": { "coding": [{ "code": "en" }] } }],
        });
        server.client().put("Patient/paul", &patient).expect(201);
        Self {
            server,
            mails,
            _folder: folder,
            minute: 0,
        }
    }

    /// Lets what waits be done.
    fn work(&mut self) {
        self.minute += 1;
        self.server
            .set_clock(&format!("2026-03-02T08:{:02}:00Z", self.minute));
    }

    fn mails(&self) -> Vec<String> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.mails)
            .map(|all| all.flatten().map(|one| one.path()).collect())
            .unwrap_or_default();
        files.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
        files
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            // Long lines are folded (RFC 2045, section 6.7).
            .map(|mail| {
                let unfolded = mail.replace("\r\n", "\n").replace("=\n", "");
                unfolded.replace("=3D", "=")
            })
            .collect()
    }

    fn invite(&self, parameters: &Value) -> Reply {
        self.server
            .client()
            .post("Patient/paul/$invite", parameters)
    }

    /// The path of the last link that was sent.
    fn link(&self) -> String {
        let mail = self.mails().pop().expect("a mail");
        let origin = self.server.origin();
        let at = mail.find(&origin).unwrap_or_else(|| panic!("{mail}"));
        let link = mail[at + origin.len()..].split_whitespace().next().unwrap();
        link.to_owned()
    }

    /// The last code that was sent.
    fn code(&self) -> String {
        let mail = self.mails().pop().expect("a mail");
        let digits = |word: &&str| word.len() == 6 && word.bytes().all(|c| c.is_ascii_digit());
        mail.split_whitespace()
            .find(digits)
            .unwrap_or_else(|| panic!("{mail}"))
            .to_owned()
    }

    /// Paul has come by his invitation.
    fn come(&mut self) {
        self.invite(&nothing()).expect(200);
        self.work();
        let mut paul = Visitor::new(&self.server);
        let page = paul.get(&self.link()).expect(200);
        paul.submit(
            &page,
            &[("birthdate", "1950-07-14"), ("password", PASSWORD)],
        )
        .expect(200);
    }
}

fn nothing() -> Value {
    json!({ "resourceType": "Parameters" })
}

fn is_in(visitor: &mut Visitor) -> bool {
    visitor.get("/auth/account").status == 200
}

#[test]
fn b20_a_link_is_good_once_and_for_who_knows_the_date_of_birth() {
    let mut house = House::open();
    let told = house.invite(&nothing()).expect(200).text();
    assert!(
        !told.contains("/auth/") && !told.contains("paul@"),
        "{told}"
    );
    house.work();
    let link = house.link();
    assert_eq!(link.rsplit('/').next().unwrap().len(), TOKEN_CHARS);
    let mail = house.mails().pop().unwrap();
    assert!(!mail.contains("Durand") && !mail.contains("Paul"), "{mail}");

    scanned(&house, &link);
    // Somebody to whom it was forwarded, and who does not know the date.
    let mut other = Visitor::new(&house.server);
    let page = other.get(&link).expect(200);
    for date in ["", "1950-07-15", "14/07/1950"] {
        other
            .submit(&page, &[("birthdate", date), ("password", PASSWORD)])
            .expect(422);
    }
    // The host of the request says nothing about the link.
    let poisoned = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
    ];
    house
        .server
        .client()
        .send("POST", "Patient/paul/$invite", &poisoned, b"")
        .unwrap();
    house.work();
    assert!(house.mails().iter().all(|mail| !mail.contains("evil")));
    other
        .submit(
            &page,
            &[("birthdate", "1950-07-14"), ("password", PASSWORD)],
        )
        .expect(404);
    let link = house.link();

    let mut paul = Visitor::new(&house.server);
    let page = paul.get(&link).expect(200);
    let short = [("birthdate", "1950-07-14"), ("password", "short")];
    paul.submit(&page, &short).expect(422);
    let done = paul
        .submit(
            &page,
            &[("birthdate", "1950-07-14"), ("password", PASSWORD)],
        )
        .expect(200);
    assert!(!is_in(&mut paul), "a link is no login: {}", done.text());
    paul.submit(
        &page,
        &[("birthdate", "1950-07-14"), ("password", PASSWORD)],
    )
    .expect(404);
    other.get(&link).expect(404);
    house.invite(&nothing()).expect(409);

    kept_by_nobody(&house, &link);
}

/// A mail scanner, and a preview, look at a link and take nothing.
fn scanned(house: &House, link: &str) {
    let mut scanner = Visitor::new(&house.server);
    for _ in 0..5 {
        let seen = scanner.get(link).expect(200);
        assert!(!seen.text().contains("Durand") && !seen.text().contains("paul@"));
    }
    scanner.send("HEAD", link, &[], "");
}

/// Neither a log nor a file at rest holds the token of a link.
fn kept_by_nobody(house: &House, link: &str) {
    let token = link.rsplit('/').next().unwrap();
    assert!(!house.server.output().contains(token), "in a log");
    let database = fs::read(house.server.database()).unwrap();
    let wal = fs::read(house.server.database().with_extension("sqlite-wal")).unwrap_or_default();
    for bytes in [database, wal] {
        assert!(
            !bytes
                .windows(token.len())
                .any(|part| part == token.as_bytes()),
            "at rest"
        );
    }
}

#[test]
fn an_invitation_ends_after_seven_days_and_five_wrong_dates_and_is_not_guessed() {
    let mut house = House::open();
    house.invite(&nothing()).expect(200);
    house.work();
    let link = house.link();
    let mut other = Visitor::new(&house.server);
    let page = other.get(&link).expect(200);
    for n in 0..5 {
        let answer = other.submit(
            &page,
            &[("birthdate", "1950-01-01"), ("password", PASSWORD)],
        );
        assert_eq!(answer.status, if n < 4 { 422 } else { 404 });
    }
    other.get(&link).expect(404);
    house.invite(&nothing()).expect(200);
    house.work();
    let link = house.link();
    house.server.set_clock("2026-03-09T08:00:00Z");
    other.get(&link).expect(200);
    house.server.set_clock("2026-03-09T08:01:00Z");
    other.get(&link).expect(404);
    let unknown = other
        .get(&format!("/auth/invitation/{}", "a".repeat(TOKEN_CHARS)))
        .expect(404);
    let old = other.get(&link).expect(404);
    assert_eq!(unknown.text(), old.text());
    for odd in ["x", "%00", "..%2f..", &"a".repeat(5_000)] {
        other.get(&format!("/auth/invitation/{odd}")).expect(404);
    }
}

#[test]
fn who_cannot_be_known_or_written_to_is_not_invited() {
    let house = House::open();
    let mut client = house.server.client();
    for (patient, code) in [
        (
            json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-01-01" }),
            422,
        ),
        (
            json!({ "resourceType": "Patient", "id": "b",
            "telecom": [{ "system": "email", "value": "b@example.org" }] }),
            422,
        ),
    ] {
        let id = patient["id"].as_str().unwrap().to_owned();
        client.put(&format!("Patient/{id}"), &patient).expect(201);
        client
            .post(&format!("Patient/{id}/$invite"), &nothing())
            .expect(code);
    }
    client
        .post("Patient/nobody/$invite", &nothing())
        .expect(404);
}

#[test]
fn a_patient_logs_in_with_a_code_that_was_sent() {
    let mut house = House::open();
    house.come();
    let mut paul = Visitor::new(&house.server);
    let page = paul.get("/auth/login?request=r").expect(200);
    let answer = paul.submit(
        &page,
        &[("login", "paul@example.org"), ("password", PASSWORD)],
    );
    let page = paul.follow(answer).expect(200);
    house.work();
    let code = house.code();
    let mail = house.mails().pop().unwrap();
    assert!(!mail.contains("Durand"), "{mail}");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    paul.submit(&page, &[("code", wrong)]).expect(401);
    // Another one ends the first.
    let forms = crate::harness::forms(&page);
    let again = forms
        .iter()
        .find(|form| form.action == "/auth/code")
        .unwrap();
    let hidden: Vec<_> = again
        .hidden
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    paul.post("/auth/code", &hidden).expect(303);
    house.work();
    let second = house.code();
    assert!(code == second || paul.submit(&page, &[("code", &code)]).status == 401);
    let answer = paul.submit(&page, &[("code", &second)]).expect(303);
    assert_eq!(answer.header("location"), Some("/auth/continue/r"));
    assert!(is_in(&mut paul));
}

#[test]
fn b11_codes_are_not_guessed() {
    let mut house = House::open();
    house.come();
    let mut thief = Visitor::new(&house.server);
    let mut taken = 0;
    for _ in 0..6 {
        let page = thief.get("/auth/login?again=1").expect(200);
        let answer = thief.submit(
            &page,
            &[("login", "paul@example.org"), ("password", PASSWORD)],
        );
        let page = thief.follow(answer);
        if page.status != 200 || form(&page).action != "/auth/second" {
            continue;
        }
        for guess in 0..10 {
            let code = format!("{:06}", guess * 7_919);
            taken += usize::from(thief.submit(&page, &[("code", &code)]).status == 401);
        }
        house.work();
    }
    assert!(taken <= 20, "{taken} guesses were looked at");
    assert!(!is_in(&mut thief));
}

#[test]
fn the_way_back_is_for_the_person_and_nobody_learns_who_has_an_account() {
    let mut house = House::open();
    house.come();
    let mut paul = Visitor::new(&house.server);
    let page = paul.get("/auth/login").expect(200);
    let answer = paul.submit(
        &page,
        &[("login", "paul@example.org"), ("password", PASSWORD)],
    );
    let page = paul.follow(answer).expect(200);
    house.work();
    let code = house.code();
    paul.submit(&page, &[("code", &code)]).expect(303);
    assert!(is_in(&mut paul));

    let before = house.mails().len();
    let mut answers = Vec::new();
    for login in ["paul@example.org", "nobody@example.org"] {
        let mut asks = Visitor::new(&house.server);
        let page = asks.get("/auth/recover").expect(200);
        let told = asks.submit(&page, &[("login", login)]).expect(200);
        answers.push(told.text());
    }
    assert_eq!(answers[0], answers[1]);
    house.work();
    assert_eq!(house.mails().len(), before + 1);
    let link = house.link();
    let mut back = Visitor::new(&house.server);
    let page = back.get(&link).expect(200);
    let fresh = "another horse entirely";
    back.submit(&page, &[("birthdate", "1950-07-15"), ("password", fresh)])
        .expect(422);
    back.submit(&page, &[("birthdate", "1950-07-14"), ("password", fresh)])
        .expect(200);
    back.get(&link).expect(404);
    assert!(!is_in(&mut paul), "every session has ended");
    let page = paul.get("/auth/login").expect(200);
    paul.submit(
        &page,
        &[("login", "paul@example.org"), ("password", PASSWORD)],
    )
    .expect(401);
    let page = paul.get("/auth/login").expect(200);
    paul.submit(&page, &[("login", "paul@example.org"), ("password", fresh)])
        .expect(303);
    // A mailbox is not flooded.
    let before = house.mails().len();
    for _ in 0..20 {
        let page = back.get("/auth/recover").expect(200);
        back.submit(&page, &[("login", "paul@example.org")])
            .expect(200);
    }
    house.work();
    assert!(
        house.mails().len() - before <= 5,
        "{}",
        house.mails().len() - before
    );
}

#[test]
fn somebody_changes_their_password_and_ends_their_other_sessions() {
    let mut house = House::open();
    house.come();
    let log_in = |house: &mut House| {
        let mut paul = Visitor::new(&house.server);
        let page = paul.get("/auth/login").expect(200);
        let answer = paul.submit(
            &page,
            &[("login", "paul@example.org"), ("password", PASSWORD)],
        );
        let page = paul.follow(answer).expect(200);
        house.work();
        let code = house.code();
        paul.submit(&page, &[("code", &code)]).expect(303);
        paul
    };
    let (mut one, mut two, mut three) =
        (log_in(&mut house), log_in(&mut house), log_in(&mut house));
    let page = one.get("/auth/account").expect(200);
    assert!(page.text().contains("Paul Durand"));
    assert_eq!(page.text().matches("<li>").count(), 3);
    let forms = crate::harness::forms(&page);
    let token = forms[0].hidden[0].1.clone();
    one.post("/auth/sessions", &[("csrf", &token)]).expect(200);
    assert!(is_in(&mut one) && !is_in(&mut two));
    let mut two = log_in(&mut house);
    let change = |present: &str| {
        vec![
            ("csrf".to_owned(), token.clone()),
            ("present".to_owned(), present.to_owned()),
            ("password".to_owned(), "another horse entirely".to_owned()),
        ]
    };
    let send = |one: &mut Visitor, fields: Vec<(String, String)>| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        one.post("/auth/password", &fields)
    };
    assert_eq!(send(&mut one, change("wrong")).status, 403);
    assert_eq!(send(&mut one, change(PASSWORD)).status, 200);
    assert!(is_in(&mut one) && !is_in(&mut two) && !is_in(&mut three));
}

#[test]
fn an_erasure_takes_the_account_along() {
    let mut house = House::open();
    house.come();
    let mut paul = Visitor::new(&house.server);
    let page = paul.get("/auth/login").expect(200);
    let answer = paul.submit(
        &page,
        &[("login", "paul@example.org"), ("password", PASSWORD)],
    );
    let page = paul.follow(answer).expect(200);
    house.work();
    let code = house.code();
    paul.submit(&page, &[("code", &code)]).expect(303);
    assert!(is_in(&mut paul));
    // A letter that waits when it happens.
    let page = paul.get("/auth/recover").expect(200);
    paul.submit(&page, &[("login", "paul@example.org")])
        .expect(200);
    assert!(!house.mails().is_empty());

    let purged = house
        .server
        .client()
        .post("Patient/paul/$purge", &nothing());
    assert!(purged.status < 300, "{}", purged.text());
    assert!(!is_in(&mut paul));
    for _ in 0..3 {
        house.work();
    }
    assert!(
        house.mails().is_empty(),
        "what was written to them is gone, and nobody is written to any more"
    );
    let page = paul.get("/auth/login").expect(200);
    paul.submit(
        &page,
        &[("login", "paul@example.org"), ("password", PASSWORD)],
    )
    .expect(401);
    let database = format!("sqlite:{}", house.server.database().display());
    let listed = vigie(&["user", "list", "--database", &database]);
    assert!(
        listed.status.success() && listed.stdout.is_empty(),
        "{listed:?}"
    );
    for file in ["vigie.sqlite", "vigie.sqlite-wal"] {
        let bytes = fs::read(house.server.database().with_file_name(file)).unwrap_or_default();
        let is_there = bytes
            .windows(16)
            .any(|part| part.eq_ignore_ascii_case(b"paul@example.org"));
        assert!(!is_there, "{file}");
    }
}
