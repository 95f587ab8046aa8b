//! Tables as CSV (RFC 4180) that no spreadsheet runs.
//!
//! A spreadsheet takes a cell that begins with certain signs for a formula. Such a cell gets an
//! apostrophe before it, as OWASP advises:
//! <https://owasp.org/www-community/attacks/CSV_Injection>.

use crate::kernel::problem::{Problem, Result};

/// The mark by which some spreadsheets know UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Signs that begin a formula, or could in another alphabet or after being trimmed.
const SIGNS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A table being written.
pub struct Table {
    writer: csv::Writer<Vec<u8>>,
    delimiter: u8,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether it begins with the mark of UTF-8.
    pub mark: bool,
    /// Whether cells are separated by `;`, as spreadsheets in French expect; else by `,`.
    pub semicolon: bool,
}

impl Table {
    /// A table with these names of columns.
    ///
    /// # Errors
    /// `Fault`, if it cannot be written.
    pub fn new<T: AsRef<str>>(style: Style, header: impl IntoIterator<Item = T>) -> Result<Self> {
        let start = if style.mark {
            MARK.to_vec()
        } else {
            Vec::new()
        };
        let delimiter = if style.semicolon { b';' } else { b',' };
        let writer = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .terminator(csv::Terminator::CRLF)
            .from_writer(start);
        let mut table = Self { writer, delimiter };
        table.row(header)?;
        Ok(table)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `Fault`, if it has not as many cells as the header.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) -> Result<()> {
        let cells = cells.into_iter().map(|cell| safe(cell.as_ref()));
        self.writer.write_record(cells).map_err(Problem::fault)
    }

    /// The separator of its cells.
    #[must_use]
    pub const fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The bytes.
    ///
    /// # Errors
    /// `Fault`, if they cannot be gathered.
    pub fn finish(self) -> Result<Vec<u8>> {
        self.writer.into_inner().map_err(Problem::fault)
    }
}

/// A cell that is text to every spreadsheet.
#[must_use]
pub fn safe(cell: &str) -> String {
    if cell.trim_start_matches(' ').starts_with(SIGNS) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(style: Style, cells: &[&str]) -> Vec<u8> {
        let mut table = Table::new(style, cells.iter().map(|_| "c")).expect("a table");
        table.row(cells).expect("a row");
        table.finish().expect("bytes")
    }

    /// The cells that a reader of CSV finds in the second row.
    fn read(bytes: &[u8]) -> Vec<String> {
        let mut reader = csv::Reader::from_reader(bytes);
        let record = reader.records().next().expect("a row").expect("a record");
        record.iter().map(str::to_owned).collect()
    }

    #[test]
    fn equals_plus_minus_at_tab_and_line_ends_begin_no_formula() {
        for sign in SIGNS {
            let cell = format!("{sign}1+1");
            let found = read(&written(Style::default(), &[&cell, "x"]));
            assert_eq!(found[0], format!("'{cell}"), "{sign:?}");
        }
        assert_eq!(
            safe("  =1"),
            "'  =1",
            "white space before it is trimmed by some"
        );
        for harmless in ["", "Durand", "1-1", "a@b.example", "'x", "(=1)"] {
            assert_eq!(safe(harmless), harmless);
        }
    }

    #[test]
    fn separators_quotes_and_line_ends_stay_in_their_cell() {
        let cells = ["a,b", "c;d", "e\"f", "g\r\nh", "=1,\"=2\""];
        for semicolon in [false, true] {
            let style = Style {
                semicolon,
                ..Style::default()
            };
            let bytes = written(style, &cells);
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(if semicolon { b';' } else { b',' })
                .from_reader(bytes.as_slice());
            let record = reader.records().next().expect("a row").expect("a record");
            let found: Vec<&str> = record.iter().collect();
            assert_eq!(found, ["a,b", "c;d", "e\"f", "g\r\nh", "'=1,\"=2\""]);
        }
    }

    #[test]
    fn lines_end_as_rfc_4180_says_and_the_mark_is_written_where_it_is_asked_for() {
        let plain = written(Style::default(), &["é", "b"]);
        assert_eq!(plain, "c,c\r\né,b\r\n".as_bytes());
        let style = Style {
            mark: true,
            semicolon: true,
        };
        assert_eq!(
            written(style, &["é", "b"]),
            "\u{feff}c;c\r\né;b\r\n".as_bytes()
        );
    }
}
