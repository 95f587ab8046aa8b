//! What deleted rows leave in the pages of a database file, and how it is cleared.
//!
//! `secure_delete` overwrites a row that is deleted, and a page that is freed. It does not
//! overwrite what is left behind when a page is rebuilt because its neighbour has been emptied:
//! the rows have moved, and in the gap between the cell pointers and the first cell their old
//! bytes stay. `VACUUM` would clear them too, and write the whole database anew for it. So the gaps
//! are cleared in place: the file's pages are read in order, and those that are not clean are
//! written.
//!
//! It is done by the thread that writes, between two transactions, and in runs so short that
//! nobody notices: the WAL is emptied into the file first, the pages that the connection has at
//! hand are let go, and the lock of a writer keeps other processes out. Neither the rows nor any
//! pointer to them change, so that readers go on, and a crash leaves a sound file.
//!
//! A gap is never copied from one page into another, so that a page once cleared stays clean.
//!
//! Specification: <https://www.sqlite.org/fileformat2.html>, sections 1.3 to 1.6.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::Connection;

use super::{BUSY_TIMEOUT, rows::fault};
use crate::kernel::problem::{Problem, Result};

/// Bytes that one run looks at: some ten milliseconds.
const RUN_BYTES: u64 = 32 << 20;

/// How long a run waits for readers of an older state, while every write waits for it.
const WAIT: Duration = Duration::from_millis(500);

/// The first byte of a page tells a tree's page from any other as long as page numbers have three
/// bytes: 64 GiB of 4 KiB pages.
const PAGES_MAX: u64 = 1 << 24;

/// Files that are cleared, by device and number, kept open to the end of the process: where one of
/// them is closed, POSIX takes away the locks that SQLite has on it.
static OPENED: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

/// A file, known by device and number.
type Opened = ((u64, u64), Arc<File>);

/// What the header of a database says.
#[derive(Debug, Clone, Copy)]
struct Layout {
    page: usize,
    usable: usize,
    pages: u64,
    first_trunk: u64,
}

/// Clears one run of pages that begins at page `from` (0 is the first); gives where to go on.
pub(super) fn scrub(connection: &Connection, path: &Path, from: u64) -> Result<Option<u64>> {
    connection.busy_timeout(WAIT).map_err(fault)?;
    let cleared = empty_wal(connection).and_then(|()| {
        connection
            .execute_batch("pragma shrink_memory; begin immediate")
            .map_err(fault)?;
        let cleared = opened(path).and_then(|file| scrub_run(&file, from));
        connection.execute_batch("commit").map_err(fault)?;
        cleared.map_err(Problem::fault)
    });
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
    cleared
}

/// Moves everything from the WAL to the file, and cuts the WAL to nothing.
fn empty_wal(connection: &Connection) -> Result<()> {
    let busy: i64 = connection
        .query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))
        .map_err(fault)?;
    if busy == 0 {
        Ok(())
    } else {
        Err(Problem::busy("Somebody reads an older state; come again."))
    }
}

fn opened(path: &Path) -> std::io::Result<Arc<File>> {
    let known = std::fs::metadata(path)?;
    let known = (known.dev(), known.ino());
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, file)) = opened.iter().find(|(number, _)| *number == known) {
        return Ok(Arc::clone(file));
    }
    let file = Arc::new(OpenOptions::new().read(true).write(true).open(path)?);
    opened.push((known, Arc::clone(&file)));
    Ok(file)
}

fn scrub_run(file: &File, from: u64) -> std::io::Result<Option<u64>> {
    let layout = layout(file)?;
    let free = free_pages(file, layout)?;
    let size = layout.page as u64;
    let end = layout.pages.min(from + RUN_BYTES / size);
    let mut page = vec![0; layout.page];
    let mut written = false;
    for number in from..end {
        file.read_exact_at(&mut page, number * size)?;
        let is_dirty = match free.get(&(number + 1)) {
            Some(used) => clear(&mut page[*used..]),
            None => clean(&mut page, layout.usable, if number == 0 { 100 } else { 0 }),
        };
        if is_dirty {
            file.write_all_at(&page, number * size)?;
            written = true;
        }
    }
    if written {
        file.sync_data()?;
    }
    Ok((end < layout.pages).then_some(end))
}

fn layout(file: &File) -> std::io::Result<Layout> {
    let mut header = [0; 100];
    file.read_exact_at(&mut header, 0)?;
    let page = match u16_at(&header, 16) {
        1 => 65_536,
        size => size,
    };
    let pages = u32_at(&header, 28);
    if page < 512 || pages >= PAGES_MAX {
        return Err(std::io::Error::other(
            "the file is none that can be scrubbed",
        ));
    }
    Ok(Layout {
        page,
        usable: page - usize::from(header[20]),
        pages,
        first_trunk: u32_at(&header, 32),
    })
}

/// The free pages: their numbers (from 1), and how much of each is in use, as some list others.
fn free_pages(file: &File, layout: Layout) -> std::io::Result<BTreeMap<u64, usize>> {
    let mut free = BTreeMap::new();
    let mut trunk = layout.first_trunk;
    let mut page = vec![0; layout.page];
    let mut seen = 0;
    while trunk != 0 && trunk <= layout.pages && seen <= layout.pages {
        seen += 1;
        file.read_exact_at(&mut page, (trunk - 1) * layout.page as u64)?;
        let leaves = usize::try_from(u32_at(&page, 4)).unwrap_or(usize::MAX);
        let leaves = leaves.min(layout.usable / 4 - 2);
        free.extend((0..leaves).map(|n| (u32_at(&page, 8 + 4 * n), 0)));
        free.insert(trunk, 8 + 4 * leaves);
        trunk = u32_at(&page, 0);
    }
    Ok(free)
}

/// Clears all of a page; tells whether it was not clear.
fn clear(page: &mut [u8]) -> bool {
    let is_dirty = page.iter().any(|byte| *byte != 0);
    page.fill(0);
    is_dirty
}

/// Clears the parts of a tree's page that hold nothing; tells whether they were not clear. Other
/// pages stay as they are, and so does one that is not of the form.
fn clean(page: &mut [u8], usable: usize, header: usize) -> bool {
    let pointers = match page.get(header) {
        Some(2 | 5) => header + 12,
        Some(10 | 13) => header + 8,
        _ => return false,
    };
    let gap = pointers + 2 * u16_at(page, header + 3);
    let content = match u16_at(page, header + 5) {
        0 => 65_536,
        start => start,
    };
    if gap > content || content > usable {
        return false;
    }
    let mut is_dirty = clear(&mut page[gap..content]);
    // The blocks of deleted rows, each with the place of the next and its own size.
    let mut block = u16_at(page, header + 1);
    while block >= content && block + 4 <= usable {
        let (next, size) = (u16_at(page, block), u16_at(page, block + 2));
        let end = block + size;
        if size < 4 || end > usable || (next != 0 && next < end) {
            break;
        }
        is_dirty |= clear(&mut page[block + 4..end]);
        block = next;
    }
    is_dirty
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    usize::from(u16::from_be_bytes([byte(at), byte(at + 1)]))
}

fn u32_at(bytes: &[u8], at: usize) -> u64 {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    u64::from(u32::from_be_bytes([
        byte(at),
        byte(at + 1),
        byte(at + 2),
        byte(at + 3),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> Connection {
        let connection = Connection::open(folder.join("t.db")).unwrap();
        let text = "pragma journal_mode = wal; pragma secure_delete = on; \
             create table t (a text, b integer, primary key (a, b)) strict, without rowid; \
             create index i on t (b, a);";
        connection.execute_batch(text).unwrap();
        connection
    }

    fn file_has(folder: &Path, needle: &str) -> bool {
        let mut bytes = std::fs::read(folder.join("t.db")).unwrap();
        bytes.extend(std::fs::read(folder.join("t.db-wal")).unwrap_or_default());
        let needle = needle.as_bytes();
        bytes.windows(needle.len()).any(|window| window == needle)
    }

    /// Rows in an order that makes pages split and merge; every seventh is a canary.
    fn fill(connection: &Connection) {
        connection.execute_batch("begin").unwrap();
        for n in 0..20_000_u64 {
            let scattered = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            let word = if n % 7 == 0 { "canary" } else { "neighbour" };
            let text = format!("{scattered:x}-{word}-{n}");
            let number = i64::try_from(scattered % 5).unwrap();
            connection
                .execute("insert into t values (?, ?)", (text, number))
                .unwrap();
        }
        connection.execute_batch("commit").unwrap();
    }

    fn scrub_all(connection: &Connection, folder: &Path) {
        let mut from = Some(0);
        while let Some(page) = from {
            from = scrub(connection, &folder.join("t.db"), page).unwrap();
        }
    }

    #[test]
    fn nothing_of_a_deleted_row_is_left_and_everything_else_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(folder.path());
        fill(&connection);
        let list = "select group_concat(a || b) from (select a, b from t \
             where a not like '%canary%' order by a)";
        let text = |sql| connection.query_row(sql, [], |row| row.get::<_, String>(0));
        let before = text(list).unwrap();
        connection
            .execute("delete from t where a like '%canary%'", [])
            .unwrap();
        scrub_all(&connection, folder.path());
        assert!(!file_has(folder.path(), "canary"));
        assert_eq!(text(list).unwrap(), before);
        assert_eq!(text("pragma integrity_check").unwrap(), "ok");
        // Written after it, the pages are those of the file and not what was at hand before.
        fill_one(&connection);
        assert_eq!(text("pragma integrity_check").unwrap(), "ok");
        assert!(!file_has(folder.path(), "canary"));
    }

    fn fill_one(connection: &Connection) {
        for n in 0..500 {
            let text = format!("{n:x}-later");
            connection
                .execute("insert into t values (?, ?)", (text, n))
                .unwrap();
        }
    }

    #[test]
    fn pages_freed_before_are_cleared_too() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(folder.path());
        fill(&connection);
        connection
            .execute_batch("pragma secure_delete = off; delete from t;")
            .unwrap();
        scrub_all(&connection, folder.path());
        assert!(!file_has(folder.path(), "canary"));
    }

    #[test]
    fn a_page_that_is_not_of_the_form_is_left_alone() {
        for bytes in [
            [0_u8; 8],
            [13, 0, 0, 255, 255, 0, 9, 0],
            [10, 0, 0, 0, 1, 255, 255, 0],
        ] {
            let mut page = [7_u8; 512];
            page[..8].copy_from_slice(&bytes);
            let before = page;
            assert!(!clean(&mut page, 512, 0));
            assert_eq!(page, before);
        }
    }
}
