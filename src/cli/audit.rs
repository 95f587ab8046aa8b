//! `vigie audit`: the record of accesses, examined.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::configuration;
use crate::{
    app::{self, command::Ending, logging, terminal},
    audit::{Settings, verify},
    config::Config,
    kernel::problem::Result,
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
    }
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
