//! The commands, `demo` apart: one file each.
//!
//! To add one: a file with its arguments and its function, a variant of [`Command`] and a line in
//! [`Command::run`].

mod audit;
mod backup;
mod check_config;
mod client;
mod import;
mod load;
mod migrate;
mod reindex;
mod restore;
mod serve;
mod user;

use std::{env, process::ExitCode};

use clap::Subcommand;

use crate::{
    app::command,
    config::{Effective, Sources, load as load_config},
    kernel::problem::Result,
};

/// What `vigie` can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve FHIR, run due jobs, and watch.
    Serve(serve::Arguments),
    /// Bring the database to this version's schema, and end.
    Migrate(migrate::Arguments),
    /// Print the configuration in effect, secrets masked, and where each value comes from.
    CheckConfig(check_config::Arguments),
    /// Load resources, bundles and NDJSON from files and folders.
    Load(load::Arguments),
    /// Make the rows anew by which resources are found.
    Reindex(reindex::Arguments),
    /// Copy the database to a file, while it is in use.
    Backup(backup::Arguments),
    /// Put a backup in the place of the database; who was erased since is erased again.
    Restore(restore::Arguments),
    /// Examine the record of accesses, or give it out.
    Audit(audit::Arguments),
    /// Make, list and lock accounts, change what they may, and the ways back into them.
    User(user::Arguments),
    /// Take in a table of people, or of answers on paper, from a CSV file.
    Import(import::Arguments),
    /// Register programs that may ask for access, show them, forget them.
    Client(client::Arguments),
}

impl Command {
    /// Runs the command to its end.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self {
            Self::Serve(arguments) => command::run(serve::run(arguments)),
            Self::Migrate(arguments) => command::run(migrate::run(arguments)),
            Self::CheckConfig(arguments) => command::conclude(&check_config::run(arguments)),
            Self::Load(arguments) => command::run(load::run(arguments)),
            Self::Reindex(arguments) => command::run(reindex::run(arguments)),
            Self::Backup(arguments) => command::conclude(&backup::run(arguments)),
            Self::Restore(arguments) => command::run(restore::run(arguments)),
            Self::Audit(arguments) => command::conclude(&audit::run(arguments)),
            Self::User(arguments) => command::run(user::run(arguments)),
            Self::Import(arguments) => command::run(import::run(arguments)),
            Self::Client(arguments) => command::run(client::run(arguments)),
        }
    }
}

/// The configuration of a command: its file and flags, and the environment.
fn configuration(
    file: Option<std::path::PathBuf>,
    flags: Vec<(&'static str, String)>,
) -> Result<Effective> {
    // A variable that is not text cannot be one of ours.
    let environment = env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
        .collect();
    load_config(&Sources {
        file,
        environment,
        flags,
    })
}

#[cfg(test)]
mod tests;
