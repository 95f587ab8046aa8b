//! The log: filtered, as text or JSON, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Format, Log};

/// Starts the log; a second call changes nothing.
pub fn start(log: &Log) {
    // The filter has been checked with the configuration.
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    // An error means that a log is running already.
    let _ = match log.format {
        Format::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        Format::Json => lines.json().try_init(),
    };
}
