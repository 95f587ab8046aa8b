//! Holds a FHIR R4 server to the specification, from outside, section by section.
//!
//!     cargo run -p vigie-conformance -- --base http://127.0.0.1:8080/fhir
//!
//! What is asked stands in `conformance/cases/`, as data: requests and what R4 expects of the
//! answers. This program knows the server by its answers alone and shares no code with it.
//! Reading order: `case`, `run`, `expect`, `report`; `smart` is what it takes to log in.

mod case;
mod client;
mod expect;
mod parts;
mod path;
mod report;
mod run;
mod smart;
#[cfg(test)]
mod tests;
mod variables;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;

use self::{case::Level, client::Client, report::Report, run::Runner, smart::Logins};

/// Holds a FHIR R4 server to the specification.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The service base URL, such as http://127.0.0.1:8080/fhir
    #[arg(long)]
    base: String,
    /// Where the reports go: report.html and junit.xml
    #[arg(long)]
    out: Option<PathBuf>,
    /// A folder of cases of your own, instead of those that come with the program
    #[arg(long)]
    cases: Option<PathBuf>,
    /// Only these sections or cases, by their ids; may be repeated
    #[arg(long)]
    only: Vec<String>,
    /// A header for each request, such as 'Authorization: Bearer …'; may be repeated
    #[arg(long)]
    header: Vec<String>,
    /// A file of apps and people, for cases that log in
    #[arg(long)]
    logins: Option<PathBuf>,
    /// A case that does not apply counts as failed
    #[arg(long)]
    all: bool,
    /// Seconds that one request may take
    #[arg(long, default_value_t = 30)]
    timeout: u64,
    /// Lists the cases and asks the server nothing
    #[arg(long)]
    list: bool,
    /// Exchanges of failed cases are printed in full
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    match started(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("vigie-conformance: {error}"));
            ExitCode::from(2)
        }
    }
}

fn started(arguments: &Arguments) -> Result<bool, String> {
    let sections = case::sections(arguments.cases.as_deref(), &arguments.only)?;
    if arguments.list {
        for section in &sections {
            say(&format!("{}: {}", section.id, section.title));
            for case in &section.cases {
                say(&format!(
                    "  {:6} {}: {}",
                    case.level.name(),
                    case.id,
                    case.title
                ));
            }
        }
        return Ok(true);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let limit = Duration::from_secs(arguments.timeout);
    let logins = match &arguments.logins {
        None => Logins::default(),
        Some(path) => Logins::read(path)?,
    };
    let mut client = Client::new(&arguments.base, &arguments.header, limit)?;
    if let Some(certificate) = &logins.ca {
        client.trust(certificate)?;
    }
    let report = runtime.block_on(async {
        let runner = Runner::new(client, logins).await?;
        Ok::<Report, String>(runner.sections(&sections, &mut |line| say(line)).await)
    })?;
    say(&report.summary());
    if arguments.verbose {
        say(&report.failures());
    }
    if let Some(folder) = &arguments.out {
        report.write(folder)?;
    }
    let complete = !arguments.all || report.skipped() == 0;
    Ok(complete && report.failed(Level::Shall) == 0)
}

#[expect(
    clippy::print_stdout,
    reason = "it is what a command line program is for"
)]
fn say(line: &str) {
    println!("{line}");
}
