//! Who tampers with the record is found out.

use std::{fs, path::PathBuf, sync::Arc};

use super::{
    Durability, Event, Log, Settings, chain,
    event::Outcome,
    verify::{Finding, Report, examine},
};
use crate::{
    kernel::{
        chance::Generator,
        clock::{SimulatedClock, from_millis},
        problem::Category,
    },
    store::{AuditFile, AuditQuery, AuditRow, tamper},
};

const DAY_MILLIS: i64 = 86_400_000;

/// What somebody with a database shell does first.
const DROP_TRIGGERS: &str = "drop trigger if exists entry_is_not_changed; drop trigger if exists entry_is_not_removed; \
     drop trigger if exists named_is_not_changed; drop trigger if exists named_is_not_removed; \
     drop trigger if exists anchor_is_not_changed; drop trigger if exists anchor_is_not_removed; \
     drop trigger if exists naming_goes_on; drop trigger if exists naming_is_not_removed;";

/// A record in a folder of its own.
struct Desk {
    folder: tempfile::TempDir,
    settings: Settings,
    clock: Arc<SimulatedClock>,
}

impl Desk {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        Self {
            settings: Settings {
                file: file("audit"),
                head: file("head"),
                key: file("key"),
                durability: Durability::BeforeReply,
                retention_days: 10,
                queue_max: 100,
            },
            clock: Arc::new(SimulatedClock::starting_at(from_millis(1_000_000))),
            folder,
        }
    }

    fn log(&self) -> crate::kernel::problem::Result<Arc<Log>> {
        Log::open(&self.settings, self.clock.clone(), &Generator::from_seed(5))
    }

    /// Runs a server that is asked for so many patients.
    async fn run(&self, count: usize) {
        let log = self.log().unwrap();
        for n in 0..count {
            let mut ticket = log.begin(Event::Interaction("read")).unwrap();
            let record = ticket.record().unwrap();
            record.kind = Some("Patient");
            record.id = Some(format!("p{n}"));
            record.patients = vec![format!("p{n}")];
            record.outcome = Outcome::Success;
            ticket.conclude(Vec::new()).await.unwrap();
        }
        log.close();
    }

    fn tamper(&self, sql: &str) {
        tamper(&self.settings.file, &format!("{DROP_TRIGGERS} {sql}")).unwrap();
    }

    fn examine(&self) -> Report {
        examine(&self.settings).unwrap()
    }

    fn findings(&self) -> Vec<Finding> {
        self.examine().findings
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Six rows: the start, four reads, the end.
async fn desk() -> Desk {
    let desk = Desk::open();
    desk.run(4).await;
    let report = desk.examine();
    assert_eq!((report.rows, report.faults), (6, 0), "{report:?}");
    assert_eq!(report.behind_head, 0);
    desk
}

#[tokio::test]
async fn a_row_that_is_changed_shows() {
    for change in [
        "outcome = 4",
        "at = at + 1",
        "agent = zeroblob(16)",
        "patients = zeroblob(16)",
        "patients = zeroblob(3)",
        "kind = 'Device'",
        "detail = ''",
        "hash = zeroblob(32)",
    ] {
        let desk = desk().await;
        desk.tamper(&format!("update entry set {change} where seq = 3"));
        let found = desk.findings();
        assert!(found.contains(&Finding::Altered(3)), "{change}: {found:?}");
    }
}

#[tokio::test]
async fn a_row_that_is_taken_from_the_middle_shows() {
    let desk = desk().await;
    desk.tamper("delete from entry where seq = 3; delete from named where seq = 3;");
    assert_eq!(desk.findings(), [Finding::Missing { first: 3, last: 3 }]);
    // Even where the others close up.
    desk.tamper("update entry set seq = seq - 1 where seq > 3;");
    let found = desk.findings();
    assert!(found.contains(&Finding::Altered(3)), "{found:?}");
}

#[tokio::test]
async fn an_end_that_is_cut_off_shows_and_nothing_is_written_on_it() {
    let desk = desk().await;
    desk.tamper("delete from entry where seq > 4; delete from named where seq > 4;");
    assert_eq!(desk.findings(), [Finding::EndMissing { last: 4, head: 6 }]);
    let refused = desk.log().err().unwrap();
    assert_eq!(refused.category, Category::Fault);
    assert!(refused.internal.unwrap().contains("the end is gone"));
    desk.tamper("delete from entry; delete from named;");
    assert_eq!(desk.findings(), [Finding::EndMissing { last: 0, head: 6 }]);
}

#[tokio::test]
async fn a_beginning_that_is_cut_off_shows() {
    let desk = desk().await;
    desk.tamper("delete from entry where seq < 4; delete from named where seq < 4;");
    assert_eq!(desk.findings(), [Finding::Missing { first: 1, last: 3 }]);
    // With a beginning that says it was meant so, but not by who holds the key.
    desk.tamper(
        "insert into anchor select 3, zeroblob(32), 0, zeroblob(32); \
         update anchor set hash = (select hash from entry where seq = 4) where seq = 3",
    );
    let found = desk.findings();
    assert!(found.contains(&Finding::ForgedBeginning(3)), "{found:?}");
    assert!(desk.log().is_err());
}

#[tokio::test]
async fn two_rows_that_are_swapped_show() {
    let desk = desk().await;
    desk.tamper(
        "update entry set seq = 30 where seq = 3; update entry set seq = 3 where seq = 4; \
         update entry set seq = 4 where seq = 30;",
    );
    let found = desk.findings();
    assert!(found.contains(&Finding::Altered(3)), "{found:?}");
    assert!(found.contains(&Finding::Altered(4)), "{found:?}");
}

type Change = fn(&mut Vec<AuditRow>);

/// Writes every row from `seq` on anew, changed, with a chain that is sound.
fn forge(desk: &Desk, seq: u64, change: Change) {
    let mut rows = AuditFile::open_to_read(&desk.settings.file)
        .unwrap()
        .rows(seq - 1, 1_000)
        .unwrap();
    change(&mut rows);
    desk.tamper(&format!(
        "delete from entry where seq >= {seq}; delete from named where seq >= {seq}; \
         update naming set seq = {seq} - 1;"
    ));
    let mut file = AuditFile::open(&desk.settings.file).unwrap();
    file.append(&mut |tip| {
        let mut rows = rows.clone();
        chain::link(tip, &mut rows);
        Ok(rows)
    })
    .unwrap();
    file.name(1_000).unwrap();
}

#[tokio::test]
async fn a_chain_that_is_made_anew_does_not_fit_the_head() {
    // A row less, one changed, one more: the rows by themselves are sound.
    let changes: [(Change, Finding); 3] = [
        (
            |rows| drop(rows.remove(0)),
            Finding::EndMissing { last: 5, head: 6 },
        ),
        (|rows| rows[0].outcome = 4, Finding::EndReplaced(6)),
        (
            |rows| rows.insert(0, rows[0].clone()),
            Finding::EndReplaced(6),
        ),
    ];
    for (change, finding) in changes {
        let desk = desk().await;
        forge(&desk, 3, change);
        assert_eq!(desk.findings(), [finding]);
        assert!(desk.log().is_err());
    }
}

#[tokio::test]
async fn a_head_without_the_key_is_no_head() {
    let desk = desk().await;
    let whole = fs::read(&desk.settings.head).unwrap();
    fs::remove_file(&desk.settings.head).unwrap();
    assert_eq!(desk.findings(), [Finding::NoHead]);
    assert!(desk.log().is_err());
    // Another number with the old seal.
    let text = String::from_utf8(whole.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let forged: Vec<String> = lines
        .iter()
        .map(|line| line.replacen(['5', '6'], "4", 1))
        .collect();
    fs::write(&desk.settings.head, forged.join("\n") + "\n").unwrap();
    assert_eq!(desk.findings(), [Finding::ForgedHead]);
    fs::write(&desk.settings.head, whole).unwrap();
    assert_eq!(desk.findings(), []);
    assert!(desk.log().is_ok());
}

#[tokio::test]
async fn a_record_that_is_gone_is_not_begun_anew() {
    let desk = desk().await;
    let away = desk.path("away");
    fs::rename(&desk.settings.file, &away).unwrap();
    assert!(desk.log().err().unwrap().internal.unwrap().contains("gone"));
    fs::rename(&away, &desk.settings.file).unwrap();
    fs::rename(&desk.settings.key, &away).unwrap();
    assert!(desk.log().is_err());
    assert!(!desk.settings.key.exists());
}

#[tokio::test]
async fn a_row_that_cannot_be_found_shows() {
    let desk = desk().await;
    desk.tamper("delete from named where seq = 3;");
    assert_eq!(desk.findings(), [Finding::Unfindable(3)]);
    desk.tamper("insert into named values (zeroblob(16), 2);");
    assert_eq!(
        desk.findings(),
        [Finding::Unfindable(3), Finding::Astray(1)]
    );
}

#[tokio::test]
async fn rows_that_are_said_to_be_found_and_are_not_show() {
    let desk = desk().await;
    desk.tamper("update naming set seq = 9;");
    desk.run(4).await;
    assert_eq!(
        desk.findings(),
        [Finding::Unfindable(8), Finding::Unfindable(9)]
    );
}

#[tokio::test]
async fn rows_are_neither_changed_nor_removed_by_mistake() {
    let desk = desk().await;
    for sql in [
        "update entry set at = 0",
        "delete from entry where seq = 6",
        "delete from entry where seq = 1",
        "update named set seq = 1",
        "delete from named",
        "update anchor set seq = 9",
        "delete from anchor",
        "update naming set seq = 1",
        "delete from naming",
    ] {
        assert!(tamper(&desk.settings.file, sql).is_err(), "{sql}");
    }
    assert_eq!(desk.findings(), []);
}

#[tokio::test]
async fn what_is_kept_long_enough_goes_and_the_rest_still_holds() {
    let desk = desk().await;
    desk.clock
        .advance_to(from_millis(1_000_000 + 9 * DAY_MILLIS));
    desk.run(3).await;
    assert_eq!(desk.examine().rows, 11);
    desk.clock
        .advance_to(from_millis(1_000_000 + 10 * DAY_MILLIS + 1));
    // It is done behind the commit of the first row, and told in a row of its own.
    desk.run(2).await;
    let report = desk.examine();
    assert_eq!(report.findings, []);
    assert_eq!(report.begin.seq, 6);
    assert_eq!(report.rows, 5 + 2 + 2 + 1);
    let log = desk.log().unwrap();
    let told = AuditQuery {
        events: Some(vec!["audit-retention".to_owned()]),
        limit: 10,
        ..AuditQuery::default()
    };
    let rows = log.search(&told).unwrap();
    assert_eq!(rows[0].detail.as_deref(), Some("until=6 rows=6"));
    log.close();
    // A beginning that is taken back shows that rows are gone.
    desk.tamper("delete from anchor where seq = 6");
    let found = desk.findings();
    assert_eq!(found, [Finding::Missing { first: 1, last: 6 }]);
}

#[tokio::test]
async fn a_server_that_was_killed_goes_on() {
    let desk = desk().await;
    // Killed between the commit and the head: one row is behind it.
    let old = fs::read(&desk.settings.head).unwrap();
    desk.run(1).await;
    fs::write(&desk.settings.head, old).unwrap();
    let report = desk.examine();
    assert_eq!((report.faults, report.behind_head), (0, 3));
    desk.run(1).await;
    let report = desk.examine();
    assert_eq!((report.faults, report.behind_head), (0, 0));
}
