//! `vigie backup`.

use std::path::PathBuf;

use clap::Args;

use super::configuration;
use crate::{
    app::{self, backup, command::Ending, logging, terminal},
    audit::Event,
    kernel::problem::Result,
};

/// What is copied, and where to.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file to make; it must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The database: sqlite:PATH.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Makes the copy while the server runs, checks every version in it, and notes it in the list.
pub(super) fn run(arguments: Arguments) -> Result<Ending> {
    let flags = arguments.database.map(|text| ("database.url", text));
    let config = configuration(arguments.config, flags.into_iter().collect())?.config;
    logging::start(&config.log);
    // Before the copy is made: what cannot be recorded is not done.
    app::audit::note(&config, Event::Backup, "vigie backup")?;
    let (made, versions) = backup::back_up(&config, &arguments.file)?;
    terminal::say(&format!(
        "{}: {} bytes, {versions} versions, each as its hash says; SHA-256 {}",
        made.file, made.bytes, made.sha256
    ));
    Ok(Ending::Done)
}
