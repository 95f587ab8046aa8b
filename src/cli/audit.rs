//! `vigie audit`: the record of accesses, examined.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::configuration;
use crate::{
    app::{self, command::Ending, logging, terminal},
    audit::{self, Event, Settings, export::Span, verify},
    config::Config,
    fhir::date,
    kernel::problem::{Problem, Result},
};

/// What is to be done.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell whether every row stands as it was written, from the beginning to the end. Ends with 1
    /// if not. The server may run meanwhile.
    Verify(Which),
    /// Print the record as AuditEvents, one a line, oldest first. That it was given out is recorded.
    Export(Export),
}

/// What is printed.
#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    which: Which,
    /// Only what was recorded at this date or later, such as 2020-05-18.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Only what was recorded before this date.
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Rows as they are kept, with their hashes, instead of AuditEvents: whoever has them can check the
    /// chain.
    #[arg(long)]
    rows: bool,
}

/// Which record.
#[derive(Debug, Args)]
struct Which {
    /// The database that the record stands beside: sqlite:PATH.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Which {
    fn config(self) -> Result<Config> {
        let flags = self.database.map(|text| ("database.url", text));
        let config = configuration(self.config, flags.into_iter().collect())?.config;
        logging::start(&config.log);
        Ok(config)
    }
}

/// Does it.
pub(super) fn run(arguments: Arguments) -> Result<Ending> {
    match arguments.command {
        Command::Verify(which) => examine(&app::audit::settings(&which.config()?)),
        Command::Export(wanted) => export(wanted),
    }
}

fn export(wanted: Export) -> Result<Ending> {
    let config = wanted.which.config()?;
    let span = Span {
        from: instant(wanted.from.as_deref(), "--from")?,
        until: instant(wanted.until.as_deref(), "--until")?,
    };
    app::audit::note(&config, Event::Export, "audit.export")?;
    let base = config.server.base(config.server.listen);
    audit::export::rows(&app::audit::settings(&config), span, &mut |row| {
        let line = if wanted.rows {
            audit::export::plain(row)
        } else {
            audit::resource::audit_event(row, &base)
        };
        terminal::say(&line.to_string());
    })?;
    Ok(Ending::Done)
}

fn instant(text: Option<&str>, flag: &str) -> Result<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    let at = date::start(text).ok_or_else(|| {
        Problem::invalid("value", "It is a date such as 2020-05-18, or an instant.").at(flag)
    })?;
    Ok(Some(at.as_millisecond()))
}

fn examine(settings: &Settings) -> Result<Ending> {
    let report = verify::examine(settings)?;
    for finding in &report.findings {
        terminal::say(&format!("FAULT: {finding}"));
    }
    if report.faults > report.findings.len() as u64 {
        terminal::say(&format!("{} faults in all", report.faults));
    }
    let (first, last) = (report.begin.seq + 1, report.end.seq);
    terminal::say(&format!(
        "{} rows, from {first} to {last}, {} of them behind the head; the last hash is {}",
        report.rows,
        report.behind_head,
        crate::erasure::ledger::hex(&report.end.hash),
    ));
    if report.faults > 0 {
        return Ok(Ending::Faulty);
    }
    terminal::say("each row is what was written");
    Ok(Ending::Done)
}
