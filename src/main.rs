//! The `vigie` binary: hands the command line to [`vigie::cli`] and [`vigie::demo`].

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use vigie::{cli, demo};

/// Trees of JSON are made of small allocations, and the writer is one thread that makes them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A FHIR R4-native telemonitoring server.
#[derive(Debug, Parser)]
#[command(version)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Service(cli::Command),
    /// Let the cohort of the real service live its fourteen days, and keep serving it.
    Demo(demo::Options),
}

fn main() -> ExitCode {
    match Line::parse().command {
        Command::Service(command) => command.run(),
        Command::Demo(options) => demo::run(options),
    }
}
