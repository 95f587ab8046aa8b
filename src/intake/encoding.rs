//! From bytes to text: UTF-8 with or without a mark, or Windows-1252 as spreadsheets write it.
//!
//! The table of Windows-1252: <https://encoding.spec.whatwg.org/#windows-1252>.

use super::fault::Fault;

/// What the bytes from 0x80 to 0x9F are in Windows-1252; NUL for those that it leaves out.
const HIGH: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// Reads the bytes of a table.
///
/// Bytes that are no UTF-8 are read as Windows-1252, unless some of them are UTF-8 after all: a
/// file that mixes both was damaged, and names would be read wrong.
///
/// # Errors
/// The line at which it is neither.
pub fn text(bytes: &[u8]) -> Result<String, Fault> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        let reason = "The file is UTF-16; save it as CSV in UTF-8.";
        return Err(Fault::new(1, "", reason));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if let Some(nul) = bytes.iter().position(|byte| *byte == 0) {
        let reason = "The file holds bytes that are no text.";
        return Err(Fault::new(line_of(bytes, nul), "", reason));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => windows_1252(bytes, error.valid_up_to()),
    }
}

fn windows_1252(bytes: &[u8], first_other: usize) -> Result<String, Fault> {
    let fault = |at: usize| {
        let reason = "The text is neither UTF-8 nor Windows-1252; save it as CSV in UTF-8.";
        Fault::new(line_of(bytes, at), "", reason)
    };
    let is_mixed = bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii());
    if is_mixed {
        return Err(fault(first_other));
    }
    let mut text = String::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        let read = match byte {
            0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
            other => char::from(*other),
        };
        if read == '\0' {
            return Err(fault(at));
        }
        text.push(read);
    }
    Ok(text)
}

fn line_of(bytes: &[u8], at: usize) -> u64 {
    let before = bytes.iter().take(at).filter(|byte| **byte == b'\n');
    before.fold(1, |line, _| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_is_read_with_and_without_its_mark() {
        assert_eq!(text("Zoé".as_bytes()).as_deref(), Ok("Zoé"));
        assert_eq!(text(b"\xEF\xBB\xBFZo\xC3\xA9").as_deref(), Ok("Zoé"));
    }

    #[test]
    fn what_a_french_spreadsheet_writes_is_read() {
        assert_eq!(text(b"Zo\xE9;\x8Cuvre;\x80").as_deref(), Ok("Zoé;Œuvre;€"));
    }

    #[test]
    fn what_is_neither_is_refused_at_its_line() {
        let mixed = text(b"nom\nZo\xC3\xA9\nZo\xE9\n").expect_err("mixed");
        assert_eq!(mixed.line, 3);
        assert_eq!(text(b"nom\n\x81\n").expect_err("undefined").line, 2);
        assert_eq!(text(b"nom\na\0\n").expect_err("nul").line, 2);
        assert!(
            text(b"\xFF\xFEn\0")
                .expect_err("utf-16")
                .reason
                .contains("UTF-16")
        );
    }
}
