//! What a command says: results on standard output, everything else on standard error.
//!
//! This is the one place that writes to them, beside the log.

use std::io::{self, IsTerminal, Write};

/// Writes a line of a result.
///
/// A reader that has gone away, such as `head`, is no failure of the command.
pub fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes a line about what goes on.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether a person looks at standard error.
#[must_use]
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}
