//! A9: a database that fails while it is decided who may see what. Nothing is let out because a
//! check could not be made.
//!
//! Nothing in the server is told to fail: a second connection to its database takes tables away,
//! holds the lock, or writes nonsense, while the server runs on. Everything is put back afterwards,
//! and the server must work again by itself.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    time::{Duration, Instant},
};

use rusqlite::Connection;
use serde_json::json;

use super::ground::{CANARY, Ground, record};
use crate::harness::{App, Client, PASSWORD, Reply, Visitor, add_user};

const ANNE: &str = "anne@example.org";

/// The tables that the permit of everybody rests upon.
const FOR_ALL: [&str; 4] = [
    "oauth_token",
    "oauth_delegation",
    "oauth_client",
    "access_stamp",
];

/// Those by which it is judged whom somebody reaches.
const FOR_REACH: [&str; 2] = ["about", "custody"];

/// Those that say who somebody is.
const FOR_PEOPLE: [&str; 2] = ["account", "account_role"];

/// Both hospitals, a program of the first and a professional of it, each with a token.
struct Scene {
    ground: Ground,
    program: Client,
    nurse: Client,
}

fn scene() -> Scene {
    let ground = Ground::new();
    let nurse = json!({"resourceType": "Practitioner", "name": [{"family": "Nurse"}]});
    let nurse = ground
        .all()
        .post("Practitioner", &nurse)
        .expect(201)
        .location();
    let role = format!("professional@{}", ground.own.hospital);
    add_user(&ground.server, ANNE, &nurse, &[&role]);
    let app = App::public(&ground.server, "user/*.cruds");
    Scene {
        program: ground.insider(),
        nurse: app.client(&ground.server, "user/*.cruds", ANNE),
        ground,
    }
}

/// A connection of somebody who has the file.
fn opened(ground: &Ground) -> Connection {
    let connection = Connection::open(ground.server.database()).expect("the database");
    let patient = connection.busy_timeout(Duration::from_secs(10));
    patient.expect("a timeout");
    connection
}

/// Every way to ask for what is one's own: where a check fails, none of them gives it.
fn asked(client: &mut Client, scene: &Ground) -> Vec<(String, Reply)> {
    let (own, id) = (&scene.own, scene.own.id());
    let paths = [
        own.reference.clone(),
        own.record("Observation").to_owned(),
        format!("{}/_history/1", own.record("Observation")),
        format!("{}/_history", own.record("Observation")),
        "Observation?_count=100".to_owned(),
        "Observation?_summary=count".to_owned(),
        format!("Patient?_id={id}&_revinclude=Observation:subject"),
        format!(
            "Observation?patient.family=Martin&subject={}",
            own.reference
        ),
        format!("{}/Observation", own.reference),
        format!("{}/$everything", own.reference),
        "_history?_count=100".to_owned(),
    ];
    let mut all: Vec<(String, Reply)> = paths.map(|path| (path.clone(), client.get(&path))).into();
    let mine = record(("Observation", "late"), &own.reference, "late");
    all.push(("POST".to_owned(), client.post("Observation", &mine)));
    let entry = json!({"request": {"method": "GET", "url": own.reference}});
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]});
    all.push(("batch".to_owned(), client.post("", &batch)));
    all
}

/// That each answer is a refusal for the server's sake, with nothing of anybody in it.
#[track_caller]
fn is_refused(what: &str, answers: &[(String, Reply)]) {
    for (path, reply) in answers {
        let text = reply.text();
        let told = format!("{what}: {path}: {} {text}", reply.status);
        assert!(!text.contains(CANARY) && !text.contains("Martin"), "{told}");
        let says = |word: &str| text.to_ascii_lowercase().contains(word);
        assert!(!says("sqlite") && !says("no such table"), "{told}");
        if path == "batch" && reply.status == 200 {
            let status = reply.json()["entry"][0]["response"]["status"].clone();
            let status = status.as_str().unwrap_or_default();
            assert!(status.starts_with('5'), "{told}");
        } else {
            assert!([500, 503].contains(&reply.status), "{told}");
        }
    }
}

/// That nothing of the other hospital comes out, by any of its names, whatever the status.
#[track_caller]
fn gives_nothing_else(client: &mut Client, ground: &Ground, what: &str) {
    let other = &ground.other;
    for path in [
        other.reference.clone(),
        other.record("Observation").to_owned(),
        format!("{}/_history/1", other.record("Observation")),
        format!("{}/$everything", other.reference),
        format!("Observation?subject={}", other.reference),
        "Observation?_count=100".to_owned(),
        "Patient?_count=100&_revinclude=*".to_owned(),
        "_history?_count=100".to_owned(),
    ] {
        let reply = client.get(&path);
        let text = reply.text();
        assert!(!text.contains(CANARY), "{what}: {path}: {text}");
    }
}

/// A permit is used again for a moment where nothing has changed: the moment is over.
fn pass(ground: &Ground) {
    ground.server.set_clock(&ground.server.later(2));
}

#[track_caller]
fn works_again(scene: &mut Scene, what: &str) {
    let own = scene.ground.own.reference.clone();
    for client in [&mut scene.program, &mut scene.nurse] {
        let reply = client.get(&own);
        assert_eq!(reply.status, 200, "{what}: {}", reply.text());
        gives_nothing_else(client, &scene.ground, what);
    }
}

#[test]
fn a9_without_the_tables_that_a_permit_rests_upon_there_is_no_data() {
    let mut scene = scene();
    works_again(&mut scene, "before");
    let thief = opened(&scene.ground);
    let rename = |from: &str, to: &str| {
        let sql = format!("alter table {from} rename to {to}");
        thief.execute_batch(&sql).expect("another name");
    };
    for table in FOR_ALL.iter().chain(&FOR_REACH).chain(&FOR_PEOPLE) {
        rename(table, "gone");
        pass(&scene.ground);
        let is_for_people = FOR_PEOPLE.contains(table);
        let (ground, nurse) = (&scene.ground, &mut scene.nurse);
        is_refused(table, &asked(nurse, ground));
        gives_nothing_else(nurse, ground, table);
        if !is_for_people {
            is_refused(table, &asked(&mut scene.program, ground));
        }
        gives_nothing_else(&mut scene.program, ground, table);
        rename("gone", table);
        works_again(&mut scene, table);
    }
    assert_eq!(late(&scene), 0, "what was refused was not written");
}

/// How many of the writes that were refused are there.
fn late(scene: &Scene) -> u64 {
    let query = "Observation?identifier=urn:vigie-attacks|Observation-late&_summary=count";
    let told = scene.ground.all().get(query).expect(200).json();
    told["total"].as_u64().expect("a number")
}

#[test]
fn a9_what_is_damaged_lets_nobody_in() {
    let mut scene = scene();
    works_again(&mut scene, "before");
    let thief = opened(&scene.ground);
    let pages = thief.query_row("pragma page_size", [], |row| row.get::<_, u32>(0));
    let size = u64::from(pages.expect("a size"));
    for table in FOR_ALL.iter().chain(&FOR_REACH).chain(&FOR_PEOPLE) {
        // Everything out of the write-ahead log, so that the file is what is read.
        thief
            .query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
            .expect("a checkpoint");
        let mut damage = Damage::of(&scene.ground, (&thief, table), size);
        touch(&thief);
        pass(&scene.ground);
        let ground = &scene.ground;
        is_refused(table, &asked(&mut scene.nurse, ground));
        gives_nothing_else(&mut scene.nurse, ground, table);
        gives_nothing_else(&mut scene.program, ground, table);
        damage.mend();
        touch(&thief);
        works_again(&mut scene, table);
    }
}

/// The first pages of a table and of its indexes, overwritten with zeros.
struct Damage {
    file: File,
    pages: Vec<(u64, Vec<u8>)>,
}

impl Damage {
    fn of(ground: &Ground, (thief, table): (&Connection, &str), size: u64) -> Self {
        let sql = "select rootpage from sqlite_schema where tbl_name = ? and rootpage > 0";
        let mut roots = thief.prepare(sql).expect("a query");
        let roots = roots.query_map([table], |row| row.get::<_, u32>(0));
        let roots: Vec<u32> = roots
            .expect("pages")
            .map(|one| one.expect("a page"))
            .collect();
        let path = ground.server.database();
        let file = OpenOptions::new().read(true).write(true).open(path);
        let (mut file, mut pages) = (file.expect("the file"), Vec::new());
        for root in roots {
            let at = u64::from(root - 1) * size;
            let mut kept = vec![0; usize::try_from(size).expect("a size")];
            file.seek(SeekFrom::Start(at)).expect("a place");
            file.read_exact(&mut kept).expect("a page");
            pages.push((at, kept));
        }
        let mut damage = Self { file, pages };
        damage.write(|kept| vec![0; kept.len()]);
        damage
    }

    fn mend(&mut self) {
        self.write(<[u8]>::to_vec);
    }

    fn write(&mut self, what: impl Fn(&[u8]) -> Vec<u8>) {
        for (at, kept) in &self.pages {
            self.file.seek(SeekFrom::Start(*at)).expect("a place");
            self.file.write_all(&what(kept)).expect("a page");
        }
    }
}

/// Writes something, so that every connection forgets the pages that it holds.
fn touch(connection: &Connection) {
    let sql = "create table if not exists touched (at integer); insert into touched values (1);";
    connection.execute_batch(sql).expect("a row");
}

#[test]
fn a9_rows_that_make_no_sense_grant_nothing() {
    let mut scene = scene();
    let thief = opened(&scene.ground);
    for (what, spoil, mend) in [
        (
            "terms",
            "update oauth_delegation set terms = '{' || terms",
            "update oauth_delegation set terms = substr(terms, 2)",
        ),
        (
            "registration",
            "update oauth_client set registration = '{' || registration",
            "update oauth_client set registration = substr(registration, 2)",
        ),
        (
            "kind of account",
            "update account set kind = 'x' || kind",
            "update account set kind = substr(kind, 2)",
        ),
        (
            "state of account",
            "update account set state = 'x' || state",
            "update account set state = substr(state, 2)",
        ),
        (
            "kind of token",
            "update oauth_token set kind = 'x' || kind",
            "update oauth_token set kind = substr(kind, 2)",
        ),
    ] {
        thief.execute_batch(spoil).expect("nonsense");
        let reply = scene.nurse.get(&scene.ground.own.reference);
        let told = format!("{what}: {} {}", reply.status, reply.text());
        assert!([401, 403, 404, 500, 503].contains(&reply.status), "{told}");
        gives_nothing_else(&mut scene.nurse, &scene.ground, what);
        gives_nothing_else(&mut scene.program, &scene.ground, what);
        thief.execute_batch(mend).expect("sense");
        works_again(&mut scene, what);
    }
    // A role that nobody knows, and scopes that are none, are nothing at all.
    for (what, spoil) in [
        ("role", "update account_role set role = 'superuser'"),
        (
            "scopes",
            "update oauth_token set scopes = 'everything **/**.**'",
        ),
    ] {
        thief.execute_batch(spoil).expect("nonsense");
        let reply = scene.nurse.get(&scene.ground.own.reference);
        assert!(
            [401, 403, 404].contains(&reply.status),
            "{what}: {}",
            reply.text()
        );
        gives_nothing_else(&mut scene.nurse, &scene.ground, what);
    }
}

#[test]
fn a9_what_has_no_rows_of_whom_it_is_about_is_seen_by_nobody() {
    let mut scene = scene();
    let thief = opened(&scene.ground);
    thief.execute_batch("delete from about").expect("no rows");
    let own = &scene.ground.own;
    for client in [&mut scene.program, &mut scene.nurse] {
        for path in [own.reference.as_str(), own.record("Observation")] {
            client.get(path).expect(404);
        }
        let found = client.get("Observation?_count=100").expect(200).json();
        assert!(
            found["entry"].as_array().is_none_or(Vec::is_empty),
            "{found}"
        );
        gives_nothing_else(client, &scene.ground, "no rows");
    }
}

#[test]
fn a9_a_lock_that_does_not_end_lets_nobody_in() {
    /// The server waits for a lock so long, and then a little.
    const PATIENCE: Duration = Duration::from_secs(20);
    let mut scene = scene();
    let thief = opened(&scene.ground);
    let server = &scene.ground.server;
    thief.execute_batch("begin immediate").expect("the lock");
    let begun = Instant::now();
    let mine = record(("Observation", "late"), &scene.ground.own.reference, "late");
    let (nurse, program) = (&mut scene.nurse, &mut scene.program);
    std::thread::scope(|scope| {
        // A write, a login and a token: each would write something.
        scope.spawn(|| {
            is_refused(
                "lock",
                &[("POST".to_owned(), nurse.post("Observation", &mine))],
            )
        });
        scope.spawn(|| {
            let mut visitor = Visitor::new(server);
            let page = visitor.get("/auth/login").expect(200);
            let reply = visitor.submit(&page, &[("login", ANNE), ("password", PASSWORD)]);
            assert!([500, 503].contains(&reply.status), "{}", reply.text());
            assert!(
                reply
                    .header("set-cookie")
                    .is_none_or(|one| !one.contains("session"))
            );
        });
        scope.spawn(|| {
            let reply = scene.ground.backend.ask(server, "system/*.cruds");
            assert!([500, 503].contains(&reply.status), "{}", reply.text());
            assert!(!reply.text().contains("vgt_"), "{}", reply.text());
        });
        gives_nothing_else(program, &scene.ground, "lock");
    });
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    thief
        .execute_batch("rollback")
        .expect("the lock is given back");
    works_again(&mut scene, "lock");
    let reply = scene
        .ground
        .backend
        .ask(&scene.ground.server, "system/*.cruds");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(late(&scene), 0, "what was refused was not written");
}
