//! From text to rows under column names, or every reason why not.
//!
//! Cells are separated by `;`, `,` or tabs, whichever the header line has most of; quotes are
//! those of RFC 4180: <https://www.rfc-editor.org/rfc/rfc4180>.

use std::collections::HashMap;

use super::fault::Fault;
use crate::fhir::search::text::fold;

/// Most rows of a table.
pub const ROWS_MAX: usize = 20_000;

/// Most columns of a table.
pub const COLUMNS_MAX: usize = 300;

/// Longest cell, in characters.
pub const CELL_CHARACTERS_MAX: usize = 1_000;

/// A column that a table may have.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in English, by which it is asked for.
    pub name: &'static str,
    /// Its other names, in French first; case, accents and punctuation do not count.
    pub others: &'static [&'static str],
    /// Whether a table without it is refused.
    pub required: bool,
}

/// Rows under column names.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// The names in the file, in order; empty for a column without a name.
    pub header: Vec<String>,
    /// The position of each known column.
    known: HashMap<&'static str, usize>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    /// The line of the file on which it begins.
    pub line: u64,
    /// Its cells, without white space around them.
    pub cells: Vec<String>,
}

impl Sheet {
    /// Reads a text; names that are not among `columns` are faults, unless `others` takes them.
    ///
    /// # Errors
    /// Every fault of the table as a whole.
    pub fn read(
        text: &str,
        columns: &[Column],
        others: impl Fn(&str) -> bool,
    ) -> Result<Self, Vec<Fault>> {
        let delimiter = delimiter(text);
        if let Err(fault) = check_quotes(text, delimiter) {
            return Err(vec![fault]);
        }
        let mut lines = records(text, delimiter)?.into_iter();
        let Some(first) = lines.next() else {
            return Err(vec![Fault::new(1, "", "The file is empty.")]);
        };
        let (known, mut faults) = know(&first, columns, others);
        let rows: Vec<Row> = lines.collect();
        if rows.is_empty() {
            faults.push(Fault::new(
                first.line,
                "",
                "There is no row below the header.",
            ));
        }
        if let Some(over) = rows.get(ROWS_MAX) {
            let reason = format!("A file may have at most {ROWS_MAX} rows; split it.");
            faults.push(Fault::new(over.line, "", reason));
        }
        if faults.is_empty() {
            let header = first.cells;
            Ok(Self {
                header,
                known,
                rows,
            })
        } else {
            Err(faults)
        }
    }

    /// Whether the table has a column.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// The positions of the known columns.
    pub fn known(&self) -> impl Iterator<Item = usize> {
        self.known.values().copied()
    }

    /// A cell's text; none if it is empty or the table has no such column.
    #[must_use]
    pub fn cell<'a>(&self, row: &'a Row, name: &str) -> Option<&'a str> {
        let cell = row.cells.get(*self.known.get(name)?)?;
        Some(cell.as_str()).filter(|cell| !cell.is_empty())
    }

    /// The name that the file gives to a column.
    #[must_use]
    pub fn title(&self, name: &str) -> &str {
        let title = self.known.get(name).and_then(|at| self.header.get(*at));
        title.map_or("", String::as_str)
    }

    /// What is wrong with the shape of a row.
    #[must_use]
    pub fn misshapen(&self, row: &Row) -> Vec<Fault> {
        let (wanted, found) = (self.header.len(), row.cells.len());
        if wanted != found {
            let reason = format!("The row has {found} cells, the header {wanted}.");
            return vec![Fault::new(row.line, "", reason)];
        }
        let mut faults = Vec::new();
        for (cell, title) in row.cells.iter().zip(&self.header) {
            let reason = if title.is_empty() && !cell.is_empty() {
                "A cell stands under no column name.".to_owned()
            } else if cell.chars().count() > CELL_CHARACTERS_MAX {
                format!("A cell may have at most {CELL_CHARACTERS_MAX} characters.")
            } else if cell.chars().any(char::is_control) {
                "The cell holds a control character, such as a line end.".to_owned()
            } else {
                continue;
            };
            faults.push(Fault::new(row.line, title, reason));
        }
        faults
    }
}

/// A name as columns are compared: letters and digits alone.
fn plain(name: &str) -> String {
    let folded = fold(name);
    folded.chars().filter(|c| c.is_alphanumeric()).collect()
}

type Known = HashMap<&'static str, usize>;

fn know(first: &Row, columns: &[Column], others: impl Fn(&str) -> bool) -> (Known, Vec<Fault>) {
    let (mut known, mut faults) = (HashMap::new(), Vec::new());
    let mut seen = Vec::new();
    for (at, title) in first.cells.iter().enumerate() {
        let name = plain(title);
        if title.is_empty() {
            continue;
        }
        let is = |column: &&Column| {
            plain(column.name) == name || column.others.iter().any(|other| plain(other) == name)
        };
        let column = columns.iter().find(is);
        let identity = column
            .map_or(title.as_str(), |column| column.name)
            .to_owned();
        if seen.contains(&identity) {
            faults.push(Fault::new(
                first.line,
                title,
                "The column stands there twice.",
            ));
        } else if let Some(column) = column {
            known.insert(column.name, at);
        } else if !others(title) {
            faults.push(Fault::new(
                first.line,
                title,
                "No column of this name is known.",
            ));
        }
        seen.push(identity);
    }
    for column in columns.iter().filter(|column| column.required) {
        if !known.contains_key(column.name) {
            let french = column.others.first().copied().unwrap_or_default();
            let reason = format!("The column `{french}` (`{}`) is missing.", column.name);
            faults.push(Fault::new(first.line, french, reason));
        }
    }
    (known, faults)
}

/// The separator that the first line has most of, outside quotes.
fn delimiter(text: &str) -> u8 {
    let mut counts = [(b';', 0), (b',', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in text.trim_start().bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            other => {
                for (known, count) in &mut counts {
                    *count += u32::from(*known == other);
                }
            }
        }
    }
    // Of equal counts the last would win: the semicolon is what spreadsheets here write.
    counts
        .iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or(b';', |(byte, _)| *byte)
}

/// Where in a cell a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Start,
    Plain,
    Quotes { since: u64 },
    Closed,
}

/// Quotes that do not pair would join or cut cells without a word.
fn check_quotes(text: &str, delimiter: u8) -> Result<(), Fault> {
    let (mut inside, mut line) = (Inside::Start, 1);
    for byte in text.bytes() {
        inside = match (inside, byte) {
            (Inside::Quotes { .. }, b'"') => Inside::Closed,
            (Inside::Quotes { since }, _) => Inside::Quotes { since },
            (Inside::Closed, b'"') => Inside::Quotes { since: line },
            (_, b'\n') => Inside::Start,
            (_, byte) if byte == delimiter => Inside::Start,
            (Inside::Start, b'"') => Inside::Quotes { since: line },
            (Inside::Closed, b'\r') => Inside::Closed,
            (Inside::Closed, _) => {
                return Err(Fault::new(line, "", "Text stands after a closing quote."));
            }
            (Inside::Plain, b'"') => {
                let reason = "A quote stands inside a cell that does not begin with one.";
                return Err(Fault::new(line, "", reason));
            }
            _ => Inside::Plain,
        };
        line += u64::from(byte == b'\n');
    }
    match inside {
        Inside::Quotes { since } => Err(Fault::new(since, "", "A quote is never closed.")),
        _ => Ok(()),
    }
}

/// The lines that have anything in them; what is over the bound by one stops it.
fn records(text: &str, delimiter: u8) -> Result<Vec<Row>, Vec<Fault>> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    let mut lines = Lines {
        text: text.as_bytes(),
        at: 0,
        line: 1,
    };
    while rows.len() <= ROWS_MAX + 1 {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => return Err(vec![Fault::new(1, "", "The file is no CSV.")]),
        }
        let from = record.position().map_or(0, csv::Position::byte);
        let line = lines.of(usize::try_from(from).unwrap_or(usize::MAX));
        if record.len() > COLUMNS_MAX {
            let reason = format!("A row may have at most {COLUMNS_MAX} cells.");
            return Err(vec![Fault::new(line, "", reason)]);
        }
        let cells: Vec<String> = record.iter().map(|cell| cell.trim().to_owned()).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            rows.push(Row { line, cells });
        }
    }
    Ok(rows)
}

/// Counts lines up to the first byte of each record. The reader's own count stands where it began
/// to look for the record, before the line ends that part it from the one before.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, from: usize) -> u64 {
        while let Some(byte) = self.text.get(self.at) {
            if self.at >= from && *byte != b'\n' && *byte != b'\r' {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}

#[cfg(test)]
mod tests;
