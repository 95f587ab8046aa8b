//! Copies of a database: made while it is in use, checked row by row, and put in its place.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, params};

use super::{
    BUSY_TIMEOUT, erase,
    rows::{STORED_COLUMNS, fault, stored_from_row},
};
use crate::{
    kernel::problem::{Category, Problem, Result},
    store::ErasureRecord,
};

/// How often it is looked whether the last connection to a file has been closed.
const CLOSING_TRIES: u32 = 50;

/// The pause between two looks.
const CLOSING_PAUSE: Duration = Duration::from_millis(100);

fn present(path: &Path) -> Result<Connection> {
    // Not made if absent: a misspelt name must not become an empty database.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|e| Problem::fault(format!("{}: {e}", path.display())))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
    Ok(connection)
}

/// A file's name and one more ending.
fn and(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Problem {
    Problem::fault(format!("{}: {error}", path.display()))
}

/// Copies the database to a file that is not there yet, as of one instant, while others read and
/// write; what deleted rows have left is not copied. The copy has its name once it is whole,
/// checked and durable. Gives the number of versions in it.
///
/// # Errors
/// `Invalid`, if the file is there; `Fault`, if it cannot be made or does not hold what it should.
pub fn back_up(database: &Path, to: &Path) -> Result<u64> {
    if to.exists() {
        let says = format!("{} is there already.", to.display());
        return Err(Problem::invalid("value", says));
    }
    let part = and(to, ".part");
    remove(&part)?;
    let text = part
        .to_str()
        .ok_or_else(|| unusable(to, &"the name is no text"))?;
    present(database)?
        .execute("vacuum into ?", params![text])
        .map_err(fault)?;
    let versions = check_copy(&part)?;
    put_in_place(&part, to)?;
    Ok(versions)
}

/// Checks a copy: that SQLite finds it sound, and that each version is what its hash says. Gives
/// the number of versions.
///
/// # Errors
/// `Fault`, if it is not.
pub fn check_copy(path: &Path) -> Result<u64> {
    let connection = present(path)?;
    let sound: String = connection
        .query_row("pragma integrity_check", [], |row| row.get(0))
        .map_err(fault)?;
    if sound != "ok" {
        return Err(unusable(path, &"it is not a sound database"));
    }
    let mut versions = 0;
    for sql in [
        format!("select {STORED_COLUMNS} from resource r"),
        "select r.key, r.type, r.id, v.version, v.updated, v.deleted, v.hash, v.body \
         from resource r join version v on v.key = r.key"
            .to_owned(),
    ] {
        let mut statement = connection.prepare(&sql).map_err(fault)?;
        let mut rows = statement.query([]).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            stored_from_row(row)?;
            versions += 1;
        }
    }
    Ok(versions)
}

/// Copies a checked file to `part` beside a database, as the start of what is to take its place.
///
/// # Errors
/// `Fault`, if it cannot be copied.
pub fn stage(file: &Path, part: &Path) -> Result<()> {
    for ending in ["", "-wal", "-shm"] {
        remove(&and(part, ending))?;
    }
    fs::copy(file, part).map_err(|e| unusable(part, &e))?;
    Ok(())
}

/// Makes sure that nobody has the database open, and moves its WAL into it.
///
/// # Errors
/// `Conflict`, if somebody has; `Fault`, if it is no database.
pub fn hold_alone(path: &Path) -> Result<()> {
    let connection = present(path)?;
    connection.busy_timeout(CLOSING_PAUSE).map_err(fault)?;
    for _ in 0..CLOSING_TRIES {
        // Another mode of the journal is only given to who is alone.
        let mode = connection.query_row("pragma journal_mode = delete", [], |row| {
            row.get::<_, String>(0)
        });
        match mode {
            Ok(mode) if mode == "delete" => return Ok(()),
            Ok(_) => {}
            Err(e) => match fault(e) {
                busy if busy.category == Category::Busy => {}
                other => return Err(other),
            },
        }
        std::thread::sleep(CLOSING_PAUSE);
    }
    let says = format!("{} is in use: stop the server first.", path.display());
    Err(Problem::new(Category::Conflict, "conflict", says))
}

/// The erasures that a database knows of.
///
/// # Errors
/// `Fault`, if it is none or cannot be read.
pub fn known_erasures(path: &Path) -> Result<Vec<ErasureRecord>> {
    erase::erasures(&present(path)?, false)
}

/// Gives a whole file the name of what it replaces, durably.
///
/// # Errors
/// `Fault`, if it cannot be renamed.
pub fn put_in_place(part: &Path, to: &Path) -> Result<()> {
    let synced = File::open(part).and_then(|file| file.sync_all());
    synced.map_err(|e| unusable(part, &e))?;
    for ending in ["-wal", "-shm"] {
        remove(&and(part, ending))?;
        remove(&and(to, ending))?;
    }
    fs::rename(part, to).map_err(|e| unusable(to, &e))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| unusable(folder, &e))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(unusable(path, &e)),
        _ => Ok(()),
    }
}
