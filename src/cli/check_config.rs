//! `vigie check-config`.

use std::path::PathBuf;

use clap::Args;

use super::configuration;
use crate::{
    app::{command::Ending, terminal},
    kernel::problem::Result,
};

/// Which configuration.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints what `serve` would go by.
pub(super) fn run(arguments: Arguments) -> Result<Ending> {
    let effective = configuration(arguments.config, Vec::new())?;
    terminal::say(effective.print().trim_end());
    Ok(Ending::Done)
}
