//! `vigie migrate`.

use std::{path::PathBuf, sync::Arc};

use clap::Args;

use super::configuration;
use crate::{
    app::{self, command::Ending, logging, terminal},
    kernel::{chance::Generator, problem::Result},
};

/// Which database.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The database: sqlite:PATH.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Opening a store brings its schema up to date.
pub(super) async fn run(arguments: Arguments) -> Result<Ending> {
    let flags = arguments.database.map(|text| ("database.url", text));
    let config = configuration(arguments.config, flags.into_iter().collect())?.config;
    logging::start(&config.log);
    app::open_store(&config, Arc::new(Generator::from_system())).await?;
    terminal::say(&format!(
        "{} has this version's schema",
        config.database.url
    ));
    Ok(Ending::Done)
}
