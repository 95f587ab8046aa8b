//! What an erasure takes of a person who logs in: their account and that of who answers for them,
//! their letters, sessions, tokens, invitations; and the record of accesses keeps nothing but
//! pseudonyms of them.

use std::{collections::BTreeSet, path::PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::canary::{Aviary, Scanner, Seen};
use crate::harness::{
    App, Backend, Chance, Client, Options, PASSWORD, Reply, START, Server, Visitor, add_user,
    app::{allow, parameter},
    vigie,
};

/// Tables with a column that names an account.
const TABLES: [(&str, &str); 5] = [
    ("account", "id"),
    ("account_role", "account"),
    ("login_session", "account"),
    ("account_ticket", "account"),
    ("oauth_delegation", "account"),
];

/// A server with a login, whose mails are files.
struct Practice {
    server: Server,
    mails: TempDir,
    nurse: Client,
    office: Client,
    birds: Aviary,
}

/// Somebody with an account, and how they are found.
struct Guest {
    path: String,
    login: String,
}

impl Practice {
    fn open() -> Self {
        let mails = tempfile::tempdir().expect("a folder");
        let set = |name: &str, value: &str| (format!("VIGIE_{name}"), value.to_owned());
        let server = Server::start_with(Options {
            closed: true,
            environment: vec![
                set("MAIL_CHANNEL", "file"),
                set("MAIL_DIRECTORY", &mails.path().display().to_string()),
                set("CLOCK_START", START),
                set("LOG_FILTER", "debug"),
            ],
            ..Options::default()
        });
        let roles = ["professional", "coordinator"];
        add_user(&server, "anne@example.org", "Practitioner/anne", &roles);
        let scopes = "openid fhirUser user/*.cruds";
        let nurse = App::public(&server, scopes).client(&server, scopes, "anne@example.org");
        let all = "system/*.cruds";
        let office = Backend::register(&server, all).client(&server, all);
        Self {
            server,
            mails,
            nurse,
            office,
            birds: Aviary::new(Chance::announced()),
        }
    }

    /// A patient of the nurse's, or who answers for one, with canaries for id, name and address.
    fn admit(&mut self, kind: &str, patient: Option<&str>) -> Guest {
        let login = format!("{}@home.example", self.birds.next());
        let path = format!("{kind}/{}", self.birds.next());
        let mut tree = json!({
            "resourceType": kind, "id": path.split('/').next_back(), "birthDate": "1950-07-14",
            "name": [{ "family": self.birds.next() }],
            "telecom": [{ "system": "email", "value": login }],
        });
        match patient {
            Some(patient) => tree["patient"] = json!({ "reference": patient }),
            None => tree["generalPractitioner"] = json!([{ "reference": "Practitioner/anne" }]),
        }
        self.office.put(&path, &tree).expect(201);
        Guest { path, login }
    }

    /// Lets what waits be done.
    fn work(&self) {
        self.server.set_clock(&self.server.later(60));
    }

    fn letters(&self) -> BTreeSet<PathBuf> {
        let files = std::fs::read_dir(self.mails.path()).expect("a folder");
        files.map(|file| file.expect("a file").path()).collect()
    }

    /// What is in the letter that comes while `work` is done.
    fn next_letter(&mut self, work: impl FnOnce(&mut Self)) -> String {
        let before = self.letters();
        work(self);
        self.work();
        let after = self.letters();
        let letter = after.difference(&before).next().expect("a letter");
        let text = std::fs::read_to_string(letter).expect("a text");
        text.replace("=\r\n", "").replace("=3D", "=")
    }

    /// Somebody is invited, and comes.
    fn invite(&mut self, guest: &Guest) {
        let letter = self.next_letter(|practice| {
            let nothing = json!({ "resourceType": "Parameters" });
            let place = format!("{}/$invite", guest.path);
            practice.nurse.post(&place, &nothing).expect(200);
        });
        let origin = self.server.origin();
        let (_, link) = letter.split_once(&origin).expect("a link");
        let link = link.split_whitespace().next().expect("a link").to_owned();
        let mut visitor = Visitor::new(&self.server);
        let page = visitor.get(&link).expect(200);
        let taken = [("birthdate", "1950-07-14"), ("password", PASSWORD)];
        visitor.submit(&page, &taken).expect(200);
    }

    /// Somebody logs in to an application by a code that is sent; gives their browser and tokens.
    fn log_in(&mut self, guest: &Guest) -> (Visitor, Value) {
        let scopes = "openid fhirUser offline_access patient/*.rs launch/patient";
        let app = App::public(&self.server, scopes);
        let mut visitor = Visitor::new(&self.server);
        let request = app.request(&self.server, scopes, &[]);
        let page = visitor.get(&format!("/auth/authorize?{request}"));
        let page = visitor.follow(page);
        let mut asked = None;
        let letter = self.next_letter(|_| {
            let known = [("login", guest.login.as_str()), ("password", PASSWORD)];
            let answer = visitor.submit(&page, &known);
            asked = Some(visitor.follow(answer));
        });
        let is_code = |word: &&str| word.len() == 6 && word.bytes().all(|c| c.is_ascii_digit());
        let code = letter.split_whitespace().find(is_code).expect("a code");
        let answer = visitor.submit(&asked.expect("a page"), &[("code", code)]);
        let page = visitor.follow(answer);
        let answer = allow(&mut visitor, &page, None);
        let reply = visitor.follow(answer);
        let address = reply.header("location").expect("where to").to_owned();
        let code = parameter(&address, "code").expect("a code");
        let tokens = App::post(&self.server, &app.exchange_form(&code));
        (visitor, tokens.expect(200).json())
    }

    /// Somebody has forgotten their password, twice: one letter has gone out, and one waits.
    fn recover(&mut self, guest: &Guest) {
        let mut visitor = Visitor::new(&self.server);
        let ask = |visitor: &mut Visitor| -> Reply {
            let page = visitor.get("/auth/recover").expect(200);
            visitor.submit(&page, &[("login", &guest.login)])
        };
        self.next_letter(|_| {
            ask(&mut visitor).expect(200);
        });
        ask(&mut visitor).expect(200);
        // And somebody guesses.
        let page = visitor.get("/auth/login").expect(200);
        let wrong = [
            ("login", guest.login.as_str()),
            ("password", "a guess of mine"),
        ];
        visitor.submit(&page, &wrong).expect(401);
    }

    fn account_of(&self, guest: &Guest) -> String {
        let database = Connection::open(self.server.database()).expect("a database");
        let sql = "select id from account where fhir_user = ?";
        database
            .query_row(sql, [&guest.path], |row| row.get(0))
            .expect("an account")
    }

    fn scan(&self, texts: &[String]) -> Seen {
        let (mut seen, scanner) = (Seen::default(), Scanner::of(texts));
        let data = self.server.database();
        scanner.folder(data.parent().expect("a folder"), &mut seen);
        scanner.folder(self.mails.path(), &mut seen);
        scanner.bytes("the log", self.server.output().as_bytes(), &mut seen);
        seen
    }
}

#[test]
fn an_account_its_letters_and_its_tokens_go_with_the_person() {
    let mut practice = Practice::open();
    let patient = practice.admit("Patient", None);
    let proxy = practice.admit("RelatedPerson", Some(&patient.path));
    let other = practice.admit("Patient", None);
    let gone = practice.birds.drawn[..6].to_vec();
    for guest in [&patient, &proxy, &other] {
        practice.invite(guest);
    }
    let (mut browser, tokens) = practice.log_in(&patient);
    practice.recover(&patient);
    practice.recover(&other);
    let accounts: Vec<String> = [&patient, &proxy, &other]
        .map(|guest| practice.account_of(guest))
        .into();
    let mut sought = gone;
    sought.extend_from_slice(&accounts[..2]);
    let before = practice.scan(&sought);
    assert!(
        before.found.iter().any(|(_, file)| file.ends_with(".eml")),
        "letters are files"
    );

    let purge = format!("{}/$purge", patient.path);
    let nothing = json!({ "resourceType": "Parameters" });
    practice.nurse.post(&purge, &nothing).expect(200);
    practice.work();

    let after = practice.scan(&sought);
    assert_eq!(after.found, BTreeSet::new());
    let database = Connection::open(practice.server.database()).expect("a database");
    for (table, column) in TABLES {
        let sql = format!("select count(*) from {table} where {column} in (?, ?)");
        let left: u32 = database
            .query_row(&sql, [&accounts[0], &accounts[1]], |row| row.get(0))
            .expect("a count");
        assert_eq!(left, 0, "{table}");
    }
    let own = practice.scan(std::slice::from_ref(&other.login));
    assert!(
        own.found.iter().any(|(_, file)| file.ends_with(".eml")),
        "letters to others stay"
    );
    let sent = practice.letters();
    practice.work();
    assert_eq!(practice.letters(), sent, "nobody is written to any more");

    assert_ne!(browser.get("/auth/account").status, 200);
    let token = tokens["access_token"].as_str().expect("a token");
    let mut client = practice.server.client().with_token(token);
    client.get(&patient.path).expect(401);
    let database = format!("sqlite:{}", practice.server.database().display());
    let whole = vigie(&["audit", "verify", "--database", &database]);
    assert!(whole.status.success(), "{whole:?}");
}
