//! The rows of the record of accesses, before and after pseudonyms lead to them.

use tempfile::TempDir;

use crate::store::{AuditFile, AuditQuery, AuditRow, Pseudonym, tamper};

fn name(of: u8) -> Pseudonym {
    [of; 16]
}

/// Row 1 is about the patients 1 and 2, row 2 about 2 and 3, and so on; each is of entity 100.
fn rows(first: u64, count: u64) -> Vec<AuditRow> {
    let row = |seq: u64| AuditRow {
        seq,
        at: seq.cast_signed(),
        event: "read".to_owned(),
        action: "R".to_owned(),
        patients: vec![name(seq as u8), name(seq as u8 + 1)],
        entity: Some(name(100)),
        agent: Some(name(50 + seq as u8 % 2)),
        ..AuditRow::default()
    };
    (first..first + count).map(row).collect()
}

fn append(file: &mut AuditFile, first: u64, count: u64) {
    file.append(&mut |_| Ok(rows(first, count))).unwrap();
}

/// The numbers of the rows that a query finds, newest first.
fn found(file: &AuditFile, query: AuditQuery) -> Vec<u64> {
    let query = AuditQuery {
        limit: 100,
        ..query
    };
    let rows = file.search(&query).unwrap();
    assert_eq!(file.count(&query).unwrap(), rows.len() as u64);
    rows.iter().map(|row| row.seq).collect()
}

/// That each row is found by each of its pseudonyms, and by them alone.
fn is_found(file: &AuditFile, last: u64) {
    let of = |patient: u8| AuditQuery {
        patients: Some(vec![name(patient)]),
        ..AuditQuery::default()
    };
    for patient in 1..=last as u8 {
        let both = [u64::from(patient), u64::from(patient) - 1];
        let both: Vec<u64> = both.into_iter().filter(|seq| *seq > 0).collect();
        assert_eq!(found(file, of(patient)), both);
    }
    let entity = AuditQuery {
        entities: Some(vec![name(100)]),
        ..AuditQuery::default()
    };
    assert_eq!(found(file, entity).len() as u64, last);
    let both = AuditQuery {
        agents: Some(vec![name(50)]),
        patients: Some(vec![name(1), name(3)]),
        ..AuditQuery::default()
    };
    assert_eq!(found(file, both), [2]);
    // Who is an entity is no patient.
    assert_eq!(found(file, of(100)), [0; 0]);
}

#[test]
fn rows_are_found_before_and_after_pseudonyms_lead_to_them() {
    let folder = TempDir::new().unwrap();
    let mut file = AuditFile::open(&folder.path().join("audit")).unwrap();
    append(&mut file, 1, 20);
    assert_eq!(file.named_until().unwrap(), 0);
    is_found(&file, 20);
    assert_eq!(file.name(7).unwrap(), 7);
    assert_eq!(file.named_count(0).unwrap(), 7 * 4);
    is_found(&file, 20);
    assert_eq!(file.name(100).unwrap(), 20);
    is_found(&file, 20);
    // Nothing is left to be done; what comes later is found as well.
    assert_eq!(file.name(100).unwrap(), 20);
    append(&mut file, 21, 5);
    is_found(&file, 25);
    for row in file.rows(0, 20).unwrap() {
        assert_eq!(file.unnamed(&row).unwrap(), [[0; 16]; 0]);
    }
}

#[test]
fn a_file_of_the_first_version_is_brought_up_to_date() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit");
    let first = include_str!("../../../migrations/audit/0001_begin_log.sql");
    tamper(&path, first).unwrap();
    let row = "insert into entry (seq, at, event, action, outcome, status, patients, hash) \
               values (1, 1, 'read', 'R', 0, 200, x'', zeroblob(32))";
    tamper(&path, row).unwrap();
    let refused = AuditFile::open_to_read(&path).err().unwrap();
    let says = refused.internal.unwrap();
    assert!(says.contains("an earlier version"), "{says}");
    let file = AuditFile::open(&path).unwrap();
    assert_eq!(file.named_until().unwrap(), 1);
    assert_eq!(file.rows(0, 10).unwrap().len(), 1);
    assert!(AuditFile::open_to_read(&path).is_ok());
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit");
    drop(AuditFile::open(&path).unwrap());
    tamper(&path, "pragma user_version = 99").unwrap();
    for refused in [AuditFile::open(&path), AuditFile::open_to_read(&path)] {
        let says = refused.err().unwrap().internal.unwrap();
        assert!(says.contains("version 99"), "{says}");
    }
}
