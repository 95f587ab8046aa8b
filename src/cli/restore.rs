//! `vigie restore`.

use std::{path::PathBuf, sync::Arc};

use clap::Args;

use super::configuration;
use crate::{
    app::{self, backup, command::Ending, logging, terminal},
    audit::Event,
    kernel::{chance::Generator, problem::Result},
};

/// What is put where.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A file that `vigie backup` has made.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The database: sqlite:PATH.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Replace the database that is there.
    #[arg(long)]
    force: bool,
}

/// Checks the backup, erases in it whom the ledger names, and gives it the database's name.
pub(super) async fn run(arguments: Arguments) -> Result<Ending> {
    let flags = arguments.database.map(|text| ("database.url", text));
    let config = configuration(arguments.config, flags.into_iter().collect())?.config;
    logging::start(&config.log);
    let chance = Arc::new(Generator::from_system());
    app::audit::note(&config, Event::Restore, "vigie restore")?;
    let replayed = backup::restore(&config, chance, &arguments.file, arguments.force).await?;
    terminal::say(&format!(
        "{} restored; of {} erasures made since, {} were made again",
        config.database.url, replayed.unknown, replayed.erased
    ));
    Ok(Ending::Done)
}
